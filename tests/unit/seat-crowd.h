// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Large worlds by dice, as many of them as anybody wants from one seed: for the tests of the
 * planner and for its benchmark.
 */
#ifndef VA_TEST_SEAT_CROWD_H
#define VA_TEST_SEAT_CROWD_H

#include "tests/unit/seat-world.h"

#define CROWD_MACHINES 33 /* the host and 32 guests */

static uint32_t dice_state = 1;

static inline unsigned int dice(unsigned int sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % sides;
}

static struct world_machine crowd[CROWD_MACHINES];

static inline void make_guest(struct world_machine *m, int n, int gpus)
{
	snprintf(m->name, sizeof(m->name), "guest%d", n);
	m->known = true;
	m->state = dice(5);
	m->session = m->state == WORLD_RUNNING && dice(3);
	m->agent = dice(4);
	m->startable = dice(8);
	m->on_conflict = dice(3);
	for (unsigned int i = dice(3); i > 0; i--)
		seat_gpu(m->gpus[m->n_gpus++], (int)dice((unsigned int)gpus));
	for (unsigned int i = dice(4); i > 0; i--)
		snprintf(m->hostdevs[m->n_hostdevs++], WORLD_PCI_SIZE, "0000:ff:%02x.0", dice(20));
}

/* What libvirt would not have let happen is off. */
static inline void settle(struct world *w)
{
	const char *pci;

	for (int i = 1; i < w->n_machines; i++)
		for (int k = 1; k < i; k++)
			if (world_is_up(&w->machines[k]) && world_is_up(&w->machines[i]) &&
				world_conflicts(&w->machines[i], &w->machines[k], &pci)) {
				w->machines[i].state = WORLD_OFF;
				w->machines[i].session = false;
			}
	for (int i = 0; i < w->n_devices; i++)
		if (w->devices[i].holder > 0 && !world_is_up(&w->machines[w->devices[i].holder]))
			w->devices[i].holder = WORLD_HOST;
	if (!world_is_up(&w->machines[w->holder]))
		w->holder = WORLD_HOST;
}

/* w->machines is the one crowd: of one world at a time. */
static inline void make_crowd(struct world *w, int guests, int monitors)
{
	memset(w, 0, sizeof(*w));
	memset(crowd, 0, sizeof(crowd));
	w->machines = crowd;
	w->n_machines = guests + 1;
	crowd[0].known = crowd[0].session = true;
	crowd[0].state = WORLD_RUNNING;
	snprintf(crowd[0].name, sizeof(crowd[0].name), "host");
	for (int i = 1; i <= guests; i++)
		make_guest(&crowd[i], i, 9);
	for (w->n_monitors = 0; w->n_monitors < monitors; w->n_monitors++) {
		struct world_monitor *m = &w->monitors[w->n_monitors];

		m->n_inputs = 1 + (int)dice(WORLD_MAX_INPUTS);
		for (int i = 0; i < m->n_inputs; i++)
			seat_gpu(m->inputs[i].gpu, (int)dice(9));
		m->shown = (int)dice((unsigned int)m->n_inputs + 1) - 1;
		m->worked = dice(5);
		m->unreadable = !dice(4);
	}
	for (w->n_devices = 0; w->n_devices < WORLD_MAX_DEVICES; w->n_devices++) {
		struct world_device *d = &w->devices[w->n_devices];

		d->keyboard = dice(2);
		d->pointer = !d->keyboard || dice(2);
		d->holder = (int)dice((unsigned int)guests + 2) - 1;
	}
	w->holder = (int)dice((unsigned int)guests + 1);
	w->deaf_host = !dice(6);
	w->fixed_keyboard = !dice(3);
	w->confirm_ms = dice(2) * 1000;
	if (dice(2))
		seat_gpu(w->primary_gpu, (int)dice(9));
	settle(w);
}

#endif
