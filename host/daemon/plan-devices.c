// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keyboards and mice in a plan. One device is on its way at any time, pointers before keyboards.
 * A keyboard goes only to a machine that answers, or where the host keeps another: whoever sits
 * there must have a live way back. Pure.
 */
#include "host/daemon/plan-internal.h"

#include <stdio.h>

#define MOVE_LIMIT_MS 10000u

static bool holds(const struct planning *a, int machine, int device)
{
	return machine != WORLD_HOST && a->w->devices[device].holder == machine &&
	       world_is_up(&a->w->machines[machine]);
}

static void add_move(struct planning *a, enum step_kind kind, int machine, int device)
{
	struct step *s = planning_add(a, kind, WORLD_HOST, MOVE_LIMIT_MS);

	s->machine = machine;
	s->device = device;
	s->undo = true;
}

void plan_devices_home(struct planning *a, int machine)
{
	for (int i = 0; i < a->w->n_devices; i++)
		if (holds(a, machine, i))
			add_move(a, STEP_DETACH, machine, i);
}

static bool may_have(const struct planning *a, const struct world_device *d)
{
	return a->p->target == WORLD_HOST || !d->keyboard || a->answers || a->w->fixed_keyboard;
}

static bool move(struct planning *a, int device)
{
	const struct world_device *d = &a->w->devices[device];
	int target = a->p->target;
	bool allowed = may_have(a, d);

	if (d->holder == WORLD_NOBODY || holds(a, target, device))
		return true;
	if (target != WORLD_HOST && a->w->machines[target].no_devices) {
		planning_refuse(a, EXIT_CODE_REFUSED,
			"%s cannot be given %s, because it is not libvirt's; it can share it "
			"(input = evdev, va-host.conf(5))",
			a->w->machines[target].name, d->name);
		return false;
	}
	if (d->holder != WORLD_HOST && holds(a, d->holder, device) &&
		!planning_stops(a, d->holder) && !a->i->rescue)
		add_move(a, STEP_DETACH, d->holder, device);
	if (target != WORLD_HOST && allowed)
		add_move(a, STEP_ATTACH, target, device);
	if (!allowed)
		snprintf(a->p->reason, sizeof(a->p->reason),
			"keyboards stay with the host, for %s does not answer",
			a->w->machines[target].name);
	return true;
}

bool plan_devices(struct planning *a)
{
	for (int keyboards = 0; keyboards <= 1; keyboards++)
		for (int i = 0; i < a->w->n_devices; i++)
			if (a->w->devices[i].keyboard == (bool)keyboards && !move(a, i))
				return false;
	return true;
}
