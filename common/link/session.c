// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one session from its installation to its end. Whatever is wrong inside it
 * (a record that does not open, a rule that is broken, silence, age, a queue that is full) has one
 * answer: wipe it and shake hands again. PROTOCOL.md 4.4 to 4.7 and 5.
 *
 * Renewal: the host asks for it (SOLICIT), the guest begins it (HELLO). Each side first lets its
 * own calls come to their end and starts no new one, at most five seconds long; so a renewal
 * normally finds nothing under way, and traffic without a pause cannot put it off. Where something
 * is under way all the same (the other side was restarted), calls.c says what becomes of it.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

bool link_session_make(
	struct link *l, struct session *s, struct noise_handshake *hs, bool next_keys)
{
	memset(s, 0, sizeof(*s));
	if (!noise_handshake_is_done(hs))
		return false;
	memcpy(s->sid, noise_handshake_hash(hs), sizeof(s->sid));
	if (noise_handshake_split(hs, &s->tx, &s->rx) != VA_OK) {
		link_session_wipe(s);
		return false;
	}
	s->live = true;
	s->next_keys = next_keys;
	s->last_rx_ms = l->now;
	return true;
}

void link_session_wipe(struct session *s)
{
	sodium_memzero(s, sizeof(*s));
}

static void stop_timers(struct link *l)
{
	static const uint8_t mine[] = { T_DEAD, T_HARD, T_PING, T_RENEW, T_HOLD };

	for (size_t i = 0; i < sizeof(mine); i++)
		link_timer_stop(l, mine[i]);
	l->renew_due = l->renew_asked = l->holding = false;
}

static void touch(struct link *l)
{
	l->cur.last_rx_ms = l->last_heard_ms = l->now;
	link_timer_in(l, T_DEAD, DEAD_MS);
	link_timer_in(l, T_PING, PING_MS);
}

void link_session_install(struct link *l, struct session *s)
{
	struct event_entry e = { .kind = LINK_EV_UP };

	if (l->cur.live) {
		link_calls_carry_over(l);
		link_answers_drop(l);
	}
	link_session_wipe(&l->cur);
	l->cur = *s;
	link_session_wipe(s);
	stop_timers(l);
	link_timer_stop(l, T_HELLO);
	link_timer_stop(l, T_SOLICIT);
	link_timer_stop(l, T_UNCONFIRMED);
	touch(l);
	link_timer_in(l, T_HARD, HARD_MS);
	if (l->role == LINK_HOST)
		link_timer_in(l, T_RENEW, RENEW_MS);
	link_fit_reader(l);
	l->mismatches = 0;
	l->hint = LINK_HINT_NONE;
	memset(l->hint_given, 0, sizeof(l->hint_given)); /* after it, a hint is news again */
	l->host.reset_backoff_ms = RESET_FIRST_MS;
	l->host.solicit_backoff_ms = SOLICIT_FIRST_MS;
	l->host.renew_backoff_ms = SOLICIT_FIRST_MS;
	e.session = ++l->number;
	link_event_push(l, &e);
}

void link_session_end(struct link *l)
{
	struct event_entry e = { .kind = LINK_EV_DOWN, .session = l->number };

	if (!l->cur.live)
		return;
	link_session_wipe(&l->cur);
	stop_timers(l);
	link_calls_end(l);
	link_answers_drop(l);
	l->n_notices = 0;
	link_event_push(l, &e);
	link_fit_reader(l);
	if (!l->connected)
		return;
	if (l->role == LINK_HOST)
		link_host_solicit(l);
	else if (!l->next.live)
		link_guest_hello_fresh(l);
}

void link_session_close(struct link *l, uint8_t reason)
{
	if (link_session_may_send(l))
		link_session_seal(l, RECORD_CLOSE, &reason, 1);
	link_session_end(l);
}

/* --- records -------------------------------------------------------------------------------- */
bool link_session_may_send(const struct link *l)
{
	/* the guest says nothing between RESP and the record that confirms it, nor in a session
	 * of keys that its disk does not yet name as the current ones */
	return l->cur.live && !l->next.live &&
	       !(l->role == LINK_GUEST && l->cur.next_keys && l->store_why == STORE_PROMOTE);
}

static void count_record(struct link *l)
{
	if (++l->cur.records == RENEW_RECORDS && l->role == LINK_HOST)
		link_session_renew_now(l);
}

bool link_session_seal(struct link *l, enum record_kind kind, const uint8_t *body, size_t n)
{
	size_t len = record_size(n);

	if (!len || !link_wire_has_room(l, len) ||
		record_seal(&l->cur.tx, l->cur.sid, kind, body, n, l->body, sizeof(l->body),
			&len) != VA_OK) {
		/* a peer that does not read has no session */
		link_wire_purge(l);
		link_session_end(l);
		return false;
	}
	link_wire_send(l, l->body, len);
	count_record(l);
	return l->cur.live;
}

static bool on_rpc(struct link *l, const struct record *r)
{
	struct message *m = &l->incoming;
	bool fine;

	if (rpc_decode(&l->arena, r->body, r->len, m) != VA_OK)
		return false;
	switch (m->kind) {
	case MSG_TICKET:
	case MSG_PENDING:
	case MSG_RESULT: fine = link_calls_on_answer(l, m); break;
	default: fine = link_answers_on_request(l, m);
	}
	WIPE(l->incoming);
	return fine;
}

static bool has_length(const struct record *r)
{
	switch (r->kind) {
	case RECORD_CONFIRM:
	case RECORD_PING:
	case RECORD_PONG: return r->len == 0;
	case RECORD_CLOSE: return r->len == 1;
	default: return r->len > 0;
	}
}

