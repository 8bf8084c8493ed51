// SPDX-License-Identifier: GPL-2.0-or-later
/* [monitor NAME] of host.conf: who it is, its inputs, how it is switched; va-host.conf(5). */
#include "host/daemon/config-internal.h"

#include "common/base/cleanup.h"
#include "common/ddc/quirks.h"

#include <stdio.h>
#include <string.h>

#define INPUT_PREFIX "input."
#define RETRIES_MAX  9 /* more fit in no step's limit */

/* "dddd:bb:dd.f", the domain of up to five digits */
static bool is_pci_address(const char *s)
{
	size_t domain = strspn(s, "0123456789abcdef");
	const char *p = s + domain;

	return domain >= 4 && domain <= 5 && p[0] == ':' &&
	       strspn(p + 1, "0123456789abcdef") == 2 && p[3] == ':' &&
	       strspn(p + 4, "0123456789abcdef") == 2 && p[6] == '.' && p[7] >= '0' &&
	       p[7] <= '7' && p[8] == '\0';
}

enum conf_verdict config_pci(const struct conf_at *at, const char *value, char ret[WORLD_PCI_SIZE])
{
	if (!is_pci_address(value)) {
		conf_error(at, "\"%s\" is no PCI address; write it as lspci -D does: 0000:01:00.0",
			escape(value));
		return CONF_BAD;
	}
	snprintf(ret, WORLD_PCI_SIZE, "%s", value);
	return CONF_OK;
}

enum conf_verdict config_text(const struct conf_at *at, const char *value, char *ret, size_t size)
{
	if (snprintf(ret, size, "%s", value) < (int)size)
		return CONF_OK;
	conf_error(at, "more than %zu characters", size - 1);
	return CONF_BAD;
}

static bool new_monitor(const struct conf_at *at, const char *name, struct monitor_reading *r)
{
	struct config *c = r->c;
	struct world_monitor *m = &c->monitors[c->n_monitors];

	if (c->n_monitors == WORLD_MAX_MONITORS) {
		conf_error(at, "more than %d monitors", WORLD_MAX_MONITORS);
		return false;
	}
	if (conf_name(at, name, m->name) != CONF_OK)
		return false;
	for (int i = 0; i < c->n_monitors; i++)
		if (!strcmp(c->monitors[i].name, name)) {
			conf_error(at, "monitor %s is described twice", name);
			return false;
		}
	m->shown = -1;
	c->n_monitors++;
	r->monitor = m;
	r->id = (struct monitor_id){ .maker = "???" };
	r->lines[c->n_monitors - 1] = at->line;
	return true;
}

/* "0x11 0000:02:00.0 [read=0x0f11]" */
static enum conf_verdict input_entry(
	const struct conf_at *at, const char *name, const char *value, struct world_monitor *m)
{
	struct world_input *in = &m->inputs[m->n_inputs];
	struct input_source *source = &m->sources[m->n_inputs];
	char copy[CONF_LINE_MAX + 1], *save = NULL, *word, *gpu, *read;
	uint16_t learned;

	if (m->n_inputs == WORLD_MAX_INPUTS) {
		conf_error(at, "more than %d inputs", WORLD_MAX_INPUTS);
		return CONF_BAD;
	}
	snprintf(copy, sizeof(copy), "%s", value);
	word = strtok_r(copy, " \t", &save);
	gpu = strtok_r(NULL, " \t", &save);
	read = strtok_r(NULL, " \t", &save);
	if (!word || !gpu || strtok_r(NULL, " \t", &save) || (read && strncmp(read, "read=", 5))) {
		conf_error(at, "say: VALUE PCI-ADDRESS [read=VALUE], as in 0x11 0000:01:00.0");
		return CONF_BAD;
	}
	source->read = INPUT_NOT_READ;
	if (conf_name(at, name, in->name) != CONF_OK ||
		conf_u16(at, word, &source->write) != CONF_OK ||
		config_pci(at, gpu, in->gpu) != CONF_OK)
		return CONF_BAD;
	if (read) {
		if (conf_u16(at, read + 5, &learned) != CONF_OK)
			return CONF_BAD;
		source->read = learned;
	}
	for (int i = 0; i < m->n_inputs; i++)
		if (!strcmp(m->inputs[i].name, name)) {
			conf_error(at, "input %s is described twice", name);
			return CONF_BAD;
		}
	m->n_inputs++;
	return CONF_OK;
}

static enum conf_verdict key_value(const struct conf_at *at, const char *value, char *ret)
{
	if (strlen(value) != MONITOR_KEY_SIZE - 1 ||
		strspn(value, "0123456789abcdef") != MONITOR_KEY_SIZE - 1) {
		conf_error(at, "a key is 16 hexadecimal digits; va-host monitors shows it");
		return CONF_BAD;
	}
	memcpy(ret, value, MONITOR_KEY_SIZE);
	return CONF_OK;
}

