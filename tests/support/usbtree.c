// SPDX-License-Identifier: GPL-2.0-or-later
/* See usbtree.h. Laid out as the kernel does: devices below their controller, links on the bus. */
#include "tests/support/usbtree.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 400

static void make_dirs(char *path)
{
	for (char *p = path + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(path, 0755);
			*p = '/';
		}
}

void usbtree_put(const struct usbtree *t, const char *rel, const void *data, size_t size)
{
	char path[PATH_SIZE];
	CLEANUP_FD int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", t->root, rel);
	make_dirs(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		perror(path);
}

static void put(const struct usbtree *t, const char *dir, const char *name, const char *text)
{
	char rel[PATH_SIZE], line[200];

	if (!text)
		return;
	snprintf(rel, sizeof(rel), "%.300s/%.64s", dir, name);
	snprintf(line, sizeof(line), "%s\n", text);
	usbtree_put(t, rel, line, strlen(line));
}

static void link_on_bus(const struct usbtree *t, const char *name, const char *dir)
{
	char at[PATH_SIZE], to[PATH_SIZE];

	snprintf(at, sizeof(at), "%s/bus/usb/devices/%s", t->root, name);
	snprintf(to, sizeof(to), "../../../%s", dir);
	make_dirs(at);
	if (symlink(to, at) < 0)
		perror(at);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void usbtree_make(struct usbtree *t)
{
	snprintf(t->root, sizeof(t->root), "/tmp/va-usb-XXXXXX");
	if (!mkdtemp(t->root))
		perror(t->root);
}

void usbtree_remove(struct usbtree *t)
{
	nftw(t->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void device_dir(const char *path, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "devices/pci0000:00/0000:00:14.0/usb%c/%s", path[0], path);
}

static void add_interface(
	const struct usbtree *t, const struct usbtree_device *d, int n, const char *triple)
{
	char name[64], dir[PATH_SIZE], above[PATH_SIZE], part[3];
	static const char *const files[] = { "bInterfaceClass", "bInterfaceSubClass",
		"bInterfaceProtocol" };

	device_dir(d->path, above);
	snprintf(name, sizeof(name), "%s:1.%d", d->path, n);
	snprintf(dir, sizeof(dir), "%.300s/%s", above, name);
	for (int i = 0; i < 3; i++) {
		snprintf(part, sizeof(part), "%.2s", triple + 3 * i);
		put(t, dir, files[i], part);
	}
	link_on_bus(t, name, dir);
}

void usbtree_plug(const struct usbtree *t, const struct usbtree_device *d)
{
	char dir[PATH_SIZE], text[16];
	const char *triple = d->interfaces;

	device_dir(d->path, dir);
	snprintf(text, sizeof(text), "%c", d->path[0]);
	put(t, dir, "busnum", text);
	snprintf(text, sizeof(text), "%u", d->device);
	put(t, dir, "devnum", text);
	snprintf(text, sizeof(text), "%.4s", d->id);
	put(t, dir, "idVendor", text);
	put(t, dir, "idProduct", d->id + 5);
	put(t, dir, "serial", d->serial);
	put(t, dir, "product", d->label);
	put(t, dir, "bDeviceClass", d->class ? d->class : "00");
	put(t, dir, "driver/module", "");
	link_on_bus(t, d->path, dir);
	for (int n = 0; triple && *triple; n++) {
		add_interface(t, d, n, triple);
		triple += 8;
		triple += *triple == ' ';
	}
}

void usbtree_pull(const struct usbtree *t, const char *path)
{
	char dir[PATH_SIZE], real[PATH_SIZE + 64];

	for (int n = -1; n < 4; n++) {
		if (n < 0)
			snprintf(real, sizeof(real), "%s/bus/usb/devices/%s", t->root, path);
		else
			snprintf(
				real, sizeof(real), "%s/bus/usb/devices/%s:1.%d", t->root, path, n);
		unlink(real);
	}
	device_dir(path, dir);
	snprintf(real, sizeof(real), "%s/%s", t->root, dir);
	nftw(real, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void usbtree_hid(
	const struct usbtree *t, const char *interface, const uint8_t *descriptor, size_t size)
{
	char rel[PATH_SIZE + 64], dir[PATH_SIZE], path[32];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(interface, ":"), interface);
	device_dir(path, dir);
	snprintf(rel, sizeof(rel), "%.300s/%s/0003:046D:C52B.0004/report_descriptor", dir,
		interface);
	usbtree_put(t, rel, descriptor, size);
}
