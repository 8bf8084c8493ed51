// SPDX-License-Identifier: GPL-2.0-or-later
/* Clock jumps; see clock.h. */
#include "guest/daemon/clock.h"

#include <time.h>

static int64_t clock_ms(clockid_t id)
{
	struct timespec t;

	/* cannot fail with the clocks asked for here */
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool clock_watch_jumped(struct clock_watch *w, int64_t realtime_ms, int64_t boottime_ms)
{
	int64_t distance = realtime_ms - boottime_ms, moved = distance - w->distance_ms;
	bool first = !w->started;

	w->started = true;
	w->distance_ms = distance;
	return !first && (moved > CLOCK_JUMP_MS || moved < -CLOCK_JUMP_MS);
}

bool clock_watch_look(struct clock_watch *w)
{
	return clock_watch_jumped(w, clock_ms(CLOCK_REALTIME), clock_ms(CLOCK_BOOTTIME));
}

uint64_t clock_now_ms(void)
{
	return (uint64_t)clock_ms(CLOCK_BOOTTIME);
}
