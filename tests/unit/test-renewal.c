// SPDX-License-Identifier: GPL-2.0-or-later
/* One session in place of another without a gap: when, when not, and under traffic. */
#include "common/link/link-internal.h"
#include "tests/support/peer.h"
#include "tests/unit/test.h"

static bool settled(const struct world *w)
{
	return link_get_state(w->host.l) == LINK_UP && link_get_state(w->guest.l) == LINK_UP;
}

static void renews_without_a_gap(void)
{
	struct world *w = world_up(19);

	world_run(w, 15u * 60 * 1000 + 2000);
	CHECK(settled(w));
	CHECK(w->host.ups == 2 && w->guest.ups == 2);
	CHECK(w->host.downs == 0 && w->guest.downs == 0);
	CHECK(world_is_up(w));
	world_run(w, 10u * 60 * 60 * 1000);
	CHECK(w->host.ups >= 40 && w->host.ups <= 42 && !w->host.downs);
	world_free(w);
}

static void renews_by_count(void)
{
	struct world *w = world_up(20);

	for (unsigned int i = 0; i < 33000; i++) {
		peer_ping(&w->host, 1000);
		world_settle(w);
	}
	world_run(w, 3000);
	CHECK(w->host.ups == 2 && !w->host.downs && !w->guest.downs);
	world_free(w);
}

/* Work from both sides without a pause, four calls deep, for an hour. */
static void renews_under_traffic(void)
{
	struct world *w = world_up(21);
	unsigned int n = 0, asked = 0;

	while (w->now < 1000000 + 60u * 60 * 1000) {
		for (unsigned int k = 0; k < 4; k++) {
			struct peer *p = k % 2 ? &w->host : &w->guest;
			struct peer_work *work = &p->work[n % PEER_MAX_WORK];

			if (work->asked && !work->answered)
				continue;
			asked += peer_ask(p, n++ % PEER_MAX_WORK, 8000) == VA_OK;
		}
		/* something is under way at any moment */
		w->to_host.stopped = world_random(w) % 2;
		w->to_guest.stopped = !w->to_host.stopped;
		world_run(w, 37);
		CHECK(!peer_broken_rule(&w->host) && !peer_broken_rule(&w->guest));
	}
	w->to_host.stopped = w->to_guest.stopped = false;
	world_run(w, 1000);
	/* nothing was UNKNOWN, nothing NOT_SENT: no renewal fell upon a call */
	CHECK_EQ(w->host.own_answers + w->guest.own_answers, 0);
	CHECK(w->host.ups >= 4 && !w->host.downs && !w->guest.downs);
	printf("# %u calls, %u sessions\n", asked, w->host.ups);
	CHECK(asked > 20000);
	world_free(w);
}

static void no_renewal_while_a_ticket_is_out(void)
{
	for (int guest = 0; guest < 2; guest++) {
		struct world *w = world_up(22);
		struct link *l = guest ? w->guest.l : w->host.l;

		world_run(w, 14u * 60 * 1000);
		link_hold_renewal(l, true);
		world_run(w, 3u * 60 * 1000);
		CHECK(w->host.ups == 1 && settled(w));
		link_hold_renewal(l, false);
		world_run(w, 70000);
		CHECK(w->host.ups == 2 && !w->host.downs && !w->guest.downs);
		world_free(w);
	}
}

static void hard_stop_at_twenty_minutes(void)
{
	struct world *w = world_up(23);

	link_hold_renewal(w->host.l, true);
	world_run(w, 20u * 60 * 1000 - 1);
	CHECK(w->host.ups == 1 && settled(w));
	world_run(w, 5000);
	CHECK(w->host.downs == 1 && w->guest.downs == 1);
	CHECK(world_is_up(w));
	world_free(w);
}

static void resp_without_confirm_goes_back_to_the_old_session(void)
{
	struct world *w = world_up(24);
	struct recorder r;

	world_run(w, 15u * 60 * 1000 - 1);
	world_tap(w, &r, 0x04, &w->host);
	r.lose = 1;
	world_run(w, 10);
	CHECK_EQ(r.seen, 1);
	CHECK_EQ(peer_ask(&w->guest, 1, 20000), VA_OK);
	world_run(w, 4000);
	CHECK(!w->guest.work[1].answered); /* nothing is said between RESP and its confirmation */
	world_run(w, 1500);
	CHECK(w->guest.work[1].answered && w->guest.work[1].outcome == MSG_OUT_OK);
	CHECK_EQ(w->guest.ups, 1);
	world_run(w, 10000);
	CHECK(w->guest.ups == 2 && !w->guest.downs && !w->host.downs);
	CHECK(world_is_up(w));
	world_free(w);
}

/* A host that asks just then gets its answer when the guest knows which session holds. */
static void nothing_is_said_between_resp_and_confirm(void)
{
	struct world *w = world_up(25);
	struct recorder r;
	struct message m = { .id = 1, .kind = MSG_QUERY };

	world_run(w, 15u * 60 * 1000 - 1);
	world_tap(w, &r, 0x04, &w->host);
	r.lose = 1;
	world_run(w, 10);
	CHECK(r.seen == 1 && w->guest.l->next.live);
	world_tap(w, &r, 0x05, &w->host);
	m.query.question = MSG_Q_PING;
	w->host.l->cur.id_tx = 1;
	w->host.l->calls[0] =
		(struct call){ .state = CALL_ASKED, .id = 1, .tag = UINT64_MAX, .m = m };
	link_rpc_send(w->host.l, &m);
	world_run(w, 4900);
	CHECK(r.seen == 0 && w->guest.requests == 1 && !w->host.answers);
	world_run(w, 200);
	CHECK(r.seen >= 1 && w->host.query_outcome == MSG_OUT_OK);
	world_free(w);
}

TEST_MAIN({ "renews_without_a_gap", renews_without_a_gap }, { "renews_by_count", renews_by_count },
	{ "renews_under_traffic", renews_under_traffic },
	{ "no_renewal_while_a_ticket_is_out", no_renewal_while_a_ticket_is_out },
	{ "hard_stop_at_twenty_minutes", hard_stop_at_twenty_minutes },
	{ "resp_without_confirm", resp_without_confirm_goes_back_to_the_old_session },
	{ "nothing_is_said_between", nothing_is_said_between_resp_and_confirm });
