// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plan(world, intent) -> steps, or a refusal with its reason. A pure function: no I/O, no clock,
 * no memory of its own. Each step names who acts, its limit, how it is verified and how it is
 * undone; "va-host switch NAME --dry-run" prints exactly this, execute.h walks it.
 *
 * A monitor's input is pushed by the side that is shown; if that fails, pulled (blind, if need
 * be) by the side that wants to be shown; then read back from there.
 */
#ifndef VA_HOSTD_PLAN_H
#define VA_HOSTD_PLAN_H

#include "common/base/exitcode.h"
#include "host/daemon/world.h"

#define PLAN_MAX_STEPS (WORLD_MAX_MONITORS * 4 + 1)
#define PLAN_TEXT_SIZE 160

enum step_kind {
	STEP_WRITE, /* actor writes input of monitor */
	STEP_CHECK, /* actor reads the input source until it is the wanted one */
	STEP_SEAT,  /* the seat is target's: cannot fail, comes last */
};

struct step {
	enum step_kind kind;
	bool only_if_failed; /* the other way round: taken where the write before it failed */
	int actor;           /* machine */
	int monitor;         /* index into world.monitors */
	int input;           /* index into its inputs: what is to be shown */
	int undo_input;      /* what was shown before, -1 not known (then nothing to undo) */
	uint32_t limit_ms;
};

struct plan {
	int target;
	struct step steps[PLAN_MAX_STEPS];
	int n_steps;
	enum exit_code refusal;      /* EXIT_CODE_OK: there is a plan */
	char reason[PLAN_TEXT_SIZE]; /* of a refusal, or of a plan with nothing to do */
};

struct intent {
	const char *target; /* a machine's name */
	bool force;         /* go there without a session, and though it is there already */
};

void plan_switch(const struct world *w, const struct intent *i, struct plan *ret);

/* One line on what the step does, and on how it is undone ("-": it is not). */
void step_describe(const struct world *w, const struct step *s, char *out, size_t size);
void step_describe_undo(const struct world *w, const struct step *s, char *out, size_t size);

#endif
