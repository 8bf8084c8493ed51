// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that hold secrets: readable by their owner alone, replaced as a whole or not at all.
 * What they say is the caller's business (link/keyrec.h); a torn file cannot come from here, only
 * from a broken disk or an editor.
 */
#ifndef VA_BASE_KEYFILE_H
#define VA_BASE_KEYFILE_H

#include "common/base/safefile.h"

/*
 * Reads path into buf[size] and terminates it; the errors are safefile_read()'s, the words for
 * them keyfile_error()'s. -ENODATA: the file is empty.
 */
int keyfile_read(const char *path, char *buf, size_t size, size_t *ret_len);

/*
 * Writes a new file beside path (0600), flushes it to the disk, puts it in the place of path and
 * flushes the folder. Folders on the way that are missing are made (0700). On an error, which may
 * also be SAFEFILE_E_OWNER or SAFEFILE_E_MODE for the folder, the old file is as it was.
 */
int keyfile_write(const char *path, const void *data, size_t len);

/* Removes it, and flushes the folder. -ENOENT: there was none. */
int keyfile_remove(const char *path);

/* What is wrong and what to do about it, to follow "FILE: ". Static text. */
const char *keyfile_error(int error);

#endif
