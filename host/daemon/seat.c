// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The arbiter of the seat: one switch at a time, whoever asks. A request during a switch is told
 * so. Plans come from plan.c and are walked by execute.c; who acts is found here: the host's own
 * DDC worker, or a guest over its session.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

#define HOME_TRIES      5
#define HOME_PAUSE_USEC 2000000ull

/* One DDC act under way. */
struct act {
	struct execution *x;
	uint64_t number; /* of the execution: another one may come to the same address */
	execute_act_fn *done;
	struct hostd *h;
	bool is_read;
};

static struct act *act_new(struct hostd *h, struct execution *x, execute_act_fn *done, bool is_read)
{
	struct act *a = calloc(1, sizeof(*a));

	if (a)
		*a = (struct act){
			.x = x, .number = h->n_switches, .done = done, .h = h, .is_read = is_read
		};
	return a;
}

static void act_end(struct act *a, int error, int32_t value, const char *detail)
{
	struct act end = *a;

	free(a);
	if (end.h->execution && end.h->n_switches == end.number)
		end.done(end.x, error, value, detail);
}

static void on_host_done(
	enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	const struct ddc_reply *r = msg;
	char detail[160];

	(void)size;
	if (fd >= 0)
		close(fd);
	if (fate != WORKER_REPLIED) {
		act_end(userdata, fate == WORKER_LATE ? -ETIMEDOUT : -ECOMM, -1,
			"the host's DDC worker did not answer");
		return;
	}
	snprintf(detail, sizeof(detail), "%s",
		r->status == DDC_OK ? "" : ddc_status_text(r->status));
	act_end(userdata, r->status == DDC_OK ? 0 : -ECOMM, r->value, detail);
}

static void on_guest_done(struct guest *g, const struct msg_result *r, void *userdata)
{
	char detail[MSG_DETAIL_SIZE + NAME_MAX_LEN + 48];

	if (r->outcome == MSG_OUT_OK) {
		act_end(userdata, 0, (int32_t)(r->value & 0xffff), "");
		return;
	}
	snprintf(detail, sizeof(detail), "%s: %s%s%s", g->name, guest_outcome_words(r->outcome),
		r->detail[0] ? ": " : "", r->detail);
	act_end(userdata, r->outcome == MSG_OUT_UNKNOWN ? -ETIMEDOUT : -ECOMM, -1, detail);
}

static void ask_host(struct act *a, uint32_t op, const struct world_monitor *m, uint16_t value,
	uint32_t limit_ms)
{
	struct ddc_request r = { .head.op = op, .via = m->via, .value = value };
	int error;

	snprintf(r.key, sizeof(r.key), "%s", m->key);
	snprintf(r.connector, sizeof(r.connector), "%s", m->connector);
	error = monitors_ask(a->h, &r, limit_ms * 1000ull, on_host_done, a);
	if (error < 0)
		act_end(a, -ENOTCONN, -1, "the host has no DDC worker running");
}

static void ask_guest(struct act *a, struct guest *g, const struct world_monitor *m, uint16_t value,
	uint32_t limit_ms)
{
	int error;

	if (a->is_read) {
		struct msg_query q = { .question = MSG_Q_DDC_READ, .via = m->via };

		snprintf(q.target, sizeof(q.target), "%s", m->key);
		error = guest_query(g, &q, limit_ms, on_guest_done, a);
	} else {
		struct msg_prepare p = { .operation = MSG_OP_DDC_WRITE,
			.value = value,
			.via = m->via,
			.claimed_uid = MSG_UID_NONE };

		snprintf(p.target, sizeof(p.target), "%s", m->key);
		error = guest_call(g, &p, limit_ms, on_guest_done, a);
	}
	if (error < 0)
		act_end(a, -ENOTCONN, -1, "no session with the guest");
}

static void do_act(struct hostd *h, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done, bool is_read)
{
	struct act *a = act_new(h, x, done, is_read);

	if (!a)
		done(x, -ENOMEM, -1, "out of memory");
	else if (machine == WORLD_HOST)
		ask_host(a, is_read ? DDC_GET : DDC_SET, m, value, limit_ms);
	else if (h->guests[machine] && guest_is_running(h->guests[machine]))
		ask_guest(a, h->guests[machine], m, value, limit_ms);
	else
		act_end(a, -ESRCH, -1, "the machine is gone");
}

static void seat_write(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done)
{
	do_act(ctx, x, machine, m, value, limit_ms, done, false);
}

static void seat_read(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint32_t limit_ms, execute_act_fn *done)
{
	do_act(ctx, x, machine, m, 0, limit_ms, done, true);
}

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
	if (r->step)
		r->step(r->userdata, n, s, state, ms, detail);
}

