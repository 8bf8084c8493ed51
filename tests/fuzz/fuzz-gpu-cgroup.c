// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as /proc/PID/cgroup: whatever comes out may become an argument of a command. */
#include "host/gpu/belongs.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct holder h = { .pid = 1 };
	char text[2048];

	size = size < sizeof(text) ? size : sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	belongs_parse_cgroup(text, "gdm.service", &h);
	if (h.unit[0] && !init_service_is_valid(h.unit))
		__builtin_trap();
	if (!memchr(h.session, 0, sizeof(h.session)))
		__builtin_trap();
	if ((h.kind == HOLDER_SERVICE || h.kind == HOLDER_USER_UNIT) && !h.unit[0])
		__builtin_trap();
	return 0;
}
