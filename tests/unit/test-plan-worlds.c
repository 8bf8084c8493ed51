// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plans of all small worlds, and of random larger ones, against what must always hold.
 * Each plan is acted out on a copy of its world, and looked at after each step.
 *
 * VA_LONG=1: every world of three guests, three GPUs, two monitors and two devices; otherwise
 * all of two guests and two GPUs, and a part of the larger ones.
 */
#include "host/daemon/execute.h"
#include "tests/unit/seat-crowd.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define ENSURE(cond)                                                                       \
	do {                                                                               \
		if (!(cond)) {                                                             \
			snprintf(broken, sizeof(broken), "%s (line %d)", #cond, __LINE__); \
			return false;                                                      \
		}                                                                          \
	} while (0)

static char broken[160];
static uint64_t n_worlds, n_plans, n_steps, n_refusals;

/* A world being acted on. */
struct stage {
	struct world w;
	struct world_machine machines[64];
	const struct intent *i;
	const struct plan *p;
	bool attached;
};

static bool is_in_the_way(const struct stage *s, const struct world *before, int machine)
{
	const char *pci;

	if (s->i->rescue)
		return true;
	return world_conflicts(&before->machines[s->p->target], &before->machines[machine], &pci);
}

/* Whoever has the keyboard can give it back. */
static bool keyboard_is_in_reach(const struct stage *s)
{
	bool any = false;

	for (int i = 0; i < s->w.n_devices; i++) {
		const struct world_device *d = &s->w.devices[i];

		if (!d->keyboard || d->holder == WORLD_NOBODY)
			continue;
		any = true;
		if (d->holder == WORLD_HOST || s->machines[d->holder].session)
			return true;
	}
	return !any || s->w.fixed_keyboard;
}

static bool act_stop(struct stage *s, const struct world *before, const struct step *t)
{
	struct world_machine *m = &s->machines[t->machine];

	ENSURE(t->machine != WORLD_HOST && t->machine != s->p->target);
	ENSURE(is_in_the_way(s, before, t->machine));
	ENSURE(!s->i->no_start);
	ENSURE(s->i->asker == WORLD_HOST || s->i->asker == t->machine);
	ENSURE(m->on_conflict != WORLD_REFUSE || s->i->rescue);
	ENSURE(t->how != STOP_FORCE || s->i->force || m->on_conflict == WORLD_FORCE);
	ENSURE(t->how != STOP_AGENT || before->machines[t->machine].session);
	ENSURE(t->limit_ms > 0);
	for (int i = 0; i < s->w.n_devices; i++)
		ENSURE(s->w.devices[i].holder != t->machine);
	m->state = WORLD_OFF;
	m->session = false;
	return true;
}

static bool act_start(struct stage *s, const struct step *t)
{
	const char *pci;

	ENSURE(t->machine == s->p->target && !s->i->no_start);
	ENSURE(s->machines[t->machine].state == WORLD_OFF && s->machines[t->machine].startable);
	for (int i = 1; i < s->w.n_machines; i++)
		ENSURE(i == t->machine || !world_is_up(&s->machines[i]) ||
			!world_conflicts(&s->machines[i], &s->machines[t->machine], &pci));
	s->machines[t->machine].state = WORLD_RUNNING;
	return true;
}

static bool act_write(struct stage *s, const struct step *t)
{
	struct world_monitor *m = &s->w.monitors[t->monitor];
	bool cabled = false;

	ENSURE(!s->attached || s->i->rescue);
	ENSURE(t->input >= 0 && t->input < m->n_inputs && t->limit_ms > 0);
	ENSURE(t->actor != WORLD_HOST || !s->w.deaf_host);
	ENSURE(world_is_running(&s->machines[t->actor]) && s->machines[t->actor].session);
	for (int i = 0; i < m->n_inputs; i++)
		cabled = cabled || world_gpu_owner(&s->w, m->inputs[i].gpu) == t->actor;
	ENSURE(cabled);
	if (t->kind == STEP_WRITE && !t->only_if_failed)
		m->shown = t->input;
	return true;
}

static bool act_move(struct stage *s, const struct step *t)
{
	struct world_device *d = &s->w.devices[t->device];

	ENSURE(t->device < s->w.n_devices && t->machine != WORLD_HOST);
	ENSURE(world_is_up(&s->machines[t->machine]));
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

static bool act(struct stage *s, const struct world *before, const struct step *t)
{
	switch (t->kind) {
	case STEP_WRITE:
	case STEP_CHECK: return act_write(s, t);
	case STEP_STOP: return act_stop(s, before, t);
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

/* The first to write is whoever is shown, if that one can. */
static bool shown_side_is_first(const struct stage *s, const struct step *t)
{
	const struct world_monitor *m = &s->w.monitors[t->monitor];
	int owner;

	if (t->kind != STEP_WRITE || t->only_if_failed || m->shown < 0 || m->worked)
		return true;
	owner = world_gpu_owner(&s->w, m->inputs[m->shown].gpu);
	if (owner == s->p->target || !s->machines[owner].session ||
		(owner == WORLD_HOST && s->w.deaf_host))
		return true;
	ENSURE(t->actor == owner);
	return true;
}

/* Where the plan leads, if all goes well: the two halves are at the target. */
static bool halves_agree(const struct stage *s)
{
	int target = s->p->target;
	bool alive = s->machines[target].session;

	for (int i = 0; i < s->w.n_monitors; i++) {
		const struct world_monitor *m = &s->w.monitors[i];

		if (m->n_inputs > 1 && world_input_of(&s->w, m, target) >= 0 && !s->i->rescue)
			ENSURE(m->shown >= 0 &&
				world_gpu_owner(&s->w, m->inputs[m->shown].gpu) == target);
	}
	for (int i = 0; i < s->w.n_devices; i++) {
		const struct world_device *d = &s->w.devices[i];

		ENSURE(d->holder == target || d->holder == WORLD_NOBODY ||
			(d->keyboard && !alive && d->holder == WORLD_HOST));
	}
	return true;
}

/* Each write can be undone, is followed by the next who would write, and the last is verified. */
static bool write_is_followed(const struct world *w, const struct step *t)
{
	const struct world_monitor *m = &w->monitors[t->monitor];
	const struct step *next = t + 1;

	if (t->kind != STEP_WRITE)
		return true;
	ENSURE(t->undo_input == (m->shown >= 0 ? m->shown : world_input_of(w, m, w->holder)));
	if (t->may_fail)
		return true;
	if (next->kind == STEP_WRITE && next->monitor == t->monitor) {
		ENSURE(next->only_if_failed && next->input == t->input);
		ENSURE(next->actor != t->actor);
		return true;
	}
	ENSURE(m->unreadable || (next->kind == STEP_CHECK && next->monitor == t->monitor &&
					next->input == t->input));
	return true;
}

static bool plan_is_sound(const struct world *w, const struct intent *i, const struct plan *p)
{
	static struct stage s;

	if (p->refusal != EXIT_CODE_OK || p->n_steps == 0) {
		ENSURE(p->n_steps == 0 && p->reason[0]);
		n_refusals += p->refusal != EXIT_CODE_OK;
		return true;
	}
	s = (struct stage){ .w = *w, .i = i, .p = p };
	memcpy(s.machines, w->machines, sizeof(*w->machines) * (size_t)w->n_machines);
	s.w.machines = s.machines;
	ENSURE(p->n_steps < PLAN_MAX_STEPS);
	ENSURE(p->steps[p->n_steps - 1].kind == STEP_SEAT && !p->steps[0].only_if_failed);
	ENSURE(keyboard_is_in_reach(&s) || w->n_devices > 0);
	for (int n = 0; n < p->n_steps; n++) {
		bool reach = keyboard_is_in_reach(&s);

		ENSURE(p->steps[n].kind != STEP_SEAT || n == p->n_steps - 1);
		ENSURE(shown_side_is_first(&s, &p->steps[n]));
		ENSURE(write_is_followed(w, &p->steps[n]));
		if (!act(&s, w, &p->steps[n]))
			return false;
		/* no step takes the keyboard out of reach */
		ENSURE(!reach || keyboard_is_in_reach(&s));
	}
	n_steps += (uint64_t)p->n_steps;
	if (!i->force && !i->rescue)
		ENSURE(s.machines[p->target].session);
	return halves_agree(&s);
}

static bool try_intent(const struct world *w, struct intent i)
{
	static struct plan p;

	plan_switch(w, &i, &p);
	n_plans++;
	if (plan_is_sound(w, &i, &p))
		return true;
	printf("     world of %d machines, holder %d, target %s%s%s%s%s: %s; %s\n", w->n_machines,
		w->holder, i.target, i.force ? " force" : "", i.no_start ? " no-start" : "",
		i.wait ? " wait" : "", i.rescue ? " rescue" : "", broken, p.reason);
	for (int n = 0; n < p.n_steps; n++) {
		char text[PLAN_TEXT_SIZE];

		step_describe(w, &p.steps[n], text, sizeof(text));
		printf("     %2d. %s\n", n + 1, text);
	}
	return false;
}

static bool try_world(const struct world *w)
{
	bool good =
		try_intent(w, (struct intent){ .target = "host", .rescue = true }) &&
		try_intent(w, (struct intent){ .target = "host", .rescue = true, .force = true });

	n_worlds++;
	for (int t = -2; good && t < w->n_machines; t++)
		for (int flags = 0; good && flags < 5; flags++)
			good = try_intent(w, (struct intent){
						     .target = t == -2   ? "next"
							       : t == -1 ? "prev"
									 : w->machines[t].name,
						     .asker = flags == 4 ? w->holder : WORLD_HOST,
						     .force = flags == 1,
						     .no_start = flags == 2,
						     .wait = flags == 3,
					     });
	return good;
}

static void try_all(const struct seat_size *s, uint64_t step)
{
	static struct seat_world sw;
	uint64_t n = seat_worlds(s);

	n_worlds = n_plans = n_steps = n_refusals = 0;
	for (uint64_t i = 0; i < n; i += step)
		if (seat_make(&sw, s, i))
			CHECK(try_world(&sw.w));
	printf("     %d guests, %d GPUs, %d monitors, %d devices: %llu worlds, %llu plans, "
	       "%llu steps, %llu refusals\n",
		s->guests, s->gpus, s->monitors, s->devices, (unsigned long long)n_worlds,
		(unsigned long long)n_plans, (unsigned long long)n_steps,
		(unsigned long long)n_refusals);
}

static void every_world_of_two(void)
{
	try_all(&(struct seat_size){ 2, 2, 2, 2 }, 1);
	CHECK(n_plans > 100000);
}

static void every_world_of_one_monitor(void)
{
	try_all(&(struct seat_size){ 2, 2, 1, 1 }, 1);
	CHECK(n_plans > 10000);
}

static void worlds_of_three(void)
{
	try_all(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 1 : 2003);
	CHECK(n_plans > 100000);
}

static void random_large_worlds(void)
{
	static struct world w;
	const char *seed = getenv("VA_SEED");
	int n = getenv("VA_LONG") ? 20000 : 500;

	n_worlds = n_plans = n_steps = n_refusals = 0;
	dice_state = seed ? (uint32_t)atoi(seed) : 20261122u;
	for (int i = 0; i < n; i++) {
		make_crowd(&w, 1 + (int)dice(32), (int)dice(WORLD_MAX_MONITORS + 1));
		CHECK(try_world(&w));
	}
	printf("     %llu worlds, %llu plans, %llu steps, %llu refusals\n",
		(unsigned long long)n_worlds, (unsigned long long)n_plans,
		(unsigned long long)n_steps, (unsigned long long)n_refusals);
}

TEST_MAIN({ "every_world_of_one_monitor", every_world_of_one_monitor },
	{ "every_world_of_two", every_world_of_two }, { "worlds_of_three", worlds_of_three },
	{ "random_large_worlds", random_large_worlds });
