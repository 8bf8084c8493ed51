// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seat gives itself back: its holder is watched, and when it stops, crashes or falls silent
 * the seat goes to the guest that was asked for before, if that is alive, else home. Silence
 * has a limit of its own, so that an agent may be restarted; it does not count for a guest that
 * never answered while it had the seat (--force).
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#include <string.h>

static void on_given(void *userdata, enum exit_code code, const char *text)
{
	(void)userdata;
	if (code != EXIT_CODE_OK && code != EXIT_CODE_UNCONFIRMED && code != EXIT_CODE_BUSY)
		log_warn("the seat's holder is gone and the seat could not be given on: %s; say "
			 "\"va-host rescue\", or use the monitor's own button",
			text);
}

static int find_heir(struct hostd *h, int loser)
{
	const struct world *w = hostd_world(h);
	int asked[SEAT_ASKED];

	for (int i = 0; i < h->n_asked; i++)
		asked[i] = world_find(w, h->asked[i]);
	return plan_find_heir(w, loser, asked, h->n_asked);
}

static void give_on(struct hostd *h, int loser, const char *why)
{
	struct intent i = { .target = h->machines[WORLD_HOST].name, .no_start = true };
	struct seat_request r = { .done = on_given };
	int heir = find_heir(h, loser);

	if (heir > WORLD_HOST)
		i.target = h->machines[heir].name;
	log_warn("%s %s while it had the seat: giving it to %s", h->machines[loser].name, why,
		i.target);
	h->holder_moved = true;
	seat_switch(h, &i, "the host itself", &r);
}

void seat_machine_lost(struct hostd *h, int machine)
{
	if (machine == WORLD_HOST || h->world.holder != machine || h->execution || h->stopping)
		return; /* after a switch, whoever has the seat is looked at again */
	h->world.holder = WORLD_HOST;
	hostd_world_changed(h);
	give_on(h, machine, "is gone");
}

static int on_silence(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct hostd *h = userdata;
	const struct world *w = hostd_world(h);

	(void)s;
	(void)usec;
	h->silence = sd_event_source_disable_unref(h->silence);
	if (h->execution || h->stopping || w->holder == WORLD_HOST ||
		w->machines[w->holder].session)
		return 0;
	give_on(h, w->holder, "is silent");
	return 0;
}

static void watch_silence(struct hostd *h)
{
	const struct world *w = hostd_world(h);
	const struct world_machine *m = &w->machines[w->holder];
	bool silent = w->holder != WORLD_HOST && world_is_running(m) && !m->session &&
		h->holder_answered;

	if (w->holder != WORLD_HOST && m->session)
		h->holder_answered = true;
	if (!silent || !h->config->silence_limit_s) {
		h->silence = sd_event_source_disable_unref(h->silence);
		return;
	}
	if (!h->silence &&
		sd_event_add_time_relative(h->event, &h->silence, CLOCK_BOOTTIME,
			h->config->silence_limit_s * 1000000ull, 100000, on_silence, h) < 0)
		log_error("no timer to watch %s with", m->name);
}

static int on_changed(sd_event_source *s, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	if (h->stopping)
		return 0;
	execute_poke(h->execution);
	watch_silence(h);
	if (!h->execution)
		seat_recover_look(h);
	return 0;
}

int seat_watch_start(struct hostd *h)
{
	return sd_event_add_defer(h->event, &h->changed, on_changed, h);
}

void seat_watch_stop(struct hostd *h)
{
	h->changed = sd_event_source_disable_unref(h->changed);
	h->silence = sd_event_source_disable_unref(h->silence);
}
