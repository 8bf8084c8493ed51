// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls: what is asked, answered, refused, and what becomes of it when a session ends. */
#include "common/link/link-internal.h"
#include "tests/support/peer.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static struct world *up(uint64_t seed)
{
	struct world *w = world_new(seed, true);

	world_connect(w);
	world_settle(w);
	return w;
}

static void calls_both_ways(void)
{
	struct world *w = up(1);

	CHECK_EQ(peer_ask(&w->host, 15, 5000), VA_OK);
	CHECK_EQ(peer_ask(&w->guest, 16, 5000), VA_OK);
	CHECK_EQ(peer_ping(&w->guest, 5000), VA_OK);
	world_settle(w);
	CHECK_EQ(w->host.work[15].outcome, MSG_OUT_OK);
	CHECK_EQ(w->guest.work[16].outcome, MSG_OUT_OK);
	CHECK(w->host.work[15].executed == 1 && w->guest.work[16].executed == 1);
	CHECK_EQ(w->guest.query_outcome, MSG_OUT_OK);
	world_free(w);
}

static void four_at_a_time_and_each_gets_its_ticket(void)
{
	struct world *w = up(2);

	for (uint32_t n = 1; n <= 4; n++)
		CHECK_EQ(peer_ask(&w->host, n, 5000), VA_OK);
	CHECK_EQ(peer_ask(&w->host, 5, 5000), VA_E_LIMIT);
	world_settle(w);
	for (uint32_t n = 1; n <= 4; n++) {
		CHECK_EQ(w->host.work[n].outcome, MSG_OUT_OK);
		CHECK_EQ(w->host.work[n].executed, 1);
	}
	CHECK_EQ(peer_ask(&w->host, 5, 5000), VA_OK);
	world_free(w);
}

static void what_cannot_be_asked(void)
{
	struct world *w = up(3);
	struct msg_prepare p = { .operation = MSG_OP_SWITCH, .target = "host" };
	struct msg_query q = { .question = MSG_Q_TARGETS };
	struct msg_event e = { .kind = MSG_EV_MONITORS_CHANGED };

	CHECK_EQ(link_call(w->host.l, 1, &p, 1000, w->now), VA_E_RANGE);
	CHECK_EQ(link_query(w->host.l, 1, &q, 1000, w->now), VA_E_RANGE);
	CHECK_EQ(link_notify(w->host.l, &e, w->now), VA_E_RANGE);
	CHECK_EQ(link_query(w->guest.l, 1, &q, 0, w->now), VA_E_RANGE);
	strcpy(p.target, "../x");
	CHECK_EQ(link_call(w->guest.l, 1, &p, 1000, w->now), VA_E_RANGE);
	CHECK_EQ(link_notify(w->guest.l, &e, w->now), VA_OK);
	world_settle(w);
	CHECK(w->host.notices == 1 && w->host.last.event.kind == MSG_EV_MONITORS_CHANGED);
	peer_disconnect(&w->guest);
	CHECK_EQ(link_query(w->guest.l, 1, &q, 1000, w->now), VA_E_STATE);
	CHECK_EQ(link_notify(w->guest.l, &e, w->now), VA_E_STATE);
	world_free(w);
}

static void pending_then_ticket(void)
{
	struct world *w = up(4);

	w->guest.ask_first = true;
	CHECK_EQ(peer_ask(&w->host, 1, 25000), VA_OK);
	world_run(w, 15000);
	CHECK(w->host.pendings == 1 && !w->host.work[1].answered);
	/* a person thinks; somebody else gets through meanwhile */
	w->guest.ask_first = false;
	CHECK_EQ(peer_ask(&w->host, 2, 5000), VA_OK);
	world_settle(w);
	CHECK_EQ(w->host.work[2].outcome, MSG_OUT_OK);
	peer_answer_all(&w->guest);
	world_settle(w);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_OK);
	world_free(w);
}

