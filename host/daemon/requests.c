// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What guests ask: PREPARE, COMMIT and QUERY, already authenticated, decrypted, parsed and
 * validated. Here they are authorised, and only then acted on. Policy is judged at PREPARE and
 * again at COMMIT; what acts is what was prepared, held here, never what comes with COMMIT.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define ASK_TIMEOUT_S 20u

static void reply(struct guest *g, uint64_t session, struct message *m)
{
	struct link_ipc ipc = { .head.op = LINK_OP_REPLY, .session = session };

	ipc.message = *m;
	guest_order(g, &ipc);
}

static void reply_result(struct guest *g, uint64_t session, uint32_t id, enum msg_outcome outcome,
	uint32_t value, const char *detail)
{
	struct message m = { .id = id, .kind = MSG_RESULT };

	msg_result_init(&m.result, outcome, detail);
	m.result.value = value;
	reply(g, session, &m);
}

/*
 * While a person is asked, a ticket is outstanding, or what it was spent on runs, the session is
 * not renewed: the answer belongs to this one.
 */
static void update_hold(struct guest *g)
{
	bool wanted = g->question.number || g->ticket.live || g->commit_id;
	struct link_ipc ipc = { .head.op = LINK_OP_HOLD, .ok = wanted };

	if (wanted != g->held && guest_order(g, &ipc))
		g->held = wanted;
}

static void audit(const struct guest *g, const struct msg_prepare *p,
	const struct policy_verdict *v, const char *outcome)
{
	log_info("audit: guest=%s op=%s target=%s uid=%u rule=%s:%u outcome=%s", g->name,
		msg_operation_name(p->operation), p->target[0] ? escape(p->target) : "-",
		p->claimed_uid, v && v->file ? v->file : "-", v ? v->line : 0, outcome);
	if (v && v->notify)
		events_request(g, p, outcome);
}

/* False: a rate limit is used up, which denies. charge: this asking counts. */
static bool within_rate(struct guest *g, const struct policy_verdict *v)
{
	size_t n = policy_n_rules(g->h->policy);

	if (v->rate_n == 0)
		return true;
	if (!g->rates) {
		g->rates = calloc(n, sizeof(*g->rates));
		g->n_rates = g->rates ? n : 0;
	}
	return g->rates && policy_rate_take(v, g->rates, g->n_rates, hostd_now_ms());
}

static void judge(struct guest *g, enum policy_op op, const char *target, uint32_t uid, bool charge,
	struct policy_verdict *ret)
{
	struct policy_query q = {
		.op = op,
		.guest = g->name,
		.target = target,
		.uid = uid,
		.focused = hostd_world(g->h)->holder == g->slot,
	};

	policy_decide(g->h->policy, &q, ret);
	if (charge && ret->decision != POLICY_DENY && !within_rate(g, ret)) {
		ret->decision = POLICY_DENY;
		ret->notify = false;
	}
}

static enum policy_op policy_op_of(uint32_t operation)
{
	return operation == MSG_OP_SWITCH ? POLICY_SWITCH : POLICY_HOST_SHUTDOWN;
}

void requests_policy_changed(struct guest *g)
{
	free(TAKE(g->rates));
	g->n_rates = 0;
}

/* --- tickets ------------------------------------------------------------------------------------
 */

static void ticket_over(struct guest *g)
{
	g->ticket_end = sd_event_source_disable_unref(g->ticket_end);
	ticket_wipe(&g->ticket);
	g->ticket_approved = false;
}

static int on_ticket_end(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	ticket_over(userdata);
	update_hold(userdata);
	return 0;
}

static void grant(
	struct guest *g, uint64_t session, uint32_t id, const struct msg_prepare *p, bool approved)
{
	struct message m = { .id = id, .kind = MSG_TICKET };
	uint8_t random[MSG_TICKET_SIZE];

