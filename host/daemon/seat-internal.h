// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the files of the arbiter share: seat.c (who may, one at a time, what follows), seat-acts.c
 * (doing a step), seat-queue.c (who waits), seat-watch.c (a holder that is lost), seat-journal.c
 * (what is under way, on disk), seat-recover.c (what to do with it), seat-wake.c (after sleep).
 */
#ifndef VA_HOSTD_SEAT_INTERNAL_H
#define VA_HOSTD_SEAT_INTERNAL_H

#include "host/daemon/hostd.h"
#include "host/daemon/seat-journal.h"

/* execute_ops; ctx is the struct hostd. */
void seat_act_write(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done);
void seat_act_read(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint32_t limit_ms, execute_act_fn *done);
void seat_act_stop(void *ctx, struct execution *x, int machine, enum step_how how,
	uint32_t limit_ms, execute_act_fn *done);
void seat_act_start(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done);
void seat_act_ping(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done);
void seat_act_screen(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done);
void seat_act_attach(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done);
void seat_act_detach(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done);

/* As seat_switch(), for the arbiter's own purposes: no recovery stands in its way. */
void seat_switch_now(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r);

/* Nobody moves the seat any more: what had to wait for that. */
void seat_after_switch(struct hostd *h);
/* Ends the switch under way where it is, and tells who asked for it. */
void seat_give_up(struct hostd *h, const char *why);
void seat_rescue_forget(struct hostd *h, const void *userdata);
void seat_rescue_stop(struct hostd *h);

bool seat_queue_add(struct hostd *h, const struct intent *i, const char *who,
	const struct seat_request *r); /* false: too many wait already */
void seat_queue_next(struct hostd *h);
void seat_queue_forget(struct hostd *h, const void *userdata);
void seat_queue_free(struct hostd *h);

/* What was moved to a guest that did not stay comes back to the host. */
void seat_bring_back(struct hostd *h, int machine);

int seat_watch_start(struct hostd *h);
void seat_watch_stop(struct hostd *h);

void seat_recover_start(struct hostd *h);
/* The world changed: perhaps it is known well enough now. */
void seat_recover_look(struct hostd *h);
void seat_recover_stop(struct hostd *h);
/* Whom the seat is being brought to; NULL: no recovery is under way. */
const char *seat_recover_goal(const struct hostd *h);

/* seat-wake.c */
void seat_wake_look(struct hostd *h);
void seat_wake_stop(struct hostd *h);

#endif
