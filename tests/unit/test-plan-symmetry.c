// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What things are called does not matter: a world with its GPUs, guests and monitors renamed has
 * the plan of the world, renamed. seat-every.h takes one world for all of its images because of
 * that. Only the order of what is alike may differ: of guests that stop, of monitors.
 */
#include "tests/unit/seat-crowd.h"
#include "tests/unit/seat-every.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define GPUS 9

static uint64_t n_plans;

/* What was [i] is [to[i]]. */
static struct renaming {
	int machine[CROWD_MACHINES], called[CROWD_MACHINES], monitor[WORLD_MAX_MONITORS], gpu[GPUS];
} to;

static struct image {
	struct world w;
	struct world_machine machines[CROWD_MACHINES];
} image;

/* From first on in any order; before it each is itself. */
static void shuffle(int *out, int first, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = i;
	for (int i = n - 1; i > first; i--) {
		int k = first + (int)dice((unsigned int)(i - first + 1)), was = out[i];

		out[i] = out[k];
		out[k] = was;
	}
}

static int number_of(const char *gpu)
{
	return gpu[6] - '1';
}

static void choose_renaming(const struct world *w, int gpus)
{
	bool first_counts = !w->primary_gpu[0] && !world_has_screen(w, WORLD_HOST);

	shuffle(to.machine, 1, w->n_machines);
	shuffle(to.called, 1, w->n_machines);
	shuffle(to.monitor, first_counts ? WORLD_MAX_MONITORS : 0, w->n_monitors);
	shuffle(to.gpu, 0, gpus);
}

static void rename_gpu(char gpu[WORLD_PCI_SIZE])
{
	if (gpu[0])
		seat_gpu(gpu, to.gpu[number_of(gpu)]);
}

static void make_image(const struct world *w)
{
	image.w = *w;
	image.w.machines = image.machines;
	for (int i = 0; i < w->n_machines; i++) {
		struct world_machine *m = &image.machines[to.machine[i]];

		*m = w->machines[i];
		if (i)
			snprintf(m->name, sizeof(m->name), "m%02d", to.called[i]);
		for (int k = 0; k < m->n_gpus; k++)
			rename_gpu(m->gpus[k]);
	}
	for (int i = 0; i < w->n_monitors; i++) {
		struct world_monitor *m = &image.w.monitors[to.monitor[i]];

		*m = w->monitors[i];
		for (int k = 0; k < m->n_inputs; k++)
			rename_gpu(m->inputs[k].gpu);
	}
	for (int i = 0; i < w->n_devices; i++)
		if (w->devices[i].holder > 0)
			image.w.devices[i].holder = to.machine[w->devices[i].holder];
	image.w.holder = to.machine[w->holder];
	rename_gpu(image.w.primary_gpu);
}

static void rename_plan(struct plan *p)
{
	for (int n = 0; n < p->n_steps; n++) {
		struct step *s = &p->steps[n];

		s->actor = to.machine[s->actor];
		s->machine = to.machine[s->machine];
		if (s->kind == STEP_WRITE || s->kind == STEP_CHECK)
			s->monitor = to.monitor[s->monitor];
	}
	if (p->target >= 0)
		p->target = to.machine[p->target];
}

/* Steps of one rank keep their order; before: the last step about machines. */
static int rank_of(const struct plan *p, const struct step *s, int n, int before)
{
	switch (s->kind) {
	case STEP_WRITE:
	case STEP_CHECK: return (s->may_fail ? 0 : 300) + s->monitor;
	case STEP_START:
	case STEP_SESSION: return 200;
	case STEP_STOP: return 100 + s->machine;
	case STEP_DETACH: return n < before || p->best_effort ? 100 + s->machine : 400;
	default: return 400;
	}
}

static void sort(struct plan *p)
{
	int rank[PLAN_MAX_STEPS], before = p->n_steps;

	while (before > 0 && p->steps[before - 1].kind != STEP_STOP &&
		p->steps[before - 1].kind != STEP_START)
		before--;
	for (int n = 0; n < p->n_steps; n++)
		rank[n] = rank_of(p, &p->steps[n], n, before);
	for (int n = 1; n < p->n_steps; n++)
		for (int k = n; k > 0 && rank[k - 1] > rank[k]; k--) {
			struct step s = p->steps[k];
			int r = rank[k];

			p->steps[k] = p->steps[k - 1];
			rank[k] = rank[k - 1];
			p->steps[k - 1] = s;
			rank[k - 1] = r;
		}
}

static void print_plan(const char *title, const struct plan *p)
{
	printf("     %s: target %d, refusal %d %s\n", title, p->target, (int)p->refusal, p->reason);
	for (int n = 0; n < p->n_steps; n++) {
		char text[PLAN_TEXT_SIZE];

		step_describe(&image.w, &p->steps[n], text, sizeof(text));
		printf("     %2d. %s\n", n + 1, text);
	}
}