static enum conf_verdict identity_entry(
	const struct conf_at *at, const char *value, struct monitor_reading *r)
{
	const char *rest;
	uint64_t serial;

	if (!strcmp(at->key, "maker"))
		return config_text(at, value, r->id.maker, sizeof(r->id.maker));
	if (!strcmp(at->key, "name"))
		return config_text(at, value, r->id.name, sizeof(r->id.name));
	if (!strcmp(at->key, "serial"))
		return config_text(at, value, r->id.serial_str, sizeof(r->id.serial_str));
	if (!conf_scan_number(value, true, UINT32_MAX, &serial, &rest) || *rest) {
		conf_error(at, "not a number of 32 bits");
		return CONF_BAD;
	}
	r->id.serial = (uint32_t)serial;
	return CONF_OK;
}

static enum conf_verdict command_line(
	const struct conf_at *at, const char *value, struct world_monitor *m)
{
	if (value[0] != '/') {
		conf_error(at, "the command must be an absolute path, with its arguments");
		return CONF_BAD;
	}
	return config_text(at, value, m->command, sizeof(m->command));
}

static enum conf_verdict via_line(
	const struct conf_at *at, const char *value, struct world_monitor *m)
{
	int via = quirk_via_by_name(value);

	if (via < 0) {
		conf_error(at, "\"%s\" is none of standard, lg, signal and 0xe0 to 0xff",
			escape(value));
		return CONF_BAD;
	}
	m->via = (uint32_t)via;
	return CONF_OK;
}

static enum conf_verdict monitor_line(
	const struct conf_at *at, const char *value, struct monitor_reading *r)
{
	static const char *const parts[] = { "maker", "name", "serial", "serial-number" };
	struct world_monitor *m = r->monitor;
	enum conf_verdict v;
	unsigned int number;
	bool readable;

	if (!m)
		return CONF_BAD;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(at->key, parts[i])) {
			v = identity_entry(at, value, r);
			if (v == CONF_OK)
				monitor_key(&r->id, m->key);
			return v;
		}
	if (!strcmp(at->key, "key"))
		return key_value(at, value, m->key);
	if (!strcmp(at->key, "connector"))
		return config_text(at, value, m->connector, sizeof(m->connector));
	if (!strcmp(at->key, "via"))
		return via_line(at, value, m);
	if (!strcmp(at->key, "readable")) {
		v = conf_bool(at, value, &readable);
		m->unreadable = v == CONF_OK && !readable;
		return v;
	}
	if (!strcmp(at->key, "command"))
		return command_line(at, value, m);
	if (!strcmp(at->key, "settle")) {
		v = conf_seconds(at, value, 0, 30, &number);
		m->settle_ms = v == CONF_OK ? number * 1000 : 0;
		return v;
	}
	if (!strcmp(at->key, "retries")) {
		v = conf_uint(at, value, 0, RETRIES_MAX, &number);
		m->writes = v == CONF_OK ? number + 1 : 0;
		return v;
	}
	if (!strncmp(at->key, INPUT_PREFIX, strlen(INPUT_PREFIX)))
		return input_entry(at, at->key + strlen(INPUT_PREFIX), value, m);
	return CONF_UNKNOWN_KEY;
}

enum conf_verdict monitor_config_entry(
	const struct conf_at *at, const char *name, const char *value, struct monitor_reading *r)
{
	if (at->key)
		return monitor_line(at, value, r);
	r->monitor = NULL;
	return new_monitor(at, name, r) ? CONF_OK : CONF_BAD;
}

static bool are_one(const struct world_monitor *a, const struct world_monitor *b)
{
	return a->key[0] && !strcmp(a->key, b->key) &&
	       (!a->connector[0] || !strcmp(a->connector, b->connector));
}

static void check_inputs(const struct world_monitor *m, const char *file, unsigned int line,
	struct conf_report *report)
{
	for (int i = 0; i < m->n_inputs; i++)
		for (int k = i + 1; k < m->n_inputs; k++)
			if (m->sources[i].write == m->sources[k].write)
				conf_report_add(report, file, line,
					"monitor %s: inputs %s and %s have the same value", m->name,
					m->inputs[i].name, m->inputs[k].name);
}

void monitor_config_check(
	const struct monitor_reading *r, const char *file, struct conf_report *report)
{
	const struct config *c = r->c;

	for (int i = 0; i < c->n_monitors; i++) {
		const struct world_monitor *m = &c->monitors[i];

		check_inputs(m, file, r->lines[i], report);
		for (int k = 0; k < i; k++)
			if (are_one(m, &c->monitors[k]) || are_one(&c->monitors[k], m))
				conf_report_add(report, file, r->lines[i],
					"monitor %s is the same one as %s; if there are two that "
					"say "
					"the same of themselves, add \"connector =\" to both",
					m->name, c->monitors[k].name);
		if (!m->key[0])
			conf_report_add(report, file, r->lines[i],
				"monitor %s has no identity; add its key, or maker, name and "
				"serial "
				"(va-host monitors)",
				m->name);
		if (m->n_inputs == 0)
			conf_report_add(report, file, r->lines[i],
				"monitor %s has no inputs; add input.NAME = VALUE PCI-ADDRESS",
				m->name);
	}
}
