// SPDX-License-Identifier: GPL-2.0-or-later
/* For checks made millions of times: what did not hold is kept, and said once by the caller. */
#ifndef VA_TEST_ENSURE_H
#define VA_TEST_ENSURE_H

#include <stdio.h>

static char broken[160];

/* In a function that returns whether all held. */
#define ENSURE(cond)                                                                       \
	do {                                                                               \
		if (!(cond)) {                                                             \
			snprintf(broken, sizeof(broken), "%s (line %d)", #cond, __LINE__); \
			return false;                                                      \
		}                                                                          \
	} while (0)

#endif
