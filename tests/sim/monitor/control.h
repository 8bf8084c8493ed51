// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket's language, as far as it concerns the model: one command a line, answered
 * by any number of lines, of which the last begins with "ok", "timeout" or "error". The list of
 * commands is in tests/sim/README.md. Pure; the server reads, writes and waits.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "tests/sim/monitor/monitor.h"

#define CONTROL_LINE_SIZE   1280
#define CONTROL_ANSWER_SIZE 4096

enum control_condition {
	CONTROL_SHOWN,   /* the input shown has the value arg */
	CONTROL_SETTLED, /* no switch is under way */
	CONTROL_SETS,    /* at least arg set commands have come, on all inputs together */
	CONTROL_POWER,   /* power is arg */
};

struct control_wait {
	enum control_condition condition;
	long arg;
	unsigned limit_ms;
};

/* Carries out one line (no newline) and leaves the answer in ret_answer. */
void control_command(
	struct sim_monitor *m, uint64_t now, const char *line, char *ret_answer, size_t size);
/* "wait shown V MS", "wait settled MS", "wait sets N MS", "wait power 0|1 MS": 0 or -EINVAL. */
int control_parse_wait(const char *line, struct control_wait *ret);
bool control_holds(const struct sim_monitor *m, const struct control_wait *wait);

#endif