	randombytes_buf(random, sizeof(random));
	ticket_issue(&g->ticket, session, p, random, hostd_now_ms(), &m.ticket);
	g->ticket_approved = approved;
	sd_event_source_disable_unref(g->ticket_end);
	g->ticket_end = NULL;
	if (sd_event_add_time_relative(g->h->event, &g->ticket_end, CLOCK_BOOTTIME,
		    m.ticket.ttl_ms * 1000ull, 50000, on_ticket_end, g) < 0) {
		ticket_over(g);
		reply_result(g, session, id, MSG_OUT_FAILED, 0, "the host is out of memory");
		return;
	}
	update_hold(g);
	reply(g, session, &m);
}

/* --- questions put to a person
 * --------------------------------------------------------------------- */

static void question_over(struct guest *g)
{
	sd_event_source_disable_unref(g->question.limit);
	g->question = (struct guest_question){ 0 };
	events_poke(g->h);
}

static int on_question_limit(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct guest *g = userdata;

	(void)s;
	(void)usec;
	audit(g, &g->question.prepare, NULL, "denied: nobody answered");
	reply_result(g, g->question.session, g->question.id, MSG_OUT_DENIED, 0,
		"nobody answered on the host");
	question_over(g);
	update_hold(g);
	return 0;
}

static void ask_person(struct guest *g, uint64_t session, uint32_t id, const struct msg_prepare *p,
	uint32_t timeout_s)
{
	struct message m = { .id = id, .kind = MSG_PENDING };

	if (timeout_s == 0)
		timeout_s = ASK_TIMEOUT_S;
	g->question = (struct guest_question){
		.number = ++g->h->next_question, .session = session, .id = id, .prepare = *p
	};
	if (sd_event_add_time_relative(g->h->event, &g->question.limit, CLOCK_BOOTTIME,
		    timeout_s * 1000000ull, 100000, on_question_limit, g) < 0) {
		question_over(g);
		reply_result(g, session, id, MSG_OUT_FAILED, 0, "the host is out of memory");
		return;
	}
	m.pending.expires_ms = timeout_s * 1000;
	events_poke(g->h);
	update_hold(g);
	reply(g, session, &m);
	log_warn("guest %s asks for %s %s: \"va-host approve %u\" or \"va-host deny %u\" within %u "
		 "s",
		g->name, msg_operation_name(p->operation), p->target[0] ? p->target : "",
		g->question.number, g->question.number, timeout_s);
}

int requests_answer(struct hostd *h, uint32_t number, bool yes)
{
	struct guest *g = NULL;
	struct guest_question q;

	for (int i = 1; i < HOSTD_MAX_MACHINES && !g; i++)
		if (h->guests[i] && number && h->guests[i]->question.number == number)
			g = h->guests[i];
	if (!g)
		return -ENOENT;
	q = g->question;
	question_over(g);
	if (yes) {
		grant(g, q.session, q.id, &q.prepare, true);
	} else {
		audit(g, &q.prepare, NULL, "denied by a person");
		reply_result(g, q.session, q.id, MSG_OUT_DENIED, 0, "denied on the host");
	}
	update_hold(g);
	return 0;
}

/* --- PREPARE
 * ---------------------------------------------------------------------------------------- */

/* A request that could not succeed is told so before a ticket is spent on it. */
static bool is_feasible(struct guest *g, uint64_t session, uint32_t id, const struct msg_prepare *p)
{
	struct plan plan;
	struct intent i = { .target = p->target, .asker = g->slot };

	if (p->operation != MSG_OP_SWITCH)
		return true;
	plan_switch(hostd_world(g->h), &i, &plan);
	if (plan.refusal == EXIT_CODE_OK)
		return true;
	reply_result(g, session, id, plan.target < 0 ? MSG_OUT_NOT_FOUND : MSG_OUT_FAILED, 0,
		plan.reason);
	return false;
}

