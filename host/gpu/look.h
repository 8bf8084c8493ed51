// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers to "list" and "show": what is there, and what taking it would mean. Changes nothing. */
#ifndef VA_GPU_LOOK_H
#define VA_GPU_LOOK_H

#include "host/gpu/plan.h"

/* 0, or negative errno with m->why. All graphics cards, to stdout. */
int look_list(struct machine *m, bool json);

/*
 * The cards of a claim, the plan to take them or why that would be refused, and the ways back.
 * guest: whose claim it is, "" if nobody's. -ENODEV: there is no card in it.
 */
int look_show(struct machine *m, const struct claim *c, const char *guest, bool json);

#endif
