// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's shutdown: scheduled with a delay, announced, cancellable. Through logind
 * (org.freedesktop.login1, ScheduleShutdown), so that wall, shutdown -c and every desktop see
 * it; or, where host.conf names a command, by running that when the delay is over. Guests with a
 * session are told at once, and again when it is cancelled.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define LOGIND	     "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
#define BUS_LIMIT_USEC 5000000ull

struct power {
	uint64_t at_ms; /* CLOCK_BOOTTIME, 0: nothing is scheduled */
	char by[NAME_MAX_LEN + 16];
	sd_event_source *timer;
	sd_event_source *command; /* until it ends */
};

int power_init(struct hostd *h)
{
	h->power = calloc(1, sizeof(*h->power));
	return h->power ? 0 : -ENOMEM;
}

void power_free(struct hostd *h)
{
	if (h->power) {
		sd_event_source_disable_unref(h->power->timer);
		sd_event_source_disable_unref(h->power->command);
	}
	free(TAKE(h->power));
	h->bus = sd_bus_flush_close_unref(h->bus);
}

static void announce(struct hostd *h, enum msg_event_kind kind, uint32_t seconds)
{
	struct link_ipc m = { .head.op = LINK_OP_NOTIFY };

	m.message.kind = MSG_EVENT;
	m.message.event.kind = kind;
	m.message.event.value = seconds;
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->state == LINK_UP)
			guest_order(h->guests[i], &m);
}

static void forget(struct hostd *h)
{
	h->power->at_ms = 0;
	h->power->timer = sd_event_source_disable_unref(h->power->timer);
}

static int on_command_end(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	if (si->si_code != CLD_EXITED || si->si_status != 0)
		log_error("shutdown: %s %s %d; this machine stays up",
			h->config->shutdown_command[0],
			si->si_code == CLD_EXITED ? "ended with exit status" : "died of signal",
			si->si_status);
	h->power->command = sd_event_source_disable_unref(h->power->command);
	return 0;
}

/* With the signals unblocked that the loop takes for itself. */
static int spawn_command(char *const *argv, pid_t *ret_pid)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { path, NULL };
	posix_spawnattr_t attr;
	sigset_t none;
	int r = posix_spawnattr_init(&attr);

	if (r)
		return r;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn(ret_pid, argv[0], NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	return r;
}

static void run_command(struct hostd *h)
{
	char *const *argv = h->config->shutdown_command;
	pid_t pid;
	int r = spawn_command(argv, &pid);

	if (r) {
		log_error("shutdown: cannot run %s: %s; see shutdown-command in host.conf", argv[0],
			strerror(r));
		return;
	}
	log_info("shutdown: %s runs as pid %d", argv[0], pid);
	sd_event_source_disable_unref(h->power->command);
	h->power->command = NULL;
	r = sd_event_add_child(h->event, &h->power->command, pid, WEXITED, on_command_end, h);
	if (r < 0)
		log_warn("shutdown: nobody will hear how %s ends: %s", argv[0], strerror(-r));
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	(void)usec;
	forget(h);
	if (h->config->shutdown_command[0])
		run_command(h);
	return 0;
}

/* --- logind ---------------------------------------------------------------------------------------- */

static int bus(struct hostd *h)
{
	int r;

	if (h->bus && sd_bus_is_open(h->bus) > 0)
		return 0;
	h->bus = sd_bus_flush_close_unref(h->bus);
	r = sd_bus_open_system(&h->bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(h->bus, BUS_LIMIT_USEC);
	if (r >= 0)
		r = sd_bus_attach_event(h->bus, h->event, SD_EVENT_PRIORITY_NORMAL);
	return r;
}

static int on_logind(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct hostd *h = userdata;
	const sd_bus_error *failed = sd_bus_message_get_error(m);

	(void)e;
	if (failed) {
		log_error("shutdown: logind refuses: %s", escape(failed->message));
		forget(h);
		announce(h, MSG_EV_SHUTDOWN_CANCELLED, 0);
	}
	return 0;
}

static int logind_schedule(struct hostd *h, uint32_t delay_s, const char *by)
{
	char wall[160];
	uint64_t at = ((uint64_t)time(NULL) + delay_s) * 1000000;
	int r = bus(h);

	if (r < 0)
		return r;
	snprintf(wall, sizeof(wall), "virt-aid: shutdown asked for by %s (va-host cancel)", by);
	r = sd_bus_call_method_async(h->bus, NULL, LOGIND, "SetWallMessage", NULL, NULL, "sb", wall,
		1);
	if (r >= 0)
		r = sd_bus_call_method_async(h->bus, NULL, LOGIND, "ScheduleShutdown", on_logind, h,
			"st", "poweroff", at);
	return r;
}

static int logind_cancel(struct hostd *h)
{
	int r = bus(h);

	return r < 0 ? r :
		       sd_bus_call_method_async(h->bus, NULL, LOGIND, "CancelScheduledShutdown",
			       NULL, NULL, "");
}

/* --- the doors -------------------------------------------------------------------------------------- */

enum exit_code power_schedule(struct hostd *h, uint32_t delay_s, const char *by, char *text,
	size_t size)
{
	struct power *p = h->power;
	int r = 0;

	if (p->at_ms) {
		snprintf(text, size, "a shutdown is scheduled already, in %d s (va-host cancel)",
			power_scheduled_in(h, NULL));
		return EXIT_CODE_BUSY;
	}
	if (!h->config->shutdown_command[0])
		r = logind_schedule(h, delay_s, by);
	if (r >= 0)
		r = sd_event_add_time_relative(h->event, &p->timer, CLOCK_BOOTTIME,
			delay_s * 1000000ull, 10000, on_due, h);
	if (r < 0) {
		snprintf(text, size, "cannot schedule it: %s; is systemd-logind running?",
			strerror(-r));
		return EXIT_CODE_FAILED;
	}
	p->at_ms = hostd_now_ms() + delay_s * 1000ull;
	snprintf(p->by, sizeof(p->by), "%s", by);
	announce(h, MSG_EV_SHUTDOWN_SCHEDULED, delay_s);
	snprintf(text, size, "the host shuts down in %u s (va-host cancel)", delay_s);
	log_warn("shutdown in %u s, asked for by %s; \"va-host cancel\" stops it", delay_s, by);
	return EXIT_CODE_OK;
}

enum exit_code power_cancel(struct hostd *h, char *text, size_t size)
{
	int r = 0;

	if (!h->power->at_ms) {
		snprintf(text, size, "no shutdown is scheduled");
		return EXIT_CODE_FAILED;
	}
	if (!h->config->shutdown_command[0])
		r = logind_cancel(h);
	if (r < 0) {
		snprintf(text, size, "cannot tell logind: %s; try \"shutdown -c\"", strerror(-r));
		return EXIT_CODE_FAILED;
	}
	forget(h);
	announce(h, MSG_EV_SHUTDOWN_CANCELLED, 0);
	snprintf(text, size, "the shutdown is cancelled");
	log_info("the scheduled shutdown is cancelled");
	return EXIT_CODE_OK;
}

int power_scheduled_in(const struct hostd *h, const char **ret_by)
{
	uint64_t now = hostd_now_ms();

	if (!h->power || !h->power->at_ms)
		return -1;
	if (ret_by)
		*ret_by = h->power->by;
	return h->power->at_ms > now ? (int)((h->power->at_ms - now) / 1000) : 0;
}
