// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plans of all small worlds, and of random larger ones, against what must always hold.
 * Each plan is acted out on its world, which is looked at after each step and put back.
 *
 * VA_LONG=1 (make check-worlds): every world of three guests, three GPUs, two monitors and two
 * devices; otherwise all of two guests and two GPUs, and a part of the larger ones.
 */
#include "host/daemon/execute.h"
#include "tests/unit/seat-crowd.h"
#include "tests/unit/seat-every.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define ENSURE(cond)                                                                       \
	do {                                                                               \
		if (!(cond)) {                                                             \
			snprintf(broken, sizeof(broken), "%s (line %d)", #cond, __LINE__); \
			return false;                                                      \
		}                                                                          \
	} while (0)

#define STAGE_MACHINES 64

static char broken[160];
static uint64_t n_plans, n_mirrored, n_steps, n_refusals;

/* A world being acted on, and what acts change in it as it was before. */
struct stage {
	struct world *w;
	struct world_machine *machines; /* of w */
	const struct intent *i;
	const struct plan *p;
	bool attached;
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
	s->attached = false;
	for (int k = 0; k < w->n_machines; k++) {
		s->state[k] = w->machines[k].state;
		s->session[k] = w->machines[k].session;
	}
	for (int k = 0; k < w->n_monitors; k++) {
		const struct world_monitor *m = &w->monitors[k];

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
	if (t->kind == STEP_WRITE && !t->only_if_failed)
		m->shown = t->input;
	return true;
}

static bool act_move(struct stage *s, const struct step *t)
{
	struct world_device *d = &s->w->devices[t->device];

	ENSURE(t->device < s->w->n_devices && t->machine != WORLD_HOST);
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
	const struct world_monitor *m = &s->w->monitors[t->monitor];
	int owner;

	if (t->kind != STEP_WRITE || t->only_if_failed || m->shown < 0 || m->worked)
		return true;
	owner = world_gpu_owner(s->w, m->inputs[m->shown].gpu);
	if (owner == s->p->target || !s->machines[owner].session ||
		(owner == WORLD_HOST && s->w->deaf_host))
		return true;
	ENSURE(t->actor == owner);
	return true;
}

/* Where the plan leads, if all goes well: the two halves are at the target. */
static bool halves_agree(const struct stage *s)
{
	int target = s->p->target;
	bool alive = s->machines[target].session;

	for (int i = 0; i < s->w->n_monitors; i++) {
		const struct world_monitor *m = &s->w->monitors[i];

		if (m->n_inputs > 1 && world_input_of(s->w, m, target) >= 0 && !s->i->rescue)
			ENSURE(m->shown >= 0 &&
				world_gpu_owner(s->w, m->inputs[m->shown].gpu) == target);
	}
	for (int i = 0; i < s->w->n_devices; i++) {
		const struct world_device *d = &s->w->devices[i];

		ENSURE(d->holder == target || d->holder == WORLD_NOBODY ||
			(d->keyboard && !alive && d->holder == WORLD_HOST));
	}
	return true;
}

/* Each write can be undone, is followed by the next who would write, and the last is verified. */
static bool write_is_followed(const struct stage *s, const struct step *t)
{
	const struct world_monitor *m = &s->w->monitors[t->monitor];
	const struct step *next = t + 1;

	if (t->kind != STEP_WRITE)
		return true;
	ENSURE(t->undo_input == s->undo[t->monitor]);
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

static bool steps_are_sound(struct stage *s)
{
	const struct plan *p = s->p;
	bool reach = keyboard_is_in_reach(s);

	ENSURE(p->n_steps < PLAN_MAX_STEPS);
	ENSURE(p->steps[p->n_steps - 1].kind == STEP_SEAT && !p->steps[0].only_if_failed);
	ENSURE(reach || s->w->n_devices > 0);
	for (int n = 0; n < p->n_steps; n++) {
		bool before = reach;

		ENSURE(p->steps[n].kind != STEP_SEAT || n == p->n_steps - 1);
		ENSURE(shown_side_is_first(s, &p->steps[n]));
		ENSURE(write_is_followed(s, &p->steps[n]));
		if (!act(s, &p->steps[n]))
			return false;
		/* no step takes the keyboard out of reach */
		reach = keyboard_is_in_reach(s);
		ENSURE(!before || reach);
	}
	n_steps += (uint64_t)p->n_steps;
	if (!s->i->force && !s->i->rescue)
		ENSURE(s->machines[p->target].session);
	return halves_agree(s);
}

static bool plan_is_sound(struct world *w, const struct intent *i, const struct plan *p)
{
	static struct stage s;
	bool good;

	if (p->refusal != EXIT_CODE_OK || p->n_steps == 0) {
		ENSURE(p->n_steps == 0 && p->reason[0]);
		n_refusals += p->refusal != EXIT_CODE_OK;
		return true;
	}
	stage_open(&s, w, i, p);
	good = steps_are_sound(&s);
	stage_close(&s);
	return good;
}

static void print_plan(const struct world *w, const struct intent *i, const struct plan *p)
{
	printf("     world of %d machines, holder %d, target %s, asker %d%s%s%s%s: %s; %s\n",
		w->n_machines, w->holder, i->target, i->asker, i->force ? " force" : "",
		i->no_start ? " no-start" : "", i->wait ? " wait" : "", i->rescue ? " rescue" : "",
		broken, p->reason);
	for (int n = 0; n < p->n_steps; n++) {
		char text[PLAN_TEXT_SIZE];

		step_describe(w, &p->steps[n], text, sizeof(text));
		printf("     %2d. %s\n", n + 1, text);
	}
}

static struct plan the_plan;

static bool try_intent(struct world *w, const struct intent *i)
{
	plan_switch(w, i, &the_plan);
	n_plans++;
	if (plan_is_sound(w, i, &the_plan))
		return true;
	print_plan(w, i, &the_plan);
	return false;
}

static bool is_same(const struct plan *a, const struct plan *b)
{
	if (a->n_steps != b->n_steps || a->refusal != b->refusal)
		return false;
	for (int n = 0; n < a->n_steps; n++)
		if (!seat_same_step(&a->steps[n], &b->steps[n]))
			return false;
	return true;
}

/* "next" and "prev" are another word for a machine. */
static bool try_neighbour(const struct world *w, const char *word)
{
	static struct plan named;
	int target = plan_find_target(w, word);
	struct intent i = { .target = word };

	plan_switch(w, &i, &the_plan);
	n_plans++;
	n_refusals += the_plan.refusal != EXIT_CODE_OK;
	snprintf(broken, sizeof(broken), "it is not the plan of that name");
	if (target >= 0) {
		i.target = w->machines[target].name;
		plan_switch(w, &i, &named);
		if (target != w->holder && named.target == target && is_same(&the_plan, &named))
			return true;
	} else if (the_plan.refusal == EXIT_CODE_REFUSED && the_plan.n_steps == 0) {
		return true;
	}
	print_plan(w, &i, &the_plan);
	return false;
}

/* sw: a small world, NULL for another */
static bool try_both_orders(struct world *w, const struct seat_world *sw, struct intent i)
{
	static struct seat_world mirror;

	if (!try_intent(w, &i))
		return false;
	if (!sw || !seat_has_order(&the_plan))
		return true;
	seat_mirror(sw, &mirror);
	i.asker = i.asker ? w->n_machines - i.asker : WORLD_HOST;
	n_mirrored++;
	return try_intent(&mirror.w, &i);
}

static bool try_world(struct world *w, const struct seat_world *sw)
{
	static struct intent asked[2 + (STAGE_MACHINES) * (STAGE_MACHINES + 7)];
	int n = seat_intents(w, asked, sizeof(asked) / sizeof(asked[0]));
	bool good = try_neighbour(w, "next") && try_neighbour(w, "prev");

	for (int i = 0; good && i < n; i++)
		good = try_both_orders(w, sw, asked[i]);
	return good;
}

static bool try_seat(struct seat_world *sw)
{
	return try_world(&sw->w, sw);
}

static void try_all(const struct seat_size *s, uint64_t step)
{
	static struct seat_every e;

	n_plans = n_mirrored = n_steps = n_refusals = 0;
	seat_every(&e, s, step, try_seat);
	printf("     %d guests, %d GPUs, %d monitors, %d devices: %" PRIu64 " worlds (%" PRIu64
	       " with all names), %" PRIu64 " plans (%" PRIu64 " in both orders), %" PRIu64
	       " steps, %" PRIu64 " refusals\n",
		s->guests, s->gpus, s->monitors, s->devices, e.n, e.images, n_plans, n_mirrored,
		n_steps, n_refusals);
	CHECK(!e.stopped);
	CHECK(step > 1 || e.images == seat_images(s));
}

static void every_world_of_one_monitor(void)
{
	try_all(&(struct seat_size){ 2, 2, 1, 1 }, 1);
	CHECK(n_plans > 10000);
}

static void every_world_of_two(void)
{
	try_all(&(struct seat_size){ 2, 2, 2, 2 }, 1);
	CHECK(n_plans > 100000);
}

static void worlds_of_three(void)
{
	try_all(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 1 : 401);
	CHECK(n_plans > 100000);
}

static void random_large_worlds(void)
{
	static struct world w;
	const char *seed = getenv("VA_SEED");
	int n = getenv("VA_LONG") ? 20000 : 500;

	n_plans = n_steps = n_refusals = 0;
	dice_state = seed ? (uint32_t)atoi(seed) : 20261122u;
	for (int i = 0; i < n; i++) {
		make_crowd(&w, 1 + (int)dice(32), (int)dice(WORLD_MAX_MONITORS + 1));
		CHECK(try_world(&w, NULL));
	}
	printf("     %d worlds, %" PRIu64 " plans, %" PRIu64 " steps, %" PRIu64 " refusals\n", n,
		n_plans, n_steps, n_refusals);
}

TEST_MAIN({ "every_world_of_one_monitor", every_world_of_one_monitor },
	{ "every_world_of_two", every_world_of_two }, { "worlds_of_three", worlds_of_three },
	{ "random_large_worlds", random_large_worlds });
