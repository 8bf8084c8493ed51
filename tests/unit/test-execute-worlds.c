// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walking the plans of small worlds, with each kind of fault at each act in turn (walk-rig.h).
 * Afterwards monitors, keyboards, mice and machines are all where the plan leads, or all back.
 *
 * Many worlds and plans have one walk, which is walked once (walk-view.h); whether all the others
 * would have ended alike is tried for the smallest.
 *
 * VA_LONG=1 (make check-worlds): every world of three guests, three GPUs, two monitors and two
 * devices; otherwise all of two guests and two GPUs with one monitor, and a part of the others.
 */
#include "tests/unit/ensure.h"
#include "tests/unit/seat-every.h"
#include "tests/unit/test.h"
#include "tests/unit/walk-rig.h"

#include <inttypes.h>
#include <stdlib.h>

static uint64_t n_plans, n_views, n_walks, n_moved, n_back;

/* --- what must hold afterwards ---------------------------------------------------------------- */

static bool is_there(const struct walk_goal *g)
{
	for (int i = 0; i < rig.w.n_machines; i++)
		ENSURE(rig.machines[i].state == g->state[i]);
	for (int i = 0; i < rig.w.n_monitors; i++)
		ENSURE(walk_is_right(g, &rig.w.monitors[i], i));
	for (int i = 0; i < rig.w.n_devices; i++) {
		const struct world_device *d = &rig.w.devices[i];

		ENSURE(d->holder == g->target || d->holder == WORLD_NOBODY ||
			(d->keyboard && !rig.machines[g->target].session &&
				d->holder == WORLD_HOST));
	}
	return true;
}

/*
 * One that obeys nobody any more stays as it is; that is said, unless it is it that lies. So does
 * one that hears only a side that has nobody to speak for it.
 */
static bool is_beyond_help(int monitor)
{
	const struct world_monitor *m = &rig.w.monitors[monitor];

	if (rig.deaf && !rig.machines[world_gpu_owner(&rig.w, m->inputs[m->shown].gpu)].session)
		return true;
	return rig.fail_at && rig.hit == ACT_WRITE && rig.hit_whose == monitor &&
	       (rig.fault == STAYS_IGNORED ||
		       (rig.fault == STAYS_REFUSED && strstr(rig.text, "could not all be undone")));
}

static bool is_back(const struct world *before, const struct plan *p)
{
	for (int i = 0; i < rig.w.n_monitors; i++)
		ENSURE(before->monitors[i].shown < 0 ||
			rig.w.monitors[i].shown == before->monitors[i].shown || is_beyond_help(i));
	for (int i = 0; i < rig.w.n_devices; i++)
		ENSURE(rig.w.devices[i].holder == before->devices[i].holder);
	for (int i = 1; i < rig.w.n_machines; i++)
		ENSURE(rig.machines[i].state == before->machines[i].state ||
			(i == p->target && before->machines[i].state == WORLD_OFF));
	return true;
}

/* A rescue undoes nothing: what did not fail is done. */
static bool is_rescued(void)
{
	for (int i = 0; i < rig.w.n_devices; i++)
		ENSURE(rig.w.devices[i].holder <= WORLD_HOST ||
			(rig.fail_at && rig.hit == ACT_MOVE && rig.hit_whose == i));
	return true;
}

/* A monitor shows, and hears, a side that has nobody to speak for it. */
static bool is_out_of_reach(const struct world *before)
{
	for (int i = 0; i < before->n_monitors && rig.deaf; i++) {
		const struct world_monitor *m = &before->monitors[i];

		if (m->n_inputs > 1 &&
			!before->machines[world_gpu_owner(before, m->inputs[rig.first[i]].gpu)]
				 .session)
			return true;
	}
	return false;
}

/*
 * One slip of a read, of a ping, or of a monitor that is written again, is no failure. Where one
 * side alone is heard, others may write again in vain.
 */
static bool is_forgiven(void)
{
	return rig.fail_at && rig.fault < STAYS_REFUSED &&
	       (rig.hit == ACT_READ || rig.hit == ACT_PING ||
		       (rig.hit == ACT_WRITE && rig.fault == IGNORED && !rig.deaf));
}

/* The seat goes to nobody who is not heard. */
static bool is_silent(void)
{
	if (!rig.fail_at || rig.hit == ACT_PING)
		return rig.fail_at && rig.fault >= STAYS_REFUSED;
	return rig.hit == ACT_SESSION && rig.fault != ANSWER_LOST;
}