/* What the guest's user is told: the kind of refusal, not the host's files. */
static const char *denial_text(
	const struct guest *g, const struct msg_prepare *p, const struct policy_verdict *v)
{
	if (v->reason == POLICY_IS_BROKEN)
		return "the host's policy has an error and denies everything; see va-hostd's log";
	if (v->rate_n)
		return "too often; wait a moment";
	if (p->operation == MSG_OP_SWITCH && hostd_world(g->h)->holder != g->slot)
		return "the host's policy denies it: a guest gives the seat away while it has it";
	return "the host's policy denies it (on the host: va-host policy explain)";
}

/* "next" and "prev" become the name that they mean now: that is what is judged and done. */
static struct msg_prepare resolve(struct guest *g, const struct msg_prepare *p)
{
	struct msg_prepare r = *p;
	const struct world *w = hostd_world(g->h);
	int machine = p->operation == MSG_OP_SWITCH ? plan_find_target(w, p->target) : -1;

	if (machine >= 0)
		snprintf(r.target, sizeof(r.target), "%s", w->machines[machine].name);
	return r;
}

static void on_prepare(
	struct guest *g, uint64_t session, uint32_t id, const struct msg_prepare *asked)
{
	const struct msg_prepare resolved = resolve(g, asked), *p = &resolved;
	struct policy_verdict v;

	if (p->operation != MSG_OP_SWITCH && p->operation != MSG_OP_HOST_SHUTDOWN) {
		reply_result(g, session, id, MSG_OUT_UNSUPPORTED, 0, "the host does not do that");
		return;
	}
	if (g->question.number || g->commit_id) {
		reply_result(g, session, id, MSG_OUT_BUSY, 0, "an earlier request is under way");
		return;
	}
	judge(g, policy_op_of(p->operation), p->target, p->claimed_uid, true, &v);
	if (v.decision == POLICY_DENY) {
		audit(g, p, &v, "denied");
		reply_result(g, session, id, MSG_OUT_DENIED, 0, denial_text(g, p, &v));
		return;
	}
	if (!is_feasible(g, session, id, p))
		return;
	if (v.decision == POLICY_ASK)
		ask_person(g, session, id, p, v.timeout_s);
	else
		grant(g, session, id, p, false);
}

/* --- COMMIT
 * ----------------------------------------------------------------------------------------- */

static enum msg_outcome outcome_of(enum exit_code code)
{
	switch (code) {
	case EXIT_CODE_OK: return MSG_OUT_OK;
	case EXIT_CODE_UNCONFIRMED: return MSG_OUT_UNCONFIRMED;
	case EXIT_CODE_BUSY: return MSG_OUT_BUSY;
	default: return MSG_OUT_FAILED;
	}
}

static void on_switched(void *userdata, enum exit_code code, const char *text)
{
	struct guest *g = userdata;
	uint32_t id = g->commit_id;

	g->commit_id = 0;
	log_info("audit: guest=%s op=switch ended: %s", g->name, exit_code_name(code));
	reply_result(g, g->commit_session, id, outcome_of(code), 0, text);
	update_hold(g);
}

/* Said only when it is certain: logind may refuse. */
static void on_scheduled(void *userdata, enum exit_code code, uint32_t delay_s, const char *text)
{
	struct guest *g = userdata;
	uint32_t id = g->commit_id;

	g->commit_id = 0;
	log_info("audit: guest=%s op=host.shutdown ended: %s", g->name, exit_code_name(code));
	reply_result(g, g->commit_session, id,
		code == EXIT_CODE_OK ? MSG_OUT_SCHEDULED : outcome_of(code), delay_s, text);
	update_hold(g);
}

static void act(struct guest *g, uint64_t session, uint32_t id, const struct msg_prepare *p,
	const struct policy_verdict *v)
{
	struct intent i = { .target = p->target, .asker = g->slot };
	struct seat_request r = { .done = on_switched, .userdata = g };

	g->commit_id = id;
	g->commit_session = session;
	update_hold(g);
	if (p->operation == MSG_OP_SWITCH)
		seat_switch(g->h, &i, g->name, &r);
	else
		power_schedule(g->h, v->delay_s, g->name, on_scheduled, g);
}

