// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the parts of the planner share: plan.c (the order of things, refusals), plan-machines.c
 * (stopping and starting), plan-monitors.c, plan-devices.c (keyboards and mice).
 */
#ifndef VA_HOSTD_PLAN_INTERNAL_H
#define VA_HOSTD_PLAN_INTERNAL_H

#include "host/daemon/plan.h"

struct planning {
	const struct world *w;
	const struct intent *i;
	struct plan *p;
	bool starts;                 /* the target is started */
	bool answers;                /* the target has a session now, or the plan waits for one */
	int stopped[PLAN_MAX_STOPS]; /* guests that are stopped */
	int n_stopped;
};

void planning_refuse(struct planning *a, enum exit_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Adds a step of that kind; what it is about is filled in by the caller. Never NULL. */
struct step *planning_add(struct planning *a, enum step_kind kind, int actor, uint32_t limit_ms);

bool planning_stops(const struct planning *a, int machine);
/* Who will own the GPU once machines are stopped and started as planned. */
int planning_owner(const struct planning *a, const char *gpu);
/* It can act on a monitor now and until the end of the plan. */
bool planning_can_act(const struct planning *a, int machine);

/* Each adds its steps. False: refused. */
bool plan_stop(struct planning *a, int machine);
bool plan_machines(struct planning *a);
/* Before guests stop: what they show and will not be shown on for long. */
void plan_early_pushes(struct planning *a);
bool plan_monitors(struct planning *a);
bool plan_devices(struct planning *a);
/* Before machine stops: its keyboards and mice go to the host. */
void plan_devices_home(struct planning *a, int machine);

#endif
