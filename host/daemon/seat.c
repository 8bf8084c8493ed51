// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arbiter of the seat: one switch at a time, whoever asks. A request during a switch is told
 * so. Plans come from plan.c and are walked by execute.c through seat-acts.c; seat-journal.c
 * keeps what is under way for the next va-hostd, should this one be killed.
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#include <stdio.h>
#include <string.h>

static void seat_step(void *ctx, int n, const struct step *s, const char *state, unsigned int ms,
	const char *detail)
{
	struct hostd *h = ctx;
	const struct seat_request *r = &h->seat_request;
	char text[PLAN_TEXT_SIZE];

	step_describe(hostd_world(h), s, text, sizeof(text));
	log_line(strcmp(state, "skipped") ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
		"switch: %d. %s: %s after %u ms%s%s", n + 1, text, state, ms, detail[0] ? ": " : "",
		detail);
	events_step(h, n, s, state, ms, detail);
	if (r->step)
		r->step(r->userdata, n, s, state, ms, detail);
}

static const struct world *seat_world(void *ctx)
{
	return hostd_world(ctx);
}

static void seat_shown(void *ctx, int monitor, int input, int32_t value, enum world_writer by)
{
	struct hostd *h = ctx;

	if (by != WRITER_UNKNOWN)
		h->worked[monitor] = by;
	monitors_learn(h, monitor, input, value);
}

/* Written before the step, so that whoever comes after a kill knows at least of that step. */
static void seat_before(void *ctx, int n, const struct step *s, bool undoing)
{
	struct hostd *h = ctx;
	int error =
		seat_journal_step(&h->journal, h->run_dir, hostd_world(h), &h->plan, n, undoing);

	(void)s;
	if (error < 0)
		log_warn("switch: its journal in %s cannot be written: %s; were va-hostd killed "
			 "now, "
			 "the next one would not know of it",
			h->run_dir, strerror(-error));
}

/* Where reading proved nothing, what was acknowledged is what is known. */
static void remember_shown(struct hostd *h, int target)
{
	const struct world *w = hostd_world(h);

	for (int i = 0; i < w->n_monitors; i++) {
		int input = world_input_of(w, &w->monitors[i], target);

		if (input >= 0)
			h->shown[i] = input;
	}
}

static void answer(const struct seat_request *r, enum exit_code code, const char *text)
{
	if (r->done)
		r->done(r->userdata, code, text);
}

static void end_request(struct hostd *h, enum exit_code code, const char *text)
{
	struct seat_request r = h->seat_request;

	h->seat_request = (struct seat_request){ 0 };
	answer(&r, code, text);
}

static bool is_lost(struct hostd *h, int machine)
{
	return !world_is_running(&hostd_world(h)->machines[machine]);
}

/* What had to wait for the end of a switch. */
void seat_after_switch(struct hostd *h)
{
	struct seat_request home = h->home_after;

	events_poke(h);
	if (h->stopping)
		return;
	/* whom the seat went to, or stayed with, may have died meanwhile */
	if (is_lost(h, h->world.holder))
		seat_machine_lost(h, h->world.holder);
	if (home.done) {
		h->home_after = (struct seat_request){ 0 };
		seat_go_home(h, &home);
	}
	if (!h->execution && h->left_over && h->virt_back)
		seat_libvirt_back(h);
	if (!h->execution && h->reload_after)
		hostd_reload_later(h);
	seat_queue_next(h);
}

static void seat_done(
	void *ctx, struct execution *x, enum exit_code code, bool moved, const char *text)
{
	struct hostd *h = ctx;
	int target = execute_target(x);
	char copy[EXECUTE_TEXT_SIZE + 64];

	snprintf(copy, sizeof(copy), "%s", text);
	h->left_over = execute_left_over(x);
	execute_free(TAKE(h->execution));
	if (!h->recovery)
		seat_journal_remove(h->run_dir);
	if (moved) {
		remember_shown(h, target);
		h->world.holder = target;
		h->holder_moved = true;
		h->holder_answered = false;
		if (!copy[0])
			snprintf(copy, sizeof(copy), "%s has the seat%s%s",
				h->machines[target].name, h->plan.reason[0] ? "; " : "",
				h->plan.reason);
	}
	hostd_world_changed(h);
	log_info("switch to %s: %s%s%s", h->machines[target].name, exit_code_name(code),
		copy[0] ? ": " : "", copy);
	end_request(h, code, copy);
	if (!h->stopping)
		handover_switched(h, target, moved);
	seat_after_switch(h);
}

static const struct execute_ops seat_ops = {
	.write = seat_act_write,
	.read = seat_act_read,
	.stop = seat_act_stop,
	.start = seat_act_start,
	.attach = seat_act_attach,
	.detach = seat_act_detach,
	.ping = seat_act_ping,
	.screen = seat_act_screen,
	.world = seat_world,
	.before = seat_before,
	.on_step = seat_step,
	.on_shown = seat_shown,
	.on_done = seat_done,
	.first_read_ms = 200,
	.next_read_ms = 1000,
	.next_screen_ms = 500,
};

/* --- who may -------------------------------------------------------------------------------------
 */

