// SPDX-License-Identifier: GPL-2.0-or-later
/* A picture is sent, or not; see signal.h. */
#include "common/ddc/signal.h"

#include "common/base/cleanup.h"
#include "common/pci/connector.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FB_POWERDOWN "4"
#define FB_UNBLANK   "0"

static int tell(const char *path, const char *word)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	size_t n = strlen(word);

	if (fd < 0)
		return -errno;
	return write(fd, word, n) == (ssize_t)n ? 0 : -errno;
}

/* The console on the connector's graphics card, if it has one. */
static void tell_console(const char *sysfs, const char *connector, const char *word)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	(void)snprintf(
		folder, sizeof(folder), "%s/class/drm/%s/device/device/graphics", sysfs, connector);
	dir = opendir(folder);
	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, "fb", 2) && snprintf(path, sizeof(path), "%s/%s/blank",
							    folder, e->d_name) < (int)sizeof(path))
			(void)tell(path, word);
	if (dir)
		closedir(dir);
}

static int tell_both(
	const char *sysfs, const char *connector, const char *word, const char *console)
{
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/class/drm/%s/status", sysfs, connector) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	r = tell(path, word);
	if (r == 0)
		tell_console(sysfs, connector, console);
	return r;
}

int signal_end(const char *sysfs, const char *connector)
{
	if (connector_is_connected(sysfs, connector) == -EINVAL)
		return -EINVAL;
	return tell_both(sysfs, connector, "off", FB_POWERDOWN);
}

int signal_send(const char *sysfs)
{
	char path[PATH_MAX];
	struct dirent *e;
	int first = 0;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/class/drm", sysfs) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		int r = 0;

		if (connector_is_connected(sysfs, e->d_name) == 0)
			r = tell_both(sysfs, e->d_name, "detect", FB_UNBLANK);
		if (r < 0 && first == 0)
			first = r;
	}
	closedir(dir);
	return first;
}