static bool try_intent(const struct world *w, struct intent i)
{
	static struct plan p, q;

	plan_switch(w, &i, &p);
	i.target = image.machines[to.machine[world_find(w, i.target)]].name;
	i.asker = to.machine[i.asker];
	plan_switch(&image.w, &i, &q);
	n_plans++;
	rename_plan(&p);
	sort(&p);
	sort(&q);
	if (p.target == q.target && p.best_effort == q.best_effort && seat_same_steps(&p, &q))
		return true;
	printf("     target %s, asker %d%s%s%s%s\n", i.target, i.asker, i.force ? " force" : "",
		i.no_start ? " no-start" : "", i.wait ? " wait" : "", i.rescue ? " rescue" : "");
	print_plan("the plan, renamed", &p);
	print_plan("the image's plan", &q);
	return false;
}

static bool try_world(const struct world *w, int gpus)
{
	static struct intent asked[2 + CROWD_MACHINES * (CROWD_MACHINES + 7)];
	int n = seat_intents(w, asked, sizeof(asked) / sizeof(asked[0]));

	do
		choose_renaming(w, gpus);
	while (w->primary_gpu[0] && to.gpu[number_of(w->primary_gpu)] != number_of(w->primary_gpu));
	make_image(w);
	for (int i = 0; i < n; i++)
		if (!try_intent(w, asked[i]))
			return false;
	return true;
}

static bool try_two(struct seat_world *sw)
{
	return try_world(&sw->w, 2);
}

static bool try_three(struct seat_world *sw)
{
	return try_world(&sw->w, SEAT_GPUS);
}

static void start(void)
{
	const char *seed = getenv("VA_SEED");

	dice_state = seed ? (uint32_t)atoi(seed) : 20261129u;
	n_plans = 0;
}

static void small_worlds_renamed(void)
{
	static struct seat_every e;

	start();
	seat_every(&e, &(struct seat_size){ 2, 2, 2, 2 }, getenv("VA_LONG") ? 1 : 5, try_two);
	CHECK(!e.stopped);
	seat_every(
		&e, &(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 101 : 1009, try_three);
	CHECK(!e.stopped);
	printf("     %" PRIu64 " plans\n", n_plans);
	CHECK(n_plans > 1000000);
}

static void large_worlds_renamed(void)
{
	static struct world w;
	int n = getenv("VA_LONG") ? 20000 : 300;

	start();
	for (int i = 0; i < n; i++) {
		make_crowd(
			&w, 1 + (int)dice(CROWD_MACHINES - 1), (int)dice(WORLD_MAX_MONITORS + 1));
		CHECK(try_world(&w, GPUS));
	}
	printf("     %" PRIu64 " plans\n", n_plans);
}

/* --- next and prev ---------------------------------------------------------------------------- */

#define RING 4 /* the host and three guests; a fourth may have the primary GPU */

/* What is up, has a GPU and answers is alive, but the host for whom the GPU is missing. */
static void make_ring(struct world *w, struct world_machine *machines, unsigned int alive,
	const int names[], int holder)
{
	memset(w, 0, sizeof(*w));
	memset(machines, 0, sizeof(*machines) * (RING + 1));
	w->machines = machines;
	w->n_machines = RING + 1;
	w->holder = holder;
	seat_gpu(w->primary_gpu, RING);
	for (int i = 0; i <= RING; i++) {
		snprintf(machines[i].name, NAME_MAX_LEN, "%s",
			i == 0     ? "host"
			: i < RING ? seat_names[1 + names[i - 1]]
				   : "zeta");
		machines[i].known = true;
		machines[i].state = WORLD_RUNNING;
		machines[i].session = i < RING && (!i || alive & 1u << i);
		seat_gpu(machines[i].gpus[0], i);
		machines[i].n_gpus = i > 0;
	}
	if (alive & 1u)
		machines[RING].state = WORLD_OFF;
}

/* The host, then guests by name, and from the last to the host again. */
static int find_by_walking(unsigned int alive, const int names[], int holder, int direction)
{
	int ring[RING] = { 0 }, at = 0;

	for (int i = 1; i < RING; i++)
		ring[1 + names[i - 1]] = i;
	while (ring[at] != holder)
		at++;
	for (int n = 1; n < RING; n++) {
		int machine = ring[(at + n * (direction + RING)) % RING];

		if (alive & 1u << machine)
			return machine;
	}
	return WORLD_NOBODY;
}

static void next_and_prev_of_every_ring(void)
{
	struct world_machine machines[RING + 1];
	static struct world w;
	int names[SEAT_GUESTS];

	for (unsigned int alive = 0; alive < 1u << RING; alive++)
		for (int order = 0; seat_order(names, RING - 1, order); order++)
			for (int holder = 0; holder < RING; holder++) {
				make_ring(&w, machines, alive, names, holder);
				CHECK_EQ(plan_find_target(&w, "next"),
					find_by_walking(alive, names, holder, 1));
				CHECK_EQ(plan_find_target(&w, "prev"),
					find_by_walking(alive, names, holder, -1));
			}
}

TEST_MAIN({ "small_worlds_renamed", small_worlds_renamed },
	{ "large_worlds_renamed", large_worlds_renamed },
	{ "next_and_prev_of_every_ring", next_and_prev_of_every_ring });
