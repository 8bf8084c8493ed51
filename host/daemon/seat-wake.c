// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After the machine has slept. Monitors that choose their input by themselves show who was awake
 * first, and nobody knows what they show: so they are looked at again, and those that do not show
 * the seat's holder are switched back to it, as soon as it answers. Sessions find out by
 * themselves, for their deadlines go on in sleep: CLOCK_BOOTTIME. The holder has its whole limit of
 * silence again.
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#define LIMIT_USEC (30ull * 1000000) /* for the monitors and the holder to be heard of */

static void on_done(void *userdata, enum exit_code code, const char *text)
{
	(void)userdata;
	if (code != EXIT_CODE_OK && code != EXIT_CODE_UNCONFIRMED)
		log_warn("after sleep: %s; say \"va-host switch\" or \"va-host rescue\"", text);
}

void seat_wake_stop(struct hostd *h)
{
	h->waking = sd_event_source_disable_unref(h->waking);
}

static int on_limit(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	(void)usec;
	seat_wake_stop(h);
	log_info("after sleep: monitors stay as they are: %s was not heard of",
		h->machines[h->world.holder].name);
	return 0;
}

void seat_wake_look(struct hostd *h)
{
	const struct world *w = hostd_world(h);
	struct intent i = { .target = w->machines[w->holder].name, .no_start = true };
	struct seat_request r = { .done = on_done };

	if (!h->waking || h->execution || h->rescue || h->recovery || power_is_going_down(h) ||
		(worker_is_running(h->ddc) && !h->detected) || !w->machines[w->holder].session)
		return;
	for (int m = 0; m < w->n_monitors; m++)
		if (w->monitors[m].shown < 0 && !w->monitors[m].unreadable)
			return; /* somebody is being asked */
	seat_wake_stop(h);
	seat_switch_now(h, &i, "the machine's waking up", &r);
}

void seat_slept(struct hostd *h)
{
	seat_wake_stop(h);
	h->silence = sd_event_source_disable_unref(h->silence);
	if (sd_event_add_time_relative(
		    h->event, &h->waking, CLOCK_BOOTTIME, LIMIT_USEC, 100000, on_limit, h) < 0)
		log_warn("after sleep: nobody looks at the monitors: out of memory");
	log_info("the machine has slept: monitors are looked at again");
	h->holder_moved = true; /* a monitor that chose by itself is nobody's word */
	if (!h->execution)
		for (int m = 0; m < WORLD_MAX_MONITORS; m++)
			h->shown[m] = -1;
	h->detected = !worker_is_running(h->ddc);
	if (!h->detected)
		monitors_detect(h);
	hostd_world_changed(h);
}
