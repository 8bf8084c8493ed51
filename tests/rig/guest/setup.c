// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: see setup.h. Modules are loaded by finit_module() straight away, because
 * modprobe's search costs seconds under emulation. Ports get their names from uevents, as from
 * udev's rules, so a port plugged in later appears too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "tests/rig/guest/setup.h"

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("rig: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void setup_mounts(void)
{
	static const struct {
		const char *type, *at;
	} mounts[] = {
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },
		{ "tmpfs", "/run" },
		{ "tmpfs", "/tmp" },
		{ "devpts", "/dev/pts" },
		{ "tmpfs", "/dev/shm" },
		{ "cgroup2", "/sys/fs/cgroup" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].at, 0755);
		if (mount(mounts[i].type, mounts[i].at, mounts[i].type, MS_NOSUID, NULL) < 0)
			note("mount %s: %s", mounts[i].at, strerror(errno));
	}
	mkdir("/dev/virtio-ports", 0755);
}

void setup_modules(void)
{
	FILE *list = fopen("/rig/modules", "re");
	char line[512];

	while (list && fgets(line, sizeof(line), list)) {
		CLEANUP_FD int fd = -1;
		char *params;

		line[strcspn(line, "\n")] = '\0';
		params = line + strcspn(line, " ");
		if (*params)
			*params++ = '\0';
		fd = open(line, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, params, 0) < 0 && errno != EEXIST))
			note("module %s: %s", line, strerror(errno));
	}
	if (list)
		fclose(list);
}

/* /dev/virtio-ports/NAME for one port, as udev's rules make it; "" as name takes it away. */
static void link_port(const char *device)
{
	char path[PATH_MAX], name[128] = "", link[192], target[300];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", device);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		snprintf(link, sizeof(link), "/dev/virtio-ports/%s", name);
		snprintf(target, sizeof(target), "../%s", device);
		if (*name && !strchr(name, '/') && symlink(target, link) < 0 && errno != EEXIST)
			note("%s: %s", link, strerror(errno));
	}
	fclose(f);
}

void setup_link_ports(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			link_port(entry->d_name);
	if (dir)
		closedir(dir);
}

/* Links whose device is gone. */
static void unlink_dead_ports(void)
{
	DIR *dir = opendir("/dev/virtio-ports");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.' && faccessat(dirfd(dir), entry->d_name, F_OK, 0) < 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

int setup_open_uevents(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(
		AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		note("uevents: %s", strerror(errno));
	return fd;
}

void setup_handle_uevents(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = '\0';
		if (!strstr(buf, "/virtio-ports/"))
			continue;
		/* a port is told its name after it was added: that is the change */
		if (!strncmp(buf, "add@", 4) || !strncmp(buf, "change@", 7))
			setup_link_ports();
		else if (!strncmp(buf, "remove@", 7))
			unlink_dead_ports();
	}
}
