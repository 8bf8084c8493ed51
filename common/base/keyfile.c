// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that hold secrets; see keyfile.h. */
#include "common/base/keyfile.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int keyfile_read(const char *path, char *buf, size_t size, size_t *ret_len)
{
	int r = safefile_read(AT_FDCWD, path, SAFEFILE_SECRET, buf, size, ret_len);

	return r == 0 && *ret_len == 0 ? -ENODATA : r;
}

/* Makes the folders of path that are missing. dir: the folder of path, on return. */
static int make_folders(const char *path, char dir[PATH_MAX])
{
	size_t len = strlen(path);
	char *slash;

	if (path[0] != '/' || path[len - 1] == '/' || len >= PATH_MAX)
		return -EINVAL;
	memcpy(dir, path, len + 1);
	for (slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	slash = strrchr(dir, '/');
	slash[slash == dir ? 1 : 0] = '\0';
	return 0;
}

static int open_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_new(int dirfd, const char *temp, const char *data, size_t len)
{
	CLEANUP_FD int fd = -1;

	/* one that a power cut left behind; never opened, whoever made it */
	if (unlinkat(dirfd, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : write_all(fd, data, len);
}

int keyfile_write(const char *path, const void *data, size_t len)
{
	const char *name = strrchr(path, '/');
	char dir[PATH_MAX], temp[NAME_MAX + 1];
	CLEANUP_FD int dirfd = -1;
	int r = make_folders(path, dir);

	if (r < 0)
		return r;
	name++;
	if ((size_t)snprintf(temp, sizeof(temp), ".%s.new", name) >= sizeof(temp))
		return -ENAMETOOLONG;
	dirfd = open_folder(dir);
	if (dirfd < 0)
		return dirfd;
	r = safefile_check_dir(dirfd);
	if (r < 0)
		return r;
	r = write_new(dirfd, temp, data, len);
	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, temp, 0);
		return r;
	}
	return fsync(dirfd) < 0 ? -errno : 0;
}

int keyfile_remove(const char *path)
{
	const char *name = strrchr(path, '/');
	char dir[PATH_MAX];
	CLEANUP_FD int dirfd = -1;

	if (!name || (size_t)(name - path) >= sizeof(dir))
		return -EINVAL;
	memcpy(dir, path, (size_t)(name - path));
	dir[name - path] = '\0';
	dirfd = open_folder(name == path ? "/" : dir);
	if (dirfd < 0)
		return dirfd;
	if (unlinkat(dirfd, name + 1, 0) < 0)
		return -errno;
	return fsync(dirfd) < 0 ? -errno : 0;
}

const char *keyfile_error(int error)
{
	switch (error) {
	case SAFEFILE_E_LINK:
		return "is a symbolic link; a key must be a file of its own. Remove it and pair "
		       "again";
	case SAFEFILE_E_OWNER:
		return "belongs to another user, who knows the key. Remove it and pair again";
	case SAFEFILE_E_MODE:
		return "is readable or writable by other users, who may know the key. Remove it "
		       "and "
		       "pair again, or chmod 600 it if you know that nobody read it";
	case SAFEFILE_E_TYPE:
	case -EISDIR: return "is not a regular file. Remove it and pair again";
	case -ENODATA: return "is empty. Remove it and pair again";
	case SAFEFILE_E_TOO_BIG: return "is longer than any key. Remove it and pair again";
	case -ENOENT: return "does not exist: not paired yet";
	default: return safefile_error(error);
	}
}
