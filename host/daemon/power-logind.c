// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * systemd-logind on the system bus (org.freedesktop.login1); see power.h. Every call is
 * asynchronous: the daemon never waits for the bus. The bus is opened at start, to hear of
 * shutdowns, and again when it is needed and was lost.
 */
#include "common/base/log.h"
#include "host/daemon/power.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SERVICE        "org.freedesktop.login1"
#define LOGIND         SERVICE, "/org/freedesktop/login1", SERVICE ".Manager"
#define BUS_LIMIT_USEC 5000000ull

static int on_prepare(sd_bus_message *m, void *userdata, sd_bus_error *e);
static int bus_open(struct hostd *h);

/* --- an inhibitor: the shutdown waits for it, within logind's InhibitDelayMaxSec ---------------
 */

static int on_inhibited(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct hostd *h = userdata;
	int fd = -1;

	(void)e;
	if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "h", &fd) < 0) {
		log_debug("logind gives no inhibitor: a shutdown does not wait for the monitors");
		return 0;
	}
	logind_release(h);
	h->power->inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return 0;
}

static void inhibit(struct hostd *h)
{
	sd_bus_call_method_async(h->power->bus, NULL, LOGIND, "Inhibit", on_inhibited, h, "ssss",
		"shutdown", "virt-aid", "the monitors are switched to this machine", "delay");
}

void logind_release(struct hostd *h)
{
	cleanup_closep(&h->power->inhibitor);
	h->power->inhibitor = -1;
}

/* --- no sleep while a guest has devices of this machine -----------------------------------------
 */

/* Taken, and not needed any more when the answer came: closed again at once. */
static int on_no_sleep(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct hostd *h = userdata;
	const sd_bus_error *failed = sd_bus_message_get_error(m);
	int fd = -1;

	(void)e;
	h->power->asking_no_sleep = false;
	if (failed || sd_bus_message_read(m, "h", &fd) < 0) {
		log_line(h->power->may_sleep ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
			"logind does not keep this machine from sleeping while guests have its "
			"devices: %s",
			failed && failed->message ? escape(failed->message) : "no descriptor");
		h->power->may_sleep = true;
		return 0;
	}
	cleanup_closep(&h->power->no_sleep);
	h->power->no_sleep = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	power_look(h);
	return 0;
}

void logind_keep_awake(struct hostd *h, bool awake)
{
	struct power *p = h->power;

	if (!awake) {
		cleanup_closep(&p->no_sleep);
		p->no_sleep = -1;
		p->may_sleep = false;
	} else if (p->no_sleep < 0 && !p->asking_no_sleep && bus_open(h) >= 0) {
		p->asking_no_sleep = sd_bus_call_method_async(p->bus, NULL, LOGIND, "Inhibit",
					     on_no_sleep, h, "ssss", "sleep", "virt-aid",
					     "a virtual machine has devices of this machine, which "
					     "do not wake up in it",
					     "block") >= 0;
	}
}

static int on_prepare(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct hostd *h = userdata;
	int begins = 0;

	(void)e;
	if (sd_bus_message_read(m, "b", &begins) < 0)
		return 0;
	if (begins) {
		power_announce(h, MSG_EV_SHUTDOWN_SCHEDULED, 0);
		power_go_down(h, logind_release);
	} else {
		power_stay_up(h);
		inhibit(h);
	}
	return 0;
}

static int on_sleep(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	int begins = 0;

	(void)e;
	if (sd_bus_message_read(m, "b", &begins) >= 0 && !begins)
		seat_slept(userdata);
	return 0;
}

/* --- the bus
 * ---------------------------------------------------------------------------------------- */

static void bus_close(struct power *p)
{
	p->asking_no_sleep = false; /* its answer will not come */
	p->signal = sd_bus_slot_unref(p->signal);
	p->sleep_signal = sd_bus_slot_unref(p->sleep_signal);
	p->bus = sd_bus_close_unref(p->bus);
}

static int bus_open(struct hostd *h)
{
	struct power *p = h->power;
	int r;

	if (p->bus && sd_bus_is_open(p->bus) > 0)
		return 0;
	bus_close(p);
	r = sd_bus_open_system(&p->bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(p->bus, BUS_LIMIT_USEC);
	if (r >= 0)
		r = sd_bus_attach_event(p->bus, h->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_bus_match_signal_async(
			p->bus, &p->signal, LOGIND, "PrepareForShutdown", on_prepare, NULL, h);
	if (r >= 0)
		r = sd_bus_match_signal_async(
			p->bus, &p->sleep_signal, LOGIND, "PrepareForSleep", on_sleep, NULL, h);
	if (r < 0) {
		bus_close(p);
		return r;
	}
	inhibit(h);
	return 0;
}

void logind_watch(struct hostd *h)
{
	int r = bus_open(h);

	if (r < 0)
		log_info("no system bus (%s): a shutdown does not wait for the monitors",
			strerror(-r));
}

void logind_free(struct hostd *h)
{
	logind_release(h);
	logind_keep_awake(h, false);
	bus_close(h->power);
}

/* --- scheduling
 * --------------------------------------------------------------------------------------- */

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	const sd_bus_error *failed = sd_bus_message_get_error(m);
	char text[160];

	(void)e;
	snprintf(
		text, sizeof(text), "%s", failed && failed->message ? escape(failed->message) : "");
	power_answered(userdata, failed ? -sd_bus_message_get_errno(m) : 0, text);
	return 0;
}

int logind_schedule(struct hostd *h, uint32_t delay_s, const char *by)
{
	char wall[160];
	uint64_t at = ((uint64_t)time(NULL) + delay_s) * 1000000;
	int r = bus_open(h);

	if (r < 0)
		return r;
	snprintf(wall, sizeof(wall), "virt-aid: shutdown asked for by %s (va-host cancel)", by);
	r = sd_bus_call_method_async(
		h->power->bus, NULL, LOGIND, "SetWallMessage", NULL, NULL, "sb", wall, 1);
	if (r >= 0)
		r = sd_bus_call_method_async(h->power->bus, NULL, LOGIND, "ScheduleShutdown",
			on_answer, h, "st", "poweroff", at);
	return r;
}

int logind_cancel(struct hostd *h)
{
	int r = bus_open(h);

	return r < 0 ? r
		     : sd_bus_call_method_async(h->power->bus, NULL, LOGIND,
			       "CancelScheduledShutdown", on_answer, h, "");
}
