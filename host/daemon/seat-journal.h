// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The switch under way, on disk, written before each of its steps: what a killed va-hostd leaves
 * to the next one. It says where things were going and what was taken from whom, not how things
 * are: that is looked at afresh. One small file in the run directory, gone after a restart of
 * the machine, as is all that it speaks of.
 */
#ifndef VA_HOSTD_SEAT_JOURNAL_H
#define VA_HOSTD_SEAT_JOURNAL_H

#include "host/daemon/plan.h"

#include <limits.h>

struct seat_journal {
	char target[NAME_MAX_LEN + 1];
	char from[NAME_MAX_LEN + 1];                    /* who had the seat */
	char stopped[PLAN_MAX_STOPS][NAME_MAX_LEN + 1]; /* guests that it may have stopped */
	int n_stopped;
	bool undoing, force; /* force: as the user said */
	int step, of;        /* the step that began last, counted from 1, for people */
};

/* Before step n of the plan: fills in what the step may do, and writes. Negative errno. */
int seat_journal_step(struct seat_journal *j, const char *dir, const struct world *w,
	const struct plan *p, int n, bool undoing);
/* 1: there is one; 0: none; negative errno: there is one that cannot be used. */
int seat_journal_read(struct seat_journal *ret, const char *dir);
void seat_journal_remove(const char *dir);

#endif
