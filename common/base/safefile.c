// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that are obeyed or secret; see safefile.h. All checks are on the open descriptor. */
#include "common/base/safefile.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int check(const struct stat *st, mode_t forbidden)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return SAFEFILE_E_OWNER;
	return st->st_mode & forbidden ? SAFEFILE_E_MODE : 0;
}

int safefile_check_dir(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? check(&st, 022) : -ENOTDIR;
}

int safefile_read(int dirfd, const char *path, enum safefile_kind kind, char *buf, size_t size,
	size_t *ret_len)
{
	CLEANUP_FD int fd = -1;
	struct stat st;
	size_t len = 0;
	int r;

	/* non-blocking: what turns out to be a pipe must not hold us */
	fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENXIO)
		return SAFEFILE_E_TYPE; /* a socket */
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return SAFEFILE_E_TYPE;
	r = check(&st, kind == SAFEFILE_SECRET ? 077 : 022);
	if (r < 0)
		return r;
	for (;;) {
		ssize_t n;

		if (len >= size)
			return SAFEFILE_E_TOO_BIG;
		n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	*ret_len = len;
	return 0;
}

const char *safefile_error(int error)
{
	switch (error) {
	case SAFEFILE_E_LINK: return "is a symbolic link; put the file itself there";
	case SAFEFILE_E_TYPE:
	case -EISDIR: return "is not a regular file; move it away";
	case SAFEFILE_E_OWNER:
		return "belongs to another user; chown it to root, after looking at what it says";
	case SAFEFILE_E_MODE:
		return "is open to other users; take their rights away (chmod go-w, for a key "
		       "go-rwx), after looking at what it says";
	case SAFEFILE_E_TOO_BIG: return "is too long";
	case -ENOENT: return "does not exist";
	case -ENOTDIR: return "is not a folder, or lies in none";
	case -EACCES:
	case -EPERM: return "may not be read by this user";
	default:
		/* static for every number that the C library knows */
		return strerrordesc_np(error < 0 ? -error : error) ?: "cannot be read";
	}
}
