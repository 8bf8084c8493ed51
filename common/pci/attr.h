// SPDX-License-Identifier: GPL-2.0-or-later
/* Small reads out of sysfs, shared by this room's files. */
#ifndef VA_PCI_ATTR_H
#define VA_PCI_ATTR_H

#include <stddef.h>
#include <sys/types.h>

#define ATTR_PATH_SIZE 512
#define ATTR_NAME_SIZE 128

/* Formats a path; -ENAMETOOLONG where it does not fit. */
int attr_path(char ret[ATTR_PATH_SIZE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Up to size bytes of a file: how many, or negative errno. No terminator is added. */
ssize_t attr_read(const char *path, void *ret, size_t size);

/* A file of one number, decimal or 0x...; -EIO: something else is in it. */
int attr_read_number(const char *path, unsigned long *ret);

/* The last component of where a symbolic link points to. */
int attr_link_name(const char *path, char ret[ATTR_NAME_SIZE]);

#endif
