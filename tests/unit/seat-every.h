// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every small world that can be, once. It cannot be that two guests that are up hold one GPU, nor
 * that one that is off holds the seat or a keyboard.
 *
 * Worlds that differ only in what things are called are one. Such a world is the other's image
 * under three renamings, and the least image stands for all. Why the plan of an image is the
 * image of the plan (test-plan-symmetry.c tries whether it is):
 *
 * - GPUs, of which the primary one keeps its number: world.c and plan*.c compare their addresses
 *   for equality only. A monitor's inputs stay in their order, for of two that are as good the
 *   first is taken; therefore a cabling has an order here.
 * - Guests: their names are compared for equality, but for "next" and "prev", of which every order
 *   of names is a case of test-plan-symmetry.c. Their order decides whose GPU it is only where two
 *   that are up have it, which cannot be; and in which order guests are stopped, and give back
 *   keyboards and mice in a rescue. Of three guests at most two do that (the third is the target;
 *   two devices have two holders), so the world with its guests in reverse order has the other
 *   order: whoever tries plans tries these there as well (seat_has_order(), seat_mirror()).
 * - Monitors: each is planned for by itself, in their order. Only for a host of which no primary
 *   GPU is known and that has no screen the first monitor says which GPU it is to have: where
 *   that may be, monitors are not renamed.
 *
 * Keyboards and mice are not renamed: pointers move before keyboards.
 */
#ifndef VA_TEST_SEAT_EVERY_H
#define VA_TEST_SEAT_EVERY_H

#include "tests/unit/seat-world.h"

#define SEAT_RENAMINGS 36 /* of three GPUs, times three guests */

typedef bool seat_try_fn(struct seat_world *sw);

/* One renaming of GPUs and guests: what was [i] is [to[i]]. guest[0] is the host. */
struct seat_renaming {
	int gpu[SEAT_GPUS], guest[SEAT_GUESTS + 1];
	int cabling[SEAT_CABLINGS_MAX]; /* follows from gpu */
};

struct seat_every {
	const struct seat_size *s;
	uint64_t step, at;  /* every so manieth of what could be one is looked at; at the next */
	seat_try_fn *fn;    /* false: an end to it */
	uint64_t n, images; /* counted: worlds tried, and all that they stand for */
	bool stopped;
	/* within */
	struct seat_code code;
	struct seat_cabling cablings[SEAT_CABLINGS_MAX];
	int n_cablings;
	struct world_monitor monitors[SEAT_MONITORS][SEAT_CABLINGS_MAX];
	struct seat_renaming all[SEAT_RENAMINGS]; /* that keep the primary GPU */
	int n_all;
	const struct seat_renaming *fixed[SEAT_RENAMINGS]; /* that change no guest */
	int n_fixed;
	const struct seat_renaming *kept[SEAT_RENAMINGS]; /* nor a holder */
	int n_kept;
	struct seat_world sw;
};

/* The k-th order of n things, n <= 3; false: there is none. */
static inline bool seat_order(int out[SEAT_GPUS], int n, int k)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 1, 0, 2 }, { 0, 2, 1 }, { 1, 2, 0 },
		{ 2, 0, 1 }, { 2, 1, 0 } };
	static const int counts[] = { 1, 1, 2, 6 };

	memcpy(out, orders[k < 6 ? k : 0], sizeof(orders[0]));
	return k < counts[n];
}

static inline int seat_find_cabling(const struct seat_every *e, const struct seat_cabling *c)
{
	int i = 0;

	while (i < e->n_cablings && memcmp(&e->cablings[i], c, sizeof(*c)))
		i++;
	return i;
}

static inline void seat_add_renaming(struct seat_every *e, const int gpu[], const int guest[])
{
	struct seat_renaming *r = &e->all[e->n_all++];

	memcpy(r->gpu, gpu, sizeof(r->gpu));
	r->guest[0] = 0;
	for (int i = 0; i < SEAT_GUESTS; i++)
		r->guest[i + 1] = guest[i] + 1;
	for (int i = 0; i < e->n_cablings; i++) {
		struct seat_cabling c = e->cablings[i];

		for (int k = 0; k < c.n; k++)
			c.gpu[k] = gpu[c.gpu[k]];
		r->cabling[i] = seat_find_cabling(e, &c);
	}
}

static inline void seat_find_renamings(struct seat_every *e)
{
	int gpu[SEAT_GPUS], guest[SEAT_GPUS];

	e->n_all = 0;
	for (int i = 0; seat_order(gpu, e->s->gpus, i); i++)
		for (int k = 0; seat_order(guest, e->s->guests, k); k++)
			if (!e->code.primary || gpu[0] == 0)
				seat_add_renaming(e, gpu, guest);
}

