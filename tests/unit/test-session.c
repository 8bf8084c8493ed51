// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions: handshake, records, life, renewal, and what a stranger in the pipe cannot do. */
#include "common/link/link-internal.h"
#include "tests/support/peer.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static bool settled(const struct world *w)
{
	return link_get_state(w->host.l) == LINK_UP && link_get_state(w->guest.l) == LINK_UP;
}

/* --- frames a stranger writes --------------------------------------------------------------- */
static void inject(struct peer *to, const uint8_t *body, size_t n)
{
	uint8_t frame[FRAME_ENCODED_SIZE(FRAME_MAX_BODY)];
	size_t len = cobs_encode(body, n, frame, sizeof(frame));

	link_input(to->l, frame, len, to->w->now);
}

/* --- handshake ------------------------------------------------------------------------------ */
static void comes_up_at_once(void)
{
	struct world *w = world_up(1);

	CHECK(settled(w));
	CHECK_EQ(w->host.ups, 1);
	CHECK_EQ(w->guest.ups, 1);
	CHECK(world_is_up(w));
	CHECK(link_last_heard_ms(w->host.l) == w->now);
	world_free(w);
}

static void refuses(void (*spoil)(struct world *w))
{
	struct world *w = world_new(2, true);

	spoil(w);
	peer_restart(&w->guest);
	peer_restart(&w->host);
	world_run(w, 120000);
	CHECK_EQ(w->host.ups + w->guest.ups, 0);
	CHECK_EQ(link_get_state(w->host.l), LINK_WAITING);
	CHECK(w->guest.hints[LINK_HINT_KEY_MISMATCH] || w->guest.hints[LINK_HINT_UNKNOWN_KEY]);
	world_free(w);
}

static void other_psk(struct world *w)
{
	w->guest.disk.cur.psk[31] ^= 1;
}

static void other_guest_id(struct world *w)
{
	w->guest.disk.guest_id[0] ^= 1;
}

static void other_guest_key(struct world *w)
{
	w->guest.disk.cur.secret[5] ^= 1;
}

static void wrong_psk(void)
{
	struct world *w = world_new(2, true);

	/* INIT does not depend on the psk, RESP does: here it is the host that sees it */
	other_psk(w);
	peer_restart(&w->guest);
	peer_restart(&w->host);
	world_run(w, 120000);
	CHECK_EQ(w->host.ups + w->guest.ups, 0);
	CHECK(w->host.hints[LINK_HINT_KEY_MISMATCH] >= 1);
	world_free(w);
}

static void wrong_prologue(void)
{
	refuses(other_guest_id);
}

static void wrong_key(void)
{
	struct world *w = world_new(2, true);

	refuses(other_guest_key);
	other_guest_key(w);
	peer_restart(&w->guest);
	peer_restart(&w->host);
	world_run(w, 120000);
	CHECK(w->host.hints[LINK_HINT_FOREIGN_KEY]); /* at most one a minute */
	CHECK(w->host.hints[LINK_HINT_FOREIGN_KEY] <= 3);
	world_free(w);
}

static void replayed_init(void)
{
	struct recorder r;
	struct world *w = world_new(3, true);
	unsigned int ups;

	world_tap(w, &r, 0x03, &w->guest);
	world_connect(w);
	world_settle(w);
	CHECK(settled(w) && r.seen == 1);
	ups = w->guest.ups;
	/* into the same session, and into a guest that waits for another */
	link_input(w->guest.l, r.frame, r.n, w->now);
	world_settle(w);
	CHECK_EQ(w->guest.ups, ups);
	CHECK(world_is_up(w));
	w->tap = NULL;
	w->to_host.sink = true;
	link_reset(w->guest.l, w->now);
	world_run(w, 2000);
	link_input(w->guest.l, r.frame, r.n, w->now);
	world_run(w, 10000);
	CHECK_EQ(w->guest.ups, ups);
	CHECK_EQ(link_get_state(w->guest.l), LINK_WAITING);
	world_free(w);
}

