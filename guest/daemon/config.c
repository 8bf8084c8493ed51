// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.conf; see config.h. One table of keys; base/conf.h does the rest. */
#include "guest/daemon/config.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"
#include "common/ddc/quirks.h"
#include "common/link/message.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static enum conf_verdict take_path(const struct conf_at *at, const char *value, void *member)
{
	return conf_path(at, value, member, CONFIG_PATH);
}

/* A device, or "unix:" and a socket. */
static enum conf_verdict take_port(const struct conf_at *at, const char *value, void *member)
{
	char *port = member;
	enum conf_verdict v;

	if (strncmp(value, "unix:", 5) != 0)
		return conf_path(at, value, port, CONFIG_PATH);
	v = conf_path(at, value + 5, port + 5, CONFIG_PATH - 5);
	memcpy(port, "unix:", 5);
	return v;
}

static enum conf_verdict take_bool(const struct conf_at *at, const char *value, void *member)
{
	return conf_bool(at, value, member);
}

/* "standard lg 0xe2" */
static enum conf_verdict take_ways(const struct conf_at *at, const char *value, void *member)
{
	char copy[CONF_LINE_MAX + 1], *save = NULL;
	uint64_t ways = 0;

	snprintf(copy, sizeof(copy), "%s", value);
	for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		int via = quirk_via_by_name(w);

		if (via < 0) {
			conf_error(at, "\"%s\" is none of standard, lg, signal and 0xe0 to 0xff",
				escape(w));
			return CONF_BAD;
		}
		ways |= quirk_via_bit((uint32_t)via);
	}
	*(uint64_t *)member = ways;
	return CONF_OK;
}

static const struct {
	const char *section, *key;
	enum conf_verdict (*take)(const struct conf_at *at, const char *value, void *member);
	size_t offset;
} keys[] = {
	{ "channel", "port", take_port, offsetof(struct config, port) },
	{ "channel", "token", take_path, offsetof(struct config, token) },
	{ "ddc", "enabled", take_bool, offsetof(struct config, ddc) },
	{ "ddc", "ways", take_ways, offsetof(struct config, ways) },
	{ "power", "command", take_path, offsetof(struct config, poweroff) },
	{ "paths", "policy", take_path, offsetof(struct config, policy_dir) },
	{ "paths", "state", take_path, offsetof(struct config, state_dir) },
	{ "paths", "run", take_path, offsetof(struct config, run_dir) },
};

static enum conf_verdict on_entry(const struct conf_at *at, const char *value, void *userdata)
{
	struct config *c = userdata;
	bool known_section = false;

	if (!strcmp(at->section, "hotkey"))
		return hotkeys_config_entry(at, value, CHORD_HOST, &c->hotkeys);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].section, at->section) != 0)
			continue;
		known_section = true;
		if (at->key && !strcmp(keys[i].key, at->key))
			return keys[i].take(at, value, (char *)userdata + keys[i].offset);
	}
	if (!known_section)
		return CONF_UNKNOWN_SECTION;
	return at->key ? CONF_UNKNOWN_KEY : CONF_OK;
}

void config_init(struct config *c)
{
	*c = (struct config){
		.port = "/dev/virtio-ports/org.virtaid.0",
		.token = CONFIG_TOKEN,
		.ddc = true,
		.ways = quirk_via_bit(MSG_VIA_STANDARD) | quirk_via_bit(MSG_VIA_LG),
		.policy_dir = "/etc/virt-aid/guest-policy.d",
		.state_dir = "/var/lib/virt-aid",
		.run_dir = "/run/virt-aid",
	};
}

int config_read(struct config *c, const char *path, struct conf_report *report)
{
	return conf_read(path, on_entry, c, report);
}