static inline unsigned int seat_rename_guest(const struct seat_renaming *r, unsigned int guest)
{
	unsigned int gpus = 0;

	for (int i = 0; i < SEAT_GPUS; i++)
		if (seat_gpus_of(guest) & 1u << i)
			gpus |= 1u << r->gpu[i];
	return gpus * SEAT_STATES + seat_state_of(guest);
}

/* < 0: the image is less than the world, 0: it is the world. */
static inline int seat_compare_guests(const struct seat_every *e, const struct seat_renaming *r)
{
	unsigned int image[SEAT_GUESTS];
	int c = 0;

	for (int i = 0; i < e->s->guests; i++)
		image[r->guest[i + 1] - 1] = seat_rename_guest(r, e->code.guests[i]);
	for (int i = 0; i < e->s->guests && !c; i++)
		c = (int)image[i] - (int)e->code.guests[i];
	return c;
}

static inline int seat_rename_holder(const struct seat_renaming *r, int machine)
{
	return machine == WORLD_NOBODY ? WORLD_NOBODY : r->guest[machine];
}

static inline int seat_compare_holders(const struct seat_every *e, const struct seat_renaming *r)
{
	int c = seat_rename_holder(r, e->code.holder) - e->code.holder;

	for (int i = 0; i < e->s->devices && !c; i++)
		c = seat_rename_holder(r, e->code.devices[i]) - e->code.devices[i];
	return c;
}

/* swap: the second monitor is the first */
static inline int seat_compare_monitors(
	const struct seat_every *e, const struct seat_renaming *r, bool swap)
{
	const int *m = e->code.monitors;
	int c = 0;

	for (int i = 0; i < e->s->monitors && !c; i++)
		c = r->cabling[m[swap ? 1 - i : i]] - m[i];
	return c;
}

/* See above: the planner may ask which monitor is the first. */
static inline bool seat_first_monitor_counts(const struct seat_every *e)
{
	unsigned int cabled = 0, taken = 0;

	for (int i = 0; i < e->s->guests; i++)
		if (seat_state_of(e->code.guests[i]) != SEAT_OFF)
			taken |= seat_gpus_of(e->code.guests[i]);
	for (int i = 0; i < e->s->monitors; i++) {
		const struct seat_cabling *c = &e->cablings[e->code.monitors[i]];

		for (int k = 0; k < c->n; k++)
			cabled |= 1u << c->gpu[k];
	}
	return !e->code.primary && !(cabled & ~taken);
}

static inline void seat_try(struct seat_every *e)
{
	bool swaps = e->s->monitors == 2 && !seat_first_monitor_counts(e);
	int same = 0;

	for (int i = 0; i < e->n_kept; i++)
		for (int swap = 0; swap <= swaps; swap++) {
			int c = seat_compare_monitors(e, e->kept[i], swap);

			if (c < 0)
				return;
			same += c == 0;
		}
	e->n++;
	e->images += (uint64_t)(e->n_all * (1 + swaps) / same);
	for (int i = 0; i < e->s->monitors; i++)
		e->sw.w.monitors[i] = e->monitors[i][e->code.monitors[i]];
	e->stopped = !e->fn(&e->sw);
}

static inline void seat_every_monitor(struct seat_every *e)
{
	uint64_t all = 1;

	for (int i = 0; i < e->s->monitors; i++)
		all *= (uint64_t)e->n_cablings;
	for (; e->at < all && !e->stopped; e->at += e->step) {
		uint64_t rest = e->at;

		for (int i = e->s->monitors - 1; i >= 0; i--, rest /= (uint64_t)e->n_cablings)
			e->code.monitors[i] = (int)(rest % (uint64_t)e->n_cablings);
		seat_try(e);
	}
	e->at -= all;
}

static inline bool seat_may_hold(const struct seat_every *e, int machine)
{
	return machine <= 0 || seat_state_of(e->code.guests[machine - 1]) != SEAT_OFF;
}

static inline void seat_try_holders(struct seat_every *e)
{
	e->n_kept = 0;
	for (int i = 0; i < e->n_fixed; i++) {
		int c = seat_compare_holders(e, e->fixed[i]);

		if (c < 0)
			return;
		if (c == 0)
			e->kept[e->n_kept++] = e->fixed[i];
	}
	e->sw.w.holder = e->code.holder;
	for (int i = 0; i < e->s->devices; i++)
		e->sw.w.devices[i].holder = e->code.devices[i];
	seat_every_monitor(e);
}

/* Who holds the devices from the n-th on. */
static inline void seat_every_device(struct seat_every *e, int n)
{
	if (n == e->s->devices) {
		seat_try_holders(e);
		return;
	}
	for (int i = WORLD_NOBODY; i <= e->s->guests && !e->stopped; i++)
		if (seat_may_hold(e, i)) {
			e->code.devices[n] = i;
			seat_every_device(e, n + 1);
		}
}

