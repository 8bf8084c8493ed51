// SPDX-License-Identifier: GPL-2.0-or-later
/* Pairing by token and by code: it works, through losses too; and who does not know the secret. */
#include "tests/support/peer.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static const uint8_t token[PAIR_TOKEN_SIZE] = "a token of thirty-two bytes 1234";
static const uint8_t code[] = "K7Q42M9X", wrong[] = "K7Q42M9Y";

static enum va_err open_window(struct peer *p, enum pair_mode mode, const uint8_t *secret)
{
	size_t n = mode == PAIR_TOKEN ? PAIR_TOKEN_SIZE : PAIR_CODE_CHARS;

	return link_pair_open(p->l, mode, secret, n, "zorg", PAIR_WINDOW_MS, p->w->now);
}

static struct world *fresh(uint64_t seed)
{
	struct world *w = world_new(seed, false);

	w->to_guest.chunk = w->to_host.chunk = 0;
	world_connect(w);
	world_run(w, 1000);
	return w;
}

static bool same_keys(const struct world *w)
{
	const struct keyrec *h = &w->host.disk, *g = &w->guest.disk;
	uint8_t pub[32];

	noise_public_key(h->cur.secret, pub);
	if (memcmp(pub, g->cur.peer, 32))
		return false;
	noise_public_key(g->cur.secret, pub);
	return !memcmp(pub, h->cur.peer, 32) && !memcmp(h->cur.psk, g->cur.psk, 32) &&
	       !memcmp(h->guest_id, g->guest_id, 16) && h->cur.epoch == 1 && g->cur.epoch == 1 &&
	       !strcmp(h->guest, "zorg") && !strcmp(g->guest, "host");
}

static void codes(void)
{
	static const char *const good[] = { "K7Q4-2M9X", "k7q42m9x", " K7 Q4 2m 9X ",
		"k7q4-2m9x-" };
	static const char *const bad[] = { "", "K7Q42M9", "K7Q42M9XX", "K7Q42M9U", "K7Q4_2M9X",
		"K7Q42M9\x80", "********" };
	struct world *w = fresh(1);
	char out[9], again[9];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_EQ(pair_code_parse(good[i], out), VA_OK);
		CHECK_STR(out, "K7Q42M9X");
	}
	CHECK_EQ(pair_code_parse("oOiIlL00", out), VA_OK);
	CHECK_STR(out, "00111100");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(pair_code_parse(bad[i], out), VA_E_MALFORMED);
	for (unsigned int i = 0; i < 1000; i++) {
		pair_code_make(w->host.l, out);
		CHECK_EQ(pair_code_parse(out, again), VA_OK);
		CHECK_STR(out, again);
	}
	CHECK_EQ(link_pair_open(w->host.l, PAIR_CODE, code, 7, "zorg", 1000, w->now), VA_E_RANGE);
	CHECK_EQ(link_pair_open(w->host.l, PAIR_TOKEN, token, 8, "zorg", 1000, w->now), VA_E_RANGE);
	CHECK_EQ(link_pair_open(w->host.l, PAIR_CODE, code, 8, "../x", 1000, w->now), VA_E_RANGE);
	CHECK_EQ(link_pair_open(w->host.l, PAIR_CODE, code, 8, NULL, 1000, w->now), VA_E_RANGE);
	world_free(w);
}

static void pairs_by(enum pair_mode mode, const uint8_t *secret)
{
	struct world *w = fresh(2);

	CHECK_EQ(link_get_state(w->guest.l), LINK_UNPAIRED);
	CHECK_EQ(open_window(&w->host, mode, secret), VA_OK);
	CHECK_EQ(open_window(&w->guest, mode, secret), VA_OK);
	world_settle(w);
	CHECK(world_is_paired(w) && same_keys(w));
	CHECK_EQ(w->host.attempts_spent, 1);
	CHECK(w->host.pair_failed + w->guest.pair_failed == 0);
	CHECK(strlen(w->host.words) == 23 && !strcmp(w->host.words, w->guest.words));
	CHECK(world_until(w, world_is_up, 1000));
	/* once: the window is closed, and nothing hangs over */
	world_run(w, 2 * PAIR_WINDOW_MS);
	CHECK(w->host.stores == 1 && w->guest.stores == 1 && w->host.pair_failed == 0);
	world_free(w);
}

static void by_token(void)
{
	pairs_by(PAIR_TOKEN, token);
}

static void by_code(void)
{
	pairs_by(PAIR_CODE, code);
}

static void both_windows_at_once(void)
{
	struct world *w = fresh(3);

	open_window(&w->host, PAIR_TOKEN, token);
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, code);
	world_settle(w);
	CHECK(world_is_paired(w) && same_keys(w));
	world_free(w);
}

