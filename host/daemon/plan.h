// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * plan(world, intent) -> steps, or a refusal with its reason. A pure function: no I/O, no clock,
 * no memory of its own. Each step names who acts, its limit, how it is verified and how it is
 * undone; "va-host switch NAME --dry-run" prints exactly this, execute.h walks it.
 *
 * The order: machines (who holds what the target needs is shut down, the target is started and
 * answers), monitors, keyboards and mice, the target's sign of life, the seat. A monitor's input
 * is pushed by the side that is shown; if that fails, by whoever else has a cable to it, the
 * target last and blind, if need be; then it is read back from there.
 */
#ifndef VA_HOSTD_PLAN_H
#define VA_HOSTD_PLAN_H

#include "common/base/exitcode.h"
#include "host/daemon/world.h"

#define PLAN_MAX_STOPS   4 /* guests in the way of one switch */
#define PLAN_MAX_WRITERS 4 /* that are tried at one monitor */
#define PLAN_MAX_STEPS                                                         \
	(WORLD_MAX_MONITORS * (WORLD_MAX_INPUTS + 2) + WORLD_MAX_DEVICES * 3 + \
		PLAN_MAX_STOPS * 3 + 4)
#define PLAN_TEXT_SIZE 160

enum step_kind {
	STEP_WRITE,   /* actor writes input of monitor */
	STEP_CHECK,   /* actor reads the input source until it is the wanted one */
	STEP_LIGHT,   /* actor sends monitor a picture (MSG_VIA_SIGNAL) */
	STEP_DARK,    /* actor sends it none any more */
	STEP_STOP,    /* machine is made to stop, and is off: see how */
	STEP_START,   /* machine is started, and runs */
	STEP_SESSION, /* machine's agent answers */
	STEP_DETACH,  /* device is taken from machine, back to the host */
	STEP_ATTACH,  /* device is given to machine */
	STEP_CONFIRM, /* machine's agent answers a question put to it now; see screen */
	STEP_SEAT,    /* the seat is the target's: cannot fail, comes last */
};

static inline bool step_is_monitors(enum step_kind kind)
{
	return kind == STEP_WRITE || kind == STEP_CHECK || kind == STEP_LIGHT || kind == STEP_DARK;
}

enum step_how {
	STOP_AGENT, /* its agent powers it off */
	STOP_ACPI,  /* libvirt presses its power button */
	STOP_FORCE, /* it is destroyed */
	STOP_AWAIT, /* it is shutting down already */
};

struct step {
	enum step_kind kind;
	bool only_if_failed; /* the other way round: taken where the step before it failed */
	bool may_fail;       /* and the switch goes on */
	int actor;           /* machine */
	int machine;         /* whom it is about: STOP, START, SESSION, DETACH, ATTACH, CONFIRM */
	int monitor;         /* index into world.monitors: WRITE, CHECK, LIGHT, DARK */
	int input;           /* index into its inputs: what is to be shown */
	int undo_input;      /* what was shown before, -1 not known (then nothing to undo) */
	int device;          /* index into world.devices: DETACH, ATTACH */
	enum step_how how;
	enum world_writer writer;
	bool screen; /* CONFIRM: the answer must not be that its screen is dark, too */
	bool undo;   /* all but WRITE: is undone if the switch fails later */
	uint32_t limit_ms;
};

struct plan {
	int target;
	bool best_effort; /* a failure ends nothing and undoes nothing: rescue */
	struct step steps[PLAN_MAX_STEPS];
	int n_steps;
	enum exit_code refusal;      /* EXIT_CODE_OK: there is a plan */
	char reason[PLAN_TEXT_SIZE]; /* of a refusal or of nothing to do; or a remark */
};

struct intent {
	const char *target;  /* a machine's name, "next" or "prev" (of those that are alive) */
	int asker;           /* machine; a guest may have no guest stopped but itself */
	bool force;          /* go there without a session, with a dark screen, and though it is
				there already; destroy what does not shut down */
	bool no_start;       /* a guest that is off is not started, none is stopped */
	bool wait;           /* for the session of a target that runs and does not answer */
	bool rescue;         /* the target is the host, the primary GPU comes home, too */
	uint32_t timeout_ms; /* of starting and of waiting for the target; 0: the usual */
};

void plan_switch(const struct world *w, const struct intent *i, struct plan *ret);

/* The machine that a target's name means, "next" and "prev" resolved; WORLD_NOBODY: none. */
int plan_find_target(const struct world *w, const char *target);

/*
 * To whom the seat goes when its holder is lost: the last of asked[n] (machines that the seat
 * was asked for, the latest last) that is alive and not the loser, else the host, else any guest
 * that is alive; WORLD_NOBODY if all of them are refused.
 */
int plan_find_heir(const struct world *w, int loser, const int *asked, int n);

/* One line on what the step does, and on how it is undone ("-": it is not). */
void step_describe(const struct world *w, const struct step *s, char *out, size_t size);
void step_describe_undo(const struct world *w, const struct step *s, char *out, size_t size);

#endif
