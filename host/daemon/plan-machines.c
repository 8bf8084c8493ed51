// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machines in a plan: who holds what the target needs is stopped, nobody else; the target is
 * started, and answers. Pure.
 */
#include "host/daemon/plan-internal.h"

#define STOP_LIMIT_MS   60000u /* of a guest's own shutdown, where its file does not say */
#define FORCE_LIMIT_MS  20000u
#define START_LIMIT_MS  60000u  /* hooks and the GPU's hand-over */
#define ANSWER_LIMIT_MS 120000u /* from the start to the session, where its file does not say */
#define WAIT_LIMIT_MS   30000u  /* for the session of one that runs */

static bool is_forced(const struct planning *a, const struct world_machine *m)
{
	return a->i->force || m->on_conflict == WORLD_FORCE;
}

/* Whether the guest may be stopped for what it holds. */
static bool may_stop(struct planning *a, int machine, const char *pci)
{
	const struct world_machine *m = &a->w->machines[machine];
	const char *what = NULL;

	if (a->i->no_start)
		what = "--no-start says to stop nobody";
	else if (m->on_conflict == WORLD_REFUSE && !a->i->rescue)
		what = "its file says that it is not stopped for others (on-conflict)";
	else if (a->i->asker != WORLD_HOST && a->i->asker != machine)
		what = "a guest may have no other guest stopped";
	else if (m->state == WORLD_STARTING)
		what = "it is just starting; try again when it runs";
	else if (m->state == WORLD_PAUSED && !is_forced(a, m))
		what = "it is paused and cannot shut down; resume it first";
	else if (!m->startable && !a->i->force)
		what = "it could not be started again, for libvirt keeps no definition of it";
	else if (a->n_stopped == PLAN_MAX_STOPS)
		what = "too many guests are in the way";
	if (what)
		planning_refuse(a, EXIT_CODE_REFUSED, "%s has %s: %s", m->name, pci, what);
	else
		a->stopped[a->n_stopped++] = machine;
	return !what;
}

static void add_stop(struct planning *a, int machine, enum step_how how, uint32_t limit_ms)
{
	struct step *s =
		planning_add(a, STEP_STOP, how == STOP_AGENT ? machine : WORLD_HOST, limit_ms);
	const struct step *before = s - 1;

	s->machine = machine;
	s->how = how;
	s->undo = a->w->machines[machine].startable;
	s->only_if_failed =
		s != a->p->steps && before->kind == STEP_STOP && before->machine == machine;
}

/* By its agent, then by its power button, then by force where that is allowed. */
static void add_stops(struct planning *a, int machine)
{
	const struct world_machine *m = &a->w->machines[machine];
	uint32_t limit = m->stop_limit_ms ? m->stop_limit_ms : STOP_LIMIT_MS;

	if (m->state == WORLD_STOPPING)
		add_stop(a, machine, STOP_AWAIT, limit);
	if (m->state == WORLD_RUNNING && m->session)
		add_stop(a, machine, STOP_AGENT, limit);
	if (m->state == WORLD_RUNNING)
		add_stop(a, machine, STOP_ACPI, m->session ? limit / 2 : limit);
	if (is_forced(a, m))
		add_stop(a, machine, STOP_FORCE, FORCE_LIMIT_MS);
}

static void stop_all(struct planning *a)
{
	if (a->n_stopped)
		plan_early_pushes(a);
	for (int i = 0; i < a->n_stopped; i++) {
		plan_devices_home(a, a->stopped[i]);
		add_stops(a, a->stopped[i]);
	}
}

static void add_session(struct planning *a, uint32_t limit_ms)
{
	planning_add(a, STEP_SESSION, a->p->target, a->i->timeout_ms ? a->i->timeout_ms : limit_ms);
	a->answers = true;
}

/* One that was started goes off again if that gives back what others had. */
static bool start_target(struct planning *a)
{
	const struct world *w = a->w;
	const struct world_machine *t = &w->machines[a->p->target];
	const char *pci;
	struct step *s;

	if (a->i->no_start) {
		planning_refuse(a, EXIT_CODE_REFUSED,
			"%s cannot have the seat: it is not running, and is not to be started",
			t->name);
		return false;
	}
	if (!t->agent && !a->i->force) {
		planning_refuse(a, EXIT_CODE_NOT_PAIRED,
			"%s is off, and would not answer when it runs: it is not paired; start and "
			"pair it (va-host pair), or say --force",
			t->name);
		return false;
	}
	for (int i = 1; i < w->n_machines; i++)
		if (i != a->p->target && world_is_up(&w->machines[i]) &&
			world_conflicts(t, &w->machines[i], &pci) && !may_stop(a, i, pci))
			return false;
	a->starts = true;
	stop_all(a);
	s = planning_add(a, STEP_START, WORLD_HOST, START_LIMIT_MS);
	s->undo = a->n_stopped > 0 || (w->primary_gpu[0] && world_has(t, w->primary_gpu));
	if (t->agent)
		add_session(a, t->start_limit_ms ? t->start_limit_ms : ANSWER_LIMIT_MS);
	return true;
}

static bool reach_target(struct planning *a)
{
	const struct world_machine *t = &a->w->machines[a->p->target];

	if (t->session && t->state == WORLD_RUNNING)
		a->answers = true;
	else if (a->i->wait)
		add_session(a, WAIT_LIMIT_MS);
	else if (!a->i->force) {
		planning_refuse(a, EXIT_CODE_NOT_CONNECTED,
			"no session with %s: start va-guestd in it, or say --wait or --force",
			t->name);
		return false;
	}
	return true;
}

/* The host needs its primary GPU, or at least one that a monitor is cabled to. */
static bool bring_gpus_home(struct planning *a)
{
	const struct world *w = a->w;
	const char *gpu = w->primary_gpu;

	a->answers = true;
	if (!a->i->rescue)
		return true;
	if (!gpu[0] && w->n_monitors > 0 && !world_has_screen(w, WORLD_HOST))
		gpu = w->monitors[0]
			      .inputs[w->monitors[0].shown >= 0 ? w->monitors[0].shown : 0]
			      .gpu;
	/* where that guest may not be stopped, the reason stays as a remark */
	if (gpu[0] && world_gpu_owner(w, gpu) != WORLD_HOST &&
		!may_stop(a, world_gpu_owner(w, gpu), gpu))
		a->p->refusal = EXIT_CODE_OK;
	for (int i = 1; i < w->n_machines; i++)
		if (!planning_stops(a, i))
			plan_devices_home(a, i);
	stop_all(a);
	return true;
}

bool plan_machines(struct planning *a)
{
	if (a->p->target == WORLD_HOST)
		return bring_gpus_home(a);
	if (a->w->machines[a->p->target].state == WORLD_OFF)
		return start_target(a);
	return reach_target(a);
}
