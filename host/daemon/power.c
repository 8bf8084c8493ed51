// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's shutdown: scheduled with a delay, announced, cancellable. Through logind, so that
 * wall, shutdown -c and every desktop see it; or, where host.conf names a command, by running
 * that when the delay is over. Guests with a session are told at once, and again when it is
 * cancelled. Before the machine goes down the monitors are brought home: nobody would see the
 * last of it, or the firmware's next picture, on the input of a guest.
 */
#include "host/daemon/power.h"

#include "common/base/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define GO_HOME_USEC 10000000ull

int power_init(struct hostd *h)
{
	h->power = calloc(1, sizeof(*h->power));
	if (!h->power)
		return -ENOMEM;
	h->power->h = h;
	h->power->inhibitor = h->power->no_sleep = -1;
	logind_watch(h);
	return 0;
}

void power_free(struct hostd *h)
{
	if (!h->power)
		return;
	if (h->power->at_ms && h->power->by_command)
		log_warn("the shutdown that was scheduled is forgotten: va-hostd ends first");
	sd_event_source_disable_unref(h->power->timer);
	sd_event_source_disable_unref(h->power->command);
	sd_event_source_disable_unref(h->power->patience);
	logind_free(h);
	free(TAKE(h->power));
}

static void tell(struct guest *g, enum msg_event_kind kind, uint32_t seconds)
{
	struct link_ipc m = { .head.op = LINK_OP_NOTIFY };

	m.message.kind = MSG_EVENT;
	m.message.event.kind = kind;
	m.message.event.value = seconds;
	if (g->session)
		guest_order(g, &m);
}

void power_announce(struct hostd *h, enum msg_event_kind kind, uint32_t seconds)
{
	events_poke(h);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			tell(h->guests[i], kind, seconds);
}

void power_tell(struct guest *g)
{
	int in_s = power_scheduled_in(g->h, NULL);

	if (in_s >= 0)
		tell(g, MSG_EV_SHUTDOWN_SCHEDULED, (uint32_t)in_s);
}

static void forget(struct power *p)
{
	p->at_ms = 0;
	p->timer = sd_event_source_disable_unref(p->timer);
}

/* PCI devices that a guest drives do not survive the machine's sleep, nor does that guest. */
void power_look(struct hostd *h)
{
	const struct world *w = hostd_world(h);
	bool lent = false;

	for (int i = 1; i < w->n_machines; i++)
		lent = lent || (world_is_up(&w->machines[i]) &&
				       (w->machines[i].n_gpus || w->machines[i].n_hostdevs));
	if (h->power)
		logind_keep_awake(h, lent);
}

/* --- the way home
 * -------------------------------------------------------------------------------------- */

bool power_is_going_down(const struct hostd *h)
{
	return h->power && h->power->next;
}

void power_stay_up(struct hostd *h)
{
	h->power->patience = sd_event_source_disable_unref(h->power->patience);
	h->power->next = NULL;
	seat_forget(h, h->power);
}

static void gone_home(void *userdata, enum exit_code code, const char *text)
{
	struct hostd *h = ((struct power *)userdata)->h;

	if (code != EXIT_CODE_OK && code != EXIT_CODE_UNCONFIRMED)
		log_warn("shutdown: the monitors stay where they are: %s", text);
	h->power->patience = sd_event_source_disable_unref(h->power->patience);
	h->power->next(h);
}

static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct power *p = userdata;

	(void)s;
	(void)usec;
	seat_forget(p->h, p);
	gone_home(p, EXIT_CODE_UNKNOWN, "they did not obey in time");
	return 0;
}

void power_go_down(struct hostd *h, void (*next)(struct hostd *h))
{
	struct power *p = h->power;
	struct seat_request r = { .done = gone_home, .userdata = p };

	if (p->next)
		return;
	p->next = next;
	if (sd_event_add_time_relative(h->event, &p->patience, CLOCK_BOOTTIME, GO_HOME_USEC, 100000,
		    on_patience, p) < 0)
		gone_home(p, EXIT_CODE_FAILED, "out of memory");
	else
		seat_go_home(h, &r);
}

/* --- a command of the user's
 * ------------------------------------------------------------------------------ */

static int on_command_end(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	if (si->si_code != CLD_EXITED || si->si_status != 0)
		log_error("shutdown: shutdown-command %s %d; this machine stays up",
			si->si_code == CLD_EXITED ? "ended with exit status" : "died of signal",
			si->si_status);
	h->power->command = sd_event_source_disable_unref(h->power->command);
	power_stay_up(h);
	return 0;
}

