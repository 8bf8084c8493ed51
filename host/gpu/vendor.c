// SPDX-License-Identifier: GPL-2.0-or-later
/* Drivers and their ways; see vendor.h. Pure. */
#include "host/gpu/vendor.h"

#include "common/base/cleanup.h"

#include <string.h>

#define PCI_VENDOR_ATI 0x1002
#define PCI_VENDOR_AMD 0x1022

static const struct vendor_driver drivers[] = {
	/*
	 * All of them or none, in one call of modprobe whose exit code then means something. Never
	 * drm or drm_kms_helper, which other cards use, too.
	 */
	{ .name = "nvidia",
		.modules = { "nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia" },
		.unbind_hangs = true },
	{ .name = "nouveau", .modules = { "nouveau" } },
	{ .name = "amdgpu", .keep_bootfb = true },
	{ .name = "radeon", .keep_bootfb = true },
	{ .name = "i915", .holds_audio = true },
	{ .name = "xe", .holds_audio = true },
};

static const struct vendor_driver other = { .name = "" };

const struct vendor_driver *vendor_of_driver(const char *driver)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(drivers[i].name, driver))
			return &drivers[i];
	return &other;
}

bool vendor_is_stub(const char *driver)
{
	return !strcmp(driver, "vfio-pci") || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "xen-pciback");
}

bool vendor_is_apu(const struct pci_device *gpu, const struct pci_device *slot, int n_slot)
{
	if (gpu->vendor != PCI_VENDOR_ATI)
		return false;
	for (int i = 0; i < n_slot; i++)
		if (slot[i].vendor == PCI_VENDOR_AMD)
			return true;
	return false;
}
