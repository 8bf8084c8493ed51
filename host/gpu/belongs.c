// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: under systemd (and elogind) the cgroup says it:
 *
 *	/system.slice/nvidia-persistenced.service		a service
 *	/user.slice/user-1000.slice/session-2.scope		a session; logind's file tells whose
 *	/user.slice/user-1000.slice/user@1000.service/...	a unit of the user's own systemd
 *
 * Elsewhere a process's name is tried as that of a service, and what is left belongs to the
 * display manager if one runs: nothing else opens a card for long.
 */
#include "host/gpu/belongs.h"

#include "common/base/cleanup.h"

#include <stdio.h>
#include <string.h>

#define FIRST_PERSON 1000 /* uids below are the system's own */

static const char *const protected_names[] = { "systemd-logind", "elogind", "elogind-daemon",
	"seatd", "systemd-udevd", "udevd", "eudev", "dbus-daemon", "dbus-broker", "libvirtd",
	"virtqemud", "virtnodedevd", "virtlogd", "va-hostd", "va-ddc", "init", "systemd",
	"polkitd" };
static const char *const protected_units[] = { "systemd-logind.service", "elogind.service",
	"seatd.service", "systemd-udevd.service", "dbus.service", "dbus-broker.service",
	"libvirtd.service", "virtqemud.service", "virtnodedevd.service", "va-hostd.service",
	"init.scope" };

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

/* The unit that ends at p[len) of the path. */
static void copy_unit(struct holder *h, const char *p, size_t len)
{
	char unit[INIT_SERVICE_SIZE];

	if (len >= sizeof(unit))
		return;
	memcpy(unit, p, len);
	unit[len] = '\0';
	if (init_service_is_valid(unit))
		memcpy(h->unit, unit, len + 1);
}

static void parse_user_unit(const char *path, struct holder *h)
{
	const char *slash = strrchr(path, '/');
	bool app = strstr(path, "/app.slice/") != NULL;

	h->kind = HOLDER_USER_UNIT;
	copy_unit(h, slash + 1, strlen(slash + 1));
	/* what a desktop starts as an application is named app-..., and ends with the desktop */
	h->comes_back = app && strncmp(h->unit, "app-", 4) != 0;
	if (!h->unit[0] || strstr(h->unit, ".scope"))
		h->kind = HOLDER_PROCESS;
}

void belongs_parse_cgroup(const char *text, const char *dm, struct holder *h)
{
	char path[512];
	const char *p = strstr(text, "0::/"), *service;
	size_t len;

	h->kind = HOLDER_PROCESS;
	if (!p) /* elogind and older systemd */
		p = strstr(text, "name=systemd:/");
	if (!p)
		return;
	p = strchr(p, '/');
	len = strcspn(p, "\n");
	(void)snprintf(path, sizeof(path), "%.*s", (int)(len < 500 ? len : 500), p);
	if ((p = strstr(path, "/user@")) && strstr(p, ".service/")) {
		parse_user_unit(path, h);
	} else if ((p = strstr(path, "/session-")) && strstr(p, ".scope")) {
		h->kind = HOLDER_LOGIN;
		p += strlen("/session-");
		(void)snprintf(
			h->session, sizeof(h->session), "%.*s", (int)(strstr(p, ".scope") - p), p);
	} else if ((service = strstr(path, ".service"))) {
		h->kind = HOLDER_SERVICE;
		for (p = service; p > path && p[-1] != '/';)
			p--;
		copy_unit(h, p, (size_t)(service - p) + strlen(".service"));
		if (dm[0] && !strcmp(h->unit, dm))
			h->kind = HOLDER_GRAPHICAL;
		if (!h->unit[0])
			h->kind = HOLDER_PROCESS;
	}
	if (strstr(path, "/init.scope") ||
		is_one_of(h->unit, protected_units, ARRAY_SIZE(protected_units)))
		h->kind = HOLDER_PROTECTED;
}

/* Sessions that no display manager started. */
static bool is_text_login(const char *service)
{
	static const char *const names[] = { "login", "remote", "sshd", "su", "su-l", "sudo",
		"cron", "crond", "atd", "systemd-user", "" };

	return is_one_of(service, names, ARRAY_SIZE(names));
}

static void resolve_session(const struct machine *m, const char *dm, struct holder *h)
{
	char text[2048], service[64] = "";
	const char *p;
	bool seat;

	if (strspn(h->session, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") !=
			strlen(h->session) ||
		machine_read(m, text, sizeof(text), "/run/systemd/sessions/%s", h->session) < 0)
		text[0] = '\0';
	p = strstr(text, "\nSERVICE=");
	if (p) {
		p += strlen("\nSERVICE=");
		(void)snprintf(service, sizeof(service), "%.*s", (int)strcspn(p, "\n"), p);
	}
	seat = strstr(text, "\nSEAT=") != NULL;
	if (dm[0] && seat && !is_text_login(service))
		h->kind = HOLDER_GRAPHICAL;
	else if (!seat)
		h->kind = HOLDER_PROCESS; /* somebody's job over ssh: not his whole session */
}

void belongs_to(struct machine *m, enum init_kind init, const char *dm, struct holder *h)
{
	char text[2048];

	(void)machine_read(m, text, sizeof(text), "/proc/%d/cgroup", (int)h->pid);
	belongs_parse_cgroup(text, dm, h);
	if (h->kind == HOLDER_LOGIN)
		resolve_session(m, dm, h);
	if (is_one_of(h->comm, protected_names, ARRAY_SIZE(protected_names)) || h->pid == 1)
		h->kind = HOLDER_PROTECTED;
	if (init == INIT_SYSTEMD || h->kind != HOLDER_PROCESS)
		return;
	/* a person's process may call itself anything */
	if ((h->uid < FIRST_PERSON || h->uid == geteuid()) && init_service_is_valid(h->comm) &&
		init_is_active(m, init, h->comm) == 1) {
		memcpy(h->unit, h->comm, sizeof(h->comm));
		h->kind = strcmp(h->comm, dm) ? HOLDER_SERVICE : HOLDER_GRAPHICAL;
	} else if (dm[0]) {
		h->kind = HOLDER_GRAPHICAL;
	}
}
