// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitor's diary: one JSON object a line for each DDC/CI message and each change of what is
 * shown, e.g. {"ms":81234.567,"event":"set","input":15,"feature":96,"value":17,"source":81}.
 * ms is CLOCK_MONOTONIC, so that tests can compare it with their own clock.
 */
#ifndef SIM_LOG_H
#define SIM_LOG_H

#include "tests/sim/monitor/monitor.h"

/* A sim_monitor's event callback; ctx is an int *fd to append to, -1: none. */
void log_event(void *ctx, const struct sim_event *event);

#endif