/* For whom the seat is remembered, should its holder be lost. */
static void remember_asked(struct hostd *h, int target)
{
	const char *name = h->machines[target].name;
	int n = 0;

	if (target == WORLD_HOST)
		return;
	for (int i = 0; i < h->n_asked; i++)
		if (strcmp(h->asked[i], name))
			memmove(h->asked[n++], h->asked[i], sizeof(h->asked[0]));
	if (n == SEAT_ASKED)
		memmove(h->asked[0], h->asked[1], sizeof(h->asked[0]) * (size_t)--n);
	memcpy(h->asked[n++], name, sizeof(h->asked[0]));
	h->n_asked = n;
}

void seat_switch_now(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r)
{
	const struct world *w = hostd_world(h);
	int error;

	plan_switch(w, i, &h->plan);
	log_info("switch to %s, asked for by %s: %d steps%s%s", escape(i->target), who,
		h->plan.n_steps, h->plan.reason[0] ? "; " : "", h->plan.reason);
	if (h->plan.refusal != EXIT_CODE_OK || h->plan.n_steps == 0) {
		bool unheard = h->config->libvirt[0] && !h->virt_synced;
		char text[PLAN_TEXT_SIZE + 64];

		snprintf(text, sizeof(text), "%s%s", h->plan.reason,
			h->plan.refusal != EXIT_CODE_OK && unheard
				? "; libvirt does not answer (yet): see va-host status"
				: "");
		answer(r, h->plan.refusal, text);
		if (h->plan.refusal == EXIT_CODE_OK && w->n_monitors > 0 &&
			worker_is_running(h->ddc))
			monitors_detect(h); /* one may have left by itself: for the next time */
		return;
	}
	remember_asked(h, h->plan.target);
	h->n_switches++;
	h->virt_back = false;
	h->journal = (struct seat_journal){ .force = i->force };
	snprintf(h->journal.target, sizeof(h->journal.target), "%s",
		w->machines[h->plan.target].name);
	snprintf(h->journal.from, sizeof(h->journal.from), "%s", w->machines[w->holder].name);
	error = execute_new(&h->execution, h->event, w, &h->plan, &seat_ops, h);
	if (error < 0)
		answer(r, EXIT_CODE_FAILED, strerror(-error));
	else
		h->seat_request = *r;
	events_poke(h);
}

/* Why the seat cannot be moved at all now; false: it can. */
static bool is_taken(const struct hostd *h, const struct intent *i, char *why, size_t size)
{
	int of = 0, at = h->execution ? execute_at(h->execution, &of, &(bool){ false }) : 0;

	if (h->execution)
		snprintf(why, size,
			"a switch to %s is under way, in step %d of %d; try again, or "
			"say --wait",
			h->machines[execute_target(h->execution)].name, at, of);
	else if (h->handover)
		snprintf(why, size, "a guest is just given the host's graphics card; try again");
	else if (h->rescue)
		snprintf(why, size, "a rescue is under way; try again");
	else if (h->recovery)
		snprintf(why, size,
			"a switch that was under way when va-hostd ended is being "
			"brought to its end, at %s; try again",
			seat_recover_goal(h));
	else if (power_is_going_down(h) && strcmp(i->target, h->machines[WORLD_HOST].name))
		snprintf(why, size, "the host is shutting down");
	else
		return false;
	return true;
}

void seat_switch(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r)
{
	char why[PLAN_TEXT_SIZE + 64];

	if (!is_taken(h, i, why, sizeof(why)))
		seat_switch_now(h, i, who, r);
	else if (!i->wait || power_is_going_down(h) || !seat_queue_add(h, i, who, r))
		answer(r, EXIT_CODE_BUSY, why);
}

void seat_go_home(struct hostd *h, const struct seat_request *r)
{
	struct intent i = { .target = h->machines[WORLD_HOST].name };

	if (h->execution)
		h->home_after = *r;
	else if (hostd_world(h)->holder == WORLD_HOST)
		answer(r, EXIT_CODE_OK, "the host has the seat");
	else
		seat_switch(h, &i, "the host itself", r);
}

void seat_give_up(struct hostd *h, const char *why)
{
	execute_free(TAKE(h->execution));
	if (h->recovery) /* it asked by itself */
		h->seat_request = (struct seat_request){ 0 };
	seat_recover_stop(h);
	inputs_come_home(h);
	end_request(h, EXIT_CODE_FAILED, why);
}

void seat_forget(struct hostd *h, const void *userdata)
{
	if (h->seat_request.userdata == userdata)
		h->seat_request = (struct seat_request){ 0 };
	if (h->home_after.userdata == userdata)
		h->home_after = (struct seat_request){ 0 };
	seat_queue_forget(h, userdata);
	seat_rescue_forget(h, userdata);
}

bool seat_is_busy(const struct hostd *h)
{
	return h->execution || h->handover;
}

int seat_start(struct hostd *h)
{
	int r = seat_watch_start(h);

	if (r >= 0)
		seat_recover_start(h);
	return r;
}

void seat_free(struct hostd *h)
{
	execute_free(TAKE(h->execution));
	seat_recover_stop(h);
	seat_rescue_stop(h);
	seat_watch_stop(h);
	seat_queue_free(h);
	h->seat_request = h->home_after = (struct seat_request){ 0 };
}
