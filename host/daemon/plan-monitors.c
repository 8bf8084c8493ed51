// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Monitors in a plan: who writes which input, in which order, and who reads it back. Many
 * monitors listen on no cable but that of the input they show, so that side comes first. Pure.
 */
#include "host/daemon/plan-internal.h"

#include "common/ddc/ipc.h"
#include "common/link/message.h"

#define CHECK_LIMIT_MS 10000u /* the slowest monitor seen takes 8 s to answer after a switch */
#define WRITE_LIMIT_MS ((uint32_t)(DDC_LIMIT_SET_USEC / 1000))

struct writers {
	int machine[PLAN_MAX_WRITERS];
	enum world_writer role[PLAN_MAX_WRITERS];
	int n;
};

static int owner_of(const struct planning *a, const struct world_monitor *m, int input)
{
	return input >= 0 ? planning_owner(a, m->inputs[input].gpu) : WORLD_NOBODY;
}

/* Where the target will be seen, once machines are stopped and started. */
static int target_input(const struct planning *a, const struct world_monitor *m)
{
	int best = -1, found = -1;

	for (int i = 0; i < m->n_inputs; i++) {
		int rank = world_rank_input(a->w, m, i, a->p->target);

		if (rank > best && owner_of(a, m, i) == a->p->target) {
			best = rank;
			found = i;
		}
	}
	return found;
}

/* What is shown now: as known, or as must be if the holder is. */
static int input_before(const struct planning *a, const struct world_monitor *m)
{
	return m->shown >= 0 ? m->shown : world_input_of(a->w, m, a->w->holder);
}

static bool has_cable(const struct planning *a, const struct world_monitor *m, int machine)
{
	for (int i = 0; i < m->n_inputs; i++)
		if (owner_of(a, m, i) == machine)
			return true;
	return false;
}

static void add_writer(
	const struct planning *a, struct writers *l, int machine, enum world_writer role)
{
	if (!planning_can_act(a, machine) || l->n == PLAN_MAX_WRITERS)
		return;
	for (int i = 0; i < l->n; i++)
		if (l->machine[i] == machine)
			return;
	l->machine[l->n] = machine;
	l->role[l->n++] = role;
}

/* What worked before is tried first. */
static void prefer(struct writers *l, enum world_writer role)
{
	for (int i = 1; i < l->n; i++)
		if (l->role[i] == role) {
			int machine = l->machine[i];

			for (; i > 0; i--) {
				l->machine[i] = l->machine[i - 1];
				l->role[i] = l->role[i - 1];
			}
			l->machine[0] = machine;
			l->role[0] = role;
			return;
		}
}

static void find_writers(
	const struct planning *a, const struct world_monitor *m, struct writers *ret)
{
	int shown = owner_of(a, m, input_before(a, m)), target = a->p->target;

	ret->n = 0;
	if (m->command[0]) { /* needs no wire, and is the host's alone */
		ret->machine[ret->n] = WORLD_HOST;
		ret->role[ret->n++] = WRITER_HOST;
		return;
	}
	if (shown != target)
		add_writer(a, ret, shown, WRITER_SHOWN);
	if (target != WORLD_HOST && has_cable(a, m, WORLD_HOST))
		add_writer(a, ret, WORLD_HOST, WRITER_HOST);
	for (int i = 0; i < m->n_inputs && ret->n < PLAN_MAX_WRITERS - 1; i++)
		if (owner_of(a, m, i) != target)
			add_writer(a, ret, owner_of(a, m, i), WRITER_OTHER);
	add_writer(a, ret, target, WRITER_TARGET);
	if (m->worked != WRITER_UNKNOWN)
		prefer(ret, m->worked);
}

static void add_write(
	struct planning *a, int monitor, int input, int before, int machine, enum world_writer role)
{
	struct step *s = planning_add(a, STEP_WRITE, machine, WRITE_LIMIT_MS);

	s->monitor = monitor;
	s->input = input;
	s->undo_input = before;
	s->writer = role;
}

static void add_check(struct planning *a, int monitor, int input, int otherwise)
{
	int reader = planning_can_act(a, a->p->target) ? a->p->target : otherwise;
	struct step *s;

	if (a->w->monitors[monitor].unreadable)
		return;
	s = planning_add(a, STEP_CHECK, reader, CHECK_LIMIT_MS);
	s->monitor = monitor;
	s->input = input;
}

