// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one row of commands for each init system; see init.h. The system is
 * recognised by what it leaves in /run, not by what is installed, for several may be. Exit codes
 * alone are not believed: after a stop and a start the service is looked at again.
 */
#include "host/gpu/init.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <stdio.h>
#include <string.h>

#define SVC "\1" /* stands for the service */

static const struct init_system {
	const char *name;
	const char *signs[3]; /* one of them is there */
	const char *active[6], *stop[6], *clear[5], *start[6];
} systems[INIT_KINDS] = {
	[INIT_NONE] = { .name = "none" },
	[INIT_SYSTEMD] = {
		.name = "systemd",
		.signs = { "/run/systemd/system" },
		.active = { "systemctl", "is-active", "--quiet", SVC },
		.stop = { "systemctl", "stop", SVC },
		/* it refuses the sixth start within its interval */
		.clear = { "systemctl", "reset-failed", SVC },
		.start = { "systemctl", "start", SVC },
	},
	[INIT_OPENRC] = {
		.name = "openrc",
		.signs = { "/run/openrc" },
		.active = { "rc-service", "--quiet", SVC, "status" },
		.stop = { "rc-service", "--quiet", SVC, "stop" },
		.clear = { "rc-service", "--quiet", SVC, "zap" },
		.start = { "rc-service", "--quiet", SVC, "start" },
	},
	[INIT_RUNIT] = {
		.name = "runit",
		.signs = { "/run/runit", "/run/runit/runsvdir" },
		/* without -w it does not wait, and its status is 0 for what is down, too */
		.stop = { "sv", "-w", "25", "stop", SVC },
		.start = { "sv", "-w", "25", "start", SVC },
	},
	[INIT_S6] = {
		.name = "s6",
		.signs = { "/run/s6-rc", "/run/s6/s6-rc" },
		.stop = { "s6-rc", "-d", "change", SVC },
		.start = { "s6-rc", "-u", "change", SVC },
	},
	[INIT_DINIT] = {
		.name = "dinit",
		.signs = { "/run/dinitctl", "/dev/dinitctl" },
		.active = { "dinitctl", "is-started", SVC },
		.stop = { "dinitctl", "stop", SVC },
		.start = { "dinitctl", "start", SVC },
	},
};

/* Names of display managers' services where nothing else points to the one in use. */
static const char *const display_managers[] = { "display-manager", "gdm", "gdm3", "sddm", "lightdm",
	"lxdm", "xdm", "greetd", "ly", "slim", "emptty", "lemurs", "cosmic-greeter", "plasmalogin",
	"entranced", "nodm", "sddm-srv", "lightdm-srv", "lxdm-srv", "xdm-srv", "greetd-srv",
	"ly-srv" };

enum init_kind init_detect(const struct machine *m)
{
	for (enum init_kind k = INIT_SYSTEMD; k < INIT_KINDS; k++)
		for (size_t i = 0; i < ARRAY_SIZE(systems[k].signs) && systems[k].signs[i]; i++)
			if (machine_exists(m, "%s", systems[k].signs[i]))
				return k;
	return INIT_NONE;
}

const char *init_name(enum init_kind kind)
{
	return systems[kind].name;
}

enum init_kind init_by_name(const char *name)
{
	for (enum init_kind k = INIT_SYSTEMD; k < INIT_KINDS; k++)
		if (!strcmp(systems[k].name, name))
			return k;
	return INIT_NONE;
}

bool init_service_is_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@:"
				"._\\-");

	return n > 0 && n < INIT_SERVICE_SIZE && name[n] == '\0' && name[0] != '-' &&
	       name[0] != '.';
}

static void fill(const char *const *row, size_t n, const char *service, const char **ret)
{
	for (size_t i = 0; i < n && row[i]; i++)
		*ret++ = strcmp(row[i], SVC) ? row[i] : service;
	*ret = NULL;
}

/* runit's own note of what its supervisor does, "run" or "down" and more words. */
static int runit_is_active(const struct machine *m, const char *service)
{
	static const char *const folders[] = { "/var/service", "/run/runit/service", "/etc/service",
		"/service" };
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (machine_read(
			    m, text, sizeof(text), "%s/%s/supervise/stat", folders[i], service) > 0)
			return !strncmp(text, "run", 3);
	return 0;
}

/* "s6-rc -a list" names what is up, one a line. The first of names[n] in it: 1, *ret; or 0. */
static int s6_first_active(struct machine *m, const char *const *names, size_t n, const char **ret)
{
	static const char *const argv[] = { "s6-rc", "-a", "list", NULL };
	const size_t size = 16384;
	CLEANUP(free) char *out = malloc(size);
	int r;

	if (!out)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = machine_run(m, m->limit.service, MACHINE_SELF, argv, out, size);
	if (r != 0)
		return r < 0 ? r : machine_fail(m, -EIO, "\"s6-rc -a list\" ended with %d", r);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		*ret = names[i];
		for (const char *p = out; *p; p += strcspn(p, "\n"), p += *p == '\n')
			if (strcspn(p, "\n") == len && !strncmp(p, names[i], len))
				return 1;
	}
	return 0;
}