static void limits(void)
{
	struct world *w = up(5);

	w->guest.slow = true;
	CHECK_EQ(peer_ask(&w->host, 1, 3000), VA_OK);
	world_run(w, 2999);
	CHECK(!w->host.work[1].answered);
	world_run(w, 1);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_NOT_SENT);
	/* the TICKET that comes late is let go, and the session lives */
	peer_answer_all(&w->guest);
	world_run(w, 1000);
	CHECK(!w->host.downs && !w->host.work[1].executed && w->guest.requests == 1);
	/* after COMMIT nobody can know */
	w->guest.slow = false;
	CHECK_EQ(peer_ask(&w->host, 2, 3000), VA_OK);
	world_settle(w);
	CHECK_EQ(w->host.work[2].outcome, MSG_OUT_OK);
	w->to_host.stopped = true;
	CHECK_EQ(peer_ask(&w->host, 3, 3000), VA_OK);
	world_settle(w);
	w->to_host.stopped = false;
	w->to_host.chunk = 0;
	w->guest.slow = true; /* its COMMIT is not answered */
	world_run(w, 3001);
	CHECK_EQ(w->host.work[3].outcome, MSG_OUT_UNKNOWN);
	w->guest.slow = false;
	peer_answer_all(&w->guest);
	world_run(w, 1000);
	CHECK(!w->host.downs && world_is_up(w));
	CHECK_EQ(w->host.work[3].executed, 0); /* its ticket was old by then */
	world_free(w);
}

/* A call that ran out of time still counts at the other side until it has answered. */
static void a_late_answer_frees_its_slot(void)
{
	struct world *w = up(6);
	struct msg_query q = { .question = MSG_Q_PING };

	w->guest.slow = true;
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(link_query(w->host.l, UINT64_MAX, &q, 100, w->now), VA_OK);
	world_run(w, 200);
	CHECK_EQ(w->host.queries_answered, 4);
	CHECK_EQ(w->host.query_outcome, MSG_OUT_NOT_SENT);
	CHECK_EQ(link_query(w->host.l, UINT64_MAX, &q, 100, w->now), VA_E_LIMIT);
	w->guest.slow = false;
	peer_answer_all(&w->guest);
	world_settle(w);
	CHECK_EQ(w->host.queries_answered, 4);
	CHECK(world_is_up(w) && !w->host.downs);
	world_free(w);
}

static void the_session_ends_before_commit(void)
{
	struct world *w = up(7);

	w->guest.slow = true;
	peer_ask(&w->host, 1, 60000);
	world_settle(w);
	link_reset(w->guest.l, w->now);
	link_reset(w->host.l, w->now);
	world_run(w, 3000);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_NOT_SENT);
	CHECK(w->host.downs == 1 && world_until(w, world_is_up, 100) == false);
	/* what the old session asked cannot be answered into the new one */
	w->guest.slow = false;
	peer_answer_all(&w->guest);
	CHECK_EQ(w->guest.late, 1);
	CHECK(world_until(w, world_is_up, 100));
	CHECK(!w->host.work[1].executed && w->host.downs == 1);
	world_free(w);
}

static void the_session_ends_after_commit(void)
{
	struct world *w = up(8);

	w->to_host.stopped = true;
	w->to_guest.chunk = w->to_host.chunk = 0;
	peer_ask(&w->host, 1, 60000);
	world_settle(w);
	w->to_host.stopped = false; /* TICKET comes, COMMIT goes, RESULT is lost */
	while (!w->host.l->cur.id_tx || w->host.l->calls[0].state != CALL_COMMITTED) {
		const uint8_t *bytes;
		size_t n = pipe_read(&w->to_host, &bytes);

		CHECK(n > 0);
		link_input(w->host.l, bytes, n, w->now);
	}
	w->to_host.sink = true;
	world_settle(w);
	CHECK_EQ(w->host.work[1].executed, 1);
	world_run(w, 25001);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_UNKNOWN);
	world_free(w);
}

/* The guest is restarted while it is asked: what it has not committed is asked again. */
static void a_call_moves_to_the_next_session(void)
{
	struct world *w = up(9);

	w->guest.slow = true;
	peer_ask(&w->host, 1, 20000);
	world_settle(w);
	CHECK_EQ(w->guest.requests, 1);
	w->guest.slow = false;
	w->now += 1500;
	peer_restart(&w->guest);
	world_run(w, 3000);
	CHECK(w->host.ups == 2 && !w->host.downs);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_OK);
	CHECK_EQ(w->host.work[1].executed, 1);
	world_free(w);
}

static void a_commit_does_not_move(void)
{
	struct world *w = up(10);

	w->to_guest.chunk = w->to_host.chunk = 0;
	peer_ask(&w->host, 1, 20000);
	while (w->host.l->calls[0].state != CALL_COMMITTED) {
		const uint8_t *bytes;
		size_t n;

		w->to_host.stopped = true;
		world_settle(w);
		w->to_host.stopped = false;
		n = pipe_read(&w->to_host, &bytes);
		CHECK(n > 0);
		link_input(w->host.l, bytes, n, w->now);
	}
	w->now += 1500;
	peer_restart(&w->guest); /* the COMMIT is still in the pipe */
	world_run(w, 3000);
	CHECK(w->host.ups == 2 && !w->host.downs);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_UNKNOWN);
	CHECK_EQ(w->host.work[1].executed, 0);
	world_free(w);
}