static void init_for_a_repeated_hello_is_the_same(void)
{
	struct recorder r;
	struct world *w = world_new(4, true);
	uint8_t first[71];

	world_tap(w, &r, 0x03, &w->guest);
	r.lose = 1; /* asked by SOLICIT, the guest says HELLO again after a second */
	world_connect(w);
	world_run(w, 900);
	CHECK(r.seen == 1 && r.n == sizeof(first) && !settled(w));
	memcpy(first, r.frame, sizeof(first));
	world_run(w, 1500);
	CHECK(r.seen == 2 && r.n == sizeof(first) && settled(w));
	CHECK_MEM(first, r.frame, sizeof(first));
	world_free(w);
}

static void lost_messages(void)
{
	static const uint8_t types[] = { 0x01, 0x03, 0x04, 0x05 }; /* 0x05: CONFIRM */

	for (unsigned int i = 0; i < 4; i++) {
		struct world *w = world_new(5, true);
		struct recorder r;

		world_tap(w, &r, types[i], i % 2 ? &w->guest : &w->host);
		r.lose = 2;
		world_connect(w);
		CHECK(world_until(w, world_is_up, 20000));
		CHECK(r.seen > 2);
		world_free(w);
	}
}

static void other_versions(void)
{
	static const uint8_t newer[28] = { 0x01, 2, 3, 0 }, older[28] = { 0x01, 0, 0, 0 };
	static const uint8_t solicit[4] = { 0x02, 2, 2, 0 };
	struct world *w = world_up(6);

	inject(&w->host, newer, sizeof(newer));
	inject(&w->guest, solicit, sizeof(solicit));
	world_run(w, 11000);
	inject(&w->host, older, sizeof(older));
	world_settle(w);
	CHECK(w->host.hints[LINK_HINT_VERSION] == 1 && w->guest.hints[LINK_HINT_VERSION] == 1);
	CHECK(world_is_up(w) && w->host.ups == 1);
	world_free(w);
}

/* --- records -------------------------------------------------------------------------------- */
static void record_fault(int what)
{
	struct world *w = world_up(7);
	struct recorder r;
	unsigned int ups = w->guest.ups, requests;

	world_tap(w, &r, 0x05, &w->guest);
	CHECK_EQ(peer_ask(&w->host, 1, 5000), VA_OK);
	world_settle(w);
	CHECK(r.seen >= 2 && w->host.work[1].executed == 1);
	requests = w->guest.requests;
	switch (what) {
	case 0: /* the COMMIT again */ link_input(w->guest.l, r.frame, r.n, w->now); break;
	case 1: /* one is lost, the next one comes */
		w->to_guest.sink = true;
		peer_ping(&w->host, 1000);
		world_settle(w);
		w->to_guest.sink = false;
		peer_ask(&w->host, 2, 5000);
		break;
	default: /* two in the wrong order: sent apart, delivered swapped */
		w->to_guest.stopped = true;
		peer_ping(&w->host, 5000);
		peer_ping(&w->host, 5000);
		world_settle(w);
		{
			uint8_t second[8192];
			size_t n = w->to_guest.len / 2;

			memcpy(second, w->to_guest.bytes + w->to_guest.head + n, n);
			pipe_drop_back(&w->to_guest, n);
			pipe_put_front(&w->to_guest, second, n);
		}
		w->to_guest.stopped = false;
		break;
	}
	w->to_guest.stopped = w->to_host.stopped = true;
	w->to_guest.stopped = false;
	world_settle(w);
	CHECK_EQ(w->guest.requests, requests);
	CHECK_EQ(w->guest.downs, 1);
	w->to_host.stopped = false;
	CHECK(world_until(w, world_is_up, 3000));
	CHECK_EQ(w->guest.ups, ups + 1);
	CHECK(w->host.work[1].executed == 1 && !peer_broken_rule(&w->host));
	world_free(w);
}

static void record_replayed(void)
{
	record_fault(0);
}

static void record_lost(void)
{
	record_fault(1);
}