/* False: the other side broke a rule. */
static bool on_record(struct link *l, const struct record *r, bool first)
{
	switch (r->kind) {
	case RECORD_CONFIRM: return first;
	case RECORD_PING:
		if (link_session_may_send(l))
			link_session_seal(l, RECORD_PONG, NULL, 0);
		return true;
	case RECORD_PONG: return true;
	case RECORD_CLOSE: link_session_end(l); return true;
	case RECORD_RPC: return on_rpc(l, r);
	case RECORD_KEYROLL: return link_keyroll_on_record(l, r->body, r->len);
	}
	return false;
}

static void on_opened(struct link *l, const struct record *r, bool first)
{
	l->cur.heard = true;
	touch(l);
	count_record(l);
	link_keyroll_opened(l);
	if (l->cur.live && !(has_length(r) && on_record(l, r, first)))
		link_session_close(l, CLOSE_PROTOCOL);
}

/* The first record of a session that waits for its confirmation. */
static void on_next(struct link *l, const uint8_t *untrusted_b, size_t n)
{
	struct record r;

	if (record_open(&l->next.rx, untrusted_b, n, l->plain, &r) == VA_OK &&
		r.kind == RECORD_CONFIRM) {
		link_session_install(l, &l->next);
		on_opened(l, &r, true);
		return;
	}
	link_session_wipe(&l->next);
	link_timer_stop(l, T_UNCONFIRMED);
	link_fit_reader(l);
	if (!l->cur.live)
		link_guest_hello_fresh(l);
}

void link_session_on_stranger(struct link *l)
{
	bool silent = !l->cur.live || l->now - l->cur.last_rx_ms >= SUSPECT_MS;

	if (l->role == LINK_HOST && silent)
		link_host_solicit(l);
	if (l->role == LINK_GUEST && !l->cur.live && !l->next.live)
		link_guest_hello(l);
}

void link_session_on_data(struct link *l, const uint8_t *untrusted_b, size_t n)
{
	const uint8_t *sid;
	struct record r;

	if (record_peek(untrusted_b, n, &sid) != VA_OK) {
		link_wire_count_bad(l);
		return;
	}
	if (l->cur.live && !memcmp(sid, l->cur.sid, RECORD_SID_SIZE)) {
		if (record_open(&l->cur.rx, untrusted_b, n, l->plain, &r) == VA_OK)
			on_opened(l, &r, false);
		else
			link_session_end(l);
	} else if (l->next.live && !memcmp(sid, l->next.sid, RECORD_SID_SIZE)) {
		on_next(l, untrusted_b, n);
	} else {
		link_session_on_stranger(l);
	}
	WIPE(l->plain);
}

/* --- renewal -------------------------------------------------------------------------------- */
static void ask_for_renewal(struct link *l)
{
	l->renew_asked = true;
	link_timer_in(l, T_HOLD, HOLD_MS);
	if (l->role == LINK_HOST)
		link_host_solicit(l);
	else
		link_guest_hello(l);
}

static void end_attempt(struct link *l)
{
	l->renew_due = l->renew_asked = l->holding = false;
	link_timer_stop(l, T_HOLD);
}

void link_session_renew(struct link *l)
{
	if (!l->cur.live || !l->renew_due || l->renew_asked || l->hold_renewal)
		return;
	if (!l->holding) {
		l->holding = true;
		link_timer_in(l, T_HOLD, l->role == LINK_HOST ? HOLD_MS : DRAIN_MS);
		if (l->role == LINK_GUEST && !link_calls_are_idle(l) && link_session_may_send(l))
			link_session_seal(l, RECORD_PING, NULL, 0); /* is the host still in it? */
	}
	if (l->cur.live && link_calls_are_idle(l))
		ask_for_renewal(l);
}

void link_session_renew_now(struct link *l)
{
	if (!l->cur.live || l->next.live)
		return;
	if (l->renew_asked)
		l->renew_asked = false; /* asked for again: the answer may be lost */
	l->renew_due = true;
	link_session_renew(l);
}

static void on_hold_timer(struct link *l)
{
	struct host_state *h = &l->host;

	if (l->role == LINK_HOST) {
		end_attempt(l);
		link_timer_in(l, T_RENEW, h->renew_backoff_ms);
		h->renew_backoff_ms *= 2;
		if (h->renew_backoff_ms > SOLICIT_MAX_MS)
			h->renew_backoff_ms = SOLICIT_MAX_MS;
		return;
	}
	/* a host that is heard in this session can wait for the next attempt; one that is not
	 * has lost it, and asks because it wants a new one */
	if (l->renew_asked || l->cur.last_rx_ms > l->guest.solicited_ms)
		end_attempt(l);
	else
		ask_for_renewal(l);
}

void link_hold_renewal(struct link *l, bool hold)
{
	l->hold_renewal = hold;
	if (hold && l->holding && !l->renew_asked) {
		l->holding = false;
		link_timer_stop(l, T_HOLD);
	}
	link_calls_flush(l);
}

void link_session_on_timer(struct link *l, unsigned int timer)
{
	if (!l->cur.live)
		return;
	switch (timer) {
	case T_DEAD: link_session_end(l); break;
	case T_HARD: link_session_close(l, CLOSE_AGE); break;
	case T_HOLD: on_hold_timer(l); break;
	case T_RENEW: link_session_renew_now(l); break;
	case T_PING:
		link_timer_in(l, T_PING, PING_MS);
		if (link_session_may_send(l))
			link_session_seal(l, RECORD_PING, NULL, 0);
		break;
	default: break;
	}
}
