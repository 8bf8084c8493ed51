// SPDX-License-Identifier: GPL-2.0-or-later
/* The sections [input NAME]; see inputs-config.h. Pure. */
#include "host/daemon/inputs-config.h"

#include "common/base/cleanup.h"

#include <stdio.h>
#include <string.h>

static enum conf_verdict new_input(
	const struct conf_at *at, const char *name, struct config_inputs *c)
{
	char copy[NAME_MAX_LEN + 1];

	if (c->n == WORLD_MAX_DEVICES) {
		conf_error(at, "more than %d inputs", WORLD_MAX_DEVICES);
		return CONF_BAD;
	}
	if (conf_name(at, name, copy) != CONF_OK)
		return CONF_BAD;
	for (int i = 0; i < c->n; i++)
		if (!strcmp(c->list[i].name, name)) {
			conf_error(at, "input %s is described twice", name);
			return CONF_BAD;
		}
	memcpy(c->list[c->n++].name, copy, sizeof(copy));
	return CONF_OK;
}

/* Four hexadecimal digits. */
static bool hex4(const char *s, uint16_t *ret)
{
	unsigned int n = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdefABCDEF",
			   *d = s[i] ? strchr(digits, s[i]) : NULL;
		unsigned int value;

		if (!d)
			return false;
		value = (unsigned int)(d - digits);
		n = n << 4 | (value > 15 ? value - 6 : value);
	}
	*ret = (uint16_t)n;
	return true;
}

static enum conf_verdict id_value(
	const struct conf_at *at, const char *value, struct config_input *in)
{
	in->has_id = hex4(value, &in->vendor) && value[4] == ':' && hex4(value + 5, &in->product) &&
		     value[9] == '\0';
	if (in->has_id)
		return CONF_OK;
	conf_error(at, "write the id as lsusb does: 046d:c52b");
	return CONF_BAD;
}

/* "3-1.4" */
static bool is_path(const char *s)
{
	size_t bus = strspn(s, "0123456789");

	return bus > 0 && s[bus] == '-' && s[bus + 1] >= '0' && s[bus + 1] <= '9' &&
	       strspn(s + bus + 1, "0123456789.") == strlen(s + bus + 1);
}

/* "0000:00:14.0/1.4" */
static bool is_place(const char *s)
{
	const char *slash = strchr(s, '/');

	return slash && strspn(s, "0123456789abcdef:.") == (size_t)(slash - s) && slash[1] >= '0' &&
	       slash[1] <= '9' && strspn(slash + 1, "0123456789.") == strlen(slash + 1);
}

static enum conf_verdict port_value(
	const struct conf_at *at, const char *value, struct config_input *in)
{
	if ((is_path(value) || is_place(value)) && strlen(value) < sizeof(in->port)) {
		snprintf(in->port, sizeof(in->port), "%s", value);
		return CONF_OK;
	}
	conf_error(at, "write the port as va-host inputs shows it: 3-1.4 or 0000:00:14.0/1.4");
	return CONF_BAD;
}

static enum conf_verdict serial_value(
	const struct conf_at *at, const char *value, struct config_input *in)
{
	if (value[0] && strlen(value) < sizeof(in->serial)) {
		snprintf(in->serial, sizeof(in->serial), "%s", value);
		return CONF_OK;
	}
	conf_error(at, "a serial has 1 to %zu characters", sizeof(in->serial) - 1);
	return CONF_BAD;
}

enum conf_verdict inputs_config_entry(
	const struct conf_at *at, const char *name, const char *value, struct config_inputs *c)
{
	static const char *const kinds[] = { "look", "keyboard", "mouse", "both", "other" };
	struct config_input *in;

	if (!at->key)
		return new_input(at, name, c);
	/* the section's own line was wrong, and said so */
	if (c->n == 0 || strcmp(c->list[c->n - 1].name, name) != 0)
		return CONF_OK;
	in = &c->list[c->n - 1];
	if (!strcmp(at->key, "serial"))
		return serial_value(at, value, in);
	if (!strcmp(at->key, "port"))
		return port_value(at, value, in);
	if (!strcmp(at->key, "id"))
		return id_value(at, value, in);
	if (!strcmp(at->key, "kind"))
		return conf_word(at, value, kinds, ARRAY_SIZE(kinds), &in->kind);
	return CONF_UNKNOWN_KEY;
}

void inputs_config_check(
	const struct config_inputs *c, const char *file, struct conf_report *report)
{
	for (int i = 0; i < c->n; i++)
		if (!c->list[i].serial[0] && !c->list[i].port[0] && !c->list[i].has_id)
			conf_report_add(report, file, 0,
				"input %s fits every device; add its serial, port or id (va-host "
				"inputs)",
				c->list[i].name);
}
