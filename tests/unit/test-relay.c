// SPDX-License-Identifier: GPL-2.0-or-later
/* Sharing a keyboard: what goes on to the guest, and that no key is ever left pressed there. */
#include "common/input/relay.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#define NODES 3

static struct relay_node nodes[NODES];
static char said[600];

static void start(uint32_t a, uint32_t b, uint32_t c)
{
	memset(nodes, 0, sizeof(nodes));
	nodes[0].sink = a;
	nodes[1].sink = b;
	nodes[2].sink = c;
	said[0] = '\0';
}

static void say(const struct input_event *e)
{
	size_t n = strlen(said);

	if (e->type == EV_SYN)
		snprintf(said + n, sizeof(said) - n, ";");
	else
		snprintf(said + n, sizeof(said) - n, "%s%u=%d ", e->type == EV_KEY ? "k" : "r",
			e->code, e->value);
}

static void feed(size_t at, uint16_t type, uint16_t code, int32_t value)
{
	const struct input_event e = { .type = type, .code = code, .value = value };
	struct input_event out;

	if (relay_feed(nodes, NODES, at, &e, &out))
		say(&out);
}

/* With what a keyboard sends around it. */
static void key(size_t at, uint16_t code, int32_t value)
{
	feed(at, EV_MSC, MSC_SCAN, 0x70000 + code);
	feed(at, EV_KEY, code, value);
	feed(at, EV_SYN, SYN_REPORT, 0);
}

static void release(size_t at, size_t max)
{
	struct input_event out[64];
	size_t n;

	while ((n = relay_release(nodes, NODES, at, out, max)) > 0)
		for (size_t i = 0; i < n; i++)
			say(&out[i]);
}

static void keys_and_moves_pass(void)
{
	start(4, 4, RELAY_NO_SINK);
	key(0, KEY_A, 1);
	key(0, KEY_A, 2); /* the guest repeats by itself */
	key(0, KEY_A, 2);
	key(0, KEY_A, 0);
	feed(1, EV_REL, REL_X, -3);
	feed(1, EV_REL, REL_Y, 2);
	feed(1, EV_REL, REL_WHEEL_HI_RES, 120);
	feed(1, EV_SYN, SYN_REPORT, 0);
	key(1, BTN_LEFT, 1);
	key(1, BTN_LEFT, 0);
	CHECK_STR(said, "k30=1 ;k30=0 ;r0=-3 r1=2 ;k272=1 ;k272=0 ;");
}

static void the_host_has_it(void)
{
	start(RELAY_NO_SINK, 1, 1);
	CHECK(relay_is_idle(&nodes[0]));
	key(0, KEY_ENTER, 1);
	CHECK(!relay_is_idle(&nodes[0]));
	key(0, KEY_ENTER, 2);
	key(0, KEY_ENTER, 0);
	CHECK(relay_is_idle(&nodes[0]));
	feed(0, EV_REL, REL_X, 1);
	feed(0, EV_SYN, SYN_REPORT, 0);
	CHECK_STR(said, "");
}

/* Nothing stays pressed at a guest from whom the keyboard is taken, and nothing comes twice. */
static void taken_with_keys_down(void)
{
	start(1, RELAY_NO_SINK, RELAY_NO_SINK);
	key(0, KEY_LEFTCTRL, 1);
	key(0, KEY_C, 1);
	release(0, 64);
	CHECK_STR(said, "k29=1 ;k46=1 ;k29=0 k46=0 ;");
	CHECK(!relay_is_idle(&nodes[0])); /* a finger is on it still */
	key(0, KEY_C, 0);
	key(0, KEY_LEFTCTRL, 0);
	release(0, 64);
	CHECK_STR(said, "k29=1 ;k46=1 ;k29=0 k46=0 ;");
	CHECK(relay_is_idle(&nodes[0]));
}

static void many_keys_in_small_portions(void)
{
	start(1, RELAY_NO_SINK, RELAY_NO_SINK);
	for (uint16_t code = KEY_1; code <= KEY_5; code++)
		key(0, code, 1);
	said[0] = '\0';
	release(0, 3);
	CHECK_STR(said, "k2=0 k3=0 ;k4=0 k5=0 ;k6=0 ;");
}

/* Pressed before the guest got it: only the release would come, and that of nothing. */
static void release_of_what_was_not_pressed(void)
{
	start(1, RELAY_NO_SINK, RELAY_NO_SINK);
	key(0, KEY_ENTER, 0);
	key(0, KEY_A, 1);
	key(0, KEY_A, 1);
	key(0, KEY_A, 0);
	CHECK_STR(said, "k30=1 ;k30=0 ;");
}