static void run_command(struct hostd *h)
{
	char *const *argv = h->config->shutdown_command;
	pid_t pid;
	/* the configuration may have been read again since */
	int r = argv[0] ? hostd_spawn(argv, &pid) : ENOENT;

	if (r) {
		log_error("shutdown: cannot run %s: %s; see shutdown-command in host.conf",
			argv[0] ? argv[0] : "any command", strerror(r));
		power_stay_up(h);
		return;
	}
	log_info("shutdown: %s runs as pid %d", argv[0], pid);
	sd_event_source_disable_unref(h->power->command);
	h->power->command = NULL;
	r = sd_event_add_child(h->event, &h->power->command, pid, WEXITED, on_command_end, h);
	if (r < 0) {
		log_warn("shutdown: nobody will hear how %s ends: %s", argv[0], strerror(-r));
		power_stay_up(h);
	}
}

static int on_due(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	(void)usec;
	forget(h->power);
	if (h->power->by_command)
		power_go_down(h, run_command);
	return 0;
}

/* --- the doors
 * -------------------------------------------------------------------------------------- */

static void answer(struct power *p, enum exit_code code, const char *text)
{
	power_done_fn *done = TAKE(p->done);

	p->waiting = false;
	if (done)
		done(TAKE(p->userdata), code, p->delay_s, text);
}

static void scheduled(struct hostd *h)
{
	struct power *p = h->power;
	char text[96];

	power_announce(h, MSG_EV_SHUTDOWN_SCHEDULED, p->delay_s);
	log_warn("shutdown in %u s, asked for by %s; \"va-host cancel\" stops it", p->delay_s,
		p->by);
	snprintf(text, sizeof(text), "the host shuts down in %u s (va-host cancel)", p->delay_s);
	answer(p, EXIT_CODE_OK, text);
}

static void cancelled(struct hostd *h)
{
	forget(h->power);
	power_announce(h, MSG_EV_SHUTDOWN_CANCELLED, 0);
	log_info("the scheduled shutdown is cancelled");
	answer(h->power, EXIT_CODE_OK, "the shutdown is cancelled");
}

void power_answered(struct hostd *h, int error, const char *text)
{
	struct power *p = h->power;
	bool cancelling = p->cancelling;
	char words[256];

	if (!p->waiting)
		return;
	p->cancelling = false;
	if (error == 0) {
		(cancelling ? cancelled : scheduled)(h);
		return;
	}
	if (!cancelling)
		forget(p);
	snprintf(words, sizeof(words), "%s: %s; %s",
		cancelling ? "cannot cancel it" : "cannot schedule it",
		text[0] ? text : strerror(-error),
		cancelling ? "try \"shutdown -c\"" : "is systemd-logind running?");
	log_error("shutdown: %s", words);
	answer(p, EXIT_CODE_FAILED, words);
}

static bool is_waiting(const struct power *p, power_done_fn *done, void *userdata)
{
	if (p->waiting)
		done(userdata, EXIT_CODE_BUSY, 0, "another request waits for logind's answer");
	return p->waiting;
}

static void wait_for_answer(struct power *p, power_done_fn *done, void *userdata)
{
	p->waiting = true;
	p->done = done;
	p->userdata = userdata;
}

void power_schedule(
	struct hostd *h, uint32_t delay_s, const char *by, power_done_fn *done, void *userdata)
{
	struct power *p = h->power;
	char text[96];
	int r;

	if (is_waiting(p, done, userdata))
		return;
	if (p->at_ms || p->next) {
		snprintf(text, sizeof(text),
			"a shutdown is scheduled already, in %d s (va-host "
			"cancel)",
			p->at_ms ? power_scheduled_in(h, NULL) : 0);
		done(userdata, EXIT_CODE_BUSY, 0, text);
		return;
	}
	wait_for_answer(p, done, userdata);
	p->by_command = h->config->shutdown_command[0];
	p->delay_s = delay_s;
	p->at_ms = hostd_now_ms() + delay_s * 1000ull;
	snprintf(p->by, sizeof(p->by), "%s", by);
	r = sd_event_add_time_relative(
		h->event, &p->timer, CLOCK_BOOTTIME, delay_s * 1000000ull, 10000, on_due, h);
	if (r >= 0 && !p->by_command)
		r = logind_schedule(h, delay_s, by);
	if (r < 0)
		power_answered(h, r, "");
	else if (p->by_command)
		scheduled(h);
}

void power_cancel(struct hostd *h, power_done_fn *done, void *userdata)
{
	struct power *p = h->power;
	int r = 0;

	if (is_waiting(p, done, userdata))
		return;
	if (!p->at_ms) {
		done(userdata, EXIT_CODE_FAILED, 0, "no shutdown is scheduled");
		return;
	}
	wait_for_answer(p, done, userdata);
	p->cancelling = true;
	if (!p->by_command)
		r = logind_cancel(h);
	if (r < 0 || p->by_command)
		power_answered(h, r, "");
}

void power_forget(struct hostd *h, const void *userdata)
{
	if (h->power && h->power->userdata == userdata) {
		h->power->done = NULL;
		h->power->userdata = NULL;
	}
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
