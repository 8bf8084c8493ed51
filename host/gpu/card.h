// SPDX-License-Identifier: GPL-2.0-or-later
/* All that there is to know of a graphics card before it is given away. Read-only. */
#ifndef VA_GPU_CARD_H
#define VA_GPU_CARD_H

#include "host/gpu/plan.h"
#include "host/gpu/trouble.h"

#define WAYS_MAX 6
#define WAY_SIZE 160

struct card {
	struct pci_device pci;
	char name[PCI_NAME_SIZE];
	unsigned int boot_signs; /* PCI_BOOT_* */
	bool boots;              /* the one card that the host booted on */
	int n_members;           /* of its IOMMU group, without it and without bridges */
	struct pci_device members[PCI_MAX_DEVICES];
	int reset_known; /* as of pci_reset_methods() */
	char reset[PCI_RESET_SIZE];
	size_t n_troubles;
	char troubles[TROUBLES_MAX][TROUBLE_SIZE];
	char taken_by[256]; /* guest in whose journal it is; "" */
};

/* -ENODEV: there is no such device, or it is no graphics card. */
int card_read(struct machine *m, const char *addr, struct card *ret);

/* Adds the functions of the card's slot to the claim, but for bridges. */
int card_claim(struct machine *m, const char *addr, struct claim *c);

/*
 * What is left to look at and to type on once these cards are gone: another card, a login by
 * network, an agent in guest ("": none in question), a shutdown that is scheduled. Their number.
 */
size_t ways_back(
	struct machine *m, const struct claim *c, const char *guest, char ret[WAYS_MAX][WAY_SIZE]);

#endif