static void records_swapped(void)
{
	record_fault(2);
}

/* --- strangers ------------------------------------------------------------------------------ */
static void strangers_cannot_end_a_session(void)
{
	struct world *w = world_up(8);
	unsigned int host_ups = w->host.ups, guest_ups = w->guest.ups;
	uint8_t body[FRAME_MAX_BODY] = { 0 };
	static const uint16_t sizes[][2] = { { 0x01, 28 }, { 0x02, 4 }, { 0x03, 68 }, { 0x04, 60 },
		{ 0x05, 281 }, { 0x05, 1049 }, { 0x05, 4121 }, { 0x06, 4 }, { 0x11, 20 },
		{ 0x12, 52 }, { 0x13, 36 }, { 0x14, 52 }, { 0x15, 100 }, { 0x16, 120 },
		{ 0x17, 36 }, { 0x18, 36 } };

	for (unsigned int round = 0; round < 300; round++) {
		struct peer *to = round % 2 ? &w->host : &w->guest;
		const uint16_t *s = sizes[world_random(w) % (sizeof(sizes) / sizeof(sizes[0]))];

		for (size_t i = 0; i < s[1]; i++)
			body[i] = (uint8_t)world_random(w);
		body[0] = (uint8_t)s[0];
		if (round % 3) {
			body[1] = body[2] = 1;
			body[3] = 0;
		}
		inject(to, body, s[1]);
		world_run(w, 1000);
	}
	CHECK_EQ(w->host.downs + w->guest.downs, 0);
	CHECK(world_is_up(w));
	CHECK(w->host.ups >= host_ups && w->guest.ups >= guest_ups);
	world_free(w);
}

static void a_flood_costs_five_handshakes(void)
{
	struct world *w = world_up(9);
	struct recorder r;
	uint8_t hello[28] = { 0x01, 1, 1, 0 };

	keyrec_own_key_id(&w->guest.disk.cur, hello + 4);
	world_tap(w, &r, 0x03, &w->guest);
	for (unsigned int i = 0; i < 100; i++) {
		hello[12] = (uint8_t)i;
		inject(&w->host, hello, sizeof(hello));
		world_settle(w);
	}
	CHECK_EQ(r.seen, 4); /* the fifth was the session's own */
	world_run(w, 1900);
	inject(&w->host, hello, sizeof(hello));
	world_settle(w);
	CHECK_EQ(r.seen, 4);
	world_run(w, 200);
	inject(&w->host, hello, sizeof(hello));
	world_settle(w);
	CHECK_EQ(r.seen, 5);
	CHECK(world_is_up(w) && !w->host.downs);
	world_free(w);
}

static void rejects_are_rare(void)
{
	struct world *w = world_new(10, false);
	struct recorder r;
	uint8_t hello[28] = { 0x01, 1, 1, 1 };

	world_tap(w, &r, 0x06, &w->guest);
	world_connect(w);
	for (unsigned int i = 0; i < 30; i++) {
		inject(&w->host, hello, sizeof(hello));
		world_run(w, 1000);
	}
	CHECK(r.seen >= 3 && r.seen <= 4);
	CHECK_EQ(w->host.hints[LINK_HINT_PEER_WANTS_PAIRING], 1);
	CHECK_EQ(w->guest.hints[LINK_HINT_UNPAIRED], 1);
	CHECK_EQ(link_get_state(w->guest.l), LINK_UNPAIRED);
	CHECK_EQ(link_get_hint(w->guest.l), LINK_HINT_UNPAIRED);
	world_free(w);
}

