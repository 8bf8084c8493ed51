// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one monitor, up to four inputs. A DDC/CI command is a write to 0x37 that
 * leaves a reply behind in its port; a read of 0x37 fetches it. A set of the input source starts
 * a switch, which ends switch_ms later; until then 0x37 acknowledges on no port. Each habit of
 * real monitors is one field of struct sim_monitor and one condition here. Nothing here blocks,
 * reads a clock or does I/O.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/monitor/monitor.h"

enum {
	ADDR_EDID = 0x50,
	ADDR_DDC = 0x37,
	SOURCE_HOST = 0x51,
	SOURCE_LG = 0x50,
	VIRTUAL_HOST = 0x50, /* starts the checksum of a reply */
	OP_GET = 0x01,
	OP_GET_REPLY = 0x02,
	OP_SET = 0x03,
	OP_SAVE = 0x0c,
	OP_CAPS = 0xf3,
	OP_CAPS_REPLY = 0xe3,
	CAPS_CHUNK = 32,
	SAVE_USEC = 200000,
};

static void tell(struct sim_monitor *m, uint64_t now, const char *kind, int port, int feature,
	int value, int source)
{
	struct sim_event event = { now, kind, m->ports[port].input, feature, value, source };

	if (m->event)
		m->event(m->event_ctx, &event);
}

void monitor_init(struct sim_monitor *m)
{
	*m = (struct sim_monitor){
		.pending = -1,
		.fallback_at = SIM_NEVER,
		.reply_ms = 40,
		.settle_ms = 50,
		.garbage_high = -1,
		.lie = -1,
		.code = -1,
		.vanish_after = -1,
		.power = true,
		.id = { "SIM", 0x6024, 42, "SIM0000042", "SIM 24o" },
	};
}

int monitor_add_port(struct sim_monitor *m, uint16_t input)
{
	for (int i = 0; i < m->n_ports; i++)
		if (m->ports[i].input == input)
			return i;
	if (m->n_ports == SIM_MAX_PORTS)
		return -1;
	m->ports[m->n_ports] =
		(struct sim_port){ .input = input, .read_value = input, .signal = true };
	return m->n_ports++;
}

int monitor_find_port(const struct sim_monitor *m, uint16_t value)
{
	for (int i = 0; i < m->n_ports; i++) {
		uint16_t own = m->ports[i].input;

		/* monitors look at the low byte alone, except those with 16-bit values */
		if (own == value || (own <= 0xff && own == (value & 0xff)))
			return i;
	}
	return -1;
}

static void add_feature(struct sim_monitor *m, uint8_t code, uint16_t cur, uint16_t max)
{
	m->supported[code] = true;
	m->cur[code] = cur;
	m->max[code] = max;
}

void monitor_start(struct sim_monitor *m)
{
	char inputs[5 * SIM_MAX_PORTS + 1] = "";
	size_t len = 0;

	for (int i = 0; i < m->n_ports; i++) {
		struct sim_port *p = &m->ports[i];

		edid_build(&m->id, p->product ? p->product : m->id.product, p->input, p->edid);
		len += (size_t)snprintf(
			inputs + len, sizeof(inputs) - len, "%s%02X", i ? " " : "", p->input);
	}
	add_feature(m, 0x10, 75, 100);
	add_feature(m, 0x12, 50, 100);
	add_feature(m, SIM_FEATURE_INPUT, 0, 0);
	add_feature(m, 0xd6, 1, 5);
	add_feature(m, 0xdf, 0x0202, 0xffff);
	snprintf(m->caps, sizeof(m->caps),
		"(prot(monitor)type(LCD)model(SIM24o)cmds(01 02 03 07 0C E3 F3)"
		"vcp(02 04 10 12 60(%s) D6(01 04 05) DF)mswhql(1)asset_eep(40)mccs_ver(2.2))",
		inputs);
}

static void arm_fallback(struct sim_monitor *m, uint64_t now)
{
	bool lost = !m->ports[m->shown].signal && m->fallback_ms;

	m->fallback_at = lost ? now + m->fallback_ms * 1000ull : SIM_NEVER;
}

void monitor_show(struct sim_monitor *m, uint64_t now, int port)
{
	m->pending = -1;
	m->busy_until = 0;
	if (port != m->shown) {
		m->previous = m->shown;
		m->shown = port;
		tell(m, now, "shown", port, -1, -1, -1);
	}
	arm_fallback(m, now);
}

void monitor_set_signal(struct sim_monitor *m, uint64_t now, int port, bool on)
{
	m->ports[port].signal = on;
	tell(m, now, on ? "signal" : "no-signal", port, -1, -1, -1);
	if (port == m->shown)
		arm_fallback(m, now);
}

/* An input without signal is left for the one before, else for any that has one. */
static void fall_back(struct sim_monitor *m, uint64_t now)
{
	int to = m->ports[m->previous].signal ? m->previous : -1;

	m->fallback_at = SIM_NEVER;
	for (int i = 0; i < m->n_ports && to < 0; i++)
		if (m->ports[i].signal)
			to = i;
	if (to >= 0)
		monitor_show(m, now, to);
}