static bool refuse_monitor(struct planning *a, const struct world_monitor *m)
{
	planning_refuse(a, EXIT_CODE_NOT_CONNECTED,
		"nobody can switch monitor %s: no session with the machine it shows nor with %s",
		m->name, a->w->machines[a->p->target].name);
	return false;
}

/* --- by whoever is written to
 * ---------------------------------------------------------------------------- */

static bool plan_writes(struct planning *a, int monitor, int input, int before)
{
	const struct world_monitor *m = &a->w->monitors[monitor];
	struct writers l;

	find_writers(a, m, &l);
	if (l.n == 0)
		return a->i->rescue || m->shown == input || refuse_monitor(a, m);
	for (int i = 0; i < l.n; i++) {
		add_write(a, monitor, input, before, l.machine[i], l.role[i]);
		a->p->steps[a->p->n_steps - 1].only_if_failed = i > 0;
	}
	add_check(a, monitor, input, l.machine[0]);
	return true;
}

/* --- by who sends it a picture
 * --------------------------------------------------------------------------- */

static struct step *add_picture(struct planning *a, enum step_kind kind, int monitor, int machine)
{
	struct step *s = planning_add(a, kind, machine, WRITE_LIMIT_MS);

	s->monitor = monitor;
	return s;
}

static bool is_planned(const struct planning *a, enum step_kind kind, int monitor, int machine)
{
	for (int i = 0; i < a->p->n_steps; i++)
		if (a->p->steps[i].kind == kind && a->p->steps[i].monitor == monitor &&
			a->p->steps[i].actor == machine)
			return true;
	return false;
}

/*
 * The monitor goes where a picture is, as soon as it is sent none where it is: so the target
 * sends one, the others end theirs, lest it goes to one of them, and who is shown comes last.
 * Back: who was shown sends one again, and then the target ends its own.
 */
static bool plan_signal(struct planning *a, int monitor, int input, int before)
{
	const struct world_monitor *m = &a->w->monitors[monitor];
	int shown = owner_of(a, m, before), target = a->p->target;
	struct step *s;

	if (shown != target && shown != WORLD_NOBODY && !planning_can_act(a, shown) &&
		!a->i->rescue)
		return refuse_monitor(a, m);
	if (planning_can_act(a, target))
		add_picture(a, STEP_LIGHT, monitor, target)->undo = shown != target;
	for (int i = 0; i < m->n_inputs; i++) {
		int owner = owner_of(a, m, i);

		if (owner == target || owner == shown || !planning_can_act(a, owner) ||
			is_planned(a, STEP_DARK, monitor, owner))
			continue;
		add_picture(a, STEP_DARK, monitor, owner)->may_fail = true;
	}
	if (shown != target && planning_can_act(a, shown)) {
		s = add_picture(a, STEP_DARK, monitor, shown);
		s->undo_input = before;
		s->undo = true;
	}
	add_check(a, monitor, input, WORLD_HOST);
	return true;
}

static bool plan_monitor(struct planning *a, int monitor)
{
	const struct world_monitor *m = &a->w->monitors[monitor];
	int input = target_input(a, m), before = input_before(a, m);

	if (input < 0 || m->n_inputs < 2)
		return true; /* no way there, or no other */
	if (m->shown == input && !a->i->force)
		return true; /* writing again only blanks the screen */
	if (m->via == MSG_VIA_SIGNAL && !m->command[0])
		return plan_signal(a, monitor, input, before);
	return plan_writes(a, monitor, input, before);
}

bool plan_monitors(struct planning *a)
{
	for (int i = 0; i < a->w->n_monitors; i++)
		if (!plan_monitor(a, i))
			return false;
	return true;
}

/*
 * A guest that will stop pushes away what it shows, unless that cable becomes the target's:
 * afterwards perhaps nobody is heard there any more. The target is not up yet, so this may fail;
 * it is written again when it is.
 */
void plan_early_pushes(struct planning *a)
{
	const struct world *w = a->w;

	for (int i = 0; i < w->n_monitors; i++) {
		const struct world_monitor *m = &w->monitors[i];
		int before = input_before(a, m), input = target_input(a, m), owner;

		if (before < 0 || input < 0 || input == before || m->n_inputs < 2 ||
			m->command[0] || m->via == MSG_VIA_SIGNAL)
			continue;
		owner = world_gpu_owner(w, m->inputs[before].gpu);
		if (!planning_stops(a, owner) || !w->machines[owner].session ||
			w->machines[owner].state != WORLD_RUNNING)
			continue;
		add_write(a, i, input, before, owner, WRITER_SHOWN);
		a->p->steps[a->p->n_steps - 1].may_fail = true;
	}
}
