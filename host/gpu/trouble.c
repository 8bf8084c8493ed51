// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Known trouble; see trouble.h. Families are told by ranges of PCI device numbers. Sources:
 * vendor-reset's list of devices and its issues 46, 86, 107; NVIDIA/open-gpu-kernel-modules 853
 * and 1353 (Blackwell); zen-kernel 380 (kernels); reports of users with AMD's APUs.
 */
#include "host/gpu/trouble.h"

#include "common/base/cleanup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum family { NO_FAMILY, NEEDS_VENDOR_RESET, NAVI_4X, BLACKWELL };

static const struct range {
	uint16_t vendor, first, last;
	enum family family;
	const char *name;
} ranges[] = {
	{ 0x1002, 0x67c0, 0x67df, NEEDS_VENDOR_RESET, "Polaris 10" },
	{ 0x1002, 0x67e0, 0x67ff, NEEDS_VENDOR_RESET, "Polaris 11" },
	{ 0x1002, 0x6980, 0x699f, NEEDS_VENDOR_RESET, "Polaris 12" },
	{ 0x1002, 0x6fdf, 0x6fdf, NEEDS_VENDOR_RESET, "Polaris 20" },
	{ 0x1002, 0x6860, 0x687f, NEEDS_VENDOR_RESET, "Vega 10" },
	{ 0x1002, 0x66a0, 0x66af, NEEDS_VENDOR_RESET, "Vega 20" },
	{ 0x1002, 0x7310, 0x731f, NEEDS_VENDOR_RESET, "Navi 10" },
	{ 0x1002, 0x7340, 0x734f, NEEDS_VENDOR_RESET, "Navi 14" },
	{ 0x1002, 0x7360, 0x7362, NEEDS_VENDOR_RESET, "Navi 12" },
	{ 0x1002, 0x7550, 0x759f, NAVI_4X, "Navi 4x" },
	{ 0x10de, 0x2b80, 0x2fff, BLACKWELL, "Blackwell" },
};

static const struct range *range_of(const struct pci_device *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (d->vendor == ranges[i].vendor && d->device >= ranges[i].first &&
			d->device <= ranges[i].last)
			return &ranges[i];
	return NULL;
}

/* "6.14.2" is release "6.14.2-arch1", not "6.14.20". */
static bool is_kernel(const char *release, const char *version)
{
	size_t n = strlen(version);

	return !strncmp(release, version, n) && (release[n] < '0' || release[n] > '9');
}

static void __attribute__((format(printf, 3, 4)))
add(char ret[TROUBLES_MAX][TROUBLE_SIZE], size_t *n, const char *fmt, ...)
{
	va_list ap;

	if (*n == TROUBLES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(ret[(*n)++], TROUBLE_SIZE, fmt, ap);
	va_end(ap);
}

static void add_family(
	const struct trouble_facts *f, char ret[TROUBLES_MAX][TROUBLE_SIZE], size_t *n)
{
	const struct range *r = range_of(f->gpu);
	enum family family = r ? r->family : NO_FAMILY;

	if (family == NEEDS_VENDOR_RESET && !f->vendor_reset)
		add(ret, n,
			"%s does not reset by itself: it works once, and then not until the next "
			"boot; the module vendor-reset, which helps, is not loaded",
			r->name);
	else if (family == NEEDS_VENDOR_RESET && f->reset_known == 0 &&
		 !strstr(f->reset, "device_specific"))
		add(ret, n,
			"%s needs vendor-reset, which is loaded and not in use: write "
			"device_specific to /sys/bus/pci/devices/%s/reset_method",
			r->name, f->gpu->addr);
	else if (family == NAVI_4X)
		add(ret, n,
			"%s is not known to vendor-reset; have amdgpu drive it once after each "
			"boot, before a guest gets it",
			r->name);
	else if (family == BLACKWELL)
		add(ret, n,
			"%s: a function-level reset has been seen to hang the whole host; keep "
			"firmware and driver new, and save your work before the first try",
			r->name);
}

size_t trouble_list(const struct trouble_facts *f, char ret[TROUBLES_MAX][TROUBLE_SIZE])
{
	static const char *const kernels[] = { "6.14.2", "6.12.23" };
	size_t n = 0;

	if (f->apu)
		add(ret, &n,
			"it is part of an AMD processor: giving it away is known to hang or power "
			"off machines%s",
			f->boots ? ", so this is refused unless gpu.conf says take-apu = yes" : "");
	else
		add_family(f, ret, &n);
	if (!f->apu && f->reset_known == 0 && !f->reset[0])
		add(ret, &n,
			"the kernel knows no way to reset it: a guest may find it as the last one "
			"left it");
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		if (is_kernel(f->kernel, kernels[i]))
			add(ret, &n,
				"kernel %s broke passthrough for many; take a newer one of its "
				"series",
				kernels[i]);
	return n;
}
