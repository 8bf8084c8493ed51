// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as an EDID: as they are, and with header and checksum put right. */
#include "common/ddc/edid.h"

#include <stdlib.h>
#include <string.h>

static void must(bool cond)
{
	if (!cond)
		abort();
}

static void check_text(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	must(n < size);
	for (size_t i = 0; i < n; i++)
		must(s[i] >= 0x20 && s[i] <= 0x7e);
	must(n == 0 || (s[0] != ' ' && s[n - 1] != ' '));
}

static void check(const uint8_t *edid, size_t size)
{
	struct monitor_id id, again;
	char key[MONITOR_KEY_SIZE], key_again[MONITOR_KEY_SIZE];

	if (edid_parse(edid, size, &id) < 0)
		return;
	must(strlen(id.maker) == 3);
	check_text(id.name, sizeof(id.name));
	check_text(id.serial_str, sizeof(id.serial_str));
	monitor_has_serial(&id);
	monitor_key(&id, key);
	must(strspn(key, "0123456789abcdef") == MONITOR_KEY_SIZE - 1);
	must(edid_parse(edid, size, &again) == 0);
	monitor_key(&again, key_again);
	must(strcmp(key, key_again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	uint8_t sum = 0;

	if (!copy)
		return 0;
	/* on its own, so that a read beyond the end is seen */
	if (size)
		memcpy(copy, data, size);
	check(copy, size);
	if (size >= EDID_BLOCK) {
		memcpy(copy, "\0\xff\xff\xff\xff\xff\xff", 8);
		for (size_t i = 0; i < EDID_BLOCK - 1; i++)
			sum = (uint8_t)(sum + copy[i]);
		copy[EDID_BLOCK - 1] = (uint8_t)-sum;
		must(edid_parse(copy, size, &(struct monitor_id){ 0 }) == 0);
		check(copy, size);
	}
	free(copy);
	return 0;
}