static bool outcome_is_right(
	const struct world *before, const struct plan *p, const struct walk_goal *g)
{
	ENSURE(rig.over && !rig.conflict && !rig.no_return);
	if (p->best_effort) {
		ENSURE(rig.moved);
		return is_rescued() && (rig.fail_at || rig.deaf || is_there(g));
	}
	ENSURE(rig.moved == (rig.code == EXIT_CODE_OK || rig.code == EXIT_CODE_UNCONFIRMED));
	ENSURE(rig.fail_at || rig.code == EXIT_CODE_OK || is_out_of_reach(before));
	ENSURE(rig.moved || !is_forgiven() || is_out_of_reach(before));
	ENSURE(!rig.moved || !is_silent());
	return rig.moved ? is_there(g) : is_back(before, p);
}

/* --- one plan --------------------------------------------------------------------------------- */

static bool run(const struct world *before, const struct plan *p, const struct walk_goal *g,
	int fail_at, enum fault fault)
{
	bool good;

	snprintf(broken, sizeof(broken), "it came to no end");
	good = rig_walk(before, p, fail_at, fault) && outcome_is_right(before, p, g);
	n_walks++;
	n_moved += rig.moved;
	n_back += !rig.moved;
	if (!good)
		printf("     act %d, fault %d, holder %d to %d: %s; %s %s\n", fail_at, (int)fault,
			before->holder, p->target, broken, exit_code_name(rig.code), rig.text);
	return good;
}

/* How each run went, in one number; 0: not as it should. */
static uint64_t walk(const struct world *w, const struct plan *p, const struct walk_goal *g)
{
	bool good = run(w, p, g, 0, REFUSED);
	int acts =
		rig.moved ? rig.acts : 0; /* one that fails by itself is not made to fail twice */
	uint64_t course = (uint64_t)acts + 1;

	for (int k = 1; good && k <= acts; k++)
		for (enum fault f = REFUSED; good && f < N_FAULTS; f++) {
			good = run(w, p, g, k, f);
			course = walk_mix(course,
				(uint64_t)rig.acts << 16 | (uint64_t)rig.code << 1 | rig.moved);
			course = walk_mix(course, fake_clock.now_usec);
		}
	for (int n = 0; !good && n < p->n_steps; n++) {
		char text[PLAN_TEXT_SIZE];

		step_describe(w, &p->steps[n], text, sizeof(text));
		printf("     %2d. %s\n", n + 1, text);
	}
	return good ? course | 1 : 0;
}

/* --- which differ ----------------------------------------------------------------------------- */

/* Views that were walked, and how that went. Of some millions, a hash of 64 bits does. */
static struct seen {
	uint64_t view, course;
} * seen;
static size_t seen_size, seen_used;

static struct seen *seen_find(uint64_t view)
{
	size_t at = view & (seen_size - 1);

	while (seen[at].view && seen[at].view != view)
		at = (at + 1) & (seen_size - 1);
	return &seen[at];
}

static void seen_grow(void)
{
	struct seen *old = seen;
	size_t n = seen_size;

	seen_size = n ? 2 * n : 1u << 16;
	seen = calloc(seen_size, sizeof(*seen));
	if (!seen)
		abort();
	for (size_t i = 0; i < n; i++)
		if (old[i].view)
			*seen_find(old[i].view) = old[i];
	free(old);
}

static void seen_forget(void)
{
	free(seen);
	seen = NULL;
	seen_size = seen_used = 0;
}

/* The place of that view; its course is 0 if it is new. */
static struct seen *seen_add(uint64_t view)
{
	struct seen *s;

