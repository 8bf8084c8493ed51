// SPDX-License-Identifier: GPL-2.0-or-later
/* A made-up USB bus: the part of sysfs that inputs-usb.h reads, in a directory of its own. */
#ifndef VA_TESTS_USBTREE_H
#define VA_TESTS_USBTREE_H

#include <stddef.h>
#include <stdint.h>

struct usbtree {
	char root[64]; /* where sysfs is "mounted" */
};

/* What a device says of itself; interfaces: "cc/ss/pp" of each, separated by blanks. */
struct usbtree_device {
	const char *path; /* "3-1.4" */
	unsigned int device;
	const char *id; /* "046d:c52b" */
	const char *serial, *label, *interfaces;
	const char *class; /* bDeviceClass; NULL: "00" */
};

void usbtree_make(struct usbtree *t);
void usbtree_remove(struct usbtree *t);
/* Below controller 0000:00:14.0. As the kernel has it when it is done with the device. */
void usbtree_plug(const struct usbtree *t, const struct usbtree_device *d);
void usbtree_pull(const struct usbtree *t, const char *path);
/* The report descriptor of an interface, "3-1.4:1.0". */
void usbtree_hid(
	const struct usbtree *t, const char *interface, const uint8_t *descriptor, size_t size);
/* A file below the root, with its directories. */
void usbtree_put(const struct usbtree *t, const char *path, const void *data, size_t size);

#endif
