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

static int tell(const char *sysfs, const char *connector, const char *word)
{
	size_t n = strlen(word);
	CLEANUP_FD int fd = -1;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/class/drm/%s/status", sysfs, connector) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, word, n) == (ssize_t)n ? 0 : -errno;
}

int signal_end(const char *sysfs, const char *connector)
{
	if (connector_is_connected(sysfs, connector) == -EINVAL)
		return -EINVAL;
	return tell(sysfs, connector, "off");
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
			r = tell(sysfs, e->d_name, "detect");
		if (r < 0 && first == 0)
			first = r;
	}
	closedir(dir);
	return first;
}
