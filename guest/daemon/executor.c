// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's requests, carried out; see executor.h.
 *
 * Theory of operation: a request with an effect is judged twice, when it is prepared and when it
 * is committed, and what is carried out is what was prepared. What takes time is a job that
 * knows its session and number; if the session ends meanwhile, its answer is dropped by the link.
 * While a ticket is out the session is not renewed, for a ticket is bound to its session.
 */
#include "guest/daemon/executor.h"

#include "common/base/escape.h"
#include "common/base/log.h"
#include "common/ddc/quirks.h"
#include "common/link/ticket.h"
#include "common/pci/screen.h"
#include "guest/daemon/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct executor {
	struct executor_deps deps;
	struct ticket_box box;
	sd_event_source *expiry; /* of the ticket */
};

struct job {
	struct executor *executor;
	uint64_t session;
	uint64_t started_ms;
	uint32_t id;
	uint32_t question;         /* enum msg_question, or 0 */
	struct msg_prepare action; /* where question is 0 */
};

static void answer(struct executor *e, uint64_t session, const struct message *m)
{
	/* VA_E_STATE: the session it belongs to is over, and with it the request */
	(void)link_reply(channel_link(e->deps.channel), session, m, clock_now_ms());
	channel_pump(e->deps.channel);
}

static void answer_outcome(struct executor *e, uint64_t session, uint32_t id,
	enum msg_outcome outcome, const char *detail)
{
	struct message m = { .id = id, .kind = MSG_RESULT };

	msg_result_init(&m.result, outcome, detail);
	answer(e, session, &m);
}

static void log_action(
	const struct msg_prepare *p, const char *outcome, const char *detail, uint64_t took_ms)
{
	char what[128];

	if (p->operation == MSG_OP_DDC_WRITE)
		snprintf(what, sizeof(what), "%s monitor=%s value=0x%02x",
			msg_operation_name(p->operation), escape(p->target), p->value);
	else
		snprintf(what, sizeof(what), "%s", msg_operation_name(p->operation));
	log_info("the host asked for %s: %s%s%s, %llu ms", what, outcome, *detail ? ": " : "",
		detail, (unsigned long long)took_ms);
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void finish_action(struct job *j, enum msg_outcome outcome, const char *detail)
{
	log_action(&j->action, msg_outcome_name((uint32_t)outcome), detail,
		clock_now_ms() - j->started_ms);
	answer_outcome(j->executor, j->session, j->id, outcome, detail);
	free(j);
}

static void on_written(enum worker_fate fate, const struct ddc_reply *reply, void *userdata)
{
	const char *detail;
	enum msg_outcome outcome = ddc_outcome(fate, reply, &detail);

	finish_action(userdata, outcome, detail);
}

static void on_powered_off(int error, const char *detail, void *userdata)
{
	finish_action(userdata, error < 0 ? MSG_OUT_FAILED : MSG_OUT_OK, detail);
}

static void fill_monitors(struct msg_result *r, const struct ddc_reply *reply)
{
	for (uint32_t i = 0; i < reply->n_displays; i++) {
		const struct ddc_display *d = &reply->displays[i];
		uint32_t flags = 0;
		char label[32];

		flags |= d->input >= 0 ? MSG_MONITOR_READABLE : 0;
		flags |= d->twin ? MSG_MONITOR_TWIN : 0;
		flags |= d->answers ? 0 : MSG_MONITOR_SILENT;
		ddc_display_label(d, label, sizeof(label));
		if (!msg_result_add(r, MSG_ITEM_MONITOR, d->key, label,
			    d->input >= 0 ? (uint32_t)d->input : 0, flags) ||
			d->gpu >> 16 == 0)
			continue;
		r->items[r->n_items - 1].gpu = d->gpu;
		r->items[r->n_items - 1].board = d->board;
	}
}

static void on_looked(enum worker_fate fate, const struct ddc_reply *reply, void *userdata)
{
	struct job *j = userdata;
	struct message m = { .id = j->id, .kind = MSG_RESULT };
	const char *detail;
	enum msg_outcome outcome = ddc_outcome(fate, reply, &detail);

	msg_result_init(&m.result, outcome, detail);
	if (outcome == MSG_OUT_OK && j->question == MSG_Q_DDC_DETECT)
		fill_monitors(&m.result, reply);
	else if (outcome == MSG_OUT_OK && reply->value >= 0)
		m.result.value = (uint32_t)reply->value;
	answer(j->executor, j->session, &m);
	free(j);
}

static struct job *job_new(struct executor *e, uint64_t session, uint32_t id)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		answer_outcome(e, session, id, MSG_OUT_FAILED, "out of memory");
		return NULL;
	}
	j->executor = e;
	j->session = session;
	j->id = id;
	j->started_ms = clock_now_ms();
	return j;
}