void monitor_tick(struct sim_monitor *m, uint64_t now)
{
	if (m->pending >= 0 && now >= m->pending_at)
		monitor_show(m, m->pending_at, m->pending);
	if (now >= m->fallback_at)
		fall_back(m, m->fallback_at);
}

uint64_t monitor_deadline(const struct sim_monitor *m)
{
	uint64_t at = m->pending >= 0 ? m->pending_at : SIM_NEVER;

	return m->fallback_at < at ? m->fallback_at : at;
}

static void want_input(struct sim_monitor *m, uint64_t now, int port, uint16_t value)
{
	int to = monitor_find_port(m, value);

	if (to < 0) {
		tell(m, now, "unknown-input", port, SIM_FEATURE_INPUT, value, -1);
		return;
	}
	if (to == m->shown && m->pending < 0)
		return;
	m->pending = to;
	m->pending_at = now + m->switch_ms * 1000ull;
	m->busy_until = m->pending_at;
	if (m->switch_ms)
		tell(m, now, "switching", to, -1, -1, -1);
	monitor_tick(m, now);
}

static void leave_reply(struct sim_monitor *m, uint64_t now, struct sim_port *p,
	const uint8_t *payload, size_t size)
{
	uint8_t sum = VIRTUAL_HOST;

	if (m->reply == SIM_REPLY_NULL)
		size = 0;
	p->reply[0] = ADDR_DDC << 1;
	p->reply[1] = (uint8_t)(0x80 | size);
	if (size)
		memcpy(p->reply + 2, payload, size);
	for (size_t i = 0; i < size + 2; i++)
		sum ^= p->reply[i];
	p->reply[size + 2] = m->reply == SIM_REPLY_BADSUM ? (uint8_t)~sum : sum;
	p->reply_size = size + 3;
	p->reply_at = now + m->reply_ms * 1000ull;
	if (m->reply == SIM_REPLY_ZERO)
		memset(p->reply, 0, sizeof(p->reply));
}

static uint16_t read_input(const struct sim_monitor *m, int port)
{
	int from = m->says_asker ? port : m->says_previous ? m->previous : m->shown;
	uint16_t value = m->lie >= 0 ? (uint16_t)m->lie : m->ports[from].read_value;
	unsigned low = value & 0xff;

	if (m->garbage_high > 0xff)
		return (uint16_t)(low << 8 | low);
	if (m->garbage_high >= 0)
		return (uint16_t)((unsigned)m->garbage_high << 8 | low);
	return value;
}

static void get_feature(struct sim_monitor *m, uint64_t now, int port, uint8_t code)
{
	struct sim_port *p = &m->ports[port];
	uint16_t cur = code == SIM_FEATURE_INPUT ? read_input(m, port) : m->cur[code];
	uint16_t max = m->max[code];
	bool known = m->supported[code];

	tell(m, now, "get", port, code, known ? cur : -1, -1);
	if ((m->deaf == SIM_DEAF_READ && port != m->shown) || (!known && m->null_unsupported)) {
		leave_reply(m, now, p, NULL, 0);
		return;
	}
	if (!known)
		cur = max = 0;
	leave_reply(m, now, p,
		(uint8_t[]){ OP_GET_REPLY, !known, code, 0, (uint8_t)(max >> 8), (uint8_t)max,
			(uint8_t)(cur >> 8), (uint8_t)cur },
		8);
}

static void lg_side_channel(struct sim_monitor *m, uint64_t now, int port, uint16_t value)
{
	static const uint8_t table[][2] = {
		{ 0x90, 0x11 },
		{ 0x91, 0x12 },
		{ 0xd0, 0x0f },
		{ 0xd1, 0x10 },
		{ 0xd2, 0x1b },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i][0] == (value & 0xff))
			want_input(m, now, port, table[i][1]);
}

static void set_feature(
	struct sim_monitor *m, uint64_t now, int port, uint8_t source, uint8_t code, uint16_t value)
{
	m->ports[port].not_before = now + m->settle_ms * 1000ull;
	m->ports[port].n_set++;
	if (m->drop_sets) {
		m->drop_sets--;
		tell(m, now, "drop", port, code, value, source);
		return;
	}
	tell(m, now, "set", port, code, value, source);
	if (m->lg && code == SIM_FEATURE_LG && source == SOURCE_LG)
		lg_side_channel(m, now, port, value);
	else if (m->code >= 0 && code == m->code)
		want_input(m, now, port, value);
	else if (code == SIM_FEATURE_INPUT && !m->lg && m->code < 0)
		want_input(m, now, port, value);
	else if (code != SIM_FEATURE_INPUT && m->supported[code])
		m->cur[code] = value;
}

