// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long plan_switch() takes: worlds of 32 guests and 8 monitors, each machine as a target. Of
 * each plan the best of many runs counts, as the machine is shared; of all plans the slowest.
 */
#include "tests/unit/seat-crowd.h"

#include <time.h>

#define WORLDS 50
#define RUNS   20

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t best_of(const struct world *w, const struct intent *i, struct plan *p)
{
	uint64_t best = UINT64_MAX;

	for (int n = 0; n < RUNS; n++) {
		uint64_t began = now_ns(), took;

		plan_switch(w, i, p);
		took = now_ns() - began;
		best = took < best ? took : best;
	}
	return best;
}

int main(void)
{
	static struct world w;
	static struct plan p;
	uint64_t slowest = 0, sum = 0;
	int n_plans = 0, steps = 0;

	dice_state = 7;
	for (int n = 0; n < WORLDS; n++) {
		make_crowd(&w, 32, WORLD_MAX_MONITORS);
		for (int t = 0; t < w.n_machines; t++) {
			struct intent i = { .target = w.machines[t].name, .force = true };
			uint64_t took = best_of(&w, &i, &p);

			slowest = took > slowest ? took : slowest;
			sum += took;
			steps = p.n_steps > steps ? p.n_steps : steps;
			n_plans++;
		}
	}
	printf("plan(), 32 guests, 8 monitors: %d plans of up to %d steps, %.1f us each, the "
	       "slowest %.1f us (<= 1000)\n",
		n_plans, steps, (double)sum / n_plans / 1e3, (double)slowest / 1e3);
	return 0;
}
