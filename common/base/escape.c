// SPDX-License-Identifier: GPL-2.0-or-later
/* Foreign text made printable; see escape.h. Pure. */
#include "common/base/escape.h"

#include <stdio.h>
#include <string.h>

const char *escape_bytes(const void *s, size_t len, char *out, size_t outsz)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = s;
	size_t n = 0;

	if (outsz == 0)
		return out;
	for (size_t i = 0; i < len; i++) {
		bool plain = p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\';
		size_t need = plain ? 1 : 4;

		/* room for this character, for the mark of a cut and for the end */
		if (n + need + 3 + 1 > outsz && (i + 1 < len || n + need + 1 > outsz)) {
			for (int dots = 0; dots < 3 && n + 1 < outsz; dots++)
				out[n++] = '.';
			break;
		}
		if (plain) {
			out[n++] = (char)p[i];
		} else {
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = hex[p[i] >> 4];
			out[n++] = hex[p[i] & 15];
		}
	}
	out[n] = '\0';
	return out;
}

const char *escape_str(const char *s, char *out, size_t outsz)
{
	if (!s)
		s = "-";
	return escape_bytes(s, strlen(s), out, outsz);
}

bool name_is_valid(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return n >= 1 && n <= NAME_MAX_LEN && s[n] == '\0' && s[0] != '-' && s[0] != '.';
}