static void send_caps(struct sim_monitor *m, uint64_t now, int port, size_t offset)
{
	uint8_t payload[3 + CAPS_CHUNK] = { OP_CAPS_REPLY, (uint8_t)(offset >> 8),
		(uint8_t)offset };
	size_t size = strlen(m->caps) + 1, n = offset < size ? size - offset : 0;

	if (n > CAPS_CHUNK)
		n = CAPS_CHUNK;
	if (n)
		memcpy(payload + 3, m->caps + offset, n);
	tell(m, now, "caps", port, -1, (int)offset, -1);
	leave_reply(m, now, &m->ports[port], payload, 3 + n);
}

static void obey(struct sim_monitor *m, uint64_t now, int port, uint8_t source,
	const uint8_t *command, size_t size)
{
	struct sim_port *p = &m->ports[port];
	uint8_t op = size ? command[0] : 0;

	p->reply_size = 0;
	m->n_commands++;
	if (m->drop_every && m->n_commands % m->drop_every == 0) {
		tell(m, now, "drop", port, size > 1 ? command[1] : -1, -1, source);
	} else if (op == OP_GET && size == 2) {
		get_feature(m, now, port, command[1]);
	} else if (op == OP_SET && size == 4) {
		set_feature(
			m, now, port, source, command[1], (uint16_t)(command[2] << 8 | command[3]));
	} else if (op == OP_CAPS && size == 3) {
		send_caps(m, now, port, (size_t)(command[1] << 8 | command[2]));
	} else if (op == OP_SAVE && size == 1) {
		tell(m, now, "save", port, -1, -1, source);
		p->not_before = now + SAVE_USEC;
	} else {
		tell(m, now, "other", port, op, -1, source);
		leave_reply(m, now, p, NULL, 0);
	}
}

/* A DDC/CI message from the host: source, 0x80 | length, payload, checksum (4.1). */
static void ddc_write(
	struct sim_monitor *m, uint64_t now, int port, const uint8_t *buf, size_t size)
{
	struct sim_port *p = &m->ports[port];
	uint8_t sum = ADDR_DDC << 1;

	p->n_write++;
	if (size < 3)
		return; /* a probe: acknowledged, means nothing */
	for (size_t i = 0; i < size; i++)
		sum ^= buf[i];
	if (sum || !(buf[1] & 0x80) || (size_t)(buf[1] & 0x7f) != size - 3) {
		p->n_bad++;
		p->reply_size = 0;
		tell(m, now, "bad", port, -1, (int)size, buf[0]);
		return;
	}
	if (m->strict && now < p->not_before) {
		p->n_early++;
		tell(m, now, "early", port, -1, -1, buf[0]);
		return;
	}
	obey(m, now, port, buf[0], buf + 2, size - 3);
}

static void ddc_read(struct sim_monitor *m, uint64_t now, int port, uint8_t *buf, size_t size)
{
	static const uint8_t null_message[3] = { 0x6e, 0x80, 0xbe };
	struct sim_port *p = &m->ports[port];
	bool early = p->reply_size && now < p->reply_at;

	p->n_read++;
	p->n_early += early;
	memset(buf, 0, size);
	if (!p->reply_size || (early && m->strict)) {
		p->n_null++;
		memcpy(buf, null_message, size < 3 ? size : 3);
	} else {
		memcpy(buf, p->reply, size < p->reply_size ? size : p->reply_size);
	}
}

static void edid_transfer(struct sim_port *p, bool is_read, uint8_t *buf, size_t size)
{
	if (!is_read) {
		if (size)
			p->edid_offset = buf[size - 1];
		return;
	}
	for (size_t i = 0; i < size; i++, p->edid_offset++)
		buf[i] = p->edid_offset < SIM_EDID_SIZE ? p->edid[p->edid_offset] : 0xff;
}

static bool is_deaf(const struct sim_monitor *m, uint64_t now, int port)
{
	return m->asleep || now < m->busy_until || (m->deaf == SIM_DEAF_DDC && port != m->shown);
}

int monitor_i2c(struct sim_monitor *m, uint64_t now, int port, uint8_t addr, bool is_read,
	uint8_t *buf, size_t size)
{
	bool ddc = addr == ADDR_DDC;

	monitor_tick(m, now);
	if (ddc && m->power && m->vanish_after >= 0 && m->vanish_after-- == 0) {
		m->power = false;
		tell(m, now, "vanished", port, -1, -1, -1);
	}
	if (!m->power || (m->deaf == SIM_DEAF_ALL && port != m->shown) ||
		(!ddc && addr != ADDR_EDID) || (ddc && is_deaf(m, now, port))) {
		m->ports[port].n_nak++;
		if (ddc)
			tell(m, now, "nak", port, -1, -1, -1);
		return -1;
	}
	if (!ddc)
		edid_transfer(&m->ports[port], is_read, buf, size);
	else if (is_read)
		ddc_read(m, now, port, buf, size);
	else
		ddc_write(m, now, port, buf, size);
	return 0;
}