static void in_either_order(void)
{
	for (int guest_first = 0; guest_first < 2; guest_first++) {
		struct world *w = fresh(4);

		open_window(guest_first ? &w->guest : &w->host, PAIR_CODE, code);
		world_run(w, 20000);
		open_window(guest_first ? &w->host : &w->guest, PAIR_CODE, code);
		CHECK(world_until(w, world_is_paired, 10000));
		CHECK(same_keys(w));
		world_free(w);
	}
}

/* --- losses --------------------------------------------------------------------------------- */
struct losses {
	unsigned int n, first, count;
};

static bool lose(struct world *w, struct peer *to, const uint8_t *bytes, size_t n)
{
	struct losses *x = w->tap_data;
	unsigned int i = x->n++;

	(void)to;
	(void)bytes;
	(void)n;
	return i < x->first || i >= x->first + x->count;
}

static void losses_of(enum pair_mode mode, const uint8_t *secret)
{
	for (unsigned int count = 1; count <= 3; count++) {
		for (unsigned int first = 0; first < 14; first++) {
			struct losses x = { .first = first, .count = count };
			struct world *w = fresh(5 + first);

			w->tap = lose;
			w->tap_data = &x;
			open_window(&w->host, mode, secret);
			open_window(&w->guest, mode, secret);
			CHECK(world_until(w, world_is_paired, 60000));
			CHECK(same_keys(w));
			CHECK(world_until(w, world_is_up, 60000));
			CHECK(w->host.attempts_spent <= 2);
			world_free(w);
		}
	}
}

static void losses_by_token(void)
{
	losses_of(PAIR_TOKEN, token);
}

static void losses_by_code(void)
{
	losses_of(PAIR_CODE, code);
}

static void interrupted(enum pair_mode mode, const uint8_t *secret)
{
	/* after each frame one end, or both, is gone and comes back */
	for (unsigned int who = 0; who < 3; who++) {
		for (unsigned int first = 0; first < 10; first++) {
			struct losses x = { .first = 1000 };
			struct world *w = fresh(40 + first);

			w->tap = lose;
			w->tap_data = &x;
			open_window(&w->host, mode, secret);
			open_window(&w->guest, mode, secret);
			for (unsigned int i = 0; i < 100 && x.n < first; i++) {
				w->to_guest.chunk = w->to_host.chunk = 1;
				world_run(w, 1);
			}
			if (who != 1) {
				peer_disconnect(&w->guest);
				peer_connect(&w->guest);
			}
			if (who != 0) {
				peer_disconnect(&w->host);
				peer_connect(&w->host);
			}
			w->to_guest.chunk = w->to_host.chunk = 0;
			CHECK(world_until(w, world_is_paired, 60000));
			CHECK(same_keys(w));
			CHECK(world_until(w, world_is_up, 60000));
			world_free(w);
		}
	}
}

static void interruptions(void)
{
	interrupted(PAIR_TOKEN, token);
	interrupted(PAIR_CODE, code);
}

static void through_random_faults(void)
{
	unsigned int seeds = 0, failed_runs = 0;

	for (uint64_t seed = 1; seed <= 300; seed++, seeds++) {
		struct world *w = fresh(1000 + seed);
		enum pair_mode mode = seed % 2 ? PAIR_TOKEN : PAIR_CODE;

		open_window(&w->host, mode, seed % 2 ? token : code);
		open_window(&w->guest, mode, seed % 2 ? token : code);
		w->to_guest.chunk = world_random(w) % 60 + 1;
		w->to_host.chunk = world_random(w) % 60 + 1;
		w->to_host.stopped = w->to_guest.stopped = true;
		for (unsigned int i = 0; i < 30 && !world_is_paired(w); i++) {
			struct pipe *p = world_random(w) % 2 ? &w->to_guest : &w->to_host;
			struct peer *who = world_random(w) % 2 ? &w->host : &w->guest;

			switch (world_random(w) % 8) {
			case 0: pipe_drop_front(p, world_random(w) % 100); break;
			case 1: pipe_drop_back(p, world_random(w) % 100); break;
			case 2:
				peer_disconnect(who);
				peer_connect(who);
				break;
			default: break;
			}
			p->stopped = world_random(w) % 2;
			world_run(w, world_random(w) % 1500);
		}
		w->to_host.stopped = w->to_guest.stopped = false;
		world_until(w, world_is_paired, 60000);
		failed_runs += w->guest.pair_failed + w->host.pair_failed;
		CHECK(world_is_paired(w) || w->guest.pair_failed);
		CHECK(!world_is_paired(w) || same_keys(w));
		CHECK(!world_is_paired(w) || world_until(w, world_is_up, 60000));
		world_free(w);
	}
	printf("# %u seeds, %u runs failed\n", seeds, failed_runs);
	CHECK(failed_runs < seeds / 4);
}

