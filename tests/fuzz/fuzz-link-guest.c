// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's link, with a host at the other end that may be anything. */
#include "tests/fuzz/link-course.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_course(LINK_GUEST, data, size);
	return 0;
}
