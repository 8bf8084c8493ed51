// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI devices as the kernel shows them: GPUs, their drivers, IOMMU groups. Read-only, and sysfs
 * itself is read, never a listing made from it (names of classes prove nothing: a GPU may be
 * "VGA", "3D", "Display" or unclassified by name). Every function takes the place where sysfs is
 * mounted, PCI_SYSFS but for tests. The name of a device comes from libpci's database.
 */
#ifndef VA_PCI_PCI_H
#define VA_PCI_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_SYSFS       "/sys"
#define PCI_ADDR_SIZE   16 /* "ddddd:bb:dd.f", terminated: domains beyond ffff have five digits */
#define PCI_DRIVER_SIZE 32
#define PCI_NAME_SIZE   96
#define PCI_MAX_DEVICES 64 /* of one list; a whole IOMMU group was 16 on the worst board seen */

struct pci_device {
	char addr[PCI_ADDR_SIZE];
	char driver[PCI_DRIVER_SIZE]; /* "" if none is bound */
	uint16_t class;               /* base class and subclass, 0x0300 */
	uint16_t vendor, device;
	uint16_t board_vendor, board_device; /* of the subsystem; 0: sysfs does not say */
	bool boot_vga;                       /* the one the firmware showed its screens on */
	int32_t group;                       /* IOMMU group; -1: none (no IOMMU, or it is off) */
};

/*
 * Makes "[dddd:]bb:dd.f" the kernel's way of writing it: lower case, with domain. -EINVAL: not an
 * address. The form alone is judged, not whether the device exists.
 */
int pci_address_parse(const char *untrusted_addr, char ret[PCI_ADDR_SIZE]);
/* Two functions of one card: the same up to the dot. Both as the kernel writes them. */
bool pci_address_same_slot(const char *a, const char *b);

bool pci_device_is_gpu(const struct pci_device *dev); /* class 0300, 0302 or 0380 */
/* A bridge shares a group with what is behind it, and is never bound or handed over. */
bool pci_device_is_bridge(const struct pci_device *dev);

/* addr as the kernel writes it. -ENODEV: no such device; -EIO: sysfs says what cannot be. */
int pci_read_device(const char *sysfs, const char *addr, struct pci_device *ret);

/* As one number each, vendor << 16 | device: a card has the same in a guest. */
static inline uint32_t pci_device_chip(const struct pci_device *dev)
{
	return (uint32_t)dev->vendor << 16 | dev->device;
}

static inline uint32_t pci_device_board(const struct pci_device *dev)
{
	return (uint32_t)dev->board_vendor << 16 | dev->board_device;
}

/*
 * Lists, sorted by address, into ret[max]. Return their number, 0 if there is no PCI at all;
 * -E2BIG where they do not fit. Devices that vanish meanwhile are left out.
 */
int pci_list_gpus(const char *sysfs, struct pci_device *ret, size_t max);
int pci_list_group(const char *sysfs, int32_t group, struct pci_device *ret, size_t max);
int pci_list_slot(const char *sysfs, const char *addr, struct pci_device *ret, size_t max);

/* The PCI device that an I2C bus hangs below. -ENODEV: no such bus, or not below a PCI device. */
int pci_address_of_bus(const char *sysfs, int bus, char ret[PCI_ADDR_SIZE]);

/*
 * "Advanced Micro Devices, Inc. [AMD/ATI] Navi 21 ..." or, for one not in the database, its
 * numbers; printable ASCII, cut to fit. Loads the database each time (milliseconds).
 */
void pci_device_name(const struct pci_device *dev, char ret[PCI_NAME_SIZE]);

#endif
