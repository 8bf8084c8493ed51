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

/* --- switches -------------------------------------------------------------------------------------- */

static struct {
	int n;
	enum exit_code code;
	char text[200];
} done;

static void on_done(void *userdata, enum exit_code code, const char *text)
{
	(void)userdata;
	done.n++;
	done.code = code;
	snprintf(done.text, sizeof(done.text), "%s", text);
}

static void switch_to(const char *name)
{
	struct intent i = { .target = name };
	struct seat_request r = { .done = on_done, .userdata = &done };

	memset(&done, 0, sizeof(done));
	seat_switch(&fake_h, &i, "a test", &r);
	fake_turn(0);
}

/* Host to alpha: the host writes, alpha reads. */
static void give_to_alpha(void)
{
	switch_to("alpha");
	fake_ddc_answers(DDC_OK, 0);
	fake_turn(300);
	guest_acts(alpha, MSG_OUT_OK, 0x10);
}

static void switches(void)
{
	begin();
	fake_ddc();
	up(alpha, 1);
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	give_to_alpha();
	CHECK_EQ(done.n, 1);
	CHECK_EQ(done.code, EXIT_CODE_OK);
	CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
	fake_end();
}

static void late_answer_of_an_older_switch(void)
{
	worker_reply_fn *reply;
	void *userdata;
	struct ddc_reply r = { .status = DDC_OK };

	begin();
	fake_ddc();
	up(alpha, 1);
	switch_to("alpha");
	/* the host's write is under way when that switch is thrown away ... */
	reply = TAKE(fake_h.ddc->reply);
	userdata = fake_h.ddc->userdata;
	CHECK(reply != NULL);
	seat_free(&fake_h);
	/* ... and the next one waits for a write of its own; malloc gives it the same address */
	switch_to("alpha");
	CHECK(seat_is_busy(&fake_h));
	reply(WORKER_REPLIED, &r, sizeof(r), -1, userdata);
	fake_turn(300);
	CHECK(!alpha->calls[0].tag); /* not taken for the new one's: alpha is not asked to read */
	fake_ddc_answers(DDC_OK, 0);
	fake_turn(300);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0x10));
	CHECK_EQ(done.code, EXIT_CODE_OK);
	fake_end();
}

static void slot_of_a_switch_is_not_given_away(void)
{
	struct guest *gamma;
	int slot;

	begin();
	fake_ddc();
	up(beta, 1);
	slot = beta->slot;
	switch_to("beta");
	fake_ddc_answers(DDC_OK, 0);
	guest_remove(beta);
	gamma = fake_guest("gamma", 2);
	CHECK(gamma->slot != slot);
	up(gamma, 1);
	fake_turn(300);
	CHECK(!gamma->calls[0].tag); /* what was meant for beta */
	CHECK(fake_ddc_answers(DDC_OK, 0)); /* the host writes its own input back */
	fake_turn(0);
	CHECK_EQ(done.code, EXIT_CODE_FAILED);
	CHECK_EQ(fake_guest("delta", 3)->slot, slot); /* free again */
	fake_end();
}

static void holder_removed_during_a_switch(void)
{
	begin();
	fake_ddc();
	up(alpha, 1);
	up(beta, 1);
	give_to_alpha();
	switch_to("beta");
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0)); /* alpha pushes, and goes */
	guest_remove(alpha);
	fake_turn(300);
	guest_remove(beta); /* the target as well */
	fake_turn(0);
	for (int i = 0; i < 20 && seat_is_busy(&fake_h); i++) {
		fake_ddc_answers(DDC_OK, 0x0f);
		fake_turn(250);
	}
	CHECK(!seat_is_busy(&fake_h));
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	CHECK_EQ(fake_h.world.monitors[0].shown, 0);
	fake_end();
}

static void committed_switch_holds_and_lets_go(void)
{
	struct msg_ticket t;

	begin();
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	prepare(alpha, 5, MSG_OP_SWITCH, "host");
	t = last(alpha, LINK_OP_REPLY)->message.ticket;
	commit(alpha, 6, &t);
	fake_turn(0);
	CHECK(seat_is_busy(&fake_h) && is_held(alpha));
	up(alpha, 2); /* it was renewed all the same: nobody is left to tell, and nothing is held */
	CHECK(!is_held(alpha) && seat_is_busy(&fake_h));
	fake_end();
}

static void home_after_the_switch(void)
{
	struct seat_request r = { .done = on_done, .userdata = &done };

	begin();
	fake_ddc();
	up(alpha, 1);
	switch_to("alpha");
	seat_go_home(&fake_h, &r);
	fake_ddc_answers(DDC_OK, 0);
	fake_turn(300);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0x10));
	CHECK_EQ(done.n, 1);
	CHECK(seat_is_busy(&fake_h));
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0)); /* alpha pushes */
	fake_turn(300);
	CHECK(fake_ddc_answers(DDC_OK, 0x0f));
	fake_turn(0);
	CHECK_EQ(done.n, 2);
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	seat_go_home(&fake_h, &r);
	CHECK_EQ(done.n, 3); /* where it is already */
	fake_end();
}

/* Deaf from what it was doing, it does not obey at first. */
static void lost_seat_comes_home_in_the_end(void)
{
	begin();
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	guest_remove(alpha);
	fake_turn(0);
	CHECK(fake_ddc_answers(DDC_REFUSED, 0));
	fake_turn(0);
	CHECK(!seat_is_busy(&fake_h));
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	fake_turn(2200);
	CHECK(fake_ddc_answers(DDC_OK, 0));
	fake_turn(300);
	CHECK(fake_ddc_answers(DDC_OK, 0x0f));
	fake_turn(0);
	CHECK(!seat_is_busy(&fake_h) && !fake_h.give_again);
	CHECK_EQ(fake_h.shown[0], 0);
	fake_end();
}

/* A monitor of which the host cannot tell what it shows: the guest that comes is asked. */
static void guest_tells_what_is_shown(void)
{
	begin();
	monitors_forget(&fake_h);
	fake_config.ddc = true;
	CHECK_EQ(monitors_start(&fake_h), 0);
	up(alpha, 1);
	CHECK(!alpha->calls[0].tag); /* not before the host has looked */
	fake_ddc_answers(DDC_OK, 0);
	CHECK(alpha->calls[0].tag != 0);
	CHECK_EQ(last(alpha, LINK_OP_QUERY)->message.query.question, MSG_Q_DDC_READ);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0x10));
	CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
	fake_end();
}

static void undone_where_no_answer_came(void)
{
	begin();
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	switch_to("host");
	CHECK(guest_acts(alpha, MSG_OUT_UNKNOWN, 0)); /* it may have written */
	CHECK_EQ(fake_h.ddc->request.value, 0x0f);    /* the host pulls, and fails */
	CHECK(fake_ddc_answers(DDC_REFUSED, 0));
	fake_turn(0);
	CHECK(fake_h.ddc->reply && fake_h.ddc->request.value == 0x10); /* alpha's is written back */
	CHECK(fake_ddc_answers(DDC_OK, 0));
	fake_turn(0);
	CHECK_EQ(done.code, EXIT_CODE_FAILED);
	CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
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
