// SPDX-License-Identifier: GPL-2.0-or-later
/* What is known to go wrong with a card, or a kernel, when it is given away. Pure. */
#ifndef VA_GPU_TROUBLE_H
#define VA_GPU_TROUBLE_H

#include "common/pci/gpu.h"

#define TROUBLES_MAX 6
#define TROUBLE_SIZE 200

struct trouble_facts {
	const struct pci_device *gpu;
	bool apu;           /* a processor's own graphics */
	bool boots;         /* the host's first picture is on it */
	bool vendor_reset;  /* the module of that name is loaded */
	int reset_known;    /* as pci_reset_methods() returned */
	const char *reset;  /* and what */
	const char *kernel; /* release, "6.12.23-1" */
};

/* One line each for people, with what to do about it. Their number. */
size_t trouble_list(const struct trouble_facts *f, char ret[TROUBLES_MAX][TROUBLE_SIZE]);

#endif
