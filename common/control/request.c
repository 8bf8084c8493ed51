// SPDX-License-Identifier: GPL-2.0-or-later
/* The check that every request passes before a daemon looks at it; see control.h. Pure. */
#include "common/control/control.h"

#include <string.h>

static bool text_is_printable(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	if (n == size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

bool control_request_is_valid(const struct control_request *untrusted_r, size_t size)
{
	if (size != sizeof(*untrusted_r) || untrusted_r->magic != CONTROL_MAGIC)
		return false;
	if (untrusted_r->op == CONTROL_NONE || untrusted_r->op > CONTROL_OP_MAX)
		return false;
	if (untrusted_r->flags & ~CONTROL_FLAGS)
		return false;
	if (!text_is_printable(untrusted_r->name, sizeof(untrusted_r->name)) ||
		!text_is_printable(untrusted_r->arg, sizeof(untrusted_r->arg)))
		return false;
	return untrusted_r->name[0] == '\0' || name_is_valid(untrusted_r->name);
}
