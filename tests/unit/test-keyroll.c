// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Key roll: it completes, and wherever it is interrupted (any message lost, any store failed, any
 * side restarted at any point) both ends still find a session, and in the end the new keys.
 */
#include "common/link/link-internal.h"
#include "tests/support/peer.h"
#include "tests/unit/test.h"

static struct world *up(uint64_t seed)
{
	struct world *w = world_new(seed, true);

	w->to_guest.chunk = w->to_host.chunk = 0;
	world_connect(w);
	world_settle(w);
	world_run(w, 3000);
	return w;
}

static bool rolled(struct world *w)
{
	const struct keyrec *h = &w->host.disk, *g = &w->guest.disk;

	return h->cur.epoch == 2 && g->cur.epoch == 2 && !h->next.epoch && !g->next.epoch;
}

static bool keys_match(const struct world *w)
{
	const struct keyrec *h = &w->host.disk, *g = &w->guest.disk;
	uint8_t pub[32];

	noise_public_key(h->cur.secret, pub);
	return !memcmp(pub, g->cur.peer, 32) && !memcmp(h->cur.psk, g->cur.psk, 32);
}

static bool rolled_and_up(struct world *w)
{
	return rolled(w) && world_is_up(w);
}

static void rolls(void)
{
	struct world *w = up(1);
	struct keyrec h = w->host.disk, g = w->guest.disk;

	CHECK_EQ(link_rekey(w->guest.l, w->now), VA_E_STATE);
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_E_STATE);
	CHECK(world_until(w, rolled, 3000));
	CHECK(keys_match(w) && world_is_up(w));
	CHECK(!w->host.downs && !w->guest.downs);
	CHECK(memcmp(h.cur.secret, w->host.disk.cur.secret, 32));
	CHECK(memcmp(g.cur.secret, w->guest.disk.cur.secret, 32));
	CHECK(memcmp(h.cur.psk, w->host.disk.cur.psk, 32));
	CHECK_MEM(h.guest_id, w->host.disk.guest_id, 16);
	/* the old keys open nothing any more */
	w->guest.disk = g;
	peer_restart(&w->guest);
	world_run(w, 60000);
	CHECK_EQ(link_get_state(w->guest.l), LINK_WAITING);
	world_free(w);
}

static void rolls_again(void)
{
	struct world *w = up(2);

	for (uint32_t epoch = 2; epoch < 6; epoch++) {
		CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
		world_run(w, 20000);
		CHECK_EQ(w->host.disk.cur.epoch, epoch);
		CHECK_EQ(w->guest.disk.cur.epoch, epoch);
		CHECK(keys_match(w) && world_is_up(w));
	}
	world_free(w);
}

static void not_without_a_session(void)
{
	struct world *w = world_new(3, true);

	CHECK_EQ(link_rekey(w->host.l, w->now), VA_E_STATE);
	world_free(w);
}

/* --- interruptions -------------------------------------------------------------------------- */
struct cut {
	unsigned int n, at;
	bool restart_host, restart_guest, lose;
	bool done;
};

static bool cut_here(struct world *w, struct peer *to, const uint8_t *bytes, size_t n)
{
	struct cut *c = w->tap_data;

	(void)to;
	(void)bytes;
	(void)n;
	if (c->n++ != c->at)
		return true;
	c->done = true;
	return !c->lose;
}

static bool cut_done(struct world *w)
{
	return ((struct cut *)w->tap_data)->done;
}

static bool interrupt_at(unsigned int at, bool host, bool guest, bool lose)
{
	struct cut c = { .at = at, .lose = lose };
	struct world *w = up(100 + at);
	bool fine;

	w->tap = cut_here;
	w->tap_data = &c;
	fine = link_rekey(w->host.l, w->now) == VA_OK;
	world_until(w, cut_done, 30000);
	if (host)
		peer_restart(&w->host);
	if (guest)
		peer_restart(&w->guest);
	fine = fine && world_until(w, rolled_and_up, 40u * 60 * 1000) && keys_match(w) &&
	       !peer_broken_rule(&w->host) && !peer_broken_rule(&w->guest);
	world_free(w);
	return fine;
}

static void every_message(void)
{
	for (unsigned int at = 0; at < 16; at++) {
		CHECK(interrupt_at(at, false, false, true));
		CHECK(interrupt_at(at, true, false, false));
		CHECK(interrupt_at(at, false, true, false));
		CHECK(interrupt_at(at, true, true, true));
	}
}

/* The k-th store of that side fails; or that side dies before it, or just after it. */
static bool interrupt_store(bool of_host, unsigned int k, int how)
{
	struct world *w = up(200);
	struct peer *p = of_host ? &w->host : &w->guest;
	bool fine = true;

	p->store_waits = true;
	link_rekey(w->host.l, w->now);
	for (unsigned int i = 0; i < 600000 && !(p->store_waiting && p->stores == k + 1); i++) {
		if (p->store_waiting)
			peer_store(p, true);
		world_run(w, 10);
		if (rolled(w))
			break;
	}
	fine = p->store_waiting && p->stores == k + 1;
	if (fine && how == 0)
		peer_store(p, false);
	if (fine && how == 2)
		peer_store(p, true);
	p->store_waits = false;
	if (how)
		peer_restart(p);
	world_run(w, 60000);
	fine = fine && world_until(w, world_is_up, 60000);
	/* a roll that could not be begun is begun again by a person */
	if (!w->host.disk.next.epoch && w->host.disk.cur.epoch == 1)
		fine = fine && link_rekey(w->host.l, w->now) == VA_OK;
	fine = fine && world_until(w, rolled_and_up, 40u * 60 * 1000) && keys_match(w);
	world_free(w);
	return fine;
}

