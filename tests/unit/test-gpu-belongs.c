// SPDX-License-Identifier: GPL-2.0-or-later
/* What a process belongs to by its cgroup; vendors' ways; names of services. */
#include "host/gpu/belongs.h"
#include "host/gpu/vendor.h"
#include "tests/unit/test.h"

static struct holder of(const char *cgroup)
{
	struct holder h = { .pid = 7 };

	belongs_parse_cgroup(cgroup, "sddm.service", &h);
	return h;
}

#define USER "0::/user.slice/user-1000.slice/user@1000.service/"

static void cgroups(void)
{
	static const struct {
		const char *text, *unit, *session;
		enum holder_kind kind;
		bool comes_back;
	} rows[] = {
		{ "0::/system.slice/nvidia-persistenced.service\n", "nvidia-persistenced.service",
			"", HOLDER_SERVICE, false },
		{ "0::/system.slice/sddm.service\n", "sddm.service", "", HOLDER_GRAPHICAL, false },
		{ "0::/system.slice/a.service/sub/cg\n", "a.service", "", HOLDER_SERVICE, false },
		{ "0::/user.slice/user-1000.slice/session-c2.scope\n", "", "c2", HOLDER_LOGIN,
			false },
		{ USER "session.slice/plasma-kwin_wayland.service\n", "plasma-kwin_wayland.service",
			"", HOLDER_USER_UNIT, false },
		{ USER "app.slice/ollama.service\n", "ollama.service", "", HOLDER_USER_UNIT, true },
		{ USER "app.slice/app-firefox@1f.service\n", "app-firefox@1f.service", "",
			HOLDER_USER_UNIT, false },
		{ USER "app.slice/app-org.x-1.scope\n", "app-org.x-1.scope", "", HOLDER_PROCESS,
			false },
		{ "0::/system.slice/systemd-logind.service\n", "systemd-logind.service", "",
			HOLDER_PROTECTED, false },
		{ "0::/init.scope\n", "", "", HOLDER_PROTECTED, false },
		{ "12:pids:/x\n1:name=systemd:/system.slice/b.service\n0::/\n", "", "",
			HOLDER_PROCESS, false },
		{ "12:pids:/x\n1:name=systemd:/system.slice/b.service\n", "b.service", "",
			HOLDER_SERVICE, false },
		{ "0::/docker/x\n", "", "", HOLDER_PROCESS, false },
		{ "", "", "", HOLDER_PROCESS, false },
		{ "0::/system.slice/-x y.service\n", "", "", HOLDER_PROCESS, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct holder h = of(rows[i].text);

		CHECK_EQ(h.kind, rows[i].kind);
		CHECK_STR(h.unit, rows[i].unit);
		CHECK_STR(h.session, rows[i].session);
		CHECK_EQ(h.comes_back, rows[i].comes_back);
	}
}

static void names_of_services(void)
{
	CHECK(init_service_is_valid("user@1000.service"));
	CHECK(init_service_is_valid("dev-disk-by\\x2did.device"));
	CHECK(!init_service_is_valid(""));
	CHECK(!init_service_is_valid("-H"));
	CHECK(!init_service_is_valid("../x"));
	CHECK(!init_service_is_valid("a/b"));
	CHECK(!init_service_is_valid("a b"));
	CHECK(!init_service_is_valid("a;b"));
}

static void vendors(void)
{
	const struct vendor_driver *v = vendor_of_driver("nvidia");
	static const char *const order[] = { "nvidia_drm", "nvidia_modeset", "nvidia_uvm",
		"nvidia" };
	struct pci_device gpu = { .vendor = 0x1002 }, slot[2] = { { .vendor = 0x1002 } };

	for (size_t i = 0; i < 4; i++)
		CHECK_STR(v->modules[i], order[i]);
	CHECK(v->modules[4] == NULL && v->unbind_hangs);
	CHECK(vendor_of_driver("amdgpu")->modules[0] == NULL);
	CHECK(vendor_of_driver("amdgpu")->keep_bootfb);
	CHECK(vendor_of_driver("i915")->holds_audio && vendor_of_driver("xe")->holds_audio);
	CHECK(vendor_of_driver("bochs-drm")->modules[0] == NULL);
	CHECK(vendor_is_stub("vfio-pci") && !vendor_is_stub("") && !vendor_is_stub("amdgpu"));
	CHECK(!vendor_is_apu(&gpu, slot, 2));
	slot[1].vendor = 0x1022;
	CHECK(vendor_is_apu(&gpu, slot, 2));
	gpu.vendor = 0x10de;
	CHECK(!vendor_is_apu(&gpu, slot, 2));
}

TEST_MAIN(
	{ "cgroups", cgroups }, { "names_of_services", names_of_services }, { "vendors", vendors });
