// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-hostd's core against va-links that say what the test has them say: requests and their
 * tickets, holds, calls, keys that nobody asked for.
 */
#include "tests/unit/hostd-desk.h"
#include "tests/unit/test.h"

/* --- requests ------------------------------------------------------------------------------------
 */

static void ticket_is_spent_once(void)
{
	struct msg_ticket t;

	fake_desk();
	up(alpha, 1);
	prepare(alpha, 7, MSG_OP_HOST_SHUTDOWN, "");
	CHECK_EQ(outcome(alpha), -1);
	CHECK(is_held(alpha));
	t = last(alpha, LINK_OP_REPLY)->message.ticket;
	fake_config.shutdown_command[0] = (char[]){ "/bin/true" };
	commit(alpha, 8, &t);
	CHECK_EQ(outcome(alpha), MSG_OUT_SCHEDULED);
	CHECK(!is_held(alpha));
	CHECK(power_scheduled_in(&fake_h, NULL) >= 0);
	commit(alpha, 9, &t);
	CHECK_EQ(outcome(alpha), MSG_OUT_EXPIRED);
	fake_end();
}

static void ticket_dies_with_its_session(void)
{
	struct msg_ticket t;

	fake_desk();
	up(alpha, 1);
	prepare(alpha, 7, MSG_OP_HOST_SHUTDOWN, "");
	t = last(alpha, LINK_OP_REPLY)->message.ticket;
	up(alpha, 2);
	CHECK(!is_held(alpha));
	commit(alpha, 8, &t);
	CHECK_EQ(outcome(alpha), MSG_OUT_EXPIRED);
	CHECK_EQ(power_scheduled_in(&fake_h, NULL), -1);
	fake_end();
}

static void foreign_sessions_are_not_heard(void)
{
	struct link_ipc m = { .event = LINK_EV_REQUEST, .session = 9, .state = LINK_UP };

	fake_desk();
	m.message.id = 1;
	m.message.kind = MSG_PREPARE;
	m.message.prepare.operation = MSG_OP_HOST_SHUTDOWN;
	fake_say(alpha->link, &m);
	CHECK(!last(alpha, LINK_OP_REPLY));
	up(alpha, 1);
	fake_say(alpha->link, &m);
	CHECK(!last(alpha, LINK_OP_REPLY));
	down(alpha);
	m.session = 1;
	fake_say(alpha->link, &m);
	CHECK(!last(alpha, LINK_OP_REPLY));
	fake_end();
}

static void question_holds_the_session(void)
{
	fake_desk();
	fake_policy("* * * * ask timeout=60s\n");
	up(alpha, 1);
	prepare(alpha, 7, MSG_OP_HOST_SHUTDOWN, "");
	CHECK_EQ(outcome(alpha), -2);
	CHECK(is_held(alpha));
	CHECK_EQ(requests_answer(&fake_h, 77, true), -ENOENT);
	CHECK_EQ(requests_answer(&fake_h, 0, true), -ENOENT);
	CHECK_EQ(requests_answer(&fake_h, alpha->question.number, false), 0);
	CHECK_EQ(outcome(alpha), MSG_OUT_DENIED);
	CHECK(!is_held(alpha));
	prepare(alpha, 8, MSG_OP_HOST_SHUTDOWN, "");
	CHECK_EQ(requests_answer(&fake_h, alpha->question.number, true), 0);
	CHECK_EQ(outcome(alpha), -1);
	CHECK(is_held(alpha));
	down(alpha);
	CHECK(!is_held(alpha));
	fake_end();
}

static void approval_is_for_one_ticket(void)
{
	struct msg_ticket t;

	fake_desk();
	fake_policy("* * * * ask timeout=60s\n");
	up(alpha, 1);
	prepare(alpha, 7, MSG_OP_HOST_SHUTDOWN, "");
	CHECK_EQ(requests_answer(&fake_h, alpha->question.number, true), 0);
	t = last(alpha, LINK_OP_REPLY)->message.ticket;
	memset(t.ticket, 0, sizeof(t.ticket));
	commit(alpha, 8, &t);
	CHECK_EQ(outcome(alpha), MSG_OUT_EXPIRED);
	CHECK(!alpha->ticket_approved);
	fake_end();
}

/* --- calls
 * ---------------------------------------------------------------------------------------- */

