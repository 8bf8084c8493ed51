// SPDX-License-Identifier: GPL-2.0-or-later
/* What is asked of a graphics card alone: who showed the boot, how it can be reset. Read-only. */
#ifndef VA_PCI_GPU_H
#define VA_PCI_GPU_H

#include "common/pci/pci.h"

#include <stddef.h>

/* Signs that the machine's first picture was on this card; a card may have several. */
#define PCI_BOOT_VGA         0x1u /* attribute boot_vga; class 0300 alone has it */
#define PCI_BOOT_DISPLAY     0x2u /* boot_display, of kernels from 2026 on, whatever the class */
#define PCI_BOOT_FRAMEBUFFER 0x4u /* the first framebuffer is its */

unsigned int pci_boot_signs(const char *sysfs, const struct pci_device *gpu);

/*
 * Which of gpus[n] the machine booted on; -1 if nothing says so. boot_display is the kernel's last
 * word; without it boot_vga counts, which may be on the wrong card beside one of class 0380, and
 * last who has the framebuffer.
 */
int pci_boot_gpu(const char *sysfs, const struct pci_device *gpus, int n);

/*
 * "flr bus": what the kernel will try to reset the device with, in that order; "": it knows no
 * way. -ENODATA: it does not say (before 5.15).
 */
#define PCI_RESET_SIZE 64
int pci_reset_methods(const char *sysfs, const char *addr, char ret[PCI_RESET_SIZE]);

#endif