static inline void seat_try_guests(struct seat_every *e)
{
	e->n_fixed = 0;
	for (int i = 0; i < e->n_all; i++) {
		int c = seat_compare_guests(e, &e->all[i]);

		if (c < 0)
			return;
		if (c == 0)
			e->fixed[e->n_fixed++] = &e->all[i];
	}
	for (int i = 1; i <= e->s->guests; i++)
		seat_make_guest(&e->sw.machines[i], i, e->code.guests[i - 1]);
	for (int i = 0; i <= e->s->guests && !e->stopped; i++)
		if (seat_may_hold(e, i)) {
			e->code.holder = i;
			seat_every_device(e, 0);
		}
}

/* Guests from the n-th on; taken are the GPUs of those that are up. The least image has them in
   order. */
static inline void seat_every_guest(struct seat_every *e, int n, unsigned int taken)
{
	if (n == e->s->guests) {
		seat_try_guests(e);
		return;
	}
	for (unsigned int g = n ? e->code.guests[n - 1] : 0;
		g < (unsigned int)SEAT_STATES << e->s->gpus && !e->stopped; g++) {
		unsigned int mine = seat_state_of(g) == SEAT_OFF ? 0 : seat_gpus_of(g);

		if (taken & mine)
			continue;
		e->code.guests[n] = g;
		seat_every_guest(e, n + 1, taken | mine);
	}
}

/* Tries the worlds of that size; what was counted is in *e afterwards. */
static inline void seat_every(
	struct seat_every *e, const struct seat_size *s, uint64_t step, seat_try_fn *fn)
{
	memset(e, 0, sizeof(*e));
	e->s = s;
	e->step = step;
	e->fn = fn;
	e->n_cablings = seat_cablings(e->cablings, s->gpus);
	for (int i = 0; i < s->monitors; i++)
		for (int k = 0; k < e->n_cablings; k++)
			seat_make_monitor(&e->monitors[i][k], i, &e->cablings[k]);
	seat_make_host(&e->sw, s);
	for (int primary = 0; primary <= 1; primary++) {
		e->code.primary = primary;
		if (primary)
			seat_gpu(e->sw.w.primary_gpu, 0);
		seat_find_renamings(e);
		seat_every_guest(e, 0, 0);
	}
}

/* How many there are with all their images, by counting instead of looking. */
static inline uint64_t seat_images(const struct seat_size *s)
{
	struct seat_cabling c[SEAT_CABLINGS_MAX];
	unsigned int kinds = (unsigned int)SEAT_STATES << s->gpus, all = 1;
	uint64_t n = 0, cablings = (uint64_t)seat_cablings(c, s->gpus);

	for (int i = 0; i < s->guests; i++)
		all *= kinds;
	for (unsigned int k = 0; k < all; k++) {
		unsigned int rest = k, taken = 0;
		uint64_t up = 0, here = 2;

		for (int i = 0; i < s->guests; i++, rest /= kinds) {
			unsigned int g = rest % kinds;

			if (seat_state_of(g) == SEAT_OFF)
				continue;
			up++;
			here = taken & seat_gpus_of(g) ? 0 : here;
			taken |= seat_gpus_of(g);
		}
		here *= up + 1;
		for (int i = 0; i < s->devices; i++)
			here *= up + 2;
		for (int i = 0; i < s->monitors; i++)
			here *= cablings;
		n += here;
	}
	return n;
}

/* Two guests stop, or give back devices before others do: in which order, their own decides. */
static inline bool seat_has_order(const struct plan *p)
{
	int first = WORLD_NOBODY;

	for (int n = 0; n < p->n_steps; n++) {
		const struct step *t = &p->steps[n];

		if (t->kind != STEP_STOP && t->kind != STEP_DETACH)
			continue;
		if (first >= 0 && t->machine != first)
			return true;
		first = t->machine;
	}
	return false;
}

/* The same world with its guests in reverse order. */
static inline void seat_mirror(const struct seat_world *sw, struct seat_world *ret)
{
	int last = sw->w.n_machines - 1;

	ret->w = sw->w;
	ret->w.machines = ret->machines;
	ret->machines[0] = sw->machines[0];
	for (int i = 1; i <= last; i++)
		ret->machines[last + 1 - i] = sw->machines[i];
	ret->w.holder = sw->w.holder ? last + 1 - sw->w.holder : 0;
	for (int i = 0; i < sw->w.n_devices; i++)
		if (sw->w.devices[i].holder > 0)
			ret->w.devices[i].holder = last + 1 - sw->w.devices[i].holder;
}

#endif
