// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: a table of the settings that are plain numbers, a table of the other
 * commands, and the conditions that a test can wait for. Every number may be decimal or 0x hex.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "tests/sim/monitor/control.h"

struct answer {
	char *text;
	size_t size, len;
};

struct command_args {
	struct sim_monitor *m;
	uint64_t now;
	const char *rest; /* all behind the command's name */
	char word[2][64]; /* its first two words */
	struct answer *answer;
};

__attribute__((format(printf, 2, 3))) static void say(struct answer *a, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(a->text + a->len, a->size - a->len, format, args);
	va_end(args);
	if (n > 0)
		a->len = a->len + (size_t)n < a->size ? a->len + (size_t)n : a->size - 1;
}

static bool to_number(const char *word, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(word, &end, 0);
	return *word && !*end && !errno;
}

/* A port named by its input value. */
static int to_port(const struct sim_monitor *m, const char *word)
{
	long value;

	for (int i = 0; to_number(word, &value) && i < m->n_ports; i++)
		if (m->ports[i].input == value)
			return i;
	return -1;
}

/* --- settings -------------------------------------------------------------------------- */

enum setting_kind { FLAG, COUNT, OPTIONAL };

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;
};

static const struct setting settings[] = {
	{ "switch_ms", COUNT, offsetof(struct sim_monitor, switch_ms) },
	{ "reply_ms", COUNT, offsetof(struct sim_monitor, reply_ms) },
	{ "settle_ms", COUNT, offsetof(struct sim_monitor, settle_ms) },
	{ "fallback_ms", COUNT, offsetof(struct sim_monitor, fallback_ms) },
	{ "drop", COUNT, offsetof(struct sim_monitor, drop_every) },
	{ "drop_sets", COUNT, offsetof(struct sim_monitor, drop_sets) },
	{ "lie", OPTIONAL, offsetof(struct sim_monitor, lie) },
	{ "vanish_after", OPTIONAL, offsetof(struct sim_monitor, vanish_after) },
	{ "strict", FLAG, offsetof(struct sim_monitor, strict) },
	{ "nullunsup", FLAG, offsetof(struct sim_monitor, null_unsupported) },
	{ "lg", FLAG, offsetof(struct sim_monitor, lg) },
	{ "code", OPTIONAL, offsetof(struct sim_monitor, code) },
	{ "asker", FLAG, offsetof(struct sim_monitor, says_asker) },
	{ "stale", FLAG, offsetof(struct sim_monitor, says_previous) },
	{ "asleep", FLAG, offsetof(struct sim_monitor, asleep) },
	{ "power", FLAG, offsetof(struct sim_monitor, power) },
};

static int set_setting(struct sim_monitor *m, const struct setting *s, const char *word)
{
	char *field = (char *)m + s->offset;
	long value;

	if (s->kind == OPTIONAL && !strcmp(word, "off"))
		value = -1;
	else if (!to_number(word, &value) || value < 0 || value > 0xffffff)
		return -EINVAL;
	if (s->kind == FLAG)
		*(bool *)field = value != 0;
	else
		*(int *)(void *)field = (int)value;
	return 0;
}

static int word_index(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, words[i]))
			return (int)i;
	return -EINVAL;
}

static const char *const deaf_words[] = { "none", "read", "ddc", "all" };
static const char *const reply_words[] = { "ok", "null", "zero", "badsum" };

/* --- commands: 0, or -EINVAL ----------------------------------------------------------- */

static int cmd_deaf(struct command_args *c)
{
	int i = word_index(c->word[0], deaf_words, ARRAY_SIZE(deaf_words));

	if (i >= 0)
		c->m->deaf = (enum sim_deaf)i;
	return i < 0 ? i : 0;
}

static int cmd_reply(struct command_args *c)
{
	int i = word_index(c->word[0], reply_words, ARRAY_SIZE(reply_words));

	if (i >= 0)
		c->m->reply = (enum sim_reply)i;
	return i < 0 ? i : 0;
}

static int cmd_garbage(struct command_args *c)
{
	long value;

	if (!strcmp(c->word[0], "off"))
		value = -1;
	else if (!strcmp(c->word[0], "double"))
		value = 0x100;
	else if (!to_number(c->word[0], &value) || value < 0 || value > 0xff)
		return -EINVAL;
	c->m->garbage_high = (int)value;
	return 0;
}

static int cmd_input(struct command_args *c)
{
	int port = to_port(c->m, c->word[0]);

	if (port < 0)
		return -EINVAL;
	monitor_show(c->m, c->now, port);
	return 0;
}

static int cmd_signal(struct command_args *c)
{
	int port = to_port(c->m, c->word[0]);
	long on;

	if (port < 0 || !to_number(c->word[1], &on))
		return -EINVAL;
	monitor_set_signal(c->m, c->now, port, on != 0);
	return 0;
}

static int cmd_reads(struct command_args *c)
{
	int port = to_port(c->m, c->word[0]);
	long value;

	if (port < 0 || !to_number(c->word[1], &value) || value < 0 || value > 0xffff)
		return -EINVAL;
	c->m->ports[port].read_value = (uint16_t)value;
	return 0;
}

static int cmd_label(struct command_args *c)
{
	int port = to_port(c->m, c->word[0]);
	const char *text = strchr(c->rest, ' ');

	if (port < 0)
		return -EINVAL;
	snprintf(c->m->ports[port].label, SIM_LABEL_SIZE, "%s", text ? text + 1 : "");
	return 0;
}

static int cmd_caps(struct command_args *c)
{
	snprintf(c->m->caps, sizeof(c->m->caps), "%s", c->rest);
	return 0;
}

