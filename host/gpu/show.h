// SPDX-License-Identifier: GPL-2.0-or-later
/* What va-gpu prints on request: a plan, and what is taken. As text, or as one JSON object. */
#ifndef VA_GPU_SHOW_H
#define VA_GPU_SHOW_H

#include "host/gpu/journal.h"
#include "host/gpu/plan.h"

#include <stdio.h>

void show_plan(const struct plan *p, bool json, FILE *to);

/* All journals; 0, or negative errno with m->why. */
int show_status(struct machine *m, bool json, FILE *to);

#endif
