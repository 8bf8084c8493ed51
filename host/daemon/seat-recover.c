// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A switch that was under way when va-hostd ended is finished or undone: as soon as the world is
 * known again, it is planned anew from how things are now, to where it was going; if that is not
 * to be had any more, back to who had the seat; else to the host. So it does not matter which
 * step it was, nor whether that step still had its effect.
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#include <string.h>

#define SETTLE_USEC (30ull * 1000000) /* for guests to be seen and sessions to come back */

struct recovery {
	struct hostd *h;
	struct seat_journal was;
	const char *goals[3]; /* of was, or the host */
	int n_goals, at;
	bool late, trying;
	sd_event_source *limit;
};

static void try_goal(struct recovery *r);

static void recovery_free(struct recovery *r)
{
	if (!r)
		return;
	sd_event_source_disable_unref(r->limit);
	free(r);
}

void seat_recover_stop(struct hostd *h)
{
	recovery_free(TAKE(h->recovery));
}

static bool was_stopped(const struct seat_journal *j, const char *name)
{
	for (int i = 0; i < j->n_stopped; i++)
		if (!strcmp(j->stopped[i], name))
			return true;
	return false;
}

static struct intent intent_of(const struct recovery *r)
{
	const char *goal = r->goals[r->at];
	bool is_target = !strcmp(goal, r->was.target);

	/* who had the seat is started again only if it was stopped for the other */
	return (struct intent){
		.target = goal,
		.force = is_target && r->was.force,
		.no_start = !is_target && !was_stopped(&r->was, goal),
	};
}

static void end(struct recovery *r)
{
	struct hostd *h = r->h;

	seat_journal_remove(h->run_dir);
	seat_recover_stop(h);
}

static void on_done(void *userdata, enum exit_code code, const char *text)
{
	struct recovery *r = userdata;

	r->trying = false;
	if (code == EXIT_CODE_OK || code == EXIT_CODE_UNCONFIRMED) {
		end(r);
		return;
	}
	log_warn("recovery: %s cannot have the seat: %s", r->goals[r->at], text);
	if (++r->at < r->n_goals) {
		r->late = true;
		try_goal(r);
		return;
	}
	log_error("recovery: nothing helped; see \"va-host status\", or say \"va-host rescue\"");
	end(r);
}

/* Everybody has been heard of who will be. */
static bool is_settled(const struct recovery *r)
{
	struct intent i = intent_of(r);
	struct plan plan;

	if (r->late)
		return true;
	if (r->h->config->libvirt[0] && !r->h->virt_synced)
		return false;
	plan_switch(hostd_world(r->h), &i, &plan);
	return plan.refusal == EXIT_CODE_OK;
}

static void try_goal(struct recovery *r)
{
	struct intent i = intent_of(r);
	struct seat_request q = { .done = on_done, .userdata = r };

	r->trying = true;
	log_info("recovery: giving the seat to %s", i.target);
	seat_switch_now(r->h, &i, "va-hostd itself", &q);
}

void seat_recover_look(struct hostd *h)
{
	struct recovery *r = h->recovery;

	if (r && !r->trying && is_settled(r))
		try_goal(r);
}

static int on_limit(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct recovery *r = userdata;

	(void)s;
	(void)usec;
	r->late = true;
	seat_recover_look(r->h);
	return 0;
}

static void add_goal(struct recovery *r, const char *name)
{
	for (int i = 0; i < r->n_goals; i++)
		if (!strcmp(r->goals[i], name))
			return;
	r->goals[r->n_goals++] = name;
}

void seat_recover_start(struct hostd *h)
{
	struct recovery *r = calloc(1, sizeof(*r));
	int found = r ? seat_journal_read(&r->was, h->run_dir) : -ENOMEM;

	if (found < 0) {
		log_error(
			"recovery: the journal of a switch cannot be read: %s; \"va-host status\" "
			"shows how things are",
			strerror(-found));
		seat_journal_remove(h->run_dir);
	}
	if (found <= 0) {
		recovery_free(r);
		return;
	}
	r->h = h;
	if (!r->was.undoing)
		add_goal(r, r->was.target);
	add_goal(r, r->was.from);
	add_goal(r, "host");
	log_warn("va-hostd ended in step %d of %d of a switch from %s to %s%s: going on",
		r->was.step, r->was.of, r->was.from, r->was.target,
		r->was.undoing ? ", on its way back" : "");
	h->recovery = r;
	if (sd_event_add_time_relative(
		    h->event, &r->limit, CLOCK_BOOTTIME, SETTLE_USEC, 100000, on_limit, r) < 0)
		r->late = true;
	hostd_world_changed(h);
}

const char *seat_recover_goal(const struct hostd *h)
{
	return h->recovery ? h->recovery->goals[h->recovery->at] : NULL;
}
