// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plans of all small worlds, and of random larger ones, against what must always hold.
 * Each plan is acted out on its world, which is looked at after each step and put back.
 *
 * VA_LONG=1 (make check-worlds): every world of three guests, three GPUs, two monitors and two
 * devices; otherwise all of two guests and two GPUs, and a part of the larger ones.
 */
#include "tests/unit/plan-stage.h"
#include "tests/unit/seat-crowd.h"
#include "tests/unit/seat-every.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdlib.h>

static uint64_t n_plans, n_mirrored, n_steps, n_refusals;

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

/* A guest that stops pushes away what it shows, unless that cable becomes the target's. */
static bool left_are_pushed(const struct stage *s)
{
	for (int i = 0; i < s->w->n_monitors; i++) {
		const struct world_monitor *m = &s->w->monitors[i];

		ENSURE(!s->left[i] || s->pushed[i] || world_input_of(s->w, m, s->p->target) < 0 ||
			world_gpu_owner(s->w, m->inputs[s->undo[i]].gpu) == s->p->target);
	}
	return true;
}

/* The last before the seat: a guest that should answer does. */
static bool is_confirmed(const struct stage *s)
{
	int target = s->p->target;
	bool asked = s->p->n_steps > 1 && s->p->steps[s->p->n_steps - 2].kind == STEP_CONFIRM;

	ENSURE(asked == (target != WORLD_HOST && s->machines[target].session && s->w->confirm_ms &&
				!s->i->rescue));
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

static bool can_write(const struct stage *s, int machine)
{
	return machine == WORLD_HOST
		       ? !s->w->deaf_host
		       : world_is_running(&s->machines[machine]) && s->machines[machine].session;
}

/* Who has a cable to that monitor and can write, but for the target. */
static int count_others(const struct stage *s, const struct world_monitor *m)
{
	bool counted[STAGE_MACHINES] = { false };
	int n = 0;

	for (int i = 0; i < m->n_inputs; i++) {
		int owner = world_gpu_owner(s->w, m->inputs[i].gpu);

		if (!counted[owner] && owner != s->p->target && can_write(s, owner))
			n++;
		counted[owner] = true;
	}
	return n;
}

static enum world_writer role_of(const struct stage *s, const struct step *t)
{
	const struct world_monitor *m = &s->w->monitors[t->monitor];

	if (t->actor == s->p->target)
		return WRITER_TARGET;
	if (t->undo_input >= 0 && world_gpu_owner(s->w, m->inputs[t->undo_input].gpu) == t->actor)
		return WRITER_SHOWN;
	return t->actor == WORLD_HOST ? WRITER_HOST : WRITER_OTHER;
}

/* Everybody who can write is there, as far as there is room, once, and in the order of roles. */
static bool writers_are_all(const struct stage *s, const struct step *t)
{
	const struct world_monitor *m = &s->w->monitors[t->monitor];
	int others = count_others(s, m), n = 0;
	bool target = can_write(s, s->p->target);

	if (t->kind != STEP_WRITE || t->may_fail || t->only_if_failed || m->command[0])
		return true;
	for (; t[n].kind == STEP_WRITE && t[n].monitor == t->monitor; n++) {
		ENSURE(t[n].writer == role_of(s, &t[n]));
		ENSURE(n == 0 || m->worked || t[n].writer >= t[n - 1].writer);
		for (int k = 0; k < n; k++)
			ENSURE(t[k].actor != t[n].actor);
	}
	if (others > PLAN_MAX_WRITERS - 1)
		others = PLAN_MAX_WRITERS - 1;
	ENSURE(n == others + target);
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

/* Once machines are settled (moves), a device that leaves a guest for another gets there next. */
static bool is_on_its_way_alone(const struct stage *s, const struct step *t, bool moves)
{
	const struct world_device *d = &s->w->devices[t->device];
	const struct step *next = t + 1;

	if (t->kind != STEP_DETACH || !moves || s->p->target == WORLD_HOST)
		return true;
	ENSURE((next->kind == STEP_ATTACH && next->device == t->device) ||
		(d->keyboard && !s->machines[s->p->target].session));
	return true;
}

static bool steps_are_sound(struct stage *s)
{
	const struct plan *p = s->p;
	bool reach = keyboard_is_in_reach(s);
	int last = p->n_steps - 1; /* about machines */

	while (last >= 0 && p->steps[last].kind != STEP_STOP)
		last--;
	ENSURE(p->n_steps < PLAN_MAX_STEPS);
	ENSURE(p->steps[p->n_steps - 1].kind == STEP_SEAT && !p->steps[0].only_if_failed);
	ENSURE(reach || s->w->n_devices > 0);
	for (int n = 0; n < p->n_steps; n++) {
		bool before = reach;

		ENSURE(p->steps[n].kind != STEP_SEAT || n == p->n_steps - 1);
		ENSURE(shown_side_is_first(s, &p->steps[n]));
		ENSURE(writers_are_all(s, &p->steps[n]));
		ENSURE(write_is_followed(s, &p->steps[n]));
		ENSURE(is_on_its_way_alone(s, &p->steps[n], n > last));
		if (!act(s, &p->steps[n]))
			return false;
		/* no step takes the keyboard out of reach */
		reach = keyboard_is_in_reach(s);
		ENSURE(!before || reach);
	}
	n_steps += (uint64_t)p->n_steps;
	if (!s->i->force && !s->i->rescue)
		ENSURE(s->machines[p->target].session);
	return halves_agree(s) && left_are_pushed(s) && is_confirmed(s);
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
		if (target != w->holder && named.target == target &&
			seat_same_steps(&the_plan, &named))
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

/* The same with what is one way in all of these, by dice. */
static bool try_odd(struct seat_world *sw)
{
	static const enum world_state up[] = { WORLD_STARTING, WORLD_RUNNING, WORLD_RUNNING,
		WORLD_RUNNING, WORLD_PAUSED, WORLD_STOPPING };
	static struct seat_world odd;

	odd = *sw;
	odd.w.machines = odd.machines;
	for (int i = 1; i < odd.w.n_machines; i++) {
		struct world_machine *m = &odd.machines[i];

		m->agent = m->session || dice(4);
		m->startable = dice(6);
		m->on_conflict = dice(3);
		if (m->state != WORLD_OFF)
			m->state = up[dice(sizeof(up) / sizeof(up[0]))];
		m->session = m->session && m->state == WORLD_RUNNING;
	}
	for (int i = 0; i < odd.w.n_monitors; i++) {
		odd.w.monitors[i].worked = dice(5);
		odd.w.monitors[i].unreadable = !dice(4);
	}
	for (int i = 0; i < odd.w.n_devices; i++) {
		odd.w.devices[i].keyboard = dice(2);
		odd.w.devices[i].pointer = !odd.w.devices[i].keyboard || !dice(3);
	}
	odd.w.deaf_host = !dice(6);
	odd.w.fixed_keyboard = !dice(3);
	odd.w.confirm_ms = dice(2) * 1000;
	return try_world(&odd.w, &odd);
}

static void try_all(const struct seat_size *s, uint64_t step, seat_try_fn *try)
{
	static struct seat_every e;

	n_plans = n_mirrored = n_steps = n_refusals = 0;
	seat_every(&e, s, step, try);
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
	try_all(&(struct seat_size){ 2, 2, 1, 1 }, 1, try_seat);
	CHECK(n_plans > 10000);
}

static void every_world_of_two(void)
{
	try_all(&(struct seat_size){ 2, 2, 2, 2 }, 1, try_seat);
	CHECK(n_plans > 100000);
}

static void worlds_of_three(void)
{
	try_all(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 1 : 601, try_seat);
	CHECK(n_plans > 100000);
}

static void throw_dice(void)
{
	const char *seed = getenv("VA_SEED");

	dice_state = seed ? (uint32_t)atoi(seed) : 20261122u;
}

static void odd_worlds(void)
{
	bool all = getenv("VA_LONG");

	throw_dice();
	try_all(&(struct seat_size){ 2, 2, 2, 2 }, all ? 1 : 7, try_odd);
	if (!test_failed)
		try_all(&(struct seat_size){ 3, 3, 2, 2 }, all ? 101 : 2003, try_odd);
	CHECK(n_plans > 100000);
}

static void random_large_worlds(void)
{
	static struct world w;
	int n = getenv("VA_LONG") ? 20000 : 500;

	n_plans = n_steps = n_refusals = 0;
	throw_dice();
	for (int i = 0; i < n; i++) {
		make_crowd(&w, 1 + (int)dice(32), (int)dice(WORLD_MAX_MONITORS + 1));
		CHECK(try_world(&w, NULL));
	}
	printf("     %d worlds, %" PRIu64 " plans, %" PRIu64 " steps, %" PRIu64 " refusals\n", n,
		n_plans, n_steps, n_refusals);
}

TEST_MAIN({ "every_world_of_one_monitor", every_world_of_one_monitor },
	{ "every_world_of_two", every_world_of_two }, { "worlds_of_three", worlds_of_three },
	{ "odd_worlds", odd_worlds }, { "random_large_worlds", random_large_worlds });
