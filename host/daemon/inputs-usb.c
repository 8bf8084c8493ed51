// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading the USB bus; see inputs-usb.h.
 *
 * Theory of operation: /sys/bus/usb/devices has one entry for each device, "3-1.4", and one for
 * each of its interfaces, "3-1.4:1.0". Root hubs ("usb3") are no devices of anybody. A device
 * that vanishes while it is read is left out. The HID driver's report descriptor is there only
 * while the host itself uses the device, so the interface's boot protocol counts as well.
 */
#include "host/daemon/inputs-usb.h"

#include "common/base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define DESCRIPTOR_MAX 4096 /* HID_MAX_DESCRIPTOR_SIZE of the kernel */
#define CLASS_HUB      0x09u
#define CLASS_HID      0x03u

/* --- files ---------------------------------------------------------------------------------------
 */

/* dir/name, at most size bytes: how many, or -1. */
static ssize_t read_file(const char *dir, const char *name, void *ret, size_t size)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -1 : read(fd, ret, size);
}

/* One line; "" where there is none, cut where it is longer. */
static void read_text(const char *dir, const char *name, char *ret, size_t size)
{
	ssize_t n = read_file(dir, name, ret, size - 1);

	while (n > 0 && (ret[n - 1] == '\n' || ret[n - 1] == ' '))
		n--;
	ret[n > 0 ? n : 0] = '\0';
}

static bool read_number(
	const char *dir, const char *name, int base, unsigned long max, unsigned long *ret)
{
	char text[24], *end;

	read_text(dir, name, text, sizeof(text));
	errno = 0;
	*ret = strtoul(text, &end, base);
	return text[0] && text[0] != '-' && !*end && !errno && *ret <= max;
}

static bool read_u16(const char *dir, const char *name, int base, uint16_t *ret)
{
	unsigned long n;
	bool good = read_number(dir, name, base, UINT16_MAX, &n);

	*ret = good ? (uint16_t)n : 0;
	return good;
}

/* --- kinds ---------------------------------------------------------------------------------------
 */

#define HID_PAGE_DESKTOP   0x01u
#define HID_PAGE_DIGITIZER 0x0du

static void note_usage(uint32_t page, uint32_t usage, bool *ret_keyboard, bool *ret_pointer)
{
	if (page == HID_PAGE_DESKTOP && usage == 0x06)
		*ret_keyboard = true;
	else if (page == HID_PAGE_DESKTOP && (usage == 0x01 || usage == 0x02))
		*ret_pointer = true;
	else if (page == HID_PAGE_DIGITIZER && usage >= 0x01 && usage <= 0x05)
		*ret_pointer = true;
}

void usb_hid_kinds(const uint8_t *d, size_t size, bool *ret_keyboard, bool *ret_pointer)
{
	uint32_t page = 0, usage = 0, depth = 0;
	size_t at = 0;

	while (at < size) {
		uint8_t prefix = d[at++], type = prefix >> 2 & 3, tag = prefix >> 4;
		size_t n = prefix & 3 ? (size_t)1 << ((prefix & 3) - 1) : 0;
		uint32_t value = 0;

		if (prefix == 0xfe) { /* a long item: nobody defined one */
			n = at < size ? (size_t)d[at] + 2 : 1;
			type = 3;
		}
		if (n > size - at)
			return;
		for (size_t i = 0; i < n && type != 3; i++)
			value |= (uint32_t)d[at + i] << (8 * i);
		at += n;
		if (type == 1 && tag == 0x0)
			page = value;
		else if (type == 2 && tag == 0x0)
			usage = n == 4 ? value : value | page << 16;
		else if (type == 0 && tag == 0xa && depth++ == 0 && value == 1)
			note_usage(usage >> 16, usage & 0xffff, ret_keyboard, ret_pointer);
		else if (type == 0 && tag == 0xc && depth > 0)
			depth--;
		if (type == 0)
			usage = 0;
	}
}

