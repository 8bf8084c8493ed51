// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.conf and guests.d; see config.h and va-host.conf(5). conf.h reads lines and values; here
 * is what they mean, and what must hold between them.
 */
#include "host/daemon/config-internal.h"

#include "common/base/cleanup.h"
#include "common/base/conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_SUFFIX ".conf"

/* --- [host]
 * ---------------------------------------------------------------------------------------- */

static void forget_command(struct config *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->shutdown_command); i++)
		free(TAKE(c->shutdown_command[i]));
}

static enum conf_verdict command_value(
	const struct conf_at *at, const char *value, struct config *c)
{
	char copy[CONF_LINE_MAX + 1], *save = NULL;
	int n = 0;

	if (value[0] != '/') {
		conf_error(at, "the command must be an absolute path, with its arguments");
		return CONF_BAD;
	}
	forget_command(c); /* the last line counts, whole */
	snprintf(copy, sizeof(copy), "%s", value);
	for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (n == CONFIG_MAX_ARGS) {
			conf_error(at, "at most %d words; write a script", CONFIG_MAX_ARGS);
			return CONF_BAD;
		}
		c->shutdown_command[n] = strdup(word);
		if (!c->shutdown_command[n++]) {
			conf_error(at, "out of memory");
			return CONF_BAD;
		}
	}
	return CONF_OK;
}

static enum conf_verdict primary_value(
	const struct conf_at *at, const char *value, struct config *c)
{
	if (strcmp(value, "auto") && strcmp(value, "none"))
		return config_pci(at, value, c->primary_gpu);
	snprintf(c->primary_gpu, sizeof(c->primary_gpu), "%s", value);
	return CONF_OK;
}

static enum conf_verdict host_entry(const struct conf_at *at, const char *value, struct config *c)
{
	if (!strcmp(at->key, "libvirt"))
		return config_text(
			at, strcmp(value, "none") ? value : "", c->libvirt, sizeof(c->libvirt));
	if (!strcmp(at->key, "policy"))
		return conf_path(at, value, c->policy_dir, sizeof(c->policy_dir));
	if (!strcmp(at->key, "ddc"))
		return conf_bool(at, value, &c->ddc);
	if (!strcmp(at->key, "shutdown-delay"))
		return conf_seconds(at, value, 0, 3600, &c->shutdown_delay_s);
	if (!strcmp(at->key, "shutdown-command"))
		return command_value(at, value, c);
	if (!strcmp(at->key, "primary-gpu"))
		return primary_value(at, value, c);
	if (!strcmp(at->key, "confirm-limit"))
		return conf_seconds(at, value, 0, 600, &c->confirm_limit_s);
	if (!strcmp(at->key, "silence-limit"))
		return conf_seconds(at, value, 0, 3600, &c->silence_limit_s);
	return CONF_UNKNOWN_KEY;
}

/* --- host.conf
 * ----------------------------------------------------------------------------------------- */

static enum conf_verdict host_conf_entry(
	const struct conf_at *at, const char *value, void *userdata)
{
	struct monitor_reading *r = userdata;
	const char *name = conf_section_name(at->section, "monitor");
	const char *input = conf_section_name(at->section, "input");

	if (!strcmp(at->section, "host"))
		return at->key ? host_entry(at, value, r->c) : CONF_OK;
	if (!strcmp(at->section, "hotkey"))
		return hotkeys_config_entry(at, value, CHORD_ACTION_MAX, &r->c->hotkeys);
	if (input)
		return inputs_config_entry(at, input, value, &r->c->inputs);
	if (!name)
		return CONF_UNKNOWN_SECTION;
	return monitor_config_entry(at, name, value, r);
}

/* --- guests.d
 * -------------------------------------------------------------------------------------------- */

static enum conf_verdict guest_entry(const struct conf_at *at, const char *value, void *userdata)
{
	/* in the order of enum world_conflict */
	static const char *const conflicts[] = { "shutdown", "refuse", "force" };
	static const char *const inputs[] = { "usb", "evdev" };
	struct config_guest *g = userdata;

	if (at->section[0] && strcmp(at->section, "guest"))
		return CONF_UNKNOWN_SECTION;
	if (!at->key)
		return CONF_OK;
	if (!strcmp(at->key, "domain"))
		return config_text(at, value, g->domain, sizeof(g->domain));
	if (!strcmp(at->key, "channel"))
		return conf_path(at, value, g->channel, sizeof(g->channel));
	if (!strcmp(at->key, "token"))
		return conf_path(at, value, g->token, sizeof(g->token));
	if (!strcmp(at->key, "input"))
		return conf_word(at, value, inputs, ARRAY_SIZE(inputs), &g->input);
	if (!strcmp(at->key, "on-conflict"))
		return conf_word(at, value, conflicts, ARRAY_SIZE(conflicts), &g->on_conflict);
	if (!strcmp(at->key, "stop-limit"))
		return conf_seconds(at, value, 1, 3600, &g->stop_limit_s);
	if (!strcmp(at->key, "start-limit"))
		return conf_seconds(at, value, 1, 3600, &g->start_limit_s);
	if (!strcmp(at->key, "gpu")) {
		if (g->n_gpus == WORLD_MAX_GPUS) {
			conf_error(at, "more than %d GPUs", WORLD_MAX_GPUS);
			return CONF_BAD;
		}
		return config_pci(at, value, g->gpus[g->n_gpus++]);
	}
	return CONF_UNKNOWN_KEY;
}

