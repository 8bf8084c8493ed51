// SPDX-License-Identifier: GPL-2.0-or-later
/* The host's link, with a guest at the other end that may be anything. */
#include "tests/fuzz/link-course.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_course(LINK_HOST, data, size);
	return 0;
}
