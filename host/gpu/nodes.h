// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device nodes that lead to a card: DRM, framebuffer, I2C, sound, and the vendors' own.
 * Nodes are known by what they are, not by their names: a process may have opened one through
 * another path, or under a name that is another card's by now.
 */
#ifndef VA_GPU_NODES_H
#define VA_GPU_NODES_H

#include "host/gpu/machine.h"

#include <sys/stat.h>

#define NODES_MAX      160
#define NODE_NAME_SIZE 40

struct node {
	char name[NODE_NAME_SIZE]; /* "/dev/dri/card1" */
	dev_t rdev;                /* 0: not a character device */
	dev_t dev;
	ino_t ino;
	bool soft; /* its users let go by themselves when the device is detached */
};

struct nodes {
	size_t n;
	struct node n_[NODES_MAX];
};

/* Adds those of one PCI device; what has no node adds nothing. */
void nodes_add_device(const struct machine *m, const struct pci_device *dev, struct nodes *ret);
/* One by its path below the root; nothing if it is not there. */
void nodes_add_path(const struct machine *m, struct nodes *ret, bool soft, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The node that an open file is, or NULL. */
const struct node *nodes_find(const struct nodes *nodes, const struct stat *st);
/* The node that is mapped from there, or NULL. */
const struct node *nodes_find_mapping(const struct nodes *nodes, dev_t dev, ino_t ino);

#endif