static void two_keyboards_one_guest(void)
{
	start(1, 1, 2);
	key(0, KEY_LEFTSHIFT, 1);
	key(1, KEY_LEFTSHIFT, 1);
	key(0, KEY_LEFTSHIFT, 0);
	CHECK_STR(said, "k42=1 ;");
	said[0] = '\0';
	key(2, KEY_LEFTSHIFT, 1);
	CHECK_STR(said, "k42=1 ;"); /* another guest's */
	release(0, 64);
	CHECK_STR(said, "k42=1 ;");
	release(1, 64);
	CHECK_STR(said, "k42=1 ;k42=0 ;");
}

static void lost_events(void)
{
	start(1, RELAY_NO_SINK, RELAY_NO_SINK);
	key(0, KEY_A, 1);
	feed(0, EV_SYN, SYN_DROPPED, 0);
	release(0, 64);
	feed(0, EV_KEY, KEY_B, 1); /* from before, and incomplete */
	feed(0, EV_REL, REL_X, 100);
	feed(0, EV_SYN, SYN_REPORT, 0);
	key(0, KEY_C, 1);
	CHECK_STR(said, "k30=1 ;k30=0 ;k46=1 ;");
}

static void what_cannot_be_sent(void)
{
	start(1, RELAY_NO_SINK, RELAY_NO_SINK);
	key(0, KEY_SCROLLLOCK, 1); /* QEMU would let go of the device */
	key(0, KEY_SCROLLLOCK, 0);
	key(0, BTN_TOUCH, 1);
	key(0, KEY_MAX, 1);
	feed(0, EV_KEY, 0xffff, 1);
	feed(0, EV_KEY, KEY_A, 3);
	feed(0, EV_KEY, KEY_A, -1);
	feed(0, EV_ABS, ABS_X, 1);
	feed(0, EV_LED, LED_CAPSL, 1);
	feed(0, EV_REL, 0xffff, 1);
	feed(0, EV_SYN, SYN_MT_REPORT, 0);
	feed(0, EV_SYN, SYN_REPORT, 0);
	CHECK_STR(said, "");
}

/* Whatever is typed wherever, in the end every guest has all keys up. */
static void at_random(void)
{
	static int pressed[3][KEY_CNT];
	uint32_t seed = 12345;

	memset(pressed, 0, sizeof(pressed));
	start(0, 0, 1);
	for (int i = 0; i < 200000; i++) {
		struct input_event e = { 0 }, out[2];
		size_t at, n;

		seed = seed * 1103515245u + 12345u;
		at = seed >> 16 & 3;
		if (at == 3) { /* the device changes hands */
			at = seed >> 18 & 1;
			while ((n = relay_release(nodes, NODES, at, out, 2)) > 0)
				if (out[0].type == EV_KEY)
					pressed[nodes[at].sink][out[0].code] = out[0].value;
			nodes[at].sink = seed >> 20 & 1;
			continue;
		}
		e.type = EV_KEY;
		e.code = (uint16_t)(KEY_A + (seed >> 22 & 3));
		e.value = seed >> 25 & 1;
		if (!relay_feed(nodes, NODES, at, &e, &out[0]))
			continue;
		CHECK(pressed[nodes[at].sink][e.code] != e.value);
		pressed[nodes[at].sink][e.code] = e.value;
	}
	for (size_t at = 0; at < NODES; at++) {
		struct input_event out[2];

		while (relay_release(nodes, NODES, at, out, 2) > 0)
			if (out[0].type == EV_KEY)
				pressed[nodes[at].sink][out[0].code] = out[0].value;
	}
	for (int s = 0; s < 3; s++)
		for (int code = 0; code < KEY_CNT; code++)
			CHECK_EQ(pressed[s][code], 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "keys_and_moves_pass", keys_and_moves_pass },
		{ "the_host_has_it", the_host_has_it },
		{ "taken_with_keys_down", taken_with_keys_down },
		{ "many_keys_in_small_portions", many_keys_in_small_portions },
		{ "release_of_what_was_not_pressed", release_of_what_was_not_pressed },
		{ "two_keyboards_one_guest", two_keyboards_one_guest },
		{ "lost_events", lost_events }, { "what_cannot_be_sent", what_cannot_be_sent },
		{ "at_random", at_random } };

	return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
