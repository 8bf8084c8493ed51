// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks a plan, one step at a time, through whoever acts, and walks back on failure: either
 * monitors, keyboards and mice all end at the target, or all go back. One execution at a time
 * per daemon; the caller keeps that rule (arbiter: hostd.h). Never blocks: acts answer through
 * callbacks, and a machine's state or session is waited for with a limit (execute_poke()).
 *
 * A write that was acknowledged proves little. The check reads the input source from the side
 * that should be shown now: the wanted value confirms, another input's learned value that stays
 * leads to another write, by the next one who can, and then to failure, anything else is "sent,
 * not confirmed".
 */
#ifndef VA_HOSTD_EXECUTE_H
#define VA_HOSTD_EXECUTE_H

#include "common/base/cleanup.h"
#include "host/daemon/plan.h"

#include <systemd/sd-event.h>

/* What failed, and why in libvirt's or a hook's own words. */
#define EXECUTE_TEXT_SIZE 400

struct execution;

/*
 * The end of one act: 0 and, for reads and screens, the value; or a negative errno: -ECOMM it was
 * tried and not acknowledged or not answered, -ETIMEDOUT no answer came in time (it may have
 * happened), -ENOTCONN nobody to ask now, -ESRCH the machine is gone. detail: for people, may be
 * "".
 */
typedef void execute_act_fn(struct execution *x, int error, int32_t value, const char *detail);

struct execute_ops {
	/* Each starts an act and calls done exactly once, now or later. */
	void (*write)(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
		uint16_t value, uint32_t limit_ms, execute_act_fn *done);
	void (*read)(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
		uint32_t limit_ms, execute_act_fn *done);
	/* Asked for and accepted; that it is off is seen in the world. */
	void (*stop)(void *ctx, struct execution *x, int machine, enum step_how how,
		uint32_t limit_ms, execute_act_fn *done);
	/* The same: that it runs is seen in the world. */
	void (*start)(void *ctx, struct execution *x, int machine, uint32_t limit_ms,
		execute_act_fn *done);
	/* device: index into world.devices */
	void (*attach)(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
		execute_act_fn *done);
	void (*detach)(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
		execute_act_fn *done);
	/* Does its agent answer, now? */
	void (*ping)(void *ctx, struct execution *x, int machine, uint32_t limit_ms,
		execute_act_fn *done);
	/* The same, and what do its screens show? The value is an enum msg_screen. */
	void (*screen)(void *ctx, struct execution *x, int machine, uint32_t limit_ms,
		execute_act_fn *done);
	/* How things are now. A machine that is no more is not known; none takes its index. */
	const struct world *(*world)(void *ctx);
	/* Step n (counted from 0) is about to be done, or undone; may be NULL. */
	void (*before)(void *ctx, int n, const struct step *s, bool undoing);
	/* state: "done", "failed", "skipped", "undone"; ms: how long it took */
	void (*on_step)(void *ctx, int n, const struct step *s, const char *state, unsigned int ms,
		const char *detail);
	/* The monitor shows that input, and reads as value while it does; by whose write. */
	void (*on_shown)(void *ctx, int monitor, int input, int32_t value, enum world_writer by);
	/* Over. x is freed by the caller, inside or after. moved: the seat is the target's. */
	void (*on_done)(
		void *ctx, struct execution *x, enum exit_code code, bool moved, const char *text);
	uint32_t first_read_ms, next_read_ms; /* pauses of a check; 200 and 1000 */
	uint32_t next_screen_ms;              /* between two looks at a dark screen; 500 */
};

/* world and plan are copied as far as needed. ops and ctx stay the caller's. */
int execute_new(struct execution **ret, sd_event *event, const struct world *w,
	const struct plan *plan, const struct execute_ops *ops, void *ctx);
void execute_free(struct execution *x);
DEFINE_CLEANUP(execution, execute_free);

/* The world changed: what is waited for may be there. */
void execute_poke(struct execution *x);

int execute_target(const struct execution *x);
/* It has ended, and left something that is neither done nor undone. */
bool execute_left_over(const struct execution *x);
/* The step under way, counted from 1, and of how many; whether it walks back. */
int execute_at(const struct execution *x, int *ret_of, bool *ret_undoing);

#endif
