// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a file whose content is obeyed or secret, and so must be nobody else's to write or to
 * read: a regular file, not a link, of root or of this process's own user, of a bounded size.
 * Each fault has an error of its own, and safefile_error() the words for it.
 */
#ifndef VA_BASE_SAFEFILE_H
#define VA_BASE_SAFEFILE_H

#include <errno.h>
#include <stddef.h>

enum safefile_kind {
	SAFEFILE_CONFIG, /* others may read it */
	SAFEFILE_SECRET, /* others may not even read it */
};

/* Beside those of open(2) and read(2): */
#define SAFEFILE_E_LINK    (-ELOOP)        /* a symbolic link */
#define SAFEFILE_E_TYPE    (-EMEDIUMTYPE)  /* a folder, a device, a pipe */
#define SAFEFILE_E_OWNER   (-EOWNERDEAD)   /* neither root's nor our own */
#define SAFEFILE_E_MODE    (-EKEYREJECTED) /* others may write it, or read what is secret */
#define SAFEFILE_E_TOO_BIG (-EFBIG)

/*
 * Reads path, relative to dirfd (or AT_FDCWD), into buf[size], and terminates it; *ret_len
 * without the terminator. 0 or negative errno; SAFEFILE_E_TOO_BIG from size bytes on.
 * Nothing is copied on the way, so buf may be memory for secrets.
 */
int safefile_read(int dirfd, const char *path, enum safefile_kind kind, char *buf, size_t size,
	size_t *ret_len);

/* The same checks for a folder that holds such files, open as fd: others may not write there. */
int safefile_check_dir(int fd);

/* What is wrong and what to do about it, to follow "FILE: "; for any errno. Static text. */
const char *safefile_error(int error);

#endif
