// SPDX-License-Identifier: GPL-2.0-or-later
/* How the seat moves: the order of things, and what is refused; see plan.h. Pure. */
#include "host/daemon/plan-internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void planning_refuse(struct planning *a, enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	a->p->refusal = code;
	a->p->n_steps = 0;
	va_start(ap, fmt);
	vsnprintf(a->p->reason, sizeof(a->p->reason), fmt, ap);
	va_end(ap);
}

struct step *planning_add(struct planning *a, enum step_kind kind, int actor, uint32_t limit_ms)
{
	struct plan *p = a->p;
	struct step *s = &p->steps[p->n_steps];

	if (p->n_steps < PLAN_MAX_STEPS - 1) /* the bounds of the world make more impossible */
		p->n_steps++;
	*s = (struct step){
		.kind = kind,
		.actor = actor,
		.machine = p->target,
		.input = -1,
		.undo_input = -1,
		.limit_ms = limit_ms,
	};
	return s;
}

bool planning_stops(const struct planning *a, int machine)
{
	for (int i = 0; i < a->n_stopped; i++)
		if (a->stopped[i] == machine)
			return true;
	return false;
}

int planning_owner(const struct planning *a, const char *gpu)
{
	int owner;

	if (a->starts && world_has(&a->w->machines[a->p->target], gpu))
		return a->p->target;
	owner = world_gpu_owner(a->w, gpu);
	return planning_stops(a, owner) ? WORLD_HOST : owner;
}

bool planning_can_act(const struct planning *a, int machine)
{
	const struct world_machine *m;

	if (machine == WORLD_NOBODY || planning_stops(a, machine))
		return false;
	if (machine == WORLD_HOST)
		return !a->w->deaf_host;
	if (machine == a->p->target)
		return a->answers;
	m = &a->w->machines[machine];
	return world_is_running(m) && m->session;
}

/* --- who is meant --------------------------------------------------------------------------------
 */

static bool is_alive(const struct world *w, int machine)
{
	const char *why;

	return w->machines[machine].known && w->machines[machine].state == WORLD_RUNNING &&
	       w->machines[machine].session && world_is_target(w, machine, &why);
}

/* The host comes first, guests follow by name. */
static int compare(const struct world *w, int a, int b)
{
	if (a == WORLD_HOST || b == WORLD_HOST)
		return (a != WORLD_HOST) - (b != WORLD_HOST);
	return strcmp(w->machines[a].name, w->machines[b].name);
}

static int find_neighbour(const struct world *w, int direction)
{
	int best = WORLD_NOBODY, around = WORLD_NOBODY; /* around: the other end of the ring */

	for (int i = 0; i < w->n_machines; i++) {
		int c = compare(w, i, w->holder) * direction;

		if (i == w->holder || !is_alive(w, i))
			continue;
		if (c > 0 && (best < 0 || compare(w, i, best) * direction < 0))
			best = i;
		if (around < 0 || compare(w, i, around) * direction < 0)
			around = i;
	}
	return best >= 0 ? best : around;
}

int plan_find_target(const struct world *w, const char *target)
{
	int machine = world_find(w, target); /* a guest called "next" is meant by its name */

	if (machine != WORLD_NOBODY)
		return machine;
	if (!strcmp(target, "next"))
		return find_neighbour(w, 1);
	if (!strcmp(target, "prev"))
		return find_neighbour(w, -1);
	return WORLD_NOBODY;
}

int plan_find_heir(const struct world *w, int loser, const int *asked, int n)
{
	const char *why;

	while (n-- > 0)
		if (asked[n] > WORLD_HOST && asked[n] < w->n_machines && asked[n] != loser &&
			is_alive(w, asked[n]))
			return asked[n];
	if (world_is_target(w, WORLD_HOST, &why))
		return WORLD_HOST;
	for (int i = 1; i < w->n_machines; i++)
		if (i != loser && is_alive(w, i))
			return i;
	return WORLD_NOBODY;
}

/* --- whether -------------------------------------------------------------------------------------
 */

static bool find_target(struct planning *a)
{
	const char *target = a->i->target;

	a->p->target = plan_find_target(a->w, target);
	if (a->p->target >= 0)
		return true;
	if (!strcmp(target, "next") || !strcmp(target, "prev"))
		planning_refuse(a, EXIT_CODE_REFUSED, "nobody else is there to switch to");
	else
		planning_refuse(a, EXIT_CODE_REFUSED,
			"there is no machine called %s (va-host list)", escape(target));
	return false;
}

static bool may_go_there(struct planning *a)
{
	const struct world_machine *m = &a->w->machines[a->p->target];
	const char *why;

	if (a->i->rescue || world_is_target(a->w, a->p->target, &why))
		return true;
	if (m->state == WORLD_STARTING && a->i->wait && world_has_screen(a->w, a->p->target))
		return true;
	planning_refuse(a, EXIT_CODE_REFUSED, "%s cannot have the seat: %s", m->name, why);
	return false;
}

/* Some monitor is to show the target: who switches keyboards alone may be seen in a window. */
static bool is_to_be_seen(const struct plan *p)
{
	for (int i = 0; i < p->n_steps; i++)
		if (step_is_monitors(p->steps[i].kind))
			return true;
	return false;
}

static void finish(struct planning *a)
{
	struct plan *p = a->p;
	bool seen = is_to_be_seen(p);

	if (p->n_steps == 0 && a->w->holder == p->target && !a->i->rescue) {
		snprintf(p->reason, sizeof(p->reason), "%s has the seat already%s",
			a->w->machines[p->target].name,
			a->w->n_monitors ? " (monitors are looked at again; --force writes to "
					   "them all the same)"
					 : "");
		return;
	}
	/* keyboards alone would go there, and nobody would know why the picture does not; ddc = no
	 * says that it is meant */
	if (a->w->n_monitors == 0 && !a->w->deaf_host && !p->reason[0])
		snprintf(p->reason, sizeof(p->reason),
			"no monitor is switched: none is known (va-host monitors)");
	if (p->target != WORLD_HOST && a->answers && a->w->confirm_ms && !a->i->rescue)
		planning_add(a, STEP_CONFIRM, p->target, a->w->confirm_ms)->screen =
			seen && !a->i->force;
	planning_add(a, STEP_SEAT, WORLD_HOST, 0);
}

void plan_switch(const struct world *w, const struct intent *i, struct plan *ret)
{
	struct planning a = { .w = w, .i = i, .p = ret };

	*ret = (struct plan){ .target = WORLD_NOBODY, .best_effort = i->rescue };
	if (find_target(&a) && may_go_there(&a) && plan_machines(&a) && plan_monitors(&a) &&
		plan_devices(&a))
		finish(&a);
}