int init_is_active(struct machine *m, enum init_kind kind, const char *service)
{
	const struct init_system *s = &systems[kind];
	const char *argv[8], *found;
	char out[64];
	int r;

	if (kind == INIT_NONE || !init_service_is_valid(service))
		return 0;
	if (kind == INIT_RUNIT)
		return runit_is_active(m, service);
	if (kind == INIT_S6)
		return s6_first_active(m, &service, 1, &found);
	fill(s->active, ARRAY_SIZE(s->active), service, argv);
	r = machine_run(m, m->limit.service, MACHINE_SELF, argv, out, sizeof(out));
	return r < 0 ? r : r == 0;
}

static int change(struct machine *m, enum init_kind kind, const char *service, bool up)
{
	const struct init_system *s = &systems[kind];
	const char *argv[8];
	char out[64];
	int r;

	if (kind == INIT_NONE || !init_service_is_valid(service))
		return machine_fail(m, -EINVAL, "%s is no service of %s", escape(service), s->name);
	r = init_is_active(m, kind, service);
	if (r < 0 || (r == 1) == up)
		return r < 0 ? r : 0;
	if (up && s->clear[0]) { /* what needs no clearing may say so */
		fill(s->clear, ARRAY_SIZE(s->clear), service, argv);
		r = machine_run(m, m->limit.service, MACHINE_SELF, argv, out, sizeof(out));
		if (r < 0)
			return r;
	}
	fill(up ? s->start : s->stop, ARRAY_SIZE(s->start), service, argv);
	r = machine_must_run(m, m->limit.service, MACHINE_SELF, argv);
	if (r < 0)
		return r;
	r = init_is_active(m, kind, service);
	if (r < 0 || (r == 1) == up)
		return r < 0 ? r : 0;
	return machine_fail(m, -EIO, "%s said it had %s %s, but it had not", argv[0],
		up ? "started" : "stopped", service);
}

int init_stop(struct machine *m, enum init_kind kind, const char *service)
{
	return change(m, kind, service, false);
}

int init_start(struct machine *m, enum init_kind kind, const char *service)
{
	return change(m, kind, service, true);
}

/* systemd's alias, or Debian's older file. */
static void systemd_display_manager(const struct machine *m, char ret[INIT_SERVICE_SIZE])
{
	char name[ATTR_NAME_SIZE], path[256];
	const char *last;

	ret[0] = '\0';
	if (machine_link_name(m, name, "/etc/systemd/system/display-manager.service") == 0 &&
		strlen(name) < INIT_SERVICE_SIZE) {
		(void)snprintf(ret, INIT_SERVICE_SIZE, "%s", name);
	} else if (machine_read(m, path, sizeof(path), "/etc/X11/default-display-manager") > 0) {
		last = strrchr(path, '/');
		(void)snprintf(ret, INIT_SERVICE_SIZE, "%.100s.service", last ? last + 1 : path);
	}
}

/* Where the service of that name would be defined; asking after each would take seconds. */
static bool may_exist(const struct machine *m, enum init_kind kind, const char *name)
{
	if (kind == INIT_OPENRC)
		return machine_exists(m, "/etc/init.d/%s", name);
	if (kind == INIT_DINIT)
		return machine_exists(m, "/etc/dinit.d/%s", name) ||
		       machine_exists(m, "/usr/lib/dinit.d/%s", name);
	return true;
}

static int find_display_manager(struct machine *m, enum init_kind kind, const char **ret)
{
	int r = 0;

	if (kind == INIT_S6)
		return s6_first_active(m, display_managers, ARRAY_SIZE(display_managers), ret);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(display_managers); i++) {
		*ret = display_managers[i];
		if (may_exist(m, kind, *ret))
			r = init_is_active(m, kind, *ret);
	}
	return r;
}

int init_display_manager(struct machine *m, enum init_kind kind, char ret[INIT_SERVICE_SIZE])
{
	const char *found = NULL;
	int r;

	ret[0] = '\0';
	if (kind == INIT_NONE)
		return 0;
	if (kind == INIT_SYSTEMD) {
		systemd_display_manager(m, ret);
		return ret[0] ? init_is_active(m, kind, ret) : 0;
	}
	r = find_display_manager(m, kind, &found);
	if (r > 0)
		(void)snprintf(ret, INIT_SERVICE_SIZE, "%s", found);
	return r;
}
