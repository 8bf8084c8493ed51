// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text from elsewhere (another machine, a monitor's EDID, a file) made safe for a log, a
 * terminal or a message: printable ASCII stays, everything else, and the backslash, becomes
 * \xNN. The result is always terminated and never longer than the buffer.
 */
#ifndef VA_BASE_ESCAPE_H
#define VA_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#define ESCAPE_MAX 64 /* bytes of foreign text that a log line ever carries, escaped */

/* Escapes len bytes of s into out[outsz], cut (with "...") where it does not fit. Returns out. */
const char *escape_bytes(const void *s, size_t len, char *out, size_t outsz);

/* The same for a terminated string; NULL is shown as "-". */
const char *escape_str(const char *s, char *out, size_t outsz);

/* A buffer that lives until the end of the enclosing block: escape(untrusted). */
#define escape(s) escape_str((s), (char[ESCAPE_MAX + 1]){ 0 }, ESCAPE_MAX + 1)

/*
 * A name: [A-Za-z0-9._-]{1,63}, not starting with '-' or '.'. What guests, monitors, inputs and
 * targets are called in files, messages and commands.
 */
#define NAME_MAX_LEN 63
bool name_is_valid(const char *s);

#endif
