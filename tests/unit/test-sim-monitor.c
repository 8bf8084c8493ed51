// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulated monitor itself: what the rigs prove is worth no more than this model. Each case
 * talks to it as a host does, message by message, at times of its own choosing.
 */
#include "tests/sim/monitor/control.h"
#include "tests/unit/test.h"

#define MS      1000ull
#define DP      0
#define HDMI    1
#define FAILED  -1 /* not acknowledged */
#define NOTHING -2 /* null message */
#define SPOILT  -3 /* no valid reply */

static struct sim_monitor mon;
static uint64_t now;

static void fresh(void)
{
	now = 1000000;
	monitor_init(&mon);
	monitor_add_port(&mon, 0x0f);
	monitor_add_port(&mon, 0x11);
	monitor_start(&mon);
}

static int write_message(int port, uint8_t source, const uint8_t *payload, size_t n)
{
	uint8_t buf[16] = { source, (uint8_t)(0x80 | n) };
	uint8_t sum = 0x6e;

	memcpy(buf + 2, payload, n);
	for (size_t i = 0; i < n + 2; i++)
		sum ^= buf[i];
	buf[n + 2] = sum;
	return monitor_i2c(&mon, now, port, 0x37, false, buf, n + 3);
}

static int set_from(int port, uint8_t source, uint8_t code, uint16_t value)
{
	uint8_t payload[4] = { 0x03, code, (uint8_t)(value >> 8), (uint8_t)value };
	int err = write_message(port, source, payload, sizeof(payload));

	now += 50 * MS;
	return err;
}

static int set(int port, uint16_t value)
{
	return set_from(port, 0x51, 0x60, value);
}

/* The reply's 16-bit value, or one of the negative words above. */
static int get_after(int port, uint8_t code, uint64_t pause)
{
	uint8_t payload[2] = { 0x01, code }, r[11], sum = 0x50;

	if (write_message(port, 0x51, payload, sizeof(payload)))
		return FAILED;
	now += pause;
	if (monitor_i2c(&mon, now, port, 0x37, true, r, sizeof(r)))
		return FAILED;
	if (r[0] == 0x6e && r[1] == 0x80)
		return NOTHING;
	for (size_t i = 0; i < sizeof(r); i++)
		sum ^= r[i];
	return sum || r[1] != 0x88 || r[2] != 0x02 || r[3] || r[4] != code ? SPOILT
									   : r[8] << 8 | r[9];
}

static int get(int port, uint8_t code)
{
	return get_after(port, code, 40 * MS);
}

static const char *control(const char *line)
{
	static char answer[CONTROL_ANSWER_SIZE];

	control_command(&mon, now, line, answer, sizeof(answer));
	return answer;
}

static uint16_t shown(void)
{
	monitor_tick(&mon, now);
	return mon.ports[mon.shown].input;
}

static void switches_and_tells(void)
{
	fresh();
	CHECK_EQ(get(DP, 0x60), 0x0f);
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(shown(), 0x11);
	CHECK_EQ(get(DP, 0x60), 0x11);
	CHECK_EQ(get(HDMI, 0x60), 0x11);
	CHECK_EQ(set(DP, 0x33), 0);
	CHECK_EQ(shown(), 0x11);
	CHECK_EQ(set_from(DP, 0x51, 0x10, 20), 0);
	CHECK_EQ(get(HDMI, 0x10), 20);
}

static void slow_switch_is_deaf(void)
{
	fresh();
	CHECK_STR(control("switch_ms 500"), "ok\n");
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(shown(), 0x0f);
	CHECK_EQ(get(DP, 0x60), FAILED);
	CHECK_EQ(get(HDMI, 0x60), FAILED);
	CHECK_EQ(monitor_deadline(&mon), 1000000 + 500 * MS);
	now = 1000000 + 500 * MS;
	CHECK_EQ(shown(), 0x11);
	CHECK_EQ(monitor_deadline(&mon), SIM_NEVER);
	CHECK_EQ(get(DP, 0x60), 0x11);
}

static void hidden_inputs_can_be_deaf(void)
{
	uint8_t byte = 0;

	fresh();
	control("deaf read");
	CHECK_EQ(get(HDMI, 0x60), NOTHING);
	CHECK_EQ(get(DP, 0x60), 0x0f);
	CHECK_EQ(set(HDMI, 0x11), 0);
	CHECK_EQ(shown(), 0x11);
	control("deaf ddc");
	CHECK_EQ(get(DP, 0x60), FAILED);
	CHECK_EQ(set(DP, 0x0f), FAILED);
	CHECK_EQ(monitor_i2c(&mon, now, DP, 0x50, true, &byte, 1), 0);
	CHECK_EQ(get(HDMI, 0x60), 0x11);
	control("deaf all");
	CHECK_EQ(monitor_i2c(&mon, now, DP, 0x50, true, &byte, 1), -1);
	CHECK_EQ(monitor_i2c(&mon, now, HDMI, 0x50, true, &byte, 1), 0);
	CHECK_EQ(shown(), 0x11);
}

