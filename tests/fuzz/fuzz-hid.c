// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Report descriptors of USB devices, which are whatever the device says; hotkeys as typed; and
 * what keyboards send that guests share.
 */
#include "common/input/chord.h"
#include "common/input/relay.h"
#include "host/daemon/inputs-usb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool pressed[2][KEY_CNT];

/* A guest hears each key go down and up in turn, whatever its devices send. */
static void hear(uint32_t sink, const struct input_event *e)
{
	if (e->type != EV_KEY)
		return;
	if (sink > 1 || !relay_has_key(e->code) || pressed[sink][e->code] == e->value)
		abort();
	pressed[sink][e->code] = e->value;
}

static void take_away(struct relay_node nodes[3], size_t at, uint32_t sink)
{
	struct input_event out[3];
	size_t n;

	while ((n = relay_release(nodes, 3, at, out, 3)) > 0)
		for (size_t i = 0; i < n; i++)
			hear(nodes[at].sink, &out[i]);
	nodes[at].sink = sink;
}

static void pass_on(const uint8_t *data, size_t size)
{
	struct relay_node nodes[3] = { { .sink = 0 }, { .sink = 0 }, { .sink = 1 } };

	memset(pressed, 0, sizeof(pressed));
	for (size_t i = 0; i + 4 < size; i += 5) {
		const struct input_event e = { .type = data[i] & 7,
			.code = (uint16_t)(data[i + 1] | data[i + 2] << 8),
			.value = (int8_t)data[i + 3] };
		size_t at = data[i + 4] % 3;
		struct input_event out;

		if (data[i + 4] & 0x80)
			take_away(nodes, at, data[i + 4] & 0x40 ? RELAY_NO_SINK : data[i] & 1);
		else if (relay_feed(nodes, 3, at, &e, &out))
			hear(nodes[at].sink, &out);
	}
	for (size_t at = 0; at < 3; at++)
		take_away(nodes, at, RELAY_NO_SINK);
	for (size_t i = 0; i < KEY_CNT; i++)
		if (pressed[0][i] || pressed[1][i])
			abort();
}

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
	pass_on(data, size);
	return r.n_down > CHORD_DOWN;
}
