// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the guest's handshake. HELLO carries a nonce that exactly one INIT may
 * answer, so a recorded INIT is worth nothing. After RESP the new session waits, unconfirmed, and
 * nothing is sent in any session until its first record opens or five seconds are over; the
 * session before it stays alive until then. PROTOCOL.md 4.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

/* --- HELLO ---------------------------------------------------------------------------------- */
static void build_hello(struct link *l)
{
	struct guest_state *g = &l->guest;
	uint8_t nonce[NONCE_SIZE];

	if (g->nonce_live && l->now - g->nonce_ms < NONCE_LIFE_MS) {
		memcpy(nonce, g->hello + 12, NONCE_SIZE);
	} else {
		link_random(l, nonce, NONCE_SIZE);
		g->nonce_live = true;
		g->nonce_ms = l->now;
	}
	memset(g->hello, 0, sizeof(g->hello));
	g->hello[0] = BODY_HELLO;
	g->hello[1] = g->hello[2] = LINK_VERSION;
	if (l->paired)
		keyrec_own_key_id(&l->rec.cur, g->hello + 4);
	else
		g->hello[3] = HELLO_FLAG_UNPAIRED;
	memcpy(g->hello + 12, nonce, NONCE_SIZE);
}

static void send_hello(struct link *l)
{
	struct guest_state *g = &l->guest;

	build_hello(l);
	link_wire_send(l, g->hello, HELLO_SIZE);
	g->hello_last_ms = l->now;
	if (l->cur.live) /* a renewal that is lost is the host's to ask for again */
		return;
	link_timer_in(l, T_HELLO, g->hello_backoff_ms);
	g->hello_backoff_ms *= 2;
	if (g->hello_backoff_ms > HELLO_MAX_MS)
		g->hello_backoff_ms = HELLO_MAX_MS;
}

void link_guest_hello(struct link *l)
{
	uint64_t since = l->now - l->guest.hello_last_ms;

	l->guest.hello_backoff_ms = HELLO_FIRST_MS;
	if (since < PER_SECOND_MS)
		link_timer_soon(l, T_HELLO, (uint32_t)(PER_SECOND_MS - since));
	else
		send_hello(l);
}

void link_guest_hello_fresh(struct link *l)
{
	l->guest.nonce_live = false;
	link_guest_hello(l);
}

void link_guest_connected(struct link *l)
{
	l->guest.nonce_live = false;
	l->guest.hello_backoff_ms = HELLO_FIRST_MS;
	send_hello(l);
}

void link_guest_forget(struct link *l)
{
	l->guest.nonce_live = false;
	link_timer_stop(l, T_UNCONFIRMED);
	link_timer_stop(l, T_HELLO);
}

void link_guest_slow_down(struct link *l)
{
	if (!link_timer_is_set(l, T_HELLO))
		return;
	l->guest.hello_backoff_ms = HELLO_MAX_MS;
	link_timer_in(l, T_HELLO, HELLO_MAX_MS);
}

void link_guest_on_timer(struct link *l, unsigned int timer)
{
	if (!l->connected)
		return;
	if (timer == T_HELLO) {
		/* a session that came up, or is about to, needs none */
		if (l->next.live || (l->cur.live && !l->renew_due))
			return;
		send_hello(l);
		return;
	}
	/* the host did not take our RESP, or its CONFIRM is lost */
	link_session_wipe(&l->next);
	link_fit_reader(l);
	if (!l->cur.live)
		link_guest_hello_fresh(l);
}

void link_guest_on_solicit(struct link *l, const uint8_t *untrusted_b)
{
	if (untrusted_b[1] > untrusted_b[2] || untrusted_b[3]) {
		link_wire_count_bad(l);
		return;
	}
	if (untrusted_b[1] > LINK_VERSION || untrusted_b[2] < LINK_VERSION) {
		link_wire_reject(l, LINK_HINT_VERSION);
		link_event_hint(l, LINK_HINT_VERSION);
		return;
	}
	link_pair_connected(l);
	if (!l->cur.live) {
		link_guest_hello(l);
		return;
	}
	l->guest.solicited_ms = l->now;
	link_session_renew_now(l);
}

/* --- INIT -> RESP --------------------------------------------------------------------------- */
/* The keys that INIT names; NULL: none of ours. */
static const struct keyset *named_keys(struct link *l, const uint8_t *untrusted_id)
{
	uint8_t id[KEYREC_KEYID_SIZE];

	keyrec_key_id(l->rec.cur.peer, id);
	if (!memcmp(id, untrusted_id, sizeof(id)))
		return &l->rec.cur;
	if (!link_keyroll_is_complete(&l->rec.next))
		return NULL;
	keyrec_key_id(l->rec.next.peer, id);
	return memcmp(id, untrusted_id, sizeof(id)) ? NULL : &l->rec.next;
}

static void respond(struct link *l, struct noise_handshake *hs, bool next_keys)
{
	uint8_t resp[RESP_SIZE] = { BODY_RESP, LINK_VERSION };
	size_t n;

	memcpy(resp + 4, l->guest.hello + 12, ECHO_SIZE);
	l->guest.nonce_live = false;
	if (!link_wire_has_room(l, RESP_SIZE) ||
		noise_handshake_write(hs, NULL, 0, resp + 12, RESP_SIZE - 12, &n) != VA_OK)
		return;
	link_session_wipe(&l->next);
	if (!link_session_make(l, &l->next, hs, next_keys))
		return;
	link_wire_send(l, resp, RESP_SIZE);
	link_fit_reader(l);
	link_timer_stop(l, T_HELLO);
	link_timer_in(l, T_UNCONFIRMED, UNCONFIRMED_MS);
}

void link_guest_on_init(struct link *l, const uint8_t *untrusted_b)
{
	struct guest_state *g = &l->guest;
	const struct keyset *keys;
	struct noise_handshake hs;
	size_t n;

	/* anything stale ends here, and that is normal */
	if (!l->paired || !g->nonce_live || untrusted_b[1] != LINK_VERSION || untrusted_b[2] ||
		untrusted_b[3] || memcmp(untrusted_b + 12, g->hello + 12, ECHO_SIZE))
		return;
	keys = named_keys(l, untrusted_b + 4);
	if (!keys) {
		link_wire_reject(l, LINK_HINT_UNKNOWN_KEY);
		link_event_hint(l, LINK_HINT_FOREIGN_KEY);
		return;
	}
	if (keys == &l->rec.next && l->now < g->next_refused_until_ms)
		return;
	if (!link_wire_take_token(l))
		return;
	if (link_handshake_init(l, keys, g->hello, untrusted_b, &hs) == VA_OK &&
		noise_handshake_read(&hs, untrusted_b + INIT_BOUND, INIT_SIZE - INIT_BOUND, NULL, 0,
			&n) == VA_OK)
		respond(l, &hs, keys == &l->rec.next);
	else
		link_wire_count_mismatch(l);
	noise_handshake_wipe(&hs);
}