/* --- who does not know it ------------------------------------------------------------------- */
static void wrong_code(void)
{
	struct world *w = fresh(6);

	open_window(&w->host, PAIR_CODE, code);
	for (unsigned int i = 1; i <= 3; i++) {
		CHECK_EQ(open_window(&w->guest, PAIR_CODE, wrong), VA_OK);
		world_run(w, 5000);
		CHECK_EQ(w->guest.pair_failed, i);
		CHECK_EQ(w->guest.pair_hint, LINK_HINT_PAIRING_FAILED);
		CHECK_EQ(w->host.attempts_spent, i);
		world_run(w, 3000); /* REJECT 6 ends the run over there, and its pause is over */
		CHECK_EQ(w->host.pair_failed, i);
		CHECK_EQ(w->host.attempts_left, 3 - i);
	}
	/* three wrong ones: the right one is worth nothing any more */
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, PAIR_WINDOW_MS + 1000);
	CHECK(!w->host.paired && !w->guest.paired && w->host.attempts_spent == 3);
	CHECK(w->guest.hints[LINK_HINT_PAIRING_CLOSED] >= 1);
	CHECK_EQ(w->guest.pair_hint, LINK_HINT_PAIRING_CLOSED);
	world_free(w);
}

static void a_typing_error_costs_one_attempt(void)
{
	struct world *w = fresh(7);

	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, wrong);
	world_run(w, 1000);
	CHECK(w->guest.pair_failed == 1 && w->host.attempts_spent == 1);
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 900); /* two seconds between attempts */
	CHECK(!w->guest.paired);
	CHECK(world_until(w, world_is_paired, 10000));
	CHECK(same_keys(w));
	world_free(w);
}

static void wrong_token(void)
{
	struct world *w = fresh(8);
	uint8_t other[PAIR_TOKEN_SIZE] = { 0 };

	open_window(&w->host, PAIR_TOKEN, token);
	open_window(&w->guest, PAIR_TOKEN, other);
	world_run(w, 120000);
	CHECK(!w->host.paired && !w->guest.paired);
	CHECK(w->host.attempts_spent == 3 && w->host.attempts_left == 0);
	CHECK(w->guest.pair_failed == 3);
	world_free(w);
}

static void closed_window(void)
{
	struct world *w = fresh(9);

	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 30000);
	CHECK(w->host.stores == 0 && w->host.attempts_spent == 0);
	CHECK_EQ(w->guest.hints[LINK_HINT_PAIRING_CLOSED], 1);
	/* the other mode's window does not open this one */
	open_window(&w->host, PAIR_TOKEN, token);
	world_run(w, 30000);
	CHECK(w->host.stores == 0 && w->host.attempts_spent == 0);
	open_window(&w->host, PAIR_CODE, code);
	link_pair_close(w->host.l, w->now);
	world_run(w, 30000);
	CHECK(w->host.stores == 0 && w->host.attempts_spent == 0);
	world_free(w);
}

static void window_runs_out(void)
{
	struct world *w = fresh(10);

	open_window(&w->host, PAIR_CODE, code);
	world_run(w, PAIR_WINDOW_MS - 1);
	CHECK_EQ(w->host.pair_failed, 0);
	world_run(w, 1);
	CHECK(w->host.pair_failed == 1 && w->host.attempts_left == 0);
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 10000);
	CHECK(!w->host.paired && !w->host.attempts_spent);
	world_free(w);
}

/* --- what was there before ------------------------------------------------------------------ */
static void reinstalled_guest(void)
{
	struct world *w = world_new(11, true);
	struct keyrec old = w->host.disk;

	world_connect(w);
	world_settle(w);
	w->guest.disk_used = false;
	peer_restart(&w->guest);
	world_run(w, 30000);
	CHECK_EQ(link_get_state(w->guest.l), LINK_UNPAIRED);
	CHECK(w->host.hints[LINK_HINT_PEER_WANTS_PAIRING] == 1);
	CHECK_MEM(&old, &w->host.disk, sizeof(old)); /* until the new pairing succeeds */
	open_window(&w->host, PAIR_TOKEN, token);
	open_window(&w->guest, PAIR_TOKEN, token);
	CHECK(world_until(w, world_is_up, 10000));
	CHECK(same_keys(w) && memcmp(&old, &w->host.disk, sizeof(old)));
	world_free(w);
}

