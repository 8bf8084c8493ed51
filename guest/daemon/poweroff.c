// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Power-off; see poweroff.h.
 *
 * Theory of operation: the system bus is opened when it is needed and closed with the answer; a
 * daemon that may be asked to switch off once in its life holds no connection for that. logind
 * says yes and then begins; the answer still reaches the host.
 */
#include "guest/daemon/poweroff.h"

#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#define BUS_LIMIT_USEC (10ull * 1000000)

struct poweroff {
	sd_event *event;
	char *command;
	sd_bus *bus;
	sd_bus_slot *slot;
	sd_event_source *child;
	poweroff_reply_fn *reply;
	void *userdata;
};

static void finish(struct poweroff *p, int error, const char *detail)
{
	poweroff_reply_fn *reply = p->reply;

	p->reply = NULL;
	reply(error, detail, p->userdata);
}

static int on_command_end(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	struct poweroff *p = userdata;

	(void)s;
	p->child = sd_event_source_disable_unref(p->child);
	if (si->si_code == CLD_EXITED && si->si_status == 0)
		finish(p, 0, "");
	else
		finish(p, -EIO, "the power-off command failed");
	return 0;
}

static int run_command(struct poweroff *p)
{
	char *argv[] = { p->command, NULL };
	char *env[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, NULL };
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int r;

	sigemptyset(&none);
	r = posix_spawnattr_init(&attr);
	if (r != 0)
		return -r;
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = -posix_spawn(&pid, p->command, NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	if (r < 0)
		return r;
	return sd_event_add_child(p->event, &p->child, pid, WEXITED, on_command_end, p);
}

static void fall_back(struct poweroff *p, const char *why)
{
	int r;

	if (!p->command) {
		finish(p, -EACCES, why);
		return;
	}
	r = run_command(p);
	if (r < 0)
		finish(p, r, "the power-off command cannot be run");
}

static void close_bus(struct poweroff *p)
{
	p->slot = sd_bus_slot_unref(p->slot);
	p->bus = sd_bus_close_unref(p->bus);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
	struct poweroff *p = userdata;
	bool denied = sd_bus_message_is_method_error(m, NULL);

	(void)ret_error;
	close_bus(p);
	if (denied)
		fall_back(p, "logind refused; is the polkit rule for user virt-aid installed?");
	else
		finish(p, 0, "");
	return 0;
}

static int ask_logind(struct poweroff *p)
{
	int r = sd_bus_open_system(&p->bus);

	if (r >= 0)
		r = sd_bus_attach_event(p->bus, p->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(p->bus, BUS_LIMIT_USEC);
	if (r >= 0)
		r = sd_bus_call_method_async(p->bus, &p->slot, "org.freedesktop.login1",
			"/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PowerOff",
			on_answer, p, "b", 0);
	return r;
}

int poweroff_ask(struct poweroff *p, poweroff_reply_fn *reply, void *userdata)
{
	if (p->reply)
		return -EBUSY;
	p->reply = reply;
	p->userdata = userdata;
	if (ask_logind(p) < 0) {
		close_bus(p);
		fall_back(p, "no system bus, and no poweroff-command in guest.conf");
	}
	return 0;
}

int poweroff_new(struct poweroff **ret, sd_event *event, const char *command)
{
	CLEANUP_FN(poweroff) struct poweroff *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	if (command && *command) {
		p->command = strdup(command);
		if (!p->command)
			return -ENOMEM;
	}
	*ret = TAKE(p);
	return 0;
}

void poweroff_free(struct poweroff *p)
{
	if (!p)
		return;
	close_bus(p);
	if (p->reply)
		finish(p, -ECANCELED, "the daemon was stopped meanwhile");
	sd_event_source_disable_unref(p->child);
	sd_event_unref(p->event);
	free(p->command);
	free(p);
}
