// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What power.c (the schedule, the announcements, the way home) and power-logind.c (the bus)
 * share. Others see hostd.h.
 */
#ifndef VA_HOSTD_POWER_H
#define VA_HOSTD_POWER_H

#include "host/daemon/hostd.h"

#include <systemd/sd-bus.h>

struct power {
	struct hostd *h;
	uint64_t at_ms;  /* CLOCK_BOOTTIME, 0: nothing is scheduled */
	bool by_command; /* it is ours to carry out; else logind's */
	char by[NAME_MAX_LEN + 16];
	sd_event_source *timer;
	sd_event_source *command; /* until it ends */

	/* who waits for logind's answer */
	power_done_fn *done; /* NULL: nobody (any more) */
	void *userdata;
	bool waiting, cancelling;
	uint32_t delay_s;

	/* going down: the seat is on its way home, then comes next() */
	void (*next)(struct hostd *h);
	sd_event_source *patience;

	sd_bus *bus;
	sd_bus_slot *signal, *sleep_signal;
	int inhibitor;                   /* descriptor, -1: none */
	int no_sleep;                    /* the same, while guests have devices of this machine */
	bool asking_no_sleep, may_sleep; /* may_sleep: it was refused, and the log has it */
};

/* --- power-logind.c ------------------------------------------------------------------------------
 */

/* error: 0, or a negative errno; text: why, may be "". Never before the asking function returns. */
void power_answered(struct hostd *h, int error, const char *text);
/* Both ask, and power_answered() comes. Negative errno: they could not even ask. */
int logind_schedule(struct hostd *h, uint32_t delay_s, const char *by);
int logind_cancel(struct hostd *h);
/*
 * Hears of every shutdown, whoever asked for it, and has it wait until the monitors are at home.
 * Where there is no bus or no logind this changes nothing.
 */
void logind_watch(struct hostd *h);
void logind_free(struct hostd *h);
/* Has sleep refused to whoever asks, or no longer; where there is no logind, nothing. */
void logind_keep_awake(struct hostd *h, bool awake);
/* Let the shutdown go on. */
void logind_release(struct hostd *h);

/* --- power.c
 * --------------------------------------------------------------------------------------- */

/* Brings the seat home, within GO_HOME_USEC, then calls next. Nothing while it does already. */
void power_go_down(struct hostd *h, void (*next)(struct hostd *h));
/* It was called off, or did not work. */
void power_stay_up(struct hostd *h);
void power_announce(struct hostd *h, enum msg_event_kind kind, uint32_t seconds);

#endif
