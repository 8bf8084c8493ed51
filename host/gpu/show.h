// SPDX-License-Identifier: GPL-2.0-or-later
/* What va-gpu prints on request: a plan, and what is taken. As text, or as one JSON object. */
#ifndef VA_GPU_SHOW_H
#define VA_GPU_SHOW_H

#include "host/gpu/card.h"
#include "host/gpu/hooks.h"
#include "host/gpu/journal.h"
#include "host/gpu/plan.h"

#include "common/base/exitcode.h"

#include <stdio.h>

void show_plan(const struct plan *p, bool json, FILE *to);

/* Two lines and what is known to go wrong; all there is. */
void show_card_line(const struct card *c, bool json, FILE *to);
void show_card(const struct card *c, bool json, FILE *to);
void show_ways(const char (*ways)[WAY_SIZE], size_t n, bool json, FILE *to);
/* "hook: ...", what libvirt's hooks do beside this. */
void show_hooks(const char (*notes)[HOOKS_NOTE_SIZE], size_t n, bool json, FILE *to);
/* Why there is no plan, as an object. */
void show_refusal(const char *why, FILE *to);
/* The last object of an answer, as va-host has it. */
void show_result(enum exit_code code, const char *text, FILE *to);

/* All journals; 0, or negative errno with m->why. */
int show_status(struct machine *m, bool json, FILE *to);

#endif