static void every_store(void)
{
	for (int how = 0; how < 3; how++) {
		for (unsigned int k = 0; k < 3; k++)
			CHECK(interrupt_store(true, k, how));
		for (unsigned int k = 0; k < 2; k++)
			CHECK(interrupt_store(false, k, how));
	}
}

static void guest_says_nothing_before_promotion_is_stored(void)
{
	struct world *w = up(4);
	unsigned int stores;

	w->guest.store_waits = true;
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
	world_run(w, 100);
	CHECK(w->guest.store_waiting);
	peer_store(&w->guest, true); /* its half; the next one is the promotion */
	world_run(w, 5000);
	CHECK(w->guest.store_waiting && w->guest.to_store.cur.epoch == 2);
	CHECK_EQ(w->host.disk.cur.epoch, 1);
	stores = w->host.stores;
	CHECK_EQ(peer_ask(&w->guest, 1, 20000), VA_OK);
	world_run(w, 3000);
	CHECK(!w->guest.work[1].answered && w->host.stores == stores);
	peer_store(&w->guest, true);
	world_settle(w);
	CHECK(w->guest.work[1].outcome == MSG_OUT_OK && rolled(w) && keys_match(w));
	world_free(w);
}

/* A disk that takes its half and then nothing more: life goes on with the current keys. */
static void guest_disk_is_full(void)
{
	struct world *w = world_up(7);

	w->guest.store_waits = true;
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
	world_run(w, 100);
	peer_store(&w->guest, true);
	w->guest.store_waits = false;
	w->guest.store_fails = true;
	CHECK(world_until(w, world_is_up, 60000));
	world_run(w, 20000);
	CHECK(world_until(w, world_is_up, 20000));
	w->host.downs = 0;
	w->host.ups = 0;
	for (unsigned int i = 0; i < 24; i++) { /* two hours, with the tries that renewals make */
		world_run(w, 5u * 60 * 1000);
		CHECK(world_until(w, world_is_up, 60000));
	}
	CHECK(w->host.ups < 30 && w->host.downs < 12);
	CHECK(w->host.disk.cur.epoch == 1 && w->guest.disk.cur.epoch == 1);
	w->guest.store_fails = false;
	CHECK(world_until(w, rolled_and_up, 40u * 60 * 1000));
	CHECK(keys_match(w));
	world_free(w);
}

/* Another record is on its way to the guest's disk when the new session opens. */
static void guest_that_cannot_promote_says_nothing(void)
{
	struct world *w = up(6);

	w->guest.store_waits = true;
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
	world_run(w, 100);
	peer_store(&w->guest, true);
	w->guest.l->store_why = STORE_PAIR;
	world_run(w, 60000);
	CHECK(w->host.disk.cur.epoch == 1 && w->host.disk.next.epoch == 2);
	CHECK_EQ(w->guest.disk.cur.epoch, 1);
	w->guest.l->store_why = STORE_NONE;
	w->guest.store_waits = false;
	CHECK(world_until(w, rolled_and_up, 60000));
	CHECK(keys_match(w));
	world_free(w);
}

static void guest_disk_taken_back(void)
{
	/* the guest's next set is lost after the host has both halves: it asks for the other key */
	struct world *w = up(5);
	struct keyrec old = w->guest.disk;
	struct cut c = { .at = 2, .lose = true };

	w->tap = cut_here;
	w->tap_data = &c;
	CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
	for (unsigned int i = 0; i < 1000 && !w->host.disk.next.peer[0]; i++)
		world_settle(w);
	w->tap = NULL;
	w->guest.disk = old;
	peer_restart(&w->guest);
	peer_restart(&w->host);
	CHECK(world_until(w, world_is_up, 120000));
	CHECK(world_until(w, rolled_and_up, 60u * 60 * 1000));
	CHECK(keys_match(w));
	world_free(w);
}

static void through_random_faults(void)
{
	unsigned int seeds = 0;

	for (uint64_t seed = 1; seed <= 200; seed++, seeds++) {
		struct world *w = up(3000 + seed);

		CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
		for (unsigned int i = 0; i < 12; i++) {
			struct pipe *p = world_random(w) % 2 ? &w->to_guest : &w->to_host;
			struct peer *who = world_random(w) % 2 ? &w->host : &w->guest;

			w->host.store_fails = world_random(w) % 6 == 0;
			w->guest.store_fails = world_random(w) % 6 == 0;
			p->stopped = world_random(w) % 2;
			if (world_random(w) % 3 == 0)
				pipe_drop_back(p, world_random(w) % 300);
			if (world_random(w) % 4 == 0)
				peer_restart(who);
			world_run(w, world_random(w) % 3000);
		}
		w->host.store_fails = w->guest.store_fails = false;
		w->to_guest.stopped = w->to_host.stopped = false;
		CHECK(world_until(w, world_is_up, 120000));
		if (w->host.disk.cur.epoch == 1 && !w->host.disk.next.epoch)
			CHECK_EQ(link_rekey(w->host.l, w->now), VA_OK);
		CHECK(world_until(w, rolled_and_up, 60u * 60 * 1000));
		CHECK(keys_match(w));
		world_free(w);
	}
	printf("# %u seeds\n", seeds);
}

TEST_MAIN({ "rolls", rolls }, { "rolls_again", rolls_again },
	{ "not_without_a_session", not_without_a_session }, { "every_message", every_message },
	{ "every_store", every_store },
	{ "guest_says_nothing_before", guest_says_nothing_before_promotion_is_stored },
	{ "guest_disk_is_full", guest_disk_is_full },
	{ "guest_that_cannot_promote", guest_that_cannot_promote_says_nothing },
	{ "guest_disk_taken_back", guest_disk_taken_back },
	{ "through_random_faults", through_random_faults });
