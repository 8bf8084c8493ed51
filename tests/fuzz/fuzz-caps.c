// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a capabilities string. */
#include "common/ddc/caps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool cond)
{
	if (!cond)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	bool seen[256] = { false };
	uint16_t got[64], few[3];
	int n, n_few;

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	n = caps_input_values(copy, size, got, 64);
	must(n == -ENOENT || (n >= 0 && n <= 64));
	for (int i = 0; i < n; i++) {
		must(got[i] <= 0xff && !seen[got[i]]);
		seen[got[i]] = true;
	}
	/* less room: the same, cut short */
	n_few = caps_input_values(copy, size, few, 3);
	must(n_few == (n > 3 ? 3 : n));
	for (int i = 0; i < n_few; i++)
		must(few[i] == got[i]);
	free(copy);
	return 0;
}