static void cloned_disk(void)
{
	/* zorg's disk, copied, started at another guest's channel */
	struct world *w = world_new(12, true), *other = world_new(13, true);

	w->guest.disk = other->guest.disk;
	peer_restart(&w->guest);
	peer_restart(&w->host);
	world_run(w, 60000);
	CHECK(w->host.ups + w->guest.ups == 0);
	CHECK(w->host.hints[LINK_HINT_FOREIGN_KEY] >= 1);
	CHECK(w->guest.hints[LINK_HINT_UNKNOWN_KEY] >= 1);
	world_free(w);
	world_free(other);
}

static void pairing_does_not_disturb_a_session_until_it_succeeds(void)
{
	struct world *w = world_new(14, true);

	w->to_guest.chunk = w->to_host.chunk = 0;
	world_connect(w);
	world_settle(w);
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, wrong);
	world_run(w, 5000);
	CHECK(w->guest.pair_failed == 1 && !w->host.downs && world_is_up(w));
	open_window(&w->guest, PAIR_CODE, code);
	CHECK(world_until(w, world_is_paired, 10000));
	CHECK(world_until(w, world_is_up, 10000));
	CHECK(w->host.downs == 1 && w->guest.downs == 1 && same_keys(w));
	world_free(w);
}

/* --- the disk ------------------------------------------------------------------------------- */
static void host_cannot_store(void)
{
	struct world *w = fresh(15);

	w->host.store_fails = true;
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 1500);
	CHECK(w->host.stores == 1 && w->host.pair_failed == 1 && w->host.attempts_left == 3);
	CHECK(!w->guest.disk_used && !w->host.paired && !w->guest.paired);
	w->host.store_fails = false;
	CHECK(world_until(w, world_is_paired, 60000));
	CHECK(same_keys(w));
	world_free(w);
}

static void guest_cannot_store(void)
{
	struct world *w = fresh(16);

	w->guest.store_fails = true;
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 2000);
	CHECK(w->guest.stores == 1 && w->guest.pair_failed == 1 && !w->guest.paired);
	CHECK_EQ(link_get_state(w->guest.l), LINK_UNPAIRED);
	w->guest.store_fails = false;
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, code);
	CHECK(world_until(w, world_is_paired, 60000));
	CHECK(world_until(w, world_is_up, 5000));
	CHECK(same_keys(w));
	world_free(w);
}

static void nothing_is_acknowledged_before_it_is_stored(void)
{
	struct world *w = fresh(17);

	w->host.store_waits = w->guest.store_waits = true;
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 10000); /* the guest repeats itself meanwhile */
	CHECK(w->host.store_waiting && w->host.stores == 1);
	CHECK(!w->guest.stores && !w->host.paired);
	peer_store(&w->host, true);
	world_run(w, 10000);
	CHECK(w->host.paired && w->guest.store_waiting && !w->guest.paired);
	peer_store(&w->guest, true);
	world_settle(w);
	CHECK(w->guest.paired && same_keys(w));
	CHECK(world_until(w, world_is_up, 60000));
	world_free(w);
}

static bool deaf(struct world *w, struct peer *to, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	(void)n;
	return to != &w->guest || !w->host.paired;
}

/* The host has the keys, and nothing of it comes through for a while. */
static void the_last_message_is_long_in_coming(void)
{
	struct world *w = fresh(18);

	w->tap = deaf;
	open_window(&w->host, PAIR_CODE, code);
	open_window(&w->guest, PAIR_CODE, code);
	world_run(w, 30000);
	CHECK(w->host.paired && !w->guest.paired);
	w->tap = NULL;
	CHECK(world_until(w, world_is_up, 10000));
	CHECK(w->guest.paired && same_keys(w) && w->host.stores == 1);
	world_free(w);
}

TEST_MAIN({ "codes", codes }, { "by_token", by_token }, { "by_code", by_code },
	{ "both_windows_at_once", both_windows_at_once }, { "in_either_order", in_either_order },
	{ "losses_by_token", losses_by_token }, { "losses_by_code", losses_by_code },
	{ "interruptions", interruptions }, { "through_random_faults", through_random_faults },
	{ "wrong_code", wrong_code },
	{ "a_typing_error_costs_one_attempt", a_typing_error_costs_one_attempt },
	{ "wrong_token", wrong_token }, { "closed_window", closed_window },
	{ "window_runs_out", window_runs_out }, { "reinstalled_guest", reinstalled_guest },
	{ "cloned_disk", cloned_disk },
	{ "a_session_goes_on_meanwhile", pairing_does_not_disturb_a_session_until_it_succeeds },
	{ "host_cannot_store", host_cannot_store }, { "guest_cannot_store", guest_cannot_store },
	{ "the_last_message_is_long_in_coming", the_last_message_is_long_in_coming },
	{ "store_before_ack", nothing_is_acknowledged_before_it_is_stored });
