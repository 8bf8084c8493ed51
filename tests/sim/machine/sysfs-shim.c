// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD shim: a write() to a file below $VA_MODEL_ROOT/sys asks the model of the machine,
 * which answers as a kernel would: with an error number, after changing the tree, or never. And
 * /run can be full. All else is the real thing: the file must be there and may be opened.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>

#include "tests/sim/machine/ask.h"

/* $VA_MODEL_RUN_ROOM: as many bytes fit into the files of /run, and nothing can be reserved. */
static bool run_is_full(size_t size)
{
	static size_t used;
	const char *room = getenv("VA_MODEL_RUN_ROOM");

	used += size;
	return room && used > strtoul(room, NULL, 10);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	(void)fd, (void)mode, (void)offset, (void)len;
	errno = getenv("VA_MODEL_RUN_ROOM") ? EOPNOTSUPP : 0;
	return errno ? -1 : 0;
}

static bool path_of(int fd, const char *root, char path[PATH_MAX])
{
	char link[64];
	size_t len = strlen(root);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return !strncmp(path, root, len);
}

ssize_t write(int fd, const void *data, size_t size)
{
	static ssize_t (*real)(int, const void *, size_t);
	const char *root = getenv("VA_MODEL_ROOT");
	char path[PATH_MAX], question[PATH_MAX + 512];
	size_t len;
	int r;

	if (!real)
		real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	if (!root || fd <= 2 || !path_of(fd, root, path))
		return real(fd, data, size);
	if (!strncmp(path + strlen(root), "/run/", 5) && run_is_full(size)) {
		errno = ENOSPC;
		return -1;
	}
	if (strncmp(path + strlen(root), "/sys/", 5) != 0)
		return real(fd, data, size);
	/* "write", path and data, each with its NUL */
	len = (size_t)snprintf(question, sizeof(question), "write%c%s%c%.*s", 0,
		path + strlen(root), 0, (int)(size < 256 ? size : 256), (const char *)data);
	r = model_ask(root, question, len + 1, NULL);
	if (r == 0)
		return (ssize_t)size;
	errno = r;
	return -1;
}