static void noise_resets_the_pipe(void)
{
	struct world *w = world_up(11);
	static const uint8_t bad[] = { 0, 9, 9, 0 };
	static const uint32_t backoff[] = { 5000, 10000, 20000, 40000, 60000, 60000 };

	w->host.ignore_reset = true;
	for (unsigned int i = 0; i < 64; i++)
		link_input(w->host.l, bad, sizeof(bad), w->now);
	world_settle(w);
	CHECK_EQ(w->host.resets, 0);
	world_run(w, 10000);
	for (unsigned int i = 0; i < 64; i++)
		link_input(w->host.l, bad, sizeof(bad), w->now);
	world_settle(w);
	CHECK_EQ(w->host.resets, 0);
	CHECK(world_is_up(w));
	w->host.ignore_reset = false;
	w->guest.disk.cur.psk[0] ^= 1; /* no session resets the back-off */
	peer_restart(&w->guest);
	for (unsigned int k = 0; k < 6; k++) {
		for (unsigned int i = 0; i < 65; i++)
			link_input(w->host.l, bad, sizeof(bad), w->now);
		world_settle(w);
		CHECK_EQ(w->host.resets, k + 1);
		CHECK_EQ(w->host.reconnect_ms - w->now, backoff[k]);
		CHECK(!w->host.connected);
		world_run(w, backoff[k] + 100);
		CHECK(w->host.connected);
	}
	world_free(w);
}

/* --- life ----------------------------------------------------------------------------------- */
static void quiet_lines_keep_alive(void)
{
	struct world *w = world_up(12);
	struct recorder r;

	world_tap(w, &r, 0x05, &w->guest);
	world_run(w, 10u * 60 * 1000);
	CHECK(settled(w) && w->host.ups == 1 && !w->host.downs);
	CHECK(r.seen >= 30 && r.seen <= 130); /* no chatter either */
	world_free(w);
}

static void silence_kills(void)
{
	struct world *w = world_up(13);
	uint64_t since = w->now;

	w->to_guest.sink = w->to_host.sink = true;
	peer_ask(&w->host, 1, 60000);
	world_run(w, 24900);
	CHECK(settled(w) && !w->host.answers);
	world_run(w, 200);
	CHECK_EQ(link_get_state(w->host.l), LINK_WAITING);
	CHECK_EQ(link_get_state(w->guest.l), LINK_WAITING);
	CHECK(w->now - since < 25200 && w->host.downs == 1 && w->guest.downs == 1);
	CHECK_EQ(w->host.work[1].outcome, MSG_OUT_NOT_SENT);
	world_free(w);
}

static void a_machine_that_slept_acts_on_nothing_old(void)
{
	struct world *w = world_up(14);

	w->to_guest.stopped = true;
	peer_ask(&w->host, 1, 60000);
	world_settle(w);
	w->now += 25000;
	w->to_guest.stopped = false;
	/* the bytes come before any timer is looked at */
	world_settle(w);
	CHECK_EQ(w->guest.requests, 0);
	CHECK_EQ(w->guest.downs, 1);
	CHECK(world_until(w, world_is_up, 5000));
	CHECK(!peer_broken_rule(&w->host));
	world_free(w);
}

static void a_silent_guest_is_left_alone(void)
{
	struct world *w = world_new(15, true);

	peer_connect(&w->host); /* nobody has the port open */
	world_run(w, 60u * 60 * 1000);
	CHECK(w->to_guest.len <= 7); /* one SOLICIT */
	peer_connect(&w->guest);
	CHECK(world_until(w, world_is_up, 5000));
	world_free(w);
}

static void no_timers_without_a_peer(void)
{
	struct world *w = world_up(16);

	peer_disconnect(&w->guest);
	peer_disconnect(&w->host);
	CHECK(link_deadline(w->guest.l) == LINK_NEVER && link_deadline(w->host.l) == LINK_NEVER);
	CHECK_EQ(link_get_state(w->guest.l), LINK_NO_PEER);
	world_free(w);
}

static void reset_gives_another_session_and_says_nothing_in_the_old(void)
{
	struct world *w = world_up(17);
	struct recorder r;

	world_run(w, 2000);
	world_tap(w, &r, 0x05, &w->guest);
	w->to_guest.stopped = true;
	link_reset(w->host.l, w->now);
	world_settle(w);
	CHECK_EQ(r.seen, 0);
	CHECK_EQ(w->host.downs, 1);
	w->to_guest.stopped = false;
	CHECK(world_until(w, world_is_up, 5000));
	link_reset(w->guest.l, w->now);
	CHECK(world_until(w, world_is_up, 5000));
	CHECK_EQ(w->guest.downs, 1);
	world_free(w);
}