static int cmd_hang(struct command_args *c)
{
	long ms;

	if (!to_number(c->word[0], &ms) || ms < 0)
		return -EINVAL;
	c->m->hang_until = c->now + (uint64_t)ms * 1000;
	return 0;
}

/* "vcp CODE" tells a feature's value, "vcp CODE VALUE" sets it, "vcp CODE off" removes it. */
static int cmd_vcp(struct command_args *c)
{
	long code, value;

	if (!to_number(c->word[0], &code) || code < 0 || code > 0xff)
		return -EINVAL;
	if (!strcmp(c->word[1], "off")) {
		c->m->supported[code] = false;
	} else if (*c->word[1]) {
		if (!to_number(c->word[1], &value) || value < 0 || value > 0xffff)
			return -EINVAL;
		c->m->supported[code] = true;
		c->m->cur[code] = (uint16_t)value;
	} else if (c->m->supported[code]) {
		say(c->answer, "0x%04x\n", c->m->cur[code]);
	} else {
		say(c->answer, "none\n");
	}
	return 0;
}

static int cmd_edid(struct command_args *c)
{
	int port = to_port(c->m, c->word[0]);

	for (int i = 0; port >= 0 && i < SIM_EDID_SIZE; i++)
		say(c->answer, "%02x", c->m->ports[port].edid[i]);
	say(c->answer, port < 0 ? "" : "\n");
	return port < 0 ? -EINVAL : 0;
}

static int cmd_state(struct command_args *c)
{
	const struct sim_monitor *m = c->m;

	say(c->answer, "shown=0x%02x pending=", m->ports[m->shown].input);
	if (m->pending >= 0)
		say(c->answer, "0x%02x", m->ports[m->pending].input);
	else
		say(c->answer, "none");
	say(c->answer, " power=%d asleep=%d deaf=%s reply=%s\n", m->power, m->asleep,
		deaf_words[m->deaf], reply_words[m->reply]);
	for (int i = 0; i < m->n_ports; i++) {
		const struct sim_port *p = &m->ports[i];

		say(c->answer,
			"input=0x%02x signal=%d set=%u write=%u read=%u null=%u early=%u bad=%u "
			"nak=%u"
			" label=%s\n",
			p->input, p->signal, p->n_set, p->n_write, p->n_read, p->n_null, p->n_early,
			p->n_bad, p->n_nak, p->label);
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct command_args *args);
} commands[] = {
	{ "state", cmd_state },
	{ "input", cmd_input },
	{ "deaf", cmd_deaf },
	{ "reply", cmd_reply },
	{ "reads", cmd_reads },
	{ "garbage", cmd_garbage },
	{ "signal", cmd_signal },
	{ "label", cmd_label },
	{ "caps", cmd_caps },
	{ "hang", cmd_hang },
	{ "vcp", cmd_vcp },
	{ "edid", cmd_edid },
};

static int dispatch(struct command_args *c, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(c);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(name, settings[i].name))
			return set_setting(c->m, &settings[i], c->word[0]);
	return -ENOENT;
}

void control_command(
	struct sim_monitor *m, uint64_t now, const char *line, char *ret_answer, size_t size)
{
	struct answer answer = { ret_answer, size, 0 };
	struct command_args c = { .m = m, .now = now, .answer = &answer };
	size_t len = strcspn(line, " ");
	char name[32] = "";
	int err;

	*ret_answer = '\0';
	monitor_tick(m, now);
	if (len < sizeof(name))
		memcpy(name, line, len);
	c.rest = line[len] ? line + len + 1 : "";
	if (sscanf(c.rest, "%63s %63s", c.word[0], c.word[1]) < 1)
		c.word[0][0] = '\0';
	err = dispatch(&c, name);
	if (err == -ENOENT)
		say(&answer, "error: no such command\n");
	else if (err)
		say(&answer, "error: %s: bad value\n", name);
	else
		say(&answer, "ok\n");
}

/* --- waiting --------------------------------------------------------------------------- */

int control_parse_wait(const char *line, struct control_wait *ret)
{
	static const struct {
		const char *name;
		enum control_condition condition;
		bool takes_arg;
	} names[] = {
		{ "shown", CONTROL_SHOWN, true },
		{ "settled", CONTROL_SETTLED, false },
		{ "sets", CONTROL_SETS, true },
		{ "power", CONTROL_POWER, true },
	};
	char word[3][32] = { "", "", "" };
	long limit;

	if (sscanf(line, "wait %31s %31s %31s", word[0], word[1], word[2]) < 2)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(word[0], names[i].name))
			continue;
		*ret = (struct control_wait){ .condition = names[i].condition };
		if (names[i].takes_arg && !to_number(word[1], &ret->arg))
			return -EINVAL;
		if (!to_number(word[names[i].takes_arg ? 2 : 1], &limit) || limit < 0)
			return -EINVAL;
		ret->limit_ms = (unsigned)limit;
		return 0;
	}
	return -EINVAL;
}

bool control_holds(const struct sim_monitor *m, const struct control_wait *wait)
{
	long sets = 0;

	switch (wait->condition) {
	case CONTROL_SHOWN: return m->pending < 0 && m->ports[m->shown].input == wait->arg;
	case CONTROL_SETTLED: return m->pending < 0;
	case CONTROL_SETS:
		for (int i = 0; i < m->n_ports; i++)
			sets += m->ports[i].n_set;
		return sets >= wait->arg;
	case CONTROL_POWER: return m->power == (wait->arg != 0);
	}
	return false;
}