static struct {
	int n;
	uint32_t outcome;
} answered;

static void on_answer(struct guest *g, const struct msg_result *r, void *userdata)
{
	(void)g;
	(void)userdata;
	answered.n++;
	answered.outcome = r->outcome;
}

static int ask(struct guest *g, uint32_t limit_ms)
{
	struct msg_query q = { .question = MSG_Q_PING };

	return guest_query(g, &q, limit_ms, on_answer, NULL);
}

static void calls_end_once(void)
{
	struct link_ipc m = { .event = LINK_EV_ANSWER, .tag = 99, .state = LINK_UP };

	fake_desk();
	memset(&answered, 0, sizeof(answered));
	CHECK_EQ(ask(alpha, 1000), -ENOKEY);
	up(alpha, 1);
	CHECK_EQ(ask(alpha, 1000), 0);
	m.message.id = 1;
	m.message.kind = MSG_RESULT;
	msg_result_init(&m.message.result, MSG_OUT_OK, "");
	fake_say(alpha->link, &m);
	CHECK_EQ(answered.n, 0);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0));
	CHECK_EQ(answered.n, 1);
	CHECK_EQ(answered.outcome, MSG_OUT_OK);
	for (int i = 0; i < GUEST_CALLS; i++)
		CHECK_EQ(ask(alpha, 1000), 0);
	CHECK_EQ(ask(alpha, 1000), -EBUSY);
	fake_die(alpha->link);
	CHECK_EQ(answered.n, 1 + GUEST_CALLS);
	CHECK_EQ(answered.outcome, MSG_OUT_UNKNOWN);
	fake_end();
}

static void refused_call_ends_at_once(void)
{
	struct link_ipc m = { .head.op = LINK_OP_REFUSED, .error = VA_E_LIMIT, .state = LINK_UP };

	fake_desk();
	memset(&answered, 0, sizeof(answered));
	up(alpha, 1);
	CHECK_EQ(ask(alpha, 1000), 0);
	m.tag = alpha->calls[0].tag;
	fake_say(alpha->link, &m);
	CHECK_EQ(answered.n, 1);
	CHECK_EQ(answered.outcome, MSG_OUT_BUSY);
	fake_end();
}

/* --- keys
 * ----------------------------------------------------------------------------------------- */

static void store(struct guest *g)
{
	struct link_ipc m = { .event = LINK_EV_STORE };

	snprintf(m.record.guest, sizeof(m.record.guest), "%s", "somebody");
	memset(m.record.guest_id, 1, sizeof(m.record.guest_id));
	m.record.cur.epoch = 1;
	memset(m.record.cur.secret, 2, sizeof(m.record.cur.secret));
	memset(m.record.cur.peer, 3, sizeof(m.record.cur.peer));
	memset(m.record.cur.psk, 4, sizeof(m.record.cur.psk));
	fake_say(g->link, &m);
}

static void keys_only_when_asked_for(void)
{
	struct link_ipc paired = { .event = LINK_EV_PAIRED, .words = "one-two-three-four" };
	struct keyrec k;

	fake_desk();
	store(alpha);
	CHECK(!alpha->link->running && !alpha->paired);
	CHECK_EQ(keys_load(alpha, &k), 0);
	fake_restart(alpha->link);
	fake_say(alpha->link, &paired);
	CHECK(!alpha->paired);
	alpha->window_end_ms = hostd_now_ms() + 1000;
	store(alpha);
	CHECK(alpha->paired && alpha->link->running);
	CHECK_EQ(last(alpha, LINK_OP_STORED)->ok, 1);
	CHECK_EQ(keys_load(alpha, &k), 1);
	CHECK_STR(k.guest, "alpha"); /* whatever the record said */
	fake_end();
}

TEST_MAIN({ "ticket_is_spent_once", ticket_is_spent_once },
	{ "ticket_dies_with_its_session", ticket_dies_with_its_session },
	{ "foreign_sessions_are_not_heard", foreign_sessions_are_not_heard },
	{ "question_holds_the_session", question_holds_the_session },
	{ "approval_is_for_one_ticket", approval_is_for_one_ticket },
	{ "calls_end_once", calls_end_once },
	{ "refused_call_ends_at_once", refused_call_ends_at_once },
	{ "keys_only_when_asked_for", keys_only_when_asked_for });
