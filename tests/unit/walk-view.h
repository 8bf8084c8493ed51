// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the walk of a plan can see, in one number: walks of one number have one course and one
 * end, so that one of them is enough. Seen are the steps, and of the world
 *
 * - machines that a step names, or the target: their state, and, where machines stop or start,
 *   with whom they share a device; they are called by when they are first named;
 * - monitors that a step names: how many inputs they have, what they show, what is known of that
 *   and which inputs lead to the target in the end; inputs are called wanted, shown and other;
 *   and whose the wanted one is, for who has it is asked to write back;
 * - of other monitors, which nobody touches, whether they are right as they are;
 * - who has the devices.
 *
 * Not the seat's holder nor the primary GPU, which made the plan and have no part in its walk.
 */
#ifndef VA_TEST_WALK_VIEW_H
#define VA_TEST_WALK_VIEW_H

#include "tests/unit/seat-world.h"

/* Where a plan leads: bit i of leads[m] is set where input i of monitor m will show the target. */
struct walk_goal {
	int target;
	enum world_state state[SEAT_GUESTS + 1];
	unsigned int leads[SEAT_MONITORS];
};

struct walk_view {
	const struct world *w;
	const struct plan *p;
	struct walk_goal goal;
	int machine[SEAT_GUESTS + 1]; /* what it is called; -1: not yet */
	int machines[SEAT_GUESTS + 1], n_machines;
	int monitor[SEAT_MONITORS], n_monitors;
	int input[SEAT_MONITORS][SEAT_GPUS];
	bool stops;
	uint64_t hash;
};

/* What is shown is not always known, but something is; -1: it has no input. */
static inline int walk_shown(const struct world *w, const struct world_monitor *m)
{
	int input = m->shown >= 0 ? m->shown : world_input_of(w, m, w->holder);

	return input < 0 && m->n_inputs > 0 ? 0 : input;
}

static inline void walk_find_goal(
	const struct world *w, const struct plan *p, struct walk_goal *ret)
{
	enum world_state before[SEAT_GUESTS + 1];

	*ret = (struct walk_goal){ .target = p->target };
	for (int i = 0; i < w->n_machines; i++)
		before[i] = w->machines[i].state;
	for (int n = 0; n < p->n_steps; n++)
		if (p->steps[n].kind == STEP_STOP || p->steps[n].kind == STEP_START)
			w->machines[p->steps[n].machine].state =
				p->steps[n].kind == STEP_STOP ? WORLD_OFF : WORLD_RUNNING;
	for (int i = 0; i < w->n_monitors; i++)
		for (int k = 0; k < w->monitors[i].n_inputs; k++)
			if (world_gpu_owner(w, w->monitors[i].inputs[k].gpu) == p->target)
				ret->leads[i] |= 1u << k;
	for (int i = 0; i < w->n_machines; i++) {
		ret->state[i] = w->machines[i].state;
		w->machines[i].state = before[i];
	}
}

/* It shows the target, or cannot. */
static inline bool walk_is_right(
	const struct walk_goal *g, const struct world_monitor *m, int monitor)
{
	return m->n_inputs < 2 || !g->leads[monitor] ||
	       (m->shown >= 0 && g->leads[monitor] & 1u << m->shown);
}

static inline uint64_t walk_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0xff51afd7ed558ccdu;
	hash ^= hash >> 32;
	hash *= 0xc4ceb9fe1a85ec53u;
	return hash ^ hash >> 29;
}

static inline void walk_see(struct walk_view *v, uint64_t value)
{
	v->hash = walk_mix(v->hash, value);
}

static inline void walk_push(uint64_t *bits, unsigned int width, int value)
{
	*bits = *bits << width | ((unsigned int)value & ((1u << width) - 1));
}

static inline void walk_name_machine(struct walk_view *v, int machine)
{
	if (v->machine[machine] < 0) {
		v->machine[machine] = v->n_machines;
		v->machines[v->n_machines++] = machine;
	}
}

static inline void walk_name_monitor(struct walk_view *v, const struct step *s)
{
	int *input = v->input[s->monitor], n = 0;
	int order[] = { s->input, walk_shown(v->w, &v->w->monitors[s->monitor]), 0, 1, 2 };

	if (v->monitor[s->monitor] >= 0)
		return;
	v->monitor[s->monitor] = v->n_monitors++;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (input[order[i]] < 0)
			input[order[i]] = n++;
}

static inline void walk_name_all(struct walk_view *v)
{
	memset(v->machine, -1, sizeof(v->machine));
	memset(v->monitor, -1, sizeof(v->monitor));
	memset(v->input, -1, sizeof(v->input));
	walk_name_machine(v, WORLD_HOST);
	walk_name_machine(v, v->p->target);
	for (int n = 0; n < v->p->n_steps; n++) {
		const struct step *s = &v->p->steps[n];

		walk_name_machine(v, s->actor);
		walk_name_machine(v, s->machine);
		if (s->kind == STEP_WRITE || s->kind == STEP_CHECK)
			walk_name_monitor(v, s);
		v->stops = v->stops || s->kind == STEP_STOP || s->kind == STEP_START;
	}
}