static void ask_ddc(struct job *j, struct ddc_request *q, const char *monitor, ddc_reply_fn *reply)
{
	struct executor *e = j->executor;
	int r = -EINVAL;

	/* a key is 16 digits; another name fits no monitor */
	if (strlen(monitor) < sizeof(q->key)) {
		memcpy(q->key, monitor, strlen(monitor) + 1);
		r = ddc_ask(e->deps.ddc, q, reply, j);
	}
	if (r == 0)
		return;
	if (r == -EINVAL)
		answer_outcome(e, j->session, j->id, MSG_OUT_NOT_FOUND, "no such monitor");
	else if (r == -EBUSY || r == -EAGAIN)
		answer_outcome(e, j->session, j->id, MSG_OUT_BUSY, "va-ddc is busy");
	else
		answer_outcome(e, j->session, j->id, MSG_OUT_FAILED, "va-ddc cannot be started");
	free(j);
}

/* --- tickets -------------------------------------------------------------------------------- */

static void release(struct executor *e)
{
	sd_event_source_set_enabled(e->expiry, SD_EVENT_OFF);
	link_hold_renewal(channel_link(e->deps.channel), false);
}

static int on_expiry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct executor *e = userdata;

	(void)s;
	(void)usec;
	ticket_wipe(&e->box);
	release(e);
	channel_pump(e->deps.channel);
	return 0;
}

void executor_forget(struct executor *e)
{
	ticket_wipe(&e->box);
	release(e);
}

/* MSG_OUT_OK: may be done. */
static enum msg_outcome judge_action(
	struct executor *e, const struct msg_prepare *p, bool spend, const char **ret_why)
{
	bool ddc = p->operation == MSG_OP_DDC_WRITE;

	*ret_why = "";
	if (!ddc && p->operation != MSG_OP_GUEST_SHUTDOWN)
		return MSG_OUT_UNSUPPORTED;
	if (ddc && !e->deps.ddc) {
		*ret_why = "DDC is off in guest.conf";
		return MSG_OUT_UNSUPPORTED;
	}
	if (ddc && !(e->deps.ways & quirk_via_bit(p->via))) {
		*ret_why = "guest.conf does not name this way to switch ([ddc] ways)";
		return MSG_OUT_DENIED;
	}
	if (!judge_allows(e->deps.judge, msg_operation_name(p->operation), p->target, spend,
		    clock_now_ms(), ret_why))
		return MSG_OUT_DENIED;
	return MSG_OUT_OK;
}

static void take_prepare(struct executor *e, uint64_t session, const struct message *req)
{
	struct message m = { .id = req->id, .kind = MSG_TICKET };
	const char *why;
	enum msg_outcome outcome = judge_action(e, &req->prepare, true, &why);
	uint8_t random[MSG_TICKET_SIZE];

	if (outcome != MSG_OUT_OK) {
		log_action(&req->prepare, msg_outcome_name((uint32_t)outcome), why, 0);
		answer_outcome(e, session, req->id, outcome, why);
		return;
	}
	randombytes_buf(random, sizeof(random));
	ticket_issue(&e->box, session, &req->prepare, random, clock_now_ms(), &m.ticket);
	sodium_memzero(random, sizeof(random));
	link_hold_renewal(channel_link(e->deps.channel), true);
	sd_event_source_set_time(e->expiry, e->box.expires_ms * 1000u);
	sd_event_source_set_enabled(e->expiry, SD_EVENT_ONESHOT);
	answer(e, session, &m);
}