static void a_peer_that_does_not_read_has_no_session(void)
{
	struct world *w = world_up(18);
	unsigned int i;

	w->to_guest.full = true;
	for (i = 0; i < 100 && !w->host.downs; i++) {
		struct msg_event e = { .kind = MSG_EV_SHUTDOWN_SCHEDULED, .value = i };

		if (link_notify(w->host.l, &e, w->now) != VA_OK)
			break;
		world_settle(w);
	}
	CHECK(i >= 50 && i < 70); /* 16 KiB of frames of 285 bytes */
	world_settle(w);
	CHECK_EQ(w->host.downs, 1);
	w->to_guest.full = false;
	CHECK(world_until(w, world_is_up, 60000));
	world_free(w);
}

static void a_forged_resp_spoils_nothing(void)
{
	struct world *w = world_new(26, true);
	struct recorder r;
	uint8_t forged[128];

	world_tap(w, &r, 0x04, &w->host);
	r.lose = 1;
	world_connect(w);
	world_settle(w);
	CHECK(r.seen == 1 && r.n == 63 && !w->host.ups);
	memcpy(forged, r.frame, r.n);
	forged[40] ^= forged[40] == 1 ? 2 : 1;
	link_input(w->host.l, forged, r.n, w->now);
	CHECK(!w->host.ups);
	link_input(w->host.l, r.frame, r.n, w->now);
	world_settle(w);
	CHECK(w->host.ups == 1 && world_is_up(w));
	world_free(w);
}

/* The host was restarted, and its SOLICIT was lost: the guest's next record tells. */
static void records_of_a_lost_session_are_a_reason_to_ask(void)
{
	struct world *w = world_up(27);

	world_run(w, 3000);
	CHECK(world_is_up(w));
	w->to_guest.sink = true;
	peer_restart(&w->host);
	world_settle(w);
	w->to_guest.sink = false;
	world_run(w, 9900);
	CHECK(link_get_state(w->host.l) != LINK_UP);
	world_run(w, 600);
	CHECK(world_is_up(w));
	world_free(w);
}

TEST_MAIN({ "comes_up_at_once", comes_up_at_once }, { "wrong_psk", wrong_psk },
	{ "wrong_prologue", wrong_prologue }, { "wrong_key", wrong_key },
	{ "replayed_init", replayed_init },
	{ "init_for_a_repeated_hello_is_the_same", init_for_a_repeated_hello_is_the_same },
	{ "lost_messages", lost_messages }, { "other_versions", other_versions },
	{ "record_replayed", record_replayed }, { "record_lost", record_lost },
	{ "records_swapped", records_swapped },
	{ "strangers_cannot_end_a_session", strangers_cannot_end_a_session },
	{ "a_flood_costs_five_handshakes", a_flood_costs_five_handshakes },
	{ "rejects_are_rare", rejects_are_rare },
	{ "noise_resets_the_pipe", noise_resets_the_pipe },
	{ "quiet_lines_keep_alive", quiet_lines_keep_alive }, { "silence_kills", silence_kills },
	{ "a_machine_that_slept_acts_on_nothing_old", a_machine_that_slept_acts_on_nothing_old },
	{ "a_silent_guest_is_left_alone", a_silent_guest_is_left_alone },
	{ "no_timers_without_a_peer", no_timers_without_a_peer },
	{ "reset_gives_another_session", reset_gives_another_session_and_says_nothing_in_the_old },
	{ "a_peer_that_does_not_read_has_no_session", a_peer_that_does_not_read_has_no_session },
	{ "a_forged_resp_spoils_nothing", a_forged_resp_spoils_nothing },
	{ "records_of_a_lost_session", records_of_a_lost_session_are_a_reason_to_ask });
