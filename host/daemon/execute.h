// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks a plan, one step at a time, through whoever acts, and walks back on failure: either all
 * monitors end at the target or all are written back. One execution at a time per daemon; the
 * caller keeps that rule (arbiter: hostd.h). Never blocks: the acts answer through callbacks.
 *
 * A write that was acknowledged proves little. The check reads the input source from the side
 * that should be shown now: the wanted value confirms, another input's learned value that stays
 * leads to a second write and then to failure, anything else is "sent, not confirmed".
 */
#ifndef VA_HOSTD_EXECUTE_H
#define VA_HOSTD_EXECUTE_H

#include "common/base/cleanup.h"
#include "host/daemon/plan.h"

#include <systemd/sd-event.h>

struct execution;

/*
 * The end of one act: 0 and, for reads, the value; or a negative errno: -ECOMM it was tried and
 * not acknowledged or not answered, -ETIMEDOUT no answer came in time, -ENOTCONN nobody to ask
 * now, -ESRCH the machine is gone.
 * detail: for people, may be "".
 */
typedef void execute_act_fn(struct execution *x, int error, int32_t value, const char *detail);

struct execute_ops {
	/* Start it; call done exactly once, now or later. */
	void (*write)(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
		uint16_t value, uint32_t limit_ms, execute_act_fn *done);
	void (*read)(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
		uint32_t limit_ms, execute_act_fn *done);
	/* state: "done", "failed", "skipped", "undone"; ms: how long it took */
	void (*on_step)(void *ctx, int n, const struct step *s, const char *state, unsigned int ms,
		const char *detail);
	/* The monitor shows that input, and reads as value while it does. */
	void (*on_shown)(void *ctx, int monitor, int input, int32_t value);
	/* Over. x is freed by the caller, inside or after. moved: the seat is the target's. */
	void (*on_done)(
		void *ctx, struct execution *x, enum exit_code code, bool moved, const char *text);
	uint32_t first_read_ms, next_read_ms; /* pauses of a check; 200 and 1000 */
};

/* world and plan are copied as far as needed. ops and ctx stay the caller's. */
int execute_new(struct execution **ret, sd_event *event, const struct world *w,
	const struct plan *plan, const struct execute_ops *ops, void *ctx);
void execute_free(struct execution *x);
DEFINE_CLEANUP(execution, execute_free);

int execute_target(const struct execution *x);

#endif