static void perform(struct executor *e, uint64_t session, uint32_t id, const struct msg_prepare *p)
{
	struct ddc_request q = { .head.op = DDC_SET, .via = p->via, .value = p->value };
	struct job *j = job_new(e, session, id);

	if (!j)
		return;
	j->action = *p;
	if (p->operation == MSG_OP_DDC_WRITE)
		ask_ddc(j, &q, p->target, on_written);
	else if (poweroff_ask(e->deps.poweroff, on_powered_off, j) < 0)
		finish_action(j, MSG_OUT_BUSY, "the machine is being switched off already");
}

static void take_commit(struct executor *e, uint64_t session, const struct message *req)
{
	struct msg_prepare prepared;
	const char *why;
	enum msg_outcome outcome;
	bool good = ticket_spend(&e->box, session, &req->commit, clock_now_ms(), &prepared);

	release(e);
	if (!good) {
		answer_outcome(e, session, req->id, MSG_OUT_EXPIRED, "");
		return;
	}
	outcome = judge_action(e, &prepared, false, &why);
	if (outcome == MSG_OUT_OK)
		perform(e, session, req->id, &prepared);
	else
		answer_outcome(e, session, req->id, outcome, why);
}

/* --- questions ------------------------------------------------------------------------------ */

static enum msg_screen screen_of(const struct executor *e)
{
	switch (screen_look(e->deps.sysfs)) {
	case SCREEN_LIT: return MSG_SCREEN_LIT;
	case SCREEN_DARK: return MSG_SCREEN_DARK;
	case SCREEN_UNPLUGGED: return MSG_SCREEN_UNPLUGGED;
	default: return MSG_SCREEN_NOT_KNOWN;
	}
}

/* Like PING without a policy: the host has the machine's memory, and the monitor in front of it. */
static void answer_status(struct executor *e, uint64_t session, uint32_t id)
{
	struct message m = { .id = id, .kind = MSG_RESULT };

	msg_result_init(&m.result, MSG_OUT_OK, "");
	m.result.value = (uint32_t)screen_of(e);
	answer(e, session, &m);
}

static void take_query(struct executor *e, uint64_t session, const struct message *req)
{
	struct ddc_request q = { .via = req->query.via };
	const char *why = "";
	struct job *j;

	switch (req->query.question) {
	case MSG_Q_PING: answer_outcome(e, session, req->id, MSG_OUT_OK, ""); return;
	case MSG_Q_STATUS: answer_status(e, session, req->id); return;
	case MSG_Q_DDC_DETECT: q.head.op = DDC_DETECT; break;
	case MSG_Q_DDC_READ: q.head.op = DDC_GET; break;
	default: answer_outcome(e, session, req->id, MSG_OUT_UNSUPPORTED, ""); return;
	}
	if (!e->deps.ddc)
		answer_outcome(
			e, session, req->id, MSG_OUT_UNSUPPORTED, "DDC is off in guest.conf");
	else if (!judge_allows(e->deps.judge, msg_question_name(req->query.question),
			 req->query.target, true, clock_now_ms(), &why))
		answer_outcome(e, session, req->id, MSG_OUT_DENIED, why);
	else if ((j = job_new(e, session, req->id))) {
		j->question = req->query.question;
		ask_ddc(j, &q, req->query.target, on_looked);
	}
}

void executor_take_request(struct executor *e, const struct link_event *ev)
{
	/* answering calls the link, and ev->message is the link's */
	struct message req = *ev->message;

	switch (req.kind) {
	case MSG_PREPARE: take_prepare(e, ev->session, &req); break;
	case MSG_COMMIT: take_commit(e, ev->session, &req); break;
	case MSG_QUERY: take_query(e, ev->session, &req); break;
	default: break; /* the link lets no other through */
	}
}

int executor_new(struct executor **ret, const struct executor_deps *deps)
{
	CLEANUP_FN(executor) struct executor *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->deps = *deps;
	r = sd_event_add_time(deps->event, &e->expiry, CLOCK_BOOTTIME, 0, 1000, on_expiry, e);
	if (r >= 0)
		r = sd_event_source_set_enabled(e->expiry, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE(e);
	return 0;
}

void executor_free(struct executor *e)
{
	if (!e)
		return;
	ticket_wipe(&e->box);
	sd_event_source_disable_unref(e->expiry);
	free(e);
}
