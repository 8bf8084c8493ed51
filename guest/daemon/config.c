// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.conf; see config.h. One table of keys; base/conf.h does the rest. */
#include "guest/daemon/config.h"

#include "common/base/cleanup.h"

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

static const struct {
	const char *section, *key;
	enum conf_verdict (*take)(const struct conf_at *at, const char *value, void *member);
	size_t offset;
} keys[] = {
	{ "channel", "port", take_port, offsetof(struct config, port) },
	{ "channel", "token", take_path, offsetof(struct config, token) },
	{ "ddc", "enabled", take_bool, offsetof(struct config, ddc) },
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
		.policy_dir = "/etc/virt-aid/guest-policy.d",
		.state_dir = "/var/lib/virt-aid",
		.run_dir = "/run/virt-aid",
	};
}

int config_read(struct config *c, const char *path, struct conf_report *report)
{
	return conf_read(path, on_entry, c, report);
}
