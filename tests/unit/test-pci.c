// SPDX-License-Identifier: GPL-2.0-or-later
/* The PCI room on a made-up sysfs, laid out as the kernel does. */
#include "common/pci/connector.h"
#include "common/pci/gpu.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char sys[64];

static void path_of(char out[512], const char *rel)
{
	snprintf(out, 512, "%s/%s", sys, rel);
}

static void make_dir(const char *rel)
{
	char path[512];

	path_of(path, rel);
	for (char *p = path + strlen(sys) + 1; *p; p++) {
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0755);
			*p = '/';
		}
	}
	mkdir(path, 0755);
}

static void put(const char *dir, const char *name, const char *text)
{
	char rel[256], path[512];
	int fd;

	snprintf(rel, sizeof(rel), "%s/%s", dir, name);
	path_of(path, rel);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

static void link_to(const char *rel, const char *target_rel)
{
	char path[512], target[512];

	path_of(path, rel);
	path_of(target, target_rel);
	if (symlink(target, path) < 0)
		perror(path);
}

/* below: a path below devices/, ending in the address */
static void add(
	const char *below, const char *class, const char *ids, const char *driver, int group)
{
	const char *addr = strrchr(below, '/') + 1;
	char dir[200], link[256], target[256];
	char vendor[8] = { 0 }, device[8] = { 0 };

	snprintf(dir, sizeof(dir), "devices/%s", below);
	make_dir(dir);
	memcpy(vendor, ids, 6);
	memcpy(device, ids + 7, 6);
	put(dir, "class", class);
	put(dir, "vendor", vendor);
	put(dir, "device", device);
	snprintf(link, sizeof(link), "bus/pci/devices/%s", addr);
	link_to(link, dir);
	if (driver) {
		snprintf(target, sizeof(target), "bus/pci/drivers/%s", driver);
		make_dir(target);
		snprintf(link, sizeof(link), "%s/driver", dir);
		link_to(link, target);
	}
	if (group >= 0) {
		snprintf(target, sizeof(target), "kernel/iommu_groups/%d", group);
		make_dir(target);
		snprintf(link, sizeof(link), "%s/iommu_group", dir);
		link_to(link, target);
	}
}

#define RADEON "pci0000:00/0000:00:01.0/0000:01:00.0"

static void add_connector(const char *gpu, const char *connector, const char *status)
{
	char dir[200], link[128];

	snprintf(dir, sizeof(dir), "devices/%s/drm/card1/%s", gpu, connector);
	make_dir(dir);
	put(dir, "status", status);
	put(dir, "edid", "0123");
	snprintf(link, sizeof(link), "class/drm/%s", connector);
	link_to(link, dir);
}

static void add_bus(int bus, const char *below)
{
	char dir[200], link[128];

	snprintf(dir, sizeof(dir), "devices/%s/i2c-%d", below, bus);
	make_dir(dir);
	snprintf(link, sizeof(link), "bus/i2c/devices/i2c-%d", bus);
	link_to(link, dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(void)
{
	nftw(sys, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_tree(void)
{
	snprintf(sys, sizeof(sys), "/tmp/va-test-pci-XXXXXX");
	if (!mkdtemp(sys)) {
		perror(sys);
		exit(2);
	}
	atexit(remove_tree);
	make_dir("bus/pci/devices");
	make_dir("bus/i2c/devices");
	make_dir("class/drm");
	add("pci0000:00/0000:00:01.0", "0x060400\n", "0x8086 0x1901", "pcieport", 1);
	add("pci0000:00/0000:00:02.0", "0x038000\n", "0x8086 0x3e98", "i915", 0);
	put("devices/pci0000:00/0000:00:02.0", "boot_vga", "1\n");
	add(RADEON, "0x030000\n", "0x1002 0x73bf", "vfio-pci", 1);
	put("devices/" RADEON, "boot_vga", "0\n");
	add("pci0000:00/0000:00:01.0/0000:01:00.1", "0x040300\n", "0x1002 0xab28", NULL, 1);
	add("pci0000:00/0000:00:1f.3", "0x040300\n", "0x8086 0xa348", "snd_hda_intel", 9);
	add("pci10000:00/10000:e0:00.0", "0x030200\n", "0x10de 0x2204", NULL, -1);
	add("pci0000:00/0000:00:1e.0", "rubbish\n", "0x8086 0x0001", NULL, 3);
	add_connector(RADEON, "card1-DP-1", "connected\n");
	add_connector(RADEON, "card1-HDMI-A-1", "disconnected\n");
	add_connector(RADEON, "card1-DVI-D-1", "unknown\n");
	add_bus(4, RADEON "/drm/card1/card1-DP-1");
	add_bus(5, RADEON);
	add_bus(6, RADEON);
	link_to("devices/" RADEON "/drm/card1/card1-HDMI-A-1/ddc", "devices/" RADEON "/i2c-5");
	link_to("devices/" RADEON "/drm/card1/card1-DP-1/ddc", "devices/" RADEON "/i2c-6");
	make_dir("devices/platform/i2c-9");
	link_to("bus/i2c/devices/i2c-9", "devices/platform/i2c-9");
}

static void addresses(void)
{
	static const char *const bad[] = { "", "01:00", "1:00.0", "0000:01:00.8", "0000:01:20.0",
		"0000:01:00.0 ", "00000000:01:00.0", "000:01:00.0", "../0000:01:00.0", "01:00.00",
		"0x01:00.0", "0000:01:00.0/..", "-001:00.0", "::.", "0000:0000:00.0" };
	char got[PCI_ADDR_SIZE];

	CHECK_EQ(pci_address_parse("0000:01:00.0", got), 0);
	CHECK_STR(got, "0000:01:00.0");
	CHECK_EQ(pci_address_parse("0A:1F.7", got), 0);
	CHECK_STR(got, "0000:0a:1f.7");
	CHECK_EQ(pci_address_parse("10000:E0:00.0", got), 0);
	CHECK_STR(got, "10000:e0:00.0");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(pci_address_parse(bad[i], got), -EINVAL);
	CHECK(pci_address_same_slot("0000:01:00.0", "0000:01:00.1"));
	CHECK(!pci_address_same_slot("0000:01:00.0", "0000:01:01.0"));
	CHECK(!pci_address_same_slot("0000:01:00.0", "10000:01:00.0"));
}

/* by class, not by name or boot_vga; a device with a class that is no number is left out */
static void gpus(void)
{
	struct pci_device d[8];

	CHECK_EQ(pci_list_gpus(sys, d, 8), 3);
	CHECK_STR(d[0].addr, "0000:00:02.0");
	CHECK_STR(d[0].driver, "i915");
	CHECK(d[0].boot_vga);
	CHECK_EQ(d[0].class, 0x0380);
	CHECK_STR(d[1].addr, "0000:01:00.0");
	CHECK_STR(d[1].driver, "vfio-pci");
	CHECK(!d[1].boot_vga);
	CHECK_EQ(d[1].group, 1);
	CHECK_EQ(d[1].vendor, 0x1002);
	CHECK_EQ(pci_device_chip(&d[1]) >> 16, 0x1002);
	CHECK_EQ(pci_device_board(&d[1]), 0); /* it does not say */
	put("devices/" RADEON, "subsystem_vendor", "0x1043\n");
	put("devices/" RADEON, "subsystem_device", "0x04fe\n");
	CHECK_EQ(pci_read_device(sys, "0000:01:00.0", &d[1]), 0);
	CHECK_EQ(pci_device_board(&d[1]), 0x104304fe);
	CHECK_EQ(d[1].device, 0x73bf);
	CHECK_STR(d[2].addr, "10000:e0:00.0");
	CHECK_STR(d[2].driver, "");
	CHECK_EQ(d[2].group, -1);
	CHECK_EQ(pci_list_gpus(sys, d, 2), -E2BIG);
	CHECK_EQ(pci_list_gpus("/nonexistent", d, 8), 0);
}

static void groups_and_slots(void)
{
	struct pci_device d[8];

	CHECK_EQ(pci_list_group(sys, 1, d, 8), 3);
	CHECK(pci_device_is_bridge(&d[0]));
	CHECK(!pci_device_is_bridge(&d[1]));
	CHECK_STR(d[2].addr, "0000:01:00.1");
	CHECK_EQ(pci_list_group(sys, -1, d, 8), 0);
	CHECK_EQ(pci_list_slot(sys, "0000:01:00.0", d, 8), 2);
	CHECK_STR(d[1].addr, "0000:01:00.1");
}

static void one_device(void)
{
	struct pci_device d;

	CHECK_EQ(pci_read_device(sys, "0000:01:00.1", &d), 0);
	CHECK_EQ(d.class, 0x0403);
	CHECK_EQ(pci_read_device(sys, "0000:01:00.2", &d), -ENODEV);
	CHECK_EQ(pci_read_device(sys, "01:00.1", &d), -ENODEV);
	CHECK_EQ(pci_read_device(sys, "../devices/0000:01:00.1", &d), -ENODEV);
	CHECK_EQ(pci_read_device(sys, "0000:00:1e.0", &d), -EIO);
}

static void buses(void)
{
	char addr[PCI_ADDR_SIZE];

	CHECK_EQ(pci_address_of_bus(sys, 4, addr), 0);
	CHECK_STR(addr, "0000:01:00.0");
	CHECK_EQ(pci_address_of_bus(sys, 5, addr), 0);
	CHECK_STR(addr, "0000:01:00.0");
	CHECK_EQ(pci_address_of_bus(sys, 9, addr), -ENODEV);
	CHECK_EQ(pci_address_of_bus(sys, 77, addr), -ENODEV);
}

static void connectors(void)
{
	char name[CONNECTOR_SIZE];
	uint8_t edid[128];

	CHECK_EQ(connector_of_bus(sys, 4, name), 0);
	CHECK_STR(name, "card1-DP-1");
	CHECK_EQ(connector_of_bus(sys, 5, name), 0);
	CHECK_STR(name, "card1-HDMI-A-1");
	CHECK_EQ(connector_of_bus(sys, 9, name), -ENODEV);
	CHECK_EQ(connector_is_connected(sys, "card1-DP-1"), 1);
	CHECK_EQ(connector_is_connected(sys, "card1-HDMI-A-1"), 0);
	CHECK_EQ(connector_is_connected(sys, "card1-DVI-D-1"), -ENODATA);
	CHECK_EQ(connector_is_connected(sys, "card1-DP-9"), -ENOENT);
	CHECK_EQ(connector_is_connected(sys, "card1-/../x"), -EINVAL);
	CHECK_EQ(connector_read_edid(sys, "card1-DP-1", edid, sizeof(edid)), 4);
	CHECK(connector_is_named("card1-HDMI-A-1", "HDMI-A-1"));
	CHECK(connector_is_named("card1-HDMI-A-1", "card1-HDMI-A-1"));
	CHECK(!connector_is_named("card1-HDMI-A-1", "A-1"));
	CHECK(!connector_is_named("card1-HDMI-A-1", "card0-HDMI-A-1"));
}

/* two connectors on one bus: the one with a monitor is meant */
static void shared_bus(void)
{
	char name[CONNECTOR_SIZE];

	CHECK_EQ(connector_of_bus(sys, 6, name), 0);
	CHECK_STR(name, "card1-DP-1");
	link_to("devices/" RADEON "/drm/card1/card1-DVI-D-1/ddc", "devices/" RADEON "/i2c-5");
	put("devices/" RADEON "/drm/card1/card1-DVI-D-1", "status", "connected\n");
	CHECK_EQ(connector_of_bus(sys, 5, name), 0);
	CHECK_STR(name, "card1-DVI-D-1");
}

/* The word of newer kernels counts more than boot_vga, which counts more than who draws. */
static void boot(void)
{
	struct pci_device gpus[3] = { 0 };
	char reset[PCI_RESET_SIZE];
	int n = pci_list_gpus(sys, gpus, 3);

	CHECK_EQ(n, 3);
	CHECK_EQ(pci_boot_signs(sys, &gpus[0]), PCI_BOOT_VGA);
	CHECK_EQ(pci_boot_gpu(sys, gpus, n), 0);
	put("devices/" RADEON "/drm/card1", "boot_display", "1\n");
	CHECK_EQ(pci_boot_gpu(sys, gpus, n), 1);
	CHECK_EQ(pci_boot_signs(sys, &gpus[1]), PCI_BOOT_DISPLAY);
	CHECK_EQ(pci_boot_gpu(sys, &gpus[2], 1), -1);
	make_dir("class/graphics");
	make_dir("devices/pci10000:00/10000:e0:00.0/graphics/fb0");
	CHECK_EQ(pci_boot_signs(sys, &gpus[2]), PCI_BOOT_FRAMEBUFFER);
	CHECK_EQ(pci_boot_gpu(sys, &gpus[2], 1), 0);
	CHECK_EQ(pci_reset_methods(sys, gpus[1].addr, reset), 0);
	CHECK_STR(reset, "");
	put("devices/" RADEON, "reset", "\n");
	CHECK_EQ(pci_reset_methods(sys, gpus[1].addr, reset), -ENODATA);
	put("devices/" RADEON, "reset_method", "device_specific bus\n");
	CHECK_EQ(pci_reset_methods(sys, gpus[1].addr, reset), 0);
	CHECK_STR(reset, "device_specific bus");
}

static void names(void)
{
	struct pci_device d = { .vendor = 0xfff0, .device = 0x1234 };
	char name[PCI_NAME_SIZE];

	pci_device_name(&d, name);
	CHECK(strlen(name) > 0);
	CHECK(strstr(name, "1234") != NULL);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "addresses", addresses }, { "gpus", gpus },
		{ "groups_and_slots", groups_and_slots }, { "one_device", one_device },
		{ "buses", buses }, { "connectors", connectors }, { "shared_bus", shared_bus },
		{ "boot", boot }, { "names", names } };

	make_tree();
	return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
