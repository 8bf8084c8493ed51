// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What somebody in front of the monitor would see, for people and for screenshots: the shown
 * input and, where the test said so by "label", whose machine is behind it.
 */
#ifndef SIM_PICTURE_H
#define SIM_PICTURE_H

#include "tests/sim/monitor/monitor.h"

/* A framed box of a few lines, 46 columns wide. */
void picture_text(const struct sim_monitor *m, char *ret, size_t size);
/* 480 x 270 pixels, written to a new file next to path and renamed. 0 or negative errno. */
int picture_png(const struct sim_monitor *m, const char *path);

#endif