	if (2 * seen_used >= seen_size)
		seen_grow();
	s = seen_find(view);
	seen_used += !s->view;
	s->view = view;
	return s;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Each plan is walked, though one of its view was, and is to have gone like that. */
static bool walks_all;

static bool try_plan(const struct world *w, const struct plan *p)
{
	struct walk_goal goal;
	uint64_t course, view = walk_view_of(w, p, &goal);
	struct seen *s = seen_add(view);

	n_plans++;
	if (rig.deaf) /* a view has not who is heard */
		return walk(w, p, &goal);
	n_views += !s->course;
	if (s->course && !walks_all)
		return true;
	course = walk(w, p, &goal);
	if (course && s->course && course != s->course)
		printf("     two walks of one view differ, holder %d to %d\n", w->holder,
			p->target);
	if (!course || (s->course && course != s->course))
		return false;
	s->course = course;
	return true;
}

/* mirrored: only what has an order; *ret_ordered: something had */
static bool try_intents(struct seat_world *sw, bool mirrored, bool *ret_ordered)
{
	static struct plan p;
	struct intent asked[SEAT_INTENTS_MAX];
	int n = seat_intents(&sw->w, asked, SEAT_INTENTS_MAX);

	*ret_ordered = false;
	for (int i = 0; i < n; i++) {
		plan_switch(&sw->w, &asked[i], &p);
		if (p.refusal != EXIT_CODE_OK || p.n_steps == 0)
			continue;
		*ret_ordered = *ret_ordered || seat_has_order(&p);
		if ((!mirrored || seat_has_order(&p)) && !try_plan(&sw->w, &p))
			return false;
	}
	return true;
}

static bool try_seat(struct seat_world *sw)
{
	static struct seat_world mirror;
	bool ordered;

	if (!try_intents(sw, false, &ordered))
		return false;
	if (!ordered)
		return true;
	seat_mirror(sw, &mirror);
	return try_intents(&mirror, true, &ordered);
}

static void walk_every(const struct seat_size *s, uint64_t step)
{
	static struct seat_every e;

	n_plans = n_views = n_walks = n_moved = n_back = 0;
	seat_every(&e, s, step, try_seat);
	seen_forget();
	printf("     %d guests, %d GPUs, %d monitors, %d devices: %" PRIu64 " worlds, %" PRIu64
	       " plans, %" PRIu64 " views, %" PRIu64 " walks, %" PRIu64 " got there, %" PRIu64
	       " went back\n",
		s->guests, s->gpus, s->monitors, s->devices, e.n, n_plans, n_views, n_walks,
		n_moved, n_back);
	CHECK(!e.stopped);
	CHECK(n_moved > 1000 && n_back > 1000);
}

static void walks_of_one_view_are_alike(void)
{
	walks_all = true;
	walk_every(&(struct seat_size){ 2, 2, 1, 2 }, getenv("VA_LONG") ? 1 : 61);
	if (!test_failed)
		walk_every(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 1009 : 200003);
	walks_all = false;
}

static void monitors_that_hear_one_side(void)
{
	rig.deaf = true;
	walk_every(&(struct seat_size){ 2, 2, 2, 2 }, getenv("VA_LONG") ? 7 : 97);
	if (!test_failed)
		walk_every(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 5003 : 200003);
	rig.deaf = false;
}

/*
 * beta is to have what alpha and gamma have. gamma pushes away what it shows, to an input that is
 * alpha's until that stops, which it does not: then alpha is heard, and nobody else.
 */
static void what_went_to_one_that_stays_comes_back(void)
{
	static const unsigned int gpus[] = { 1, 1 | 2, 2 | 4 };
	static const struct seat_cabling cabling = { .n = 2, .gpu = { 0, 2 }, .shown = 1 };
	static struct seat_world sw;
	static struct plan p;
	struct walk_goal goal;

	seat_make_host(&sw, &(struct seat_size){ 3, 3, 1, 0 });
	for (int i = 0; i < 3; i++)
		seat_make_guest(&sw.machines[i + 1], i + 1,
			gpus[i] * SEAT_STATES + (i == 1 ? SEAT_OFF : SEAT_ANSWERS));
	seat_make_monitor(&sw.w.monitors[0], 0, &cabling);
	plan_switch(&sw.w, &(struct intent){ .target = "beta" }, &p);
	CHECK(p.n_steps > 0 && p.steps[0].kind == STEP_WRITE && p.steps[0].actor == 3);
	walk_find_goal(&sw.w, &p, &goal);
	rig.deaf = true;
	CHECK(walk(&sw.w, &p, &goal));
	rig.deaf = false;
}

static void a_fault_at_each_act_of_small_worlds(void)
{
	walk_every(&(struct seat_size){ 2, 2, 2, 2 }, 1);
}

static void a_fault_at_each_act_of_larger_worlds(void)
{
	walk_every(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 1 : 10007);
}

TEST_MAIN({ "walks_of_one_view_are_alike", walks_of_one_view_are_alike },
	{ "monitors_that_hear_one_side", monitors_that_hear_one_side },
	{ "what_went_to_one_that_stays_comes_back", what_went_to_one_that_stays_comes_back },
	{ "a_fault_at_each_act_of_small_worlds", a_fault_at_each_act_of_small_worlds },
	{ "a_fault_at_each_act_of_larger_worlds", a_fault_at_each_act_of_larger_worlds });