/* With each of the others that has a name, and with any of those that have none and are up. */
static inline void walk_see_conflicts(struct walk_view *v, int machine, uint64_t *bits)
{
	const struct world_machine *m = v->w->machines;
	bool with[SEAT_GUESTS + 2] = { false };
	const char *pci;

	for (int i = 1; i < v->w->n_machines; i++)
		if (i != machine && (v->machine[i] >= 0 || world_is_up(&m[i])) &&
			world_conflicts(&m[i], &m[machine], &pci))
			with[v->machine[i] + 1] = true;
	for (int i = 0; i < SEAT_GUESTS + 2; i++)
		walk_push(bits, 1, with[i]);
}

static inline void walk_see_machines(struct walk_view *v)
{
	uint64_t bits = (uint64_t)v->n_machines;

	for (int i = 0; i < v->n_machines; i++) {
		const struct world_machine *m = &v->w->machines[v->machines[i]];

		walk_push(&bits, 2, (m->state != WORLD_OFF) + m->session);
		if (v->stops)
			walk_see_conflicts(v, v->machines[i], &bits);
	}
	walk_see(v, bits);
}

static inline int walk_input(const struct walk_view *v, int monitor, int input)
{
	return input < 0 ? 3 : v->input[monitor][input];
}

/* Whose definitions have the GPU at the wanted input, of machines with a name or up. */
static inline void walk_see_owners(struct walk_view *v, int monitor, uint64_t *bits)
{
	const struct world_monitor *m = &v->w->monitors[monitor];
	bool has[SEAT_GUESTS + 2] = { false };

	for (int k = 0; k < m->n_inputs; k++)
		for (int i = 1; i < v->w->n_machines; i++)
			if (v->input[monitor][k] == 0 &&
				(v->machine[i] >= 0 || world_is_up(&v->w->machines[i])) &&
				world_has(&v->w->machines[i], m->inputs[k].gpu))
				has[v->machine[i] + 1] = true;
	for (int i = 0; i < SEAT_GUESTS + 2; i++)
		walk_push(bits, 1, has[i]);
}

static inline void walk_see_monitors(struct walk_view *v)
{
	uint64_t seen[SEAT_MONITORS] = { 0 };
	unsigned int wrong = 0;

	for (int i = 0; i < v->w->n_monitors; i++) {
		const struct world_monitor *m = &v->w->monitors[i];
		int leads = 0;

		if (v->monitor[i] < 0) {
			wrong += !walk_is_right(&v->goal, m, i);
			continue;
		}
		for (int k = 0; k < m->n_inputs; k++)
			if (v->goal.leads[i] & 1u << k)
				leads |= 1 << v->input[i][k];
		walk_push(&seen[v->monitor[i]], 2, m->n_inputs);
		walk_push(&seen[v->monitor[i]], 2, walk_input(v, i, m->shown));
		walk_push(&seen[v->monitor[i]], 2, walk_input(v, i, walk_shown(v->w, m)));
		walk_push(&seen[v->monitor[i]], SEAT_GPUS, leads);
		walk_see_owners(v, i, &seen[v->monitor[i]]);
	}
	walk_see(v, seen[0] << 32 | seen[1] << 16 | wrong);
}

static inline void walk_see_devices(struct walk_view *v)
{
	uint64_t bits = 0;

	for (int i = 0; i < v->w->n_devices; i++) {
		int holder = v->w->devices[i].holder;

		walk_push(&bits, 3, holder < 0 ? 7 : v->machine[holder]); /* -1: 7 as well */
		walk_push(&bits, 1, holder < 0);
	}
	walk_see(v, bits);
}

static inline void walk_see_step(struct walk_view *v, const struct step *s)
{
	bool writes = s->kind == STEP_WRITE || s->kind == STEP_CHECK;
	uint64_t bits = 0;

	walk_push(&bits, 4, (int)s->kind);
	walk_push(&bits, 2, (int)s->how);
	walk_push(&bits, 3, (int)s->writer);
	walk_push(&bits, 1, s->only_if_failed);
	walk_push(&bits, 1, s->may_fail);
	walk_push(&bits, 1, s->undo);
	walk_push(&bits, 1, s->screen);
	walk_push(&bits, 2, v->machine[s->actor]);
	walk_push(&bits, 2, v->machine[s->machine]);
	walk_push(&bits, 1, s->device);
	if (writes) {
		walk_push(&bits, 1, v->monitor[s->monitor]);
		walk_push(&bits, 2, walk_input(v, s->monitor, s->input));
		walk_push(&bits, 2, walk_input(v, s->monitor, s->undo_input));
	}
	walk_see(v, bits << 32 | s->limit_ms);
}

/* ret_goal: where p leads. */
static inline uint64_t walk_view_of(
	const struct world *w, const struct plan *p, struct walk_goal *ret_goal)
{
	struct walk_view v = { .w = w, .p = p };

	walk_find_goal(w, p, &v.goal);
	walk_name_all(&v);
	walk_see_machines(&v);
	walk_see_monitors(&v);
	walk_see_devices(&v);
	walk_see(&v, (uint64_t)v.machine[p->target] << 1 | p->best_effort);
	for (int n = 0; n < p->n_steps; n++)
		walk_see_step(&v, &p->steps[n]);
	*ret_goal = v.goal;
	return v.hash | 1;
}

#endif