/* --- a paired peer that breaks the rules ---------------------------------------------------- */
static struct message ping(uint32_t id)
{
	struct message m = { .id = id, .kind = MSG_QUERY };

	m.query.question = MSG_Q_PING;
	return m;
}

static bool ends(struct world *w)
{
	world_settle(w);
	return w->host.downs == 1;
}

static bool misbehaves(int what)
{
	struct world *w = up(20);
	struct link *l = w->guest.l;
	struct message m = ping(1), r = { .id = 1, .kind = MSG_RESULT };
	uint8_t junk[40] = { 0xff };
	bool ended;

	w->host.slow = true;
	msg_result_init(&r.result, MSG_OUT_OK, "");
	switch (what) {
	case 0: /* an id twice */
		link_rpc_send(l, &m);
		link_rpc_send(l, &m);
		break;
	case 1: /* an id that goes down */
		m.id = 7;
		link_rpc_send(l, &m);
		m.id = 6;
		link_rpc_send(l, &m);
		break;
	case 2: /* five at a time */
		for (m.id = 1; m.id <= 5; m.id++)
			link_rpc_send(l, &m);
		break;
	case 3: /* an answer to nothing */ link_rpc_send(l, &r); break;
	case 4: /* no message at all */ link_session_seal(l, RECORD_RPC, junk, sizeof(junk)); break;
	case 5: link_session_seal(l, RECORD_RPC, NULL, 0); break;
	case 6: /* CONFIRM is the host's, and the first */
		link_session_seal(l, RECORD_CONFIRM, NULL, 0);
		break;
	case 7: link_session_seal(l, RECORD_PING, junk, 1); break;
	case 8: link_session_seal(l, RECORD_KEYROLL, junk, sizeof(junk)); break;
	case 9: /* an answer nobody asked for */
		junk[0] = 2;
		link_session_seal(l, RECORD_KEYROLL, junk, 37);
		break;
	case 10: /* TICKET to a QUERY */
		peer_ping(&w->host, 5000);
		w->guest.slow = true;
		world_settle(w);
		r.kind = MSG_TICKET;
		memset(&r.ticket, 1, sizeof(r.ticket));
		r.ticket.ttl_ms = 1000;
		link_rpc_send(l, &r);
		break;
	default: /* two answers */
		peer_ping(&w->host, 5000);
		world_settle(w);
		link_rpc_send(l, &r);
		break;
	}
	ended = ends(w);
	w->host.slow = w->guest.slow = false;
	peer_answer_all(&w->host);
	ended = ended && world_until(w, world_is_up, 60000);
	world_free(w);
	return ended;
}

static void broken_rules(void)
{
	for (int what = 0; what <= 11; what++) {
		bool ended = misbehaves(what);

		if (!ended)
			printf("# rule %d\n", what);
		CHECK(ended);
	}
}

static void what_is_for_the_other_side(void)
{
	struct world *w = up(21);
	struct message m = { .id = 1, .kind = MSG_PREPARE }, e = { .id = 2, .kind = MSG_EVENT };

	m.prepare.operation = MSG_OP_GUEST_SHUTDOWN;
	e.event.kind = MSG_EV_SHUTDOWN_CANCELLED;
	w->guest.l->cur.id_tx = 2;
	w->guest.l->calls[0] = (struct call){ .state = CALL_ASKED, .id = 1, .tag = 5, .m = m };
	w->guest.work[5].asked = true;
	link_rpc_send(w->guest.l, &m);
	link_rpc_send(w->guest.l, &e);
	world_settle(w);
	CHECK(w->host.requests == 0 && w->host.notices == 0 && !w->host.downs);
	CHECK_EQ(w->guest.work[5].outcome, MSG_OUT_UNSUPPORTED);
	world_free(w);
}