static void reads_can_lie(void)
{
	fresh();
	control("lie 5");
	CHECK_EQ(get(DP, 0x60), 5);
	control("lie 0");
	CHECK_EQ(get(DP, 0x60), 0);
	control("lie off");
	control("garbage 0xff");
	CHECK_EQ(get(DP, 0x60), 0xff0f);
	control("garbage double");
	CHECK_EQ(get(DP, 0x60), 0x0f0f);
	control("garbage off");
	control("reads 0x0f 0x0305");
	CHECK_EQ(get(HDMI, 0x60), 0x0305);
	control("asker 1");
	CHECK_EQ(get(HDMI, 0x60), 0x11);
	control("asker 0");
	set(DP, 0x11);
	CHECK_EQ(get(DP, 0x60), 0x11);
	control("stale 1");
	CHECK_EQ(get(DP, 0x60), 0x0305);
	set(DP, 0x0f);
	CHECK_EQ(get(DP, 0x60), 0x11);
}

static void replies_can_be_spoilt(void)
{
	fresh();
	control("reply null");
	CHECK_EQ(get(DP, 0x60), NOTHING);
	control("reply zero");
	CHECK_EQ(get(DP, 0x60), SPOILT);
	control("reply badsum");
	CHECK_EQ(get(DP, 0x60), SPOILT);
	control("reply ok");
	CHECK_EQ(get(DP, 0x60), 0x0f);
	CHECK_EQ(get(DP, 0x99), SPOILT);
	control("nullunsup 1");
	CHECK_EQ(get(DP, 0x99), NOTHING);
}

static void commands_get_lost(void)
{
	fresh();
	control("drop_sets 2");
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(shown(), 0x0f);
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(shown(), 0x11);
	fresh();
	control("drop 2");
	CHECK_EQ(get(DP, 0x60), 0x0f);
	CHECK_EQ(get(DP, 0x60), NOTHING);
	CHECK_EQ(get(DP, 0x60), 0x0f);
}

static void lg_wants_its_side_channel(void)
{
	fresh();
	control("lg 1");
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(set_from(DP, 0x51, 0xf4, 0x90), 0);
	CHECK_EQ(shown(), 0x0f);
	CHECK_EQ(set_from(DP, 0x50, 0xf4, 0x90), 0);
	CHECK_EQ(shown(), 0x11);
	CHECK_EQ(set_from(HDMI, 0x50, 0xf4, 0xd0), 0);
	CHECK_EQ(shown(), 0x0f);
}

static void timing_can_be_strict(void)
{
	uint8_t payload[4] = { 0x03, 0x60, 0, 0x11 };

	fresh();
	control("strict 1");
	CHECK_EQ(get_after(DP, 0x60, 39 * MS), NOTHING);
	CHECK_EQ(get_after(DP, 0x60, 40 * MS), 0x0f);
	set_from(DP, 0x51, 0x10, 1);
	now -= 1 * MS;
	CHECK_EQ(write_message(DP, 0x51, payload, sizeof(payload)), 0);
	CHECK_EQ(shown(), 0x0f);
	now += 1 * MS;
	CHECK_EQ(write_message(DP, 0x51, payload, sizeof(payload)), 0);
	CHECK_EQ(shown(), 0x11);
}

static void power_goes(void)
{
	uint8_t byte;

	fresh();
	control("vanish_after 1");
	CHECK_EQ(get(DP, 0x60), FAILED);
	CHECK_EQ(monitor_i2c(&mon, now, DP, 0x50, true, &byte, 1), -1);
	CHECK_EQ(mon.power, 0);
	control("vanish_after off");
	control("power 1");
	CHECK_EQ(get(DP, 0x60), 0x0f);
	control("asleep 1");
	CHECK_EQ(get(DP, 0x60), FAILED);
	CHECK_EQ(monitor_i2c(&mon, now, DP, 0x50, true, &byte, 1), 0);
}

static void falls_back_without_signal(void)
{
	fresh();
	control("fallback_ms 2000");
	control("signal 0x11 0");
	CHECK_EQ(set(DP, 0x11), 0);
	CHECK_EQ(shown(), 0x11);
	now += 1900 * MS;
	CHECK_EQ(shown(), 0x11);
	now += 100 * MS;
	CHECK_EQ(shown(), 0x0f);
	CHECK_EQ(set(DP, 0x11), 0);
	control("signal 0x11 1");
	now += 5000 * MS;
	CHECK_EQ(shown(), 0x11);
}