static void on_commit(struct guest *g, uint64_t session, uint32_t id, const struct msg_commit *c)
{
	struct msg_prepare p;
	struct policy_verdict v;
	bool approved = g->ticket_approved;
	bool good = ticket_spend(&g->ticket, session, c, hostd_now_ms(), &p);

	ticket_over(g);
	update_hold(g);
	if (!good) {
		reply_result(g, session, id, MSG_OUT_EXPIRED, 0, "the ticket is no longer good");
		return;
	}
	judge(g, policy_op_of(p.operation), p.target, p.claimed_uid, false, &v);
	if (v.decision == POLICY_DENY || (v.decision == POLICY_ASK && !approved)) {
		audit(g, &p, &v, "denied at commit");
		reply_result(g, session, id, MSG_OUT_DENIED, 0, "no longer allowed");
		return;
	}
	audit(g, &p, &v, "started");
	act(g, session, id, &p, &v);
}

/* --- QUERY
 * ------------------------------------------------------------------------------------------ */

static void add_machine(const struct world *w, int i, struct msg_result *r)
{
	const struct world_machine *m = &w->machines[i];
	const char *why;
	uint32_t flags = (world_is_running(m) ? MSG_MACHINE_RUNNING : 0) |
			 (m->session ? MSG_MACHINE_SESSION : 0) |
			 (w->holder == i ? MSG_MACHINE_HOLDER : 0) |
			 (world_is_target(w, i, &why) ? MSG_MACHINE_TARGET : 0);

	msg_result_add(r, MSG_ITEM_MACHINE, m->name, "", 0, flags);
}

/* Page by page; TARGETS: where the seat can go; STATUS: host, the holder and the one who asks. */
static void list_machines(struct guest *g, const struct msg_query *q, struct msg_result *r)
{
	const struct world *w = hostd_world(g->h);
	uint32_t skip = q->page * MSG_MAX_ITEMS;
	const char *why;

	for (int i = 0; i < w->n_machines; i++) {
		bool wanted = q->question == MSG_Q_TARGETS
				      ? w->machines[i].known && world_is_target(w, i, &why)
				      : i == WORLD_HOST || i == g->slot || i == w->holder;

		if (!wanted)
			continue;
		if (skip) {
			skip--;
		} else if (r->n_items == MSG_MAX_ITEMS) {
			r->next_page = q->page + 1;
			return;
		} else {
			add_machine(w, i, r);
		}
	}
}

static void on_query(struct guest *g, uint64_t session, uint32_t id, const struct msg_query *q)
{
	struct message m = { .id = id, .kind = MSG_RESULT };
	struct policy_verdict v;

	msg_result_init(&m.result, MSG_OUT_OK, "");
	switch (q->question) {
	case MSG_Q_PING: break;
	case MSG_Q_STATUS:
	case MSG_Q_TARGETS:
		judge(g, POLICY_GUEST_LIST, "", MSG_UID_NONE, true, &v);
		if (v.decision == POLICY_ALLOW)
			list_machines(g, q, &m.result);
		else
			msg_result_init(&m.result, MSG_OUT_DENIED, "the host's policy denies it");
		break;
	default:
		msg_result_init(&m.result, MSG_OUT_UNSUPPORTED, "the host does not answer that");
		break;
	}
	reply(g, session, &m);
}

void requests_handle(struct guest *g, uint64_t session, const struct message *m)
{
	if (m->kind == MSG_PREPARE)
		on_prepare(g, session, m->id, &m->prepare);
	else if (m->kind == MSG_COMMIT)
		on_commit(g, session, m->id, &m->commit);
	else if (m->kind == MSG_QUERY)
		on_query(g, session, m->id, &m->query);
}

void requests_forget(struct guest *g)
{
	ticket_over(g);
	question_over(g);
	/* what it committed goes on; there is only nobody left to tell */
	seat_forget(g->h, g);
	power_forget(g->h, g);
	g->commit_id = 0;
	update_hold(g);
}
