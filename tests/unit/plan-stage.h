// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A world on which a plan is acted out, each step at once and with success, and put back after
 * that. A step that must not be there, or not now, is told by ENSURE().
 */
#ifndef VA_TEST_PLAN_STAGE_H
#define VA_TEST_PLAN_STAGE_H

#include "host/daemon/plan.h"
#include "tests/unit/ensure.h"

#include <string.h>

#define STAGE_MACHINES 64

/* A world being acted on, and what acts change in it as it was before. */
struct stage {
	struct world *w;
	struct world_machine *machines; /* of w */
	const struct intent *i;
	const struct plan *p;
	bool attached, keyboards; /* a device was, one of them a keyboard */
	/* a guest that showed it was stopped; such a guest wrote the target's input before */
	bool left[WORLD_MAX_MONITORS], pushed[WORLD_MAX_MONITORS];
	enum world_state state[STAGE_MACHINES];
	bool session[STAGE_MACHINES];
	int shown[WORLD_MAX_MONITORS], undo[WORLD_MAX_MONITORS];
	int holders[WORLD_MAX_DEVICES];
};

static void stage_open(
	struct stage *s, struct world *w, const struct intent *i, const struct plan *p)
{
	s->w = w;
	s->machines = w->machines;
	s->i = i;
	s->p = p;
	s->attached = s->keyboards = false;
	for (int k = 0; k < w->n_machines; k++) {
		s->state[k] = w->machines[k].state;
		s->session[k] = w->machines[k].session;
	}
	for (int k = 0; k < w->n_monitors; k++) {
		const struct world_monitor *m = &w->monitors[k];

		s->left[k] = s->pushed[k] = false;
		s->shown[k] = m->shown;
		s->undo[k] = m->shown >= 0 ? m->shown : world_input_of(w, m, w->holder);
	}
	for (int k = 0; k < w->n_devices; k++)
		s->holders[k] = w->devices[k].holder;
}

static void stage_close(struct stage *s)
{
	for (int k = 0; k < s->w->n_machines; k++) {
		s->machines[k].state = s->state[k];
		s->machines[k].session = s->session[k];
	}
	for (int k = 0; k < s->w->n_monitors; k++)
		s->w->monitors[k].shown = s->shown[k];
	for (int k = 0; k < s->w->n_devices; k++)
		s->w->devices[k].holder = s->holders[k];
}

static bool is_in_the_way(const struct stage *s, int machine)
{
	const char *pci;

	if (s->i->rescue)
		return true;
	return world_conflicts(&s->machines[s->p->target], &s->machines[machine], &pci);
}

/* Whoever has the keyboard can give it back. */
static bool keyboard_is_in_reach(const struct stage *s)
{
	bool any = false;

	for (int i = 0; i < s->w->n_devices; i++) {
		const struct world_device *d = &s->w->devices[i];

		if (!d->keyboard || d->holder == WORLD_NOBODY)
			continue;
		any = true;
		if (d->holder == WORLD_HOST || s->machines[d->holder].session)
			return true;
	}
	return !any || s->w->fixed_keyboard;
}

static bool act_stop(struct stage *s, const struct step *t)
{
	struct world_machine *m = &s->machines[t->machine];

	ENSURE(t->machine != WORLD_HOST && t->machine != s->p->target);
	ENSURE(is_in_the_way(s, t->machine));
	ENSURE(!s->i->no_start);
	ENSURE(s->i->asker == WORLD_HOST || s->i->asker == t->machine);
	ENSURE(m->on_conflict != WORLD_REFUSE || s->i->rescue);
	ENSURE(t->how != STOP_FORCE || s->i->force || m->on_conflict == WORLD_FORCE);
	ENSURE(t->how != STOP_AGENT || s->session[t->machine]);
	ENSURE(t->limit_ms > 0);
	for (int i = 0; i < s->w->n_devices; i++)
		ENSURE(s->w->devices[i].holder != t->machine);
	for (int i = 0; i < s->w->n_monitors && world_is_running(m) && m->session; i++) {
		const struct world_monitor *mon = &s->w->monitors[i];

		if (mon->n_inputs > 1 && s->undo[i] >= 0 &&
			world_gpu_owner(s->w, mon->inputs[s->undo[i]].gpu) == t->machine)
			s->left[i] = true;
	}
	m->state = WORLD_OFF;
	m->session = false;
	return true;
}

