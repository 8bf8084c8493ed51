// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the parts of the walk share: execute.c (step after step), execute-check.c (is the monitor
 * where it should be?), execute-machine.c (acts on machines and devices, and waiting for them),
 * execute-undo.c (the way back).
 *
 * State: step at of the plan, or, once undoing, step at counted downwards. At any time exactly
 * one of three is outstanding: an act (its callback goes on), a timer, or a wait with its timer.
 */
#ifndef VA_HOSTD_EXECUTE_INTERNAL_H
#define VA_HOSTD_EXECUTE_INTERNAL_H

#include "host/daemon/execute.h"

/* What the timer's end, or the world, means. */
typedef void execute_next_fn(struct execution *x);
/* 1: it is so; 0: not yet; negative errno: it will never be */
typedef int execute_cond_fn(const struct world *w, int machine);

struct execution {
	sd_event *event;
	sd_event_source *timer;
	execute_next_fn *next;
	const struct execute_ops *ops;
	void *ctx;
	struct plan plan;
	struct world_monitor monitors[WORLD_MAX_MONITORS];
	int at; /* step */
	bool undoing, over;
	bool last_ok;               /* the last step that was not skipped */
	bool tried[PLAN_MAX_STEPS]; /* it was begun, and may have had its effect */
	bool done[PLAN_MAX_STEPS];  /* it had */
	bool late[PLAN_MAX_STEPS];  /* nobody answered: the world may not show yet what it did */
	bool unconfirmed, undo_failed, failed;
	uint64_t step_began_ms;
	/* of the wait under way */
	execute_cond_fn *cond; /* NULL: none */
	int cond_machine;
	execute_act_fn *cond_done;
	uint64_t cond_until_ms;
	/* of the check under way */
	int writer; /* the step whose write is being checked, -1 none */
	int rewrites, others;
	/* of the confirmation under way */
	bool dark; /* its agent answered last that its screen is */
	/* of the undoing under way */
	int undo_try, undo_rounds;
	bool undo_left; /* somebody who is not gone failed */
	char text[EXECUTE_TEXT_SIZE];
};

uint64_t execute_now_ms(void);
struct step *execute_step(struct execution *x);
void execute_report(struct execution *x, const char *state, const char *detail);
/* Come back in ms; 0: from the loop, so that no callback runs deep in another's stack. */
void execute_later(struct execution *x, uint32_t ms, execute_next_fn *next);
void execute_next_step(struct execution *x);
/* The step under way failed: its alternative, or the way back. */
void execute_fail(struct execution *x, const char *detail);
void execute_step_over(struct execution *x, int error, int32_t value, const char *detail);
void execute_finish(struct execution *x);

void execute_check_begin(struct execution *x);
/* What was written to this step's monitor stays unproven. */
void execute_unconfirmed(struct execution *x, const char *detail);

/* Waits until cond holds of machine, for the rest of limit_ms; done as of an act. */
void execute_wait(struct execution *x, execute_cond_fn *cond, int machine, uint32_t limit_ms,
	execute_act_fn *done);
bool execute_is_gone(const struct execution *x, int machine);
execute_cond_fn execute_is_off, execute_is_running, execute_has_session;
void execute_machine_begin(struct execution *x);

void execute_undo_begin(struct execution *x);

#endif
