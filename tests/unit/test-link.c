// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/peer.h"
#include "tests/unit/test.h"

static void comes_up(void)
{
	struct world *w = world_new(1, true);

	world_connect(w);
	world_settle(w);
	CHECK_EQ(link_get_state(w->host.l), LINK_UP);
	CHECK_EQ(link_get_state(w->guest.l), LINK_UP);
	CHECK_EQ(w->host.ups, 1);
	CHECK_EQ(w->guest.ups, 1);
	CHECK(world_is_up(w));
	CHECK_EQ(peer_ask(&w->host, 15, 5000), VA_OK);
	CHECK_EQ(peer_ask(&w->guest, 16, 5000), VA_OK);
	world_settle(w);
	CHECK(w->host.work[15].answered && w->guest.work[16].answered);
	CHECK_EQ(w->host.work[15].outcome, MSG_OUT_OK);
	CHECK_EQ(w->guest.work[16].outcome, MSG_OUT_OK);
	CHECK_EQ(w->host.work[15].executed, 1);
	world_free(w);
}

static void pairs(void)
{
	struct world *w = world_new(1, false);
	uint8_t token[32] = { 1, 2, 3 };

	world_connect(w);
	world_run(w, 3000);
	CHECK_EQ(link_pair_open(w->host.l, PAIR_TOKEN, token, 32, "zorg", PAIR_WINDOW_MS, w->now), VA_OK);
	CHECK_EQ(link_pair_open(w->guest.l, PAIR_TOKEN, token, 32, NULL, PAIR_WINDOW_MS, w->now), VA_OK);
	world_settle(w);
	CHECK(world_is_paired(w));
	CHECK(world_until(w, world_is_up, 2000));
	CHECK_STR(w->host.words, w->guest.words);
	printf("%s\n", w->host.words);
	world_free(w);
	w = world_new(1, false);
	world_connect(w);
	world_run(w, 3000);
	CHECK_EQ(link_pair_open(w->host.l, PAIR_CODE, (const uint8_t *)"ABCD1234", 8, "zorg", PAIR_WINDOW_MS, w->now), VA_OK);
	CHECK_EQ(link_pair_open(w->guest.l, PAIR_CODE, (const uint8_t *)"ABCD1234", 8, NULL, PAIR_WINDOW_MS, w->now), VA_OK);
	world_settle(w);
	CHECK(world_is_paired(w));
	CHECK(world_until(w, world_is_up, 2000));
	CHECK_STR(w->host.words, w->guest.words);
	printf("%s\n", w->host.words);
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
	world_run(w, 2000);
	CHECK_EQ(w->host.disk.cur.epoch, 2);
	CHECK_EQ(w->guest.disk.cur.epoch, 2);
	CHECK(world_is_up(w));
	world_free(w);
}

TEST_MAIN({ "comes_up", comes_up }, { "pairs", pairs });