static int is_conf_file(const struct dirent *d)
{
	size_t n = strlen(d->d_name), suffix = strlen(CONF_SUFFIX);

	return d->d_name[0] != '.' && n > suffix && !strcmp(d->d_name + n - suffix, CONF_SUFFIX);
}

static bool add_guest(
	struct config *c, const char *dir, const char *file, struct conf_report *report)
{
	struct config_guest *g = &c->guests[c->n_guests];
	const struct config_guest *other;
	char path[PATH_MAX];
	size_t n = strlen(file) - strlen(CONF_SUFFIX);

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return false;
	if (n > NAME_MAX_LEN || c->n_guests == CONFIG_MAX_GUESTS) {
		conf_report_add(report, path, 0, "name too long, or more than %d guests",
			CONFIG_MAX_GUESTS);
		return false;
	}
	snprintf(g->name, sizeof(g->name), "%.*s", (int)n, file);
	if (!name_is_valid(g->name) || !strcmp(g->name, "host")) {
		conf_report_add(report, path, 0,
			"\"%s\" cannot be a guest's name; rename the file and use \"domain =\"",
			escape(g->name));
		return false;
	}
	c->n_guests++;
	if (conf_read(path, guest_entry, g, report) < 0)
		return false;
	for (other = c->guests; other < g; other++) {
		if (g->domain[0] && !strcmp(g->domain, other->domain))
			conf_report_add(report, path, 0, "domain \"%s\" is guest %s already",
				escape(g->domain), other->name);
		if (g->channel[0] && !strcmp(g->channel, other->channel))
			conf_report_add(report, path, 0, "channel %s is guest %s's already",
				escape(g->channel), other->name);
	}
	return true;
}

static int load_guests(struct config *c, const char *dir, struct conf_report *report)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_conf_file, alphasort);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0) {
		conf_report_add(report, dir, 0, "cannot be read: %s", strerror(errno));
		return -EIO;
	}
	c->guests = calloc((size_t)n + 1, sizeof(*c->guests));
	for (int i = 0; i < n; i++) {
		if (c->guests)
			add_guest(c, dir, names[i]->d_name, report);
		free(names[i]);
	}
	free(names);
	return c->guests ? 0 : -ENOMEM;
}

/* --- all of it
 * -----------------------------------------------------------------------------------------------
 */

static struct config *config_default(const char *dir)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ddc = true;
	c->shutdown_delay_s = 15;
	c->confirm_limit_s = 15;
	c->silence_limit_s = 15;
	snprintf(c->primary_gpu, sizeof(c->primary_gpu), "auto");
	snprintf(c->libvirt, sizeof(c->libvirt), "qemu:///system");
	snprintf(c->policy_dir, sizeof(c->policy_dir), "%s/policy.d", dir);
	return c;
}

int config_load(const char *dir, struct config **ret, char error[CONFIG_ERROR_SIZE])
{
	struct conf_report report = { 0 };
	struct config *c = config_default(dir);
	struct monitor_reading r = { .c = c };
	char path[PATH_MAX];
	int e = -ENAMETOOLONG;

	snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", dir, strerror(ENOMEM));
	if (!c)
		return -ENOMEM;
	if (snprintf(path, sizeof(path), "%s/host.conf", dir) < (int)sizeof(path)) {
		e = conf_read(path, host_conf_entry, &r, &report);
		if (e >= 0 || e == -ENOENT)
			e = 0;
		monitor_config_check(&r, path, &report);
		inputs_config_check(&c->inputs, path, &report);
	}
	if (snprintf(path, sizeof(path), "%s/guests.d", dir) < (int)sizeof(path))
		e = load_guests(c, path, &report) < 0 ? -EIO : e;
	if (e >= 0 && report.n_errors == 0) {
		*ret = c;
		return 0;
	}
	config_free(c);
	while (report.len > 0 && report.text[report.len - 1] == '\n')
		report.text[--report.len] = '\0';
	snprintf(error, CONFIG_ERROR_SIZE, "%s",
		report.len ? report.text : "the configuration cannot be read");
	return e < 0 ? e : -EINVAL;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	forget_command(c);
	free(c->guests);
	free(c);
}

const struct config_guest *config_find_guest(const struct config *c, const char *name)
{
	for (int i = 0; i < c->n_guests; i++)
		if (!strcmp(c->guests[i].name, name))
			return &c->guests[i];
	return NULL;
}

const struct config_guest *config_find_domain(const struct config *c, const char *domain)
{
	for (int i = 0; i < c->n_guests; i++)
		if (!strcmp(c->guests[i].domain, domain))
			return &c->guests[i];
	return NULL;
}