static bool act_start(struct stage *s, const struct step *t)
{
	const char *pci;

	ENSURE(t->machine == s->p->target && !s->i->no_start);
	ENSURE(s->machines[t->machine].state == WORLD_OFF && s->machines[t->machine].startable);
	for (int i = 1; i < s->w->n_machines; i++)
		ENSURE(i == t->machine || !world_is_up(&s->machines[i]) ||
			!world_conflicts(&s->machines[i], &s->machines[t->machine], &pci));
	s->machines[t->machine].state = WORLD_RUNNING;
	return true;
}

/* The host is seen at its primary GPU, and what is shown is left alone where that will do. */
static bool input_is_best(const struct stage *s, const struct step *t)
{
	const struct world_monitor *m = &s->w->monitors[t->monitor];
	const char *gpu = m->inputs[t->input].gpu;
	int shown = s->shown[t->monitor];

	ENSURE(s->i->force || t->input != shown);
	for (int i = 0; i < m->n_inputs && s->p->target == WORLD_HOST; i++)
		ENSURE(strcmp(m->inputs[i].gpu, s->w->primary_gpu) ||
			!strcmp(gpu, s->w->primary_gpu) ||
			world_gpu_owner(s->w, m->inputs[i].gpu) != WORLD_HOST);
	ENSURE(s->p->target == WORLD_HOST || shown < 0 || t->input == shown ||
		world_gpu_owner(s->w, m->inputs[shown].gpu) != s->p->target);
	return true;
}

static bool act_write(struct stage *s, const struct step *t)
{
	struct world_monitor *m = &s->w->monitors[t->monitor];
	bool cabled = false;

	ENSURE(!s->attached || s->i->rescue);
	ENSURE(t->input >= 0 && t->input < m->n_inputs && t->limit_ms > 0);
	ENSURE(t->actor != WORLD_HOST || !s->w->deaf_host);
	ENSURE(world_is_running(&s->machines[t->actor]) && s->machines[t->actor].session);
	for (int i = 0; i < m->n_inputs; i++)
		cabled = cabled || world_gpu_owner(s->w, m->inputs[i].gpu) == t->actor;
	ENSURE(cabled);
	s->pushed[t->monitor] = s->pushed[t->monitor] || t->may_fail;
	if (t->kind == STEP_WRITE && !t->only_if_failed)
		m->shown = t->input;
	return input_is_best(s, t);
}

/* One at a time, pointers before keyboards; those of a guest that stops go home before all that. */
static bool act_move(struct stage *s, const struct step *t)
{
	struct world_device *d = &s->w->devices[t->device];
	bool follows = t->kind == STEP_ATTACH || (s->p->target == WORLD_HOST && !s->i->rescue);

	ENSURE(t->device < s->w->n_devices && t->machine != WORLD_HOST);
	ENSURE(world_is_up(&s->machines[t->machine]));
	ENSURE(!follows || d->keyboard || !s->keyboards);
	s->keyboards = s->keyboards || (follows && d->keyboard);
	if (t->kind == STEP_DETACH) {
		ENSURE(d->holder == t->machine);
		d->holder = WORLD_HOST;
		return true;
	}
	ENSURE(t->machine == s->p->target && d->holder == WORLD_HOST);
	d->holder = t->machine;
	s->attached = true;
	return true;
}

static bool act(struct stage *s, const struct step *t)
{
	switch (t->kind) {
	case STEP_WRITE:
	case STEP_CHECK: return act_write(s, t);
	case STEP_STOP: return act_stop(s, t);
	case STEP_START: return act_start(s, t);
	case STEP_SESSION:
		ENSURE(world_is_up(&s->machines[t->machine]) && t->machine == s->p->target);
		s->machines[t->machine].state = WORLD_RUNNING;
		s->machines[t->machine].session = true;
		return true;
	case STEP_DETACH:
	case STEP_ATTACH: return act_move(s, t);
	case STEP_LIGHT: /* no such monitor here; test-plan.c */
	case STEP_DARK: return false;
	case STEP_CONFIRM:
		ENSURE(s->machines[t->machine].session && t->machine == s->p->target);
		return true;
	case STEP_SEAT: return true;
	}
	return false;
}

#endif
