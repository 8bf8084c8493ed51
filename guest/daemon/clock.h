// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The clock the channel lives by, and how a machine that was paused, restored or rewound is
 * noticed: the distance between the time of day and the time since boot jumps. PROTOCOL.md 4.7.
 */
#ifndef VA_GUEST_CLOCK_H
#define VA_GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_JUMP_MS 5000

struct clock_watch {
	bool started;
	int64_t distance_ms;
};

/*
 * True if the distance changed by more than CLOCK_JUMP_MS since the last call. A clock that is
 * being slewed is followed without a word. Pure.
 */
bool clock_watch_jumped(struct clock_watch *w, int64_t realtime_ms, int64_t boottime_ms);

/* The same with the machine's clocks. */
bool clock_watch_look(struct clock_watch *w);
/* CLOCK_BOOTTIME in milliseconds. */
uint64_t clock_now_ms(void);

#endif