static void capabilities_come_in_pieces(void)
{
	char caps[SIM_CAPS_SIZE] = "";
	size_t at = 0;

	fresh();
	for (int i = 0; i < 32; i++) {
		uint8_t payload[3] = { 0xf3, (uint8_t)(at >> 8), (uint8_t)at }, r[38];

		CHECK_EQ(write_message(DP, 0x51, payload, sizeof(payload)), 0);
		now += 50 * MS;
		CHECK_EQ(monitor_i2c(&mon, now, DP, 0x37, true, r, sizeof(r)), 0);
		CHECK_EQ(r[2], 0xe3);
		if ((r[1] & 0x7f) == 3)
			break;
		memcpy(caps + at, r + 5, (size_t)(r[1] & 0x7f) - 3);
		at += (size_t)(r[1] & 0x7f) - 3;
	}
	CHECK(strstr(caps, "60(0F 11)") != NULL);
	CHECK_EQ(at, strlen(caps) + 1);
	control("caps noise (((");
	CHECK_STR(mon.caps, "noise (((");
}

static void edids_differ_and_are_right(void)
{
	const uint8_t *dp = mon.ports[DP].edid, *hdmi = mon.ports[HDMI].edid;
	uint8_t sum[2] = { 0, 0 };

	fresh();
	mon.ports[HDMI].product = 0x7707;
	mon.id.serial = 0;
	*mon.id.serial_str = '\0';
	monitor_start(&mon);
	for (int i = 0; i < SIM_EDID_SIZE; i++) {
		sum[0] = (uint8_t)(sum[0] + dp[i]);
		sum[1] = (uint8_t)(sum[1] + hdmi[i]);
	}
	CHECK_EQ(sum[0] | sum[1], 0);
	CHECK_EQ(dp[10] | dp[11] << 8, 0x6024);
	CHECK_EQ(hdmi[10] | hdmi[11] << 8, 0x7707);
	CHECK(dp[20] != hdmi[20]);
	CHECK_EQ(dp[8] << 8 | dp[9], 19 << 10 | 9 << 5 | 13); /* S I M */
	CHECK_MEM(dp + 12, "\0\0\0\0", 4);
	CHECK_MEM(dp + 72, "\0\0\0\xfc\0SIM 24o\n", 13);
	CHECK_EQ(dp[93], 0x10); /* a dummy where the serial string was */
}

static void nonsense_is_refused(void)
{
	uint8_t bad[7] = { 0x51, 0x84, 0x03, 0x60, 0, 0x11, 0x00 };

	fresh();
	CHECK_EQ(monitor_i2c(&mon, now, DP, 0x37, false, bad, sizeof(bad)), 0);
	CHECK_EQ(shown(), 0x0f);
	CHECK_EQ(mon.ports[DP].n_bad, 1);
	CHECK_EQ(monitor_i2c(&mon, now, DP, 0x21, false, bad, 1), -1);
	CHECK_STR(control("deaf loud"), "error: deaf: bad value\n");
	CHECK_STR(control("input 0x42"), "error: input: bad value\n");
	CHECK_STR(control("switch_ms -1"), "error: switch_ms: bad value\n");
	CHECK_STR(control(""), "error: no such command\n");
	CHECK_STR(control("vcp 0x99"), "none\nok\n");
}

static void waits_know_their_condition(void)
{
	struct control_wait wait;

	fresh();
	CHECK_EQ(control_parse_wait("wait shown 0x11 250", &wait), 0);
	CHECK_EQ(wait.limit_ms, 250);
	CHECK(!control_holds(&mon, &wait));
	set(DP, 0x11);
	CHECK(control_holds(&mon, &wait));
	CHECK_EQ(control_parse_wait("wait sets 2 1", &wait), 0);
	CHECK(!control_holds(&mon, &wait));
	set(HDMI, 0x11);
	CHECK(control_holds(&mon, &wait));
	CHECK_EQ(control_parse_wait("wait settled 9", &wait), 0);
	CHECK(control_holds(&mon, &wait));
	control("switch_ms 100");
	set(HDMI, 0x0f);
	CHECK(!control_holds(&mon, &wait)); /* nothing is shown in the middle of a switch */
	CHECK_EQ(control_parse_wait("wait shown 0x11 9", &wait), 0);
	CHECK(!control_holds(&mon, &wait));
	CHECK(control_parse_wait("wait for godot 9", &wait) < 0);
	CHECK(control_parse_wait("wait shown 9", &wait) < 0);
}

TEST_MAIN({ "switches-and-tells", switches_and_tells },
	{ "slow-switch-is-deaf", slow_switch_is_deaf },
	{ "hidden-inputs-can-be-deaf", hidden_inputs_can_be_deaf },
	{ "reads-can-lie", reads_can_lie }, { "replies-can-be-spoilt", replies_can_be_spoilt },
	{ "commands-get-lost", commands_get_lost },
	{ "lg-wants-its-side-channel", lg_wants_its_side_channel },
	{ "timing-can-be-strict", timing_can_be_strict }, { "power-goes", power_goes },
	{ "falls-back-without-signal", falls_back_without_signal },
	{ "capabilities-come-in-pieces", capabilities_come_in_pieces },
	{ "edids-differ-and-are-right", edids_differ_and_are_right },
	{ "nonsense-is-refused", nonsense_is_refused },
	{ "waits-know-their-condition", waits_know_their_condition });