static void seat_shown(void *ctx, int monitor, int input, int32_t value)
{
	monitors_learn(ctx, monitor, input, value);
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

static void end_request(struct hostd *h, enum exit_code code, const char *text)
{
	struct seat_request r = h->seat_request;

	h->seat_request = (struct seat_request){ 0 };
	if (r.done)
		r.done(r.userdata, code, text);
}

static bool is_lost(struct hostd *h, int machine)
{
	const struct world_machine *m = &hostd_world(h)->machines[machine];

	return !m->known || !m->running;
}

/* What had to wait for the end of a switch. */
static void after_switch(struct hostd *h)
{
	struct seat_request home = h->home_after;

	if (h->stopping)
		return;
	/* whom the seat went to, or stayed with, may have died meanwhile */
	if (is_lost(h, h->world.holder))
		seat_machine_lost(h, h->world.holder);
	if (home.done) {
		h->home_after = (struct seat_request){ 0 };
		seat_go_home(h, &home);
	}
	if (!h->execution && h->reload_after)
		hostd_reload_later(h);
}

static void seat_done(
	void *ctx, struct execution *x, enum exit_code code, bool moved, const char *text)
{
	struct hostd *h = ctx;
	int target = execute_target(x);
	char copy[PLAN_TEXT_SIZE + 64];

	snprintf(copy, sizeof(copy), "%s", text);
	execute_free(TAKE(h->execution));
	if (moved) {
		remember_shown(h, target);
		h->world.holder = target;
		h->holder_moved = true;
		hostd_world_changed(h);
		if (!copy[0])
			snprintf(copy, sizeof(copy), "%s has the seat", h->machines[target].name);
	}
	log_info("switch to %s: %s%s%s", h->machines[target].name, exit_code_name(code),
		copy[0] ? ": " : "", copy);
	end_request(h, code, copy);
	after_switch(h);
}

static const struct execute_ops seat_ops = {
	.write = seat_write,
	.read = seat_read,
	.on_step = seat_step,
	.on_shown = seat_shown,
	.on_done = seat_done,
	.first_read_ms = 200,
	.next_read_ms = 1000,
};

static void answer(const struct seat_request *r, enum exit_code code, const char *text)
{
	if (r->done)
		r->done(r->userdata, code, text);
}

void seat_switch(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r)
{
	struct plan plan;
	int error;

	if (h->execution) {
		answer(r, EXIT_CODE_BUSY, "another switch is under way; try again");
		return;
	}
	if (power_is_going_down(h) && strcmp(i->target, h->machines[WORLD_HOST].name)) {
		answer(r, EXIT_CODE_BUSY, "the host is shutting down");
		return;
	}
	plan_switch(hostd_world(h), i, &plan);
	log_info("switch to %s, asked for by %s: %d steps%s%s", escape(i->target), who,
		plan.n_steps, plan.reason[0] ? "; " : "", plan.reason);
	if (plan.refusal != EXIT_CODE_OK || plan.n_steps == 0) {
		answer(r, plan.refusal, plan.reason);
		return;
	}
	h->n_switches++;
	error = execute_new(&h->execution, h->event, hostd_world(h), &plan, &seat_ops, h);
	if (error < 0)
		answer(r, EXIT_CODE_FAILED, strerror(-error));
	else
		h->seat_request = *r;
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

void seat_forget(struct hostd *h, const void *userdata)
{
	if (h->seat_request.userdata == userdata)
		h->seat_request = (struct seat_request){ 0 };
	if (h->home_after.userdata == userdata)
		h->home_after = (struct seat_request){ 0 };
}

bool seat_is_busy(const struct hostd *h)
{
	return h->execution != NULL;
}

/* --- the way home of a lost holder's monitors
 * ----------------------------------------------------- */

static void take_home(struct hostd *h);

static int on_home_again(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	(void)usec;
	h->home_again = sd_event_source_disable_unref(h->home_again);
	/* unless somebody has decided otherwise meanwhile */
	if (!h->execution && hostd_world(h)->holder == WORLD_HOST)
		take_home(h);
	return 0;
}

static void on_home(void *userdata, enum exit_code code, const char *text)
{
	struct hostd *h = userdata;

	if (code == EXIT_CODE_OK || code == EXIT_CODE_UNCONFIRMED || code == EXIT_CODE_BUSY)
		return;
	/* the monitor may still be deaf from the switch that the loss has interrupted */
	if (h->home_tries++ < HOME_TRIES && !h->home_again &&
		sd_event_add_time_relative(h->event, &h->home_again, CLOCK_BOOTTIME,
			HOME_PAUSE_USEC, 100000, on_home_again, h) >= 0)
		return;
	log_warn("the seat's holder is gone and the monitors could not be taken home: %s; use the "
		 "monitor's own button",
		text);
}

static void take_home(struct hostd *h)
{
	struct intent i = { .target = h->machines[WORLD_HOST].name };
	struct seat_request r = { .done = on_home, .userdata = h };

	seat_switch(h, &i, "the host itself", &r);
}

void seat_machine_lost(struct hostd *h, int machine)
{
	if (machine == WORLD_HOST || h->world.holder != machine || h->execution || h->stopping)
		return; /* after a switch, whoever has the seat is looked at again */
	log_warn("%s is gone while it had the seat: taking it home", h->machines[machine].name);
	h->world.holder = WORLD_HOST;
	h->holder_moved = true;
	h->home_tries = 0;
	hostd_world_changed(h);
	take_home(h);
}

void seat_free(struct hostd *h)
{
	execute_free(TAKE(h->execution));
	h->home_again = sd_event_source_disable_unref(h->home_again);
	h->seat_request = h->home_after = (struct seat_request){ 0 };
}