/* STATUS is asked both ways; a side that does not know an answer says so, and stays. */
static void status_is_for_both(void)
{
	struct world *w = up(24);
	struct msg_query q = { .question = MSG_Q_STATUS };
	struct message m = { .id = 1, .kind = MSG_QUERY };

	CHECK_EQ(link_query(w->host.l, UINT64_MAX, &q, 1000, w->now), VA_OK);
	CHECK_EQ(link_query(w->guest.l, UINT64_MAX, &q, 1000, w->now), VA_OK);
	world_settle(w);
	CHECK(w->guest.requests == 1 && w->host.requests == 1);
	CHECK(w->guest.queries_answered == 1 && w->host.queries_answered == 1);
	CHECK_EQ(w->host.query_outcome, MSG_OUT_OK);
	/* as a guest's link takes one that it does not answer: so did all that know no screens */
	m.query.question = MSG_Q_TARGETS;
	m.id = w->host.l->cur.id_tx + 1;
	w->host.l->cur.id_tx = m.id;
	w->host.l->calls[0] =
		(struct call){ .state = CALL_ASKED, .id = m.id, .tag = UINT64_MAX, .m = m };
	link_rpc_send(w->host.l, &m);
	world_settle(w);
	CHECK_EQ(w->host.query_outcome, MSG_OUT_UNSUPPORTED);
	CHECK(w->guest.requests == 1 && !w->host.downs && !w->guest.downs);
	world_free(w);
}

static void replies_are_checked(void)
{
	struct world *w = up(22);
	struct message m = { .id = 1, .kind = MSG_RESULT };

	w->host.slow = true;
	msg_result_init(&m.result, MSG_OUT_OK, "");
	peer_ping(&w->guest, 5000);
	world_settle(w);
	CHECK_EQ(w->host.n_kept, 1);
	m.id = w->host.kept[0].id + 1;
	CHECK_EQ(link_reply(w->host.l, w->host.session, &m, w->now), VA_E_STATE);
	m.id = w->host.kept[0].id;
	CHECK_EQ(link_reply(w->host.l, w->host.session + 1, &m, w->now), VA_E_STATE);
	m.kind = MSG_TICKET;
	m.ticket.ttl_ms = 1000;
	CHECK_EQ(link_reply(w->host.l, w->host.session, &m, w->now), VA_E_RANGE);
	m.kind = MSG_RESULT;
	msg_result_init(&m.result, MSG_OUT_OK, "");
	m.result.outcome = MSG_OUT_UNKNOWN;
	CHECK_EQ(link_reply(w->host.l, w->host.session, &m, w->now), VA_E_RANGE);
	m.result.outcome = MSG_OUT_OK;
	CHECK_EQ(link_reply(w->host.l, w->host.session, &m, w->now), VA_OK);
	CHECK_EQ(link_reply(w->host.l, w->host.session, &m, w->now), VA_E_STATE);
	world_settle(w);
	CHECK_EQ(w->guest.query_outcome, MSG_OUT_OK);
	world_free(w);
}

static void no_secret_is_left_behind(void)
{
	struct world *w = up(23);
	uint8_t key[32], zero[64] = { 0 };
	const uint8_t *memory = (const uint8_t *)w->host.l;

	memcpy(key, w->host.l->cur.tx.k, sizeof(key));
	world_run(w, 1000);
	peer_disconnect(&w->host);
	CHECK_MEM(&w->host.l->cur, zero, sizeof(zero));
	CHECK(!memmem(memory, link_size(), key, sizeof(key)));
	CHECK_MEM(&w->host.l->host.hs.e, zero, 32);
	link_wipe(w->host.l);
	for (size_t i = 0; i < link_size(); i++)
		CHECK(!memory[i]);
	world_free(w);
}

TEST_MAIN({ "calls_both_ways", calls_both_ways },
	{ "four_at_a_time", four_at_a_time_and_each_gets_its_ticket },
	{ "what_cannot_be_asked", what_cannot_be_asked },
	{ "pending_then_ticket", pending_then_ticket }, { "limits", limits },
	{ "a_late_answer_frees_its_slot", a_late_answer_frees_its_slot },
	{ "the_session_ends_before_commit", the_session_ends_before_commit },
	{ "the_session_ends_after_commit", the_session_ends_after_commit },
	{ "a_call_moves_to_the_next_session", a_call_moves_to_the_next_session },
	{ "a_commit_does_not_move", a_commit_does_not_move }, { "broken_rules", broken_rules },
	{ "what_is_for_the_other_side", what_is_for_the_other_side },
	{ "status_is_for_both", status_is_for_both },
	{ "replies_are_checked", replies_are_checked },
	{ "no_secret_is_left_behind", no_secret_is_left_behind });