/* The HID devices below an interface, "0003:046D:C52B.0004". */
static void look_at_hid(const char *interface, struct usb_device *u)
{
	uint8_t descriptor[DESCRIPTOR_MAX];
	DIR *d = opendir(interface);

	for (struct dirent *e; d && (e = readdir(d));) {
		char name[NAME_MAX + 32];
		ssize_t n;

		if (strlen(e->d_name) != 19 || e->d_name[4] != ':' || e->d_name[14] != '.')
			continue;
		snprintf(name, sizeof(name), "%s/report_descriptor", e->d_name);
		n = read_file(interface, name, descriptor, sizeof(descriptor));
		if (n > 0)
			usb_hid_kinds(descriptor, (size_t)n, &u->keyboard, &u->pointer);
	}
	if (d)
		closedir(d);
}

static void look_at_interface(const char *dir, struct usb_device *u)
{
	unsigned long class, subclass, protocol;

	if (!read_number(dir, "bInterfaceClass", 16, 0xff, &class) || class != CLASS_HID)
		return;
	if (read_number(dir, "bInterfaceSubClass", 16, 0xff, &subclass) && subclass == 1 &&
		read_number(dir, "bInterfaceProtocol", 16, 0xff, &protocol)) {
		u->keyboard |= protocol == 1;
		u->pointer |= protocol == 2;
	}
	look_at_hid(dir, u);
}

/* --- the bus
 * --------------------------------------------------------------------------------------- */

/* ".../0000:00:14.0/usb3/3-1/3-1.4" -> "0000:00:14.0/1.4" */
static void find_place(const char *dir, struct usb_device *u)
{
	CLEANUP(free) char *real = realpath(dir, NULL);
	char *root = real ? strstr(real, "/usb") : NULL;
	const char *controller, *ports = strchr(u->path, '-');

	while (root && (root[4] < '0' || root[4] > '9'))
		root = strstr(root + 1, "/usb");
	if (!root || !ports)
		return;
	*root = '\0';
	controller = strrchr(real, '/');
	if (controller && strchr(controller, ':') &&
		snprintf(u->place, sizeof(u->place), "%s/%s", controller + 1, ports + 1) >=
			(int)sizeof(u->place))
		u->place[0] = '\0';
}

/* The kernel is done with it: before, its interfaces are not there, and nobody can have it. */
static bool is_bound(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/driver", dir) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static bool read_device(const char *dir, struct usb_device *u)
{
	unsigned long class = 0;

	if (!read_u16(dir, "busnum", 10, &u->bus) || !read_u16(dir, "devnum", 10, &u->device) ||
		!read_u16(dir, "idVendor", 16, &u->vendor) ||
		!read_u16(dir, "idProduct", 16, &u->product) || !is_bound(dir))
		return false;
	read_text(dir, "serial", u->serial, sizeof(u->serial));
	read_text(dir, "product", u->label, sizeof(u->label));
	if (!read_number(dir, "bDeviceClass", 16, 0xff, &class))
		class = 0;
	u->hub = class == CLASS_HUB;
	find_place(dir, u);
	return true;
}

static int is_usb_entry(const struct dirent *d)
{
	return d->d_name[0] >= '0' && d->d_name[0] <= '9' && strchr(d->d_name, '-') != NULL;
}

/* In alphabetical order an interface, "3-1:1.0", comes after its device, but others may be between.
 */
static struct usb_device *find_path(struct usb_device *list, size_t n, const char *path, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i].path) == len && !strncmp(list[i].path, path, len))
			return &list[i];
	return NULL;
}

static size_t take_entry(
	const char *devices, const char *name, struct usb_device *ret, size_t n, size_t max)
{
	const char *colon = strchr(name, ':');
	char dir[PATH_MAX];
	struct usb_device *u;

	if (snprintf(dir, sizeof(dir), "%s/%s", devices, name) >= (int)sizeof(dir))
		return n;
	if (colon) {
		u = find_path(ret, n, name, (size_t)(colon - name));
		if (u)
			look_at_interface(dir, u);
		return n;
	}
	if (n == max || strlen(name) >= sizeof(ret->path))
		return n;
	ret[n] = (struct usb_device){ 0 };
	memcpy(ret[n].path, name, strlen(name) + 1);
	return read_device(dir, &ret[n]) ? n + 1 : n;
}

