// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of what was seen of monitors, any text at all: empty, or cables that can be used. */
#include "host/daemon/learned.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool cond)
{
	if (!cond)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct learned l;
	struct world_monitor m;
	char out[LEARNED_SECTION_SIZE];
	int r = learned_parse((const char *)data, size, &l);

	must(r == 0 || l.n == 0);
	must(l.n >= 0 && l.n <= LEARNED_MAX);
	for (int i = 0; i < l.n; i++) {
		must(strlen(l.cables[i].key) == MONITOR_KEY_SIZE - 1);
		must(strnlen(l.cables[i].gpu, WORLD_PCI_SIZE) < WORLD_PCI_SIZE);
		must(learned_monitor(&l, l.cables[i].key, &m) >= 1);
		learned_section(l.cables[i].key, "", &m, NULL, out);
		must(memchr(out, 0, sizeof(out)) != NULL);
		for (int k = 0; k < i; k++)
			must(strcmp(l.cables[i].key, l.cables[k].key) ||
				(l.cables[i].value != l.cables[k].value &&
					strcmp(l.cables[i].gpu, l.cables[k].gpu)));
	}
	return 0;
}
