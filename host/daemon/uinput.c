// SPDX-License-Identifier: GPL-2.0-or-later
/* See uinput.h. */
#include "host/daemon/uinput.h"

#include "common/base/cleanup.h"
#include "common/input/relay.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static int set_bits(int fd)
{
	int r = ioctl(fd, UI_SET_EVBIT, EV_KEY);

	for (int code = 0; r >= 0 && code < KEY_CNT; code++)
		if (relay_has_key((uint16_t)code))
			r = ioctl(fd, UI_SET_KEYBIT, code);
	if (r >= 0)
		r = ioctl(fd, UI_SET_EVBIT, EV_REL);
	for (int code = 0; r >= 0 && code < REL_CNT; code++)
		if (relay_has_axis((uint16_t)code))
			r = ioctl(fd, UI_SET_RELBIT, code);
	return r < 0 ? -errno : 0;
}

int uinput_make(const char *dev, const char *guest)
{
	struct uinput_setup setup = { .id = { .bustype = BUS_VIRTUAL } };
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;
	int r;

	if (snprintf(path, sizeof(path), "%s/uinput", dev) >= (int)sizeof(path) ||
		snprintf(setup.name, sizeof(setup.name), UINPUT_PREFIX "%s", guest) >=
			(int)sizeof(setup.name))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = set_bits(fd);
	if (r < 0)
		return r;
	if (ioctl(fd, UI_DEV_SETUP, &setup) < 0 || ioctl(fd, UI_DEV_CREATE) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* /sys/devices/virtual/input/inputN has one entry eventM. */
static int find_node(const char *sysfs, const char *name, char *ret, size_t size)
{
	char path[PATH_MAX];
	int r = -ENODEV;
	DIR *d;

	if (snprintf(path, sizeof(path), "%s/class/input/%s", sysfs, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	d = opendir(path);
	for (struct dirent *e; d && r < 0 && (e = readdir(d));)
		if (!strncmp(e->d_name, "event", 5))
			r = snprintf(ret, size, "%s", e->d_name) < (int)size ? 0 : -ENAMETOOLONG;
	if (d)
		closedir(d);
	return r;
}

int uinput_is_heard(int fd, const char *sysfs, const char *dev)
{
	char name[64] = "", node[32], path[PATH_MAX];
	CLEANUP_FD int event = -1;
	int r;

	if (ioctl(fd, UI_GET_SYSNAME(sizeof(name)), name) < 0)
		return -errno;
	name[sizeof(name) - 1] = '\0';
	r = find_node(sysfs, name, node, sizeof(node));
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/input/%s", dev, node) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	event = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (event < 0)
		return -errno;
	/* given back at once, by closing it */
	if (ioctl(event, EVIOCGRAB, 1) == 0)
		return 0;
	return errno == EBUSY ? 1 : -errno;
}

/* The kernel leaves out those that are up already. */
void uinput_release_all(int fd)
{
	struct input_event e[KEY_CNT + 1];
	size_t n = 0;

	for (uint16_t code = 0; code < KEY_CNT; code++)
		if (relay_has_key(code))
			e[n++] = (struct input_event){ .type = EV_KEY, .code = code };
	e[n++] = (struct input_event){ .type = EV_SYN, .code = SYN_REPORT };
	(void)!write(fd, e, n * sizeof(e[0])); /* a device that is gone has no keys */
}