int usb_scan(const char *sysfs, struct usb_device *ret, size_t max)
{
	struct dirent **names = NULL;
	char devices[PATH_MAX];
	size_t n = 0;
	int all;

	if (snprintf(devices, sizeof(devices), "%s/bus/usb/devices", sysfs) >= (int)sizeof(devices))
		return -ENAMETOOLONG;
	all = scandir(devices, &names, is_usb_entry, alphasort);
	if (all < 0)
		return errno == ENOENT ? 0 : -errno;
	/* devices first, then what they consist of */
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < all; i++)
			if ((strchr(names[i]->d_name, ':') != NULL) == (pass == 1))
				n = take_entry(devices, names[i]->d_name, ret, n, max);
	for (int i = 0; i < all; i++)
		free(names[i]);
	free(names);
	return (int)n;
}

/* --- keyboards elsewhere
 * ------------------------------------------------------------------------------ */

static int is_input(const struct dirent *d)
{
	return !strncmp(d->d_name, "input", 5);
}

/* Its keys: hexadecimal words, the last one holds keys 0 to 63 (0 to 31 on a 32-bit kernel). */
static bool has_letters(const char *dir)
{
	char text[512];
	const char *last;

	read_text(dir, "capabilities/key", text, sizeof(text));
	last = strrchr(text, ' ');
	/* the rows q to p, a to l: keys 16 to 25, and 30 and 31 */
	return (strtoull(last ? last + 1 : text, NULL, 16) & 0xc3ff0000ull) == 0xc3ff0000ull;
}

bool usb_other_keyboard(const char *sysfs)
{
	struct dirent **names = NULL;
	char class[PATH_MAX];
	bool found = false;
	int n;

	if (snprintf(class, sizeof(class), "%s/class/input", sysfs) >= (int)sizeof(class))
		return false;
	n = scandir(class, &names, is_input, NULL);
	for (int i = 0; i < n; i++) {
		char dir[PATH_MAX];
		unsigned long bus;

		/* input.h: 0x03 USB, 0x06 virtual; 0x05 Bluetooth, 0x11 PS/2, 0x18 I2C, 0x1c SPI */
		if (snprintf(dir, sizeof(dir), "%s/%s", class, names[i]->d_name) <
				(int)sizeof(dir) &&
			read_number(dir, "id/bustype", 16, 0xffff, &bus) &&
			(bus == 0x05 || bus == 0x11 || bus == 0x18 || bus == 0x1c))
			found |= has_letters(dir);
		free(names[i]);
	}
	free(names);
	return found;
}

/* --- matching
 * -------------------------------------------------------------------------------------------- */

static bool fits(const struct config_input *in, const struct usb_device *u)
{
	if (u->hub)
		return false; /* what hangs on it would come along */
	if (in->serial[0] && strcmp(in->serial, u->serial) != 0)
		return false;
	if (in->port[0] && strcmp(in->port, u->path) != 0 && strcmp(in->port, u->place) != 0)
		return false;
	return !in->has_id || (in->vendor == u->vendor && in->product == u->product);
}

int usb_match(const struct config_input *in, const struct usb_device *list, size_t n, char *why,
	size_t size)
{
	int found = -ENODEV;
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		int k;

		if (!fits(in, &list[i]))
			continue;
		k = snprintf(why + at, size - at, "%s%s", at ? ", " : "", list[i].path);
		at = k > 0 && (size_t)k < size - at ? at + (size_t)k : at;
		found = found == -ENODEV ? (int)i : -ENOTUNIQ;
	}
	if (found == -ENODEV) {
		snprintf(why, size, "not plugged in");
	} else if (found == -ENOTUNIQ) {
		char ports[96];

		snprintf(ports, sizeof(ports), "%.*s", (int)at, why);
		snprintf(why, size, "several devices fit; add \"port =\" with one of %s", ports);
	} else {
		why[0] = '\0';
	}
	return found;
}
