// SPDX-License-Identifier: GPL-2.0-or-later
/* Report descriptors of USB devices, which are whatever the device says; and hotkeys as typed. */
#include "host/daemon/inputs-usb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool keyboard = false, pointer = false;
	struct chord_reader r = { 0 };
	struct chord c = { .action = CHORD_NEXT };
	char *text = malloc(size + 1);
	uint64_t now = 0;

	usb_hid_kinds(data, size, &keyboard, &pointer);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	if (chord_parse(text, &c) && (c.n_keys == 0 || c.n_keys > CHORD_KEYS))
		abort();
	free(text);
	chord_reader_init(&r, &c, 1);
	for (size_t i = 0; i + 1 < size; i += 2) {
		now += data[i + 1];
		if (chord_reader_feed(&r, data[i], data[i + 1] % 3, now) > CHORD_ACTION_MAX)
			abort();
	}
	return r.n_down > CHORD_DOWN;
}
