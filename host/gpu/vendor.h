// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is particular about the drivers of graphics cards: how they let a card go, and in which
 * order. What is in no row is released by its driver's unbind, which is what the kernel means to
 * work for every driver.
 */
#ifndef VA_GPU_VENDOR_H
#define VA_GPU_VENDOR_H

#include "common/pci/pci.h"

#include <stdbool.h>

#define VENDOR_MODULES_MAX 6

struct vendor_driver {
	const char *name; /* of the PCI driver */
	/*
	 * Modules in the order they go; NULL in the first: the device is detached and the module
	 * stays, so that other cards of that driver do not notice.
	 */
	const char *modules[VENDOR_MODULES_MAX];
	/*
	 * The kernel's task hangs for ever in the unbind while anything uses the driver: with
	 * another card on it, the unbind is written only if the module counts no users.
	 */
	bool unbind_hangs;
	bool holds_audio; /* a sound device in another slot uses this driver's functions */
	bool keep_bootfb; /* detaching the firmware's framebuffer is reported to do harm */
};

/* Never NULL: a row without modules for a driver that is not known. */
const struct vendor_driver *vendor_of_driver(const char *driver);

/* vfio-pci and its like: the device is not the host's at the moment. */
bool vendor_is_stub(const char *driver);

/* AMD's processors with graphics: the card shares its slot with parts of the processor. */
bool vendor_is_apu(const struct pci_device *gpu, const struct pci_device *slot, int n_slot);

#endif
