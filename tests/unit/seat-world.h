// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small worlds by number, for the tests of the planner and of the walk: every world of up to
 * three guests, three GPUs, two monitors and two keyboards and mice has one. Of worlds that
 * differ in the order of guests or of monitors only, one is made.
 */
#ifndef VA_TEST_SEAT_WORLD_H
#define VA_TEST_SEAT_WORLD_H

#include "host/daemon/plan.h"

#include <stdio.h>
#include <string.h>

#define SEAT_GUESTS 3
#define SEAT_GPUS   3

struct seat_world {
	struct world w;
	struct world_machine machines[SEAT_GUESTS + 1];
};

struct seat_size {
	int guests, gpus, monitors, devices;
};

static const char *const seat_names[] = { "host", "alpha", "beta", "gamma" };

static inline void seat_gpu(char out[WORLD_PCI_SIZE], int n)
{
	snprintf(out, WORLD_PCI_SIZE, "0000:%02x:00.0", (unsigned int)(n + 1) & 0xffu);
}

static inline unsigned int seat_take(uint64_t *number, unsigned int base)
{
	unsigned int digit = (unsigned int)(*number % base);

	*number /= base;
	return digit;
}

/* off, running with and without a session, by each set of GPUs */
static inline void seat_guest(struct world_machine *m, int gpus, uint64_t *number)
{
	unsigned int state = seat_take(number, 3), set = seat_take(number, 1u << gpus);

	m->known = m->agent = m->startable = true;
	m->state = state ? WORLD_RUNNING : WORLD_OFF;
	m->session = state == 1;
	for (int i = 0; i < gpus; i++)
		if (set & 1u << i)
			seat_gpu(m->gpus[m->n_gpus++], i);
}

/* cabled to each set of GPUs, showing any of them or it is not known which */
static inline bool seat_monitor(struct world_monitor *m, int n, int gpus, uint64_t *number)
{
	unsigned int set = seat_take(number, 1u << gpus), shown = seat_take(number, 4);

	snprintf(m->name, sizeof(m->name), "desk%d", n);
	for (int i = 0; i < gpus; i++)
		if (set & 1u << i) {
			snprintf(m->inputs[m->n_inputs].name, NAME_MAX_LEN, "in%d", i);
			seat_gpu(m->inputs[m->n_inputs].gpu, i);
			m->sources[m->n_inputs].write = (uint16_t)(0x0f + i);
			m->sources[m->n_inputs++].read = 0x0f + i;
		}
	m->shown = (int)shown < m->n_inputs ? (int)shown : -1;
	return (int)shown <= m->n_inputs;
}

/* How many numbers there are; not each is a world that can be. */
static inline uint64_t seat_worlds(const struct seat_size *s)
{
	uint64_t n = 2 * ((uint64_t)s->guests + 1);

	for (int i = 0; i < s->guests; i++)
		n *= 3u << s->gpus;
	for (int i = 0; i < s->monitors; i++)
		n *= 4u << s->gpus;
	for (int i = 0; i < s->devices; i++)
		n *= (uint64_t)s->guests + 2;
	return n;
}

/* False: two running guests hold one GPU, or a machine that is off holds something. */
static inline bool seat_is_possible(const struct world *w)
{
	const char *pci;

	for (int i = 1; i < w->n_machines; i++)
		for (int k = i + 1; k < w->n_machines; k++)
			if (world_is_up(&w->machines[i]) && world_is_up(&w->machines[k]) &&
				world_conflicts(&w->machines[i], &w->machines[k], &pci))
				return false;
	for (int i = 0; i < w->n_devices; i++)
		if (w->devices[i].holder > 0 && !world_is_up(&w->machines[w->devices[i].holder]))
			return false;
	return world_is_up(&w->machines[w->holder]);
}

/* Makes world number; false: it cannot be, or is like another. GPU 0 is the primary one, or none.
 */
static inline bool seat_make(struct seat_world *sw, const struct seat_size *s, uint64_t number)
{
	struct world *w = &sw->w;
	uint64_t last = 0;

	memset(sw, 0, sizeof(*sw));
	w->machines = sw->machines;
	w->n_machines = s->guests + 1;
	sw->machines[0].known = sw->machines[0].session = true;
	sw->machines[0].state = WORLD_RUNNING;
	for (int i = 0; i <= s->guests; i++)
		snprintf(sw->machines[i].name, sizeof(sw->machines[i].name), "%s", seat_names[i]);
	if (seat_take(&number, 2))
		seat_gpu(w->primary_gpu, 0);
	w->holder = (int)seat_take(&number, (unsigned int)s->guests + 1);
	for (int i = 1; i <= s->guests; i++) {
		uint64_t mine = number % (3u << s->gpus);

		if (mine < last)
			return false;
		last = mine;
		seat_guest(&sw->machines[i], s->gpus, &number);
	}
	last = 0;
	for (w->n_monitors = 0; w->n_monitors < s->monitors; w->n_monitors++) {
		uint64_t mine = number % (4u << s->gpus);

		if (mine < last ||
			!seat_monitor(&w->monitors[w->n_monitors], w->n_monitors, s->gpus, &number))
			return false;
		last = mine;
	}
	for (int i = 0; i < s->devices; i++) {
		struct world_device *d = &w->devices[w->n_devices++];

		d->keyboard = i == 0;
		d->pointer = i != 0;
		d->holder = (int)seat_take(&number, (unsigned int)s->guests + 2) - 1;
	}
	w->confirm_ms = 1000;
	return seat_is_possible(w);
}

#endif
