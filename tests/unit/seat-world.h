// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small worlds for the tests of the planner and of the walk, of up to three guests, three GPUs,
 * two monitors and two keyboards and mice, put together from a few small numbers; see
 * seat-every.h for all of them.
 */
#ifndef VA_TEST_SEAT_WORLD_H
#define VA_TEST_SEAT_WORLD_H

#include "host/daemon/plan.h"

#include <stdio.h>
#include <string.h>

#define SEAT_GUESTS       3
#define SEAT_GPUS         3
#define SEAT_MONITORS     2
#define SEAT_DEVICES      2
#define SEAT_GUEST_KINDS  (3u << SEAT_GPUS)
#define SEAT_CABLINGS_MAX 49 /* of one monitor, with what it shows */
#define SEAT_INTENTS_MAX  (2 + (SEAT_GUESTS + 1) * (SEAT_GUESTS + 8))

struct seat_world {
	struct world w; /* w.machines is the next */
	struct world_machine machines[SEAT_GUESTS + 1];
};

struct seat_size {
	int guests, gpus, monitors, devices;
};

/* A guest in one number: its state, and which GPUs are its. */
enum seat_state { SEAT_OFF, SEAT_ANSWERS, SEAT_SILENT, SEAT_STATES };

static inline unsigned int seat_state_of(unsigned int guest)
{
	return guest % SEAT_STATES;
}

static inline unsigned int seat_gpus_of(unsigned int guest)
{
	return guest / SEAT_STATES;
}

/* What a monitor's inputs are cabled to, in their order, and which is shown; -1: not known. */
struct seat_cabling {
	int n, gpu[SEAT_GPUS], shown;
};

/* The world of that size in small numbers; monitors are indices into the table of cablings. */
struct seat_code {
	bool primary; /* GPU 0 is what the host's own screen needs; or it is not known which */
	unsigned int guests[SEAT_GUESTS];
	int holder, devices[SEAT_DEVICES]; /* machines */
	int monitors[SEAT_MONITORS];
};

static const char *const seat_names[] = { "host", "alpha", "beta", "gamma" };

static inline void seat_gpu(char out[WORLD_PCI_SIZE], int n)
{
	snprintf(out, WORLD_PCI_SIZE, "0000:%02x:00.0", (unsigned int)(n + 1) & 0xffu);
}

/* Each order of each set of GPUs, and each input shown. Returns how many there are. */
static inline int seat_cablings(struct seat_cabling out[SEAT_CABLINGS_MAX], int gpus)
{
	unsigned int base = (unsigned int)gpus + 1;
	int count = 0;

	for (unsigned int digits = 0; digits < base * base * base; digits++) {
		struct seat_cabling c = { .shown = -1 };
		unsigned int seen = 0, rest = digits;
		bool good = true;

		for (int k = 0; k < SEAT_GPUS; k++, rest /= base) {
			unsigned int gpu = rest % base; /* 0: no further input */

			/* no gap, nothing twice */
			good = good && (!gpu || (c.n == k && !(seen & 1u << gpu)));
			seen |= 1u << gpu;
			if (gpu)
				c.gpu[c.n++] = (int)gpu - 1;
		}
		for (; good && c.shown < c.n; c.shown++)
			out[count++] = c;
	}
	return count;
}

static inline void seat_make_guest(struct world_machine *m, int n, unsigned int guest)
{
	unsigned int state = seat_state_of(guest);

	*m = (struct world_machine){ .known = true, .agent = true, .startable = true };
	snprintf(m->name, sizeof(m->name), "%s", seat_names[n]);
	m->state = state == SEAT_OFF ? WORLD_OFF : WORLD_RUNNING;
	m->session = state == SEAT_ANSWERS;
	for (int i = 0; i < SEAT_GPUS; i++)
		if (seat_gpus_of(guest) & 1u << i)
			seat_gpu(m->gpus[m->n_gpus++], i);
}

static inline void seat_make_monitor(struct world_monitor *m, int n, const struct seat_cabling *c)
{
	memset(m, 0, sizeof(*m));
	snprintf(m->name, sizeof(m->name), "desk%d", n);
	m->n_inputs = c->n;
	m->shown = c->shown;
	for (int i = 0; i < c->n; i++) {
		snprintf(m->inputs[i].name, NAME_MAX_LEN, "in%d", c->gpu[i]);
		seat_gpu(m->inputs[i].gpu, c->gpu[i]);
		m->sources[i].write = (uint16_t)(0x0f + c->gpu[i]);
		m->sources[i].read = 0x0f + c->gpu[i];
	}
}

/* The host, a keyboard and a mouse, and room for the rest. */
static inline void seat_make_host(struct seat_world *sw, const struct seat_size *s)
{
	struct world *w = &sw->w;

	memset(sw, 0, sizeof(*sw));
	w->machines = sw->machines;
	w->n_machines = s->guests + 1;
	w->n_monitors = s->monitors;
	w->n_devices = s->devices;
	w->confirm_ms = 1000;
	sw->machines[0].known = sw->machines[0].session = true;
	sw->machines[0].state = WORLD_RUNNING;
	snprintf(sw->machines[0].name, sizeof(sw->machines[0].name), "%s", seat_names[0]);
	for (int i = 0; i < s->devices; i++) {
		w->devices[i].keyboard = i == 0;
		w->devices[i].pointer = i != 0;
	}
}

/*
 * What anybody can ask for in that world, but "next" and "prev": on the host there are options; a
 * guest with a session can say where to, and no more. Returns how many; max is enough for a world
 * of n machines if it is 2 + n * (n + 7).
 */
static inline int seat_intents(const struct world *w, struct intent *out, int max)
{
	int n = 0;

	for (int force = 0; force <= 1; force++)
		out[n++] = (struct intent){
			.target = w->machines[0].name, .rescue = true, .force = force
		};
	for (int t = 0; t < w->n_machines; t++) {
		const char *target = w->machines[t].name;

		for (unsigned int flags = 0; flags < 8 && n < max; flags++)
			out[n++] = (struct intent){
				.target = target,
				.force = flags & 1,
				.no_start = flags & 2,
				.wait = flags & 4,
			};
		for (int i = 1; i < w->n_machines && n < max; i++)
			if (w->machines[i].session)
				out[n++] = (struct intent){ .target = target, .asker = i };
	}
	return n;
}

static inline bool seat_same_step(const struct step *a, const struct step *b)
{
	return a->kind == b->kind && a->only_if_failed == b->only_if_failed &&
	       a->may_fail == b->may_fail && a->actor == b->actor && a->machine == b->machine &&
	       a->monitor == b->monitor && a->input == b->input && a->undo_input == b->undo_input &&
	       a->device == b->device && a->how == b->how && a->writer == b->writer &&
	       a->undo == b->undo && a->limit_ms == b->limit_ms;
}

/* The same steps or refused alike, in whatever words. */
static inline bool seat_same_steps(const struct plan *a, const struct plan *b)
{
	if (a->n_steps != b->n_steps || a->refusal != b->refusal)
		return false;
	for (int n = 0; n < a->n_steps; n++)
		if (!seat_same_step(&a->steps[n], &b->steps[n]))
			return false;
	return true;
}

#endif
