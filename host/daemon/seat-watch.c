// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seat gives itself back: its holder is watched, and when it stops, crashes or falls silent
 * the seat goes to the guest that was asked for before, if that is alive, else home. Silence
 * has a limit of its own, so that an agent may be restarted; it does not count for a guest that
 * never answered while it had the seat (--force).
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#include <stdio.h>
#include <string.h>

#define GIVE_TRIES      10
#define GIVE_PAUSE_USEC 2000000ull

static void give_on(struct hostd *h, int loser);

static int find_heir(struct hostd *h, int loser)
{
	const struct world *w = hostd_world(h);
	int asked[SEAT_ASKED];

	for (int i = 0; i < h->n_asked; i++)
		asked[i] = world_find(w, h->asked[i]);
	return plan_find_heir(w, loser, asked, h->n_asked);
}

static int on_give_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	(void)usec;
	h->give_again = sd_event_source_disable_unref(h->give_again);
	/* somebody else has moved it meanwhile */
	if (!h->execution && !h->stopping && h->n_switches == h->given_switch)
		give_on(h, h->given_by);
	return 0;
}

/* Who cannot have the seat is not tried again: the next one who was asked for is, then the host. */
static void forget_heir(struct hostd *h)
{
	int n = 0;

	for (int i = 0; i < h->n_asked; i++)
		if (strcmp(h->asked[i], h->heir) != 0)
			memmove(h->asked[n++], h->asked[i], sizeof(h->asked[0]));
	h->n_asked = n;
}

/* A monitor that just switches is deaf for a while, and a GPU may be on its way back. */
static void on_given(void *userdata, enum exit_code code, const char *text)
{
	struct hostd *h = userdata;

	if (code == EXIT_CODE_OK || code == EXIT_CODE_UNCONFIRMED || code == EXIT_CODE_BUSY)
		return;
	h->given_switch = h->n_switches;
	forget_heir(h);
	if (++h->give_tries < GIVE_TRIES &&
		sd_event_add_time_relative(h->event, &h->give_again, CLOCK_BOOTTIME,
			GIVE_PAUSE_USEC, 100000, on_give_again, h) >= 0)
		return;
	log_warn("the seat's holder is gone and the seat could not be given on: %s; say "
		 "\"va-host rescue\", or use the monitor's own button",
		text);
}

static void give_on(struct hostd *h, int loser)
{
	struct intent i = { .target = h->machines[WORLD_HOST].name, .no_start = true };
	struct seat_request r = { .done = on_given, .userdata = h };
	int heir = h->give_home ? WORLD_HOST : find_heir(h, loser);

	if (heir > WORLD_HOST)
		i.target = h->machines[heir].name;
	snprintf(h->heir, sizeof(h->heir), "%s", i.target);
	log_info("giving the seat to %s", i.target);
	h->holder_moved = true;
	h->given_by = loser;
	sd_event_source_disable_unref(h->give_again);
	h->give_again = NULL;
	seat_switch(h, &i, "the host itself", &r);
}

void seat_machine_lost(struct hostd *h, int machine)
{
	if (machine == WORLD_HOST || h->world.holder != machine || h->execution || h->stopping)
		return; /* after a switch, whoever has the seat is looked at again */
	h->world.holder = WORLD_HOST;
	hostd_world_changed(h);
	log_warn("%s is gone while it had the seat", h->machines[machine].name);
	h->give_tries = 0;
	h->give_home = false;
	give_on(h, machine);
}

void seat_bring_back(struct hostd *h, int machine)
{
	h->give_tries = 0;
	h->give_home = true;
	give_on(h, machine);
}

void seat_libvirt_back(struct hostd *h)
{
	struct intent i = { .target = h->machines[h->world.holder].name, .no_start = true };

	h->virt_back = h->execution; /* seat_after_switch() then looks */
	if (h->left_over && !h->execution && !h->stopping)
		seat_switch(h, &i, "libvirt's return", &(struct seat_request){ 0 });
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
	log_warn("%s is silent while it has the seat", w->machines[w->holder].name);
	h->give_tries = 0;
	h->give_home = false;
	give_on(h, w->holder);
	return 0;
}

static void watch_silence(struct hostd *h)
{
	const struct world *w = hostd_world(h);
	const struct world_machine *m = &w->machines[w->holder];
	bool silent =
		w->holder != WORLD_HOST && world_is_running(m) && !m->session && h->holder_answered;

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
	inputs_catch_up(h);
	if (!h->execution)
		seat_recover_look(h);
	handover_look(h);
	power_look(h);
	seat_wake_look(h);
	return 0;
}

int seat_watch_start(struct hostd *h)
{
	return sd_event_add_defer(h->event, &h->changed, on_changed, h);
}

void seat_watch_stop(struct hostd *h)
{
	seat_wake_stop(h);
	h->changed = sd_event_source_disable_unref(h->changed);
	h->give_again = sd_event_source_disable_unref(h->give_again);
	h->silence = sd_event_source_disable_unref(h->silence);
}
