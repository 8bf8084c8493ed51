// SPDX-License-Identifier: GPL-2.0-or-later
/* Small reads out of sysfs; see attr.h. */
#include "common/pci/attr.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int attr_path(char ret[ATTR_PATH_SIZE], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret, ATTR_PATH_SIZE, fmt, ap);
	va_end(ap);
	return n >= 0 && n < ATTR_PATH_SIZE ? 0 : -ENAMETOOLONG;
}

ssize_t attr_read(const char *path, void *ret, size_t size)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = 0;

	if (fd < 0)
		return -errno;
	while (n < size) {
		ssize_t r = read(fd, (char *)ret + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

int attr_read_number(const char *path, unsigned long *ret)
{
	char text[32], *end;
	ssize_t n = attr_read(path, text, sizeof(text) - 1);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	if (text[0] < '0' || text[0] > '9')
		return -EIO;
	errno = 0;
	*ret = strtoul(text, &end, 0);
	if (errno || (*end != '\0' && *end != '\n'))
		return -EIO;
	return 0;
}

int attr_link_name(const char *path, char ret[ATTR_NAME_SIZE])
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *last;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (*last == '\0' || strlen(last) >= ATTR_NAME_SIZE)
		return -EIO;
	memcpy(ret, last, strlen(last) + 1);
	return 0;
}
