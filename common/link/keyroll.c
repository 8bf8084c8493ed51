// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: other keys for a pairing that works, without a person. The exchange goes
 * through the session; each half is on its side's disk before the message that depends on it:
 *
 *	host: stores {secret, psk}	01 | epoch | host public | psk    ->
 *				<-	02 | epoch | guest public	  guest: stored both halves
 *	host: stores both halves, renews the session with them
 *	guest: first record opens: next becomes current, on the disk, before it says a word
 *	host: first record opens: likewise
 *
 * Until then both hold the current keys and can always fall back on them: an exchange that was
 * interrupted is simply sent again in the next session of current keys. PROTOCOL.md 8.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

#define ROLL_OFFER       1u
#define ROLL_ANSWER      2u
#define ROLL_OFFER_SIZE  (1u + 4u + 2u * KEYREC_KEY_SIZE)
#define ROLL_ANSWER_SIZE (1u + 4u + KEYREC_KEY_SIZE)

bool link_keyroll_is_complete(const struct keyset *next)
{
	return next->epoch && !sodium_is_zero(next->peer, sizeof(next->peer));
}

static void put_epoch(uint8_t *p, uint32_t epoch)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(epoch >> (24 - 8 * i));
}

static uint32_t get_epoch(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- host ----------------------------------------------------------------------------------- */
static void send_offer(struct link *l)
{
	const struct keyset *next = &l->rec.next;
	uint8_t body[ROLL_OFFER_SIZE] = { ROLL_OFFER };

	if (!next->epoch || l->cur.next_keys || !link_session_may_send(l))
		return;
	put_epoch(body + 1, next->epoch);
	noise_public_key(next->secret, body + 5);
	memcpy(body + 5 + KEYREC_KEY_SIZE, next->psk, KEYREC_KEY_SIZE);
	link_session_seal(l, RECORD_KEYROLL, body, sizeof(body));
	WIPE(body);
}

/*
 * Also where both halves are here: a session of the current keys all the same means that the guest
 * may have lost its own (its disk was taken back), and then it answers with another.
 */
void link_keyroll_session_up(struct link *l)
{
	if (l->role == LINK_HOST && l->store_why != STORE_ROLL_BEGIN)
		send_offer(l);
}

enum va_err link_rekey(struct link *l, uint64_t now_ms)
{
	struct keyrec rec;
	enum va_err e;

	link_tick(l, now_ms);
	if (l->role != LINK_HOST || !l->cur.live || l->rec.next.epoch ||
		l->rec.cur.epoch == UINT32_MAX)
		return VA_E_STATE;
	rec = l->rec;
	memset(&rec.next, 0, sizeof(rec.next));
	rec.next.epoch = rec.cur.epoch + 1;
	link_random(l, rec.next.secret, sizeof(rec.next.secret));
	link_random(l, rec.next.psk, sizeof(rec.next.psk));
	e = link_store_begin(l, STORE_ROLL_BEGIN, &rec);
	WIPE(rec);
	return e;
}

static bool on_answer(struct link *l, const uint8_t *untrusted_body)
{
	struct keyrec rec = l->rec;

	if (!rec.next.epoch || get_epoch(untrusted_body + 1) != rec.next.epoch ||
		sodium_is_zero(untrusted_body + 5, KEYREC_KEY_SIZE)) {
		WIPE(rec);
		return false;
	}
	/* where another record is being written, the offer is made again in the next session */
	if (memcmp(rec.next.peer, untrusted_body + 5, KEYREC_KEY_SIZE)) {
		memcpy(rec.next.peer, untrusted_body + 5, KEYREC_KEY_SIZE);
		link_store_begin(l, STORE_ROLL_COMPLETE, &rec);
	}
	WIPE(rec);
	return true;
}

/* --- guest ---------------------------------------------------------------------------------- */
static void send_answer(struct link *l)
{
	uint8_t body[ROLL_ANSWER_SIZE] = { ROLL_ANSWER };

	if (!link_session_may_send(l))
		return; /* a renewal has begun; the host offers again in the new session */
	put_epoch(body + 1, l->rec.next.epoch);
	noise_public_key(l->rec.next.secret, body + 5);
	link_session_seal(l, RECORD_KEYROLL, body, sizeof(body));
}

static bool on_offer(struct link *l, const uint8_t *untrusted_body)
{
	const uint8_t *untrusted_public = untrusted_body + 5;
	const uint8_t *psk = untrusted_public + KEYREC_KEY_SIZE;
	struct keyrec rec = l->rec;

	if (l->cur.next_keys || rec.cur.epoch == UINT32_MAX ||
		get_epoch(untrusted_body + 1) != rec.cur.epoch + 1 ||
		sodium_is_zero(untrusted_public, KEYREC_KEY_SIZE)) {
		WIPE(rec);
		return false;
	}
	if (rec.next.epoch != rec.cur.epoch + 1) {
		memset(&rec.next, 0, sizeof(rec.next));
		rec.next.epoch = rec.cur.epoch + 1;
		link_random(l, rec.next.secret, sizeof(rec.next.secret));
	}
	if (!memcmp(rec.next.peer, untrusted_public, KEYREC_KEY_SIZE) &&
		!sodium_memcmp(rec.next.psk, psk, KEYREC_KEY_SIZE)) {
		send_answer(l); /* stored already; the answer was lost */
	} else {
		memcpy(rec.next.peer, untrusted_public, KEYREC_KEY_SIZE);
		memcpy(rec.next.psk, psk, KEYREC_KEY_SIZE);
		if (l->next.next_keys) /* of the set that is being replaced */
			link_session_wipe(&l->next);
		link_store_begin(l, STORE_ROLL_ANSWER, &rec);
	}
	WIPE(rec);
	return true;
}

/* --- both ----------------------------------------------------------------------------------- */
bool link_keyroll_on_record(struct link *l, const uint8_t *untrusted_body, size_t n)
{
	if (l->role == LINK_HOST)
		return n == ROLL_ANSWER_SIZE && untrusted_body[0] == ROLL_ANSWER &&
		       on_answer(l, untrusted_body);
	return n == ROLL_OFFER_SIZE && untrusted_body[0] == ROLL_OFFER &&
	       on_offer(l, untrusted_body);
}

void link_keyroll_opened(struct link *l)
{
	struct keyrec rec;
	enum va_err e;

	if (!l->cur.next_keys || l->cur.promoted)
		return;
	l->cur.promoted = true;
	if (l->store_why == STORE_PROMOTE)
		return;
	if (!link_keyroll_is_complete(&l->rec.next)) {
		l->cur.next_keys = false; /* promoted by an earlier session */
		return;
	}
	rec = l->rec;
	rec.cur = rec.next;
	memset(&rec.next, 0, sizeof(rec.next));
	e = link_store_begin(l, STORE_PROMOTE, &rec);
	WIPE(rec);
	/* a guest that cannot write it down must not speak in this session */
	if (e != VA_OK && l->role == LINK_GUEST)
		link_session_end(l);
}

static void promoted(struct link *l, bool ok)
{
	if (!l->cur.live || !l->cur.next_keys)
		return;
	if (ok) {
		l->cur.next_keys = false;
		if (l->role == LINK_GUEST && link_session_may_send(l))
			link_session_seal(l, RECORD_PING, NULL, 0); /* the host learns it at once */
		return;
	}
	if (l->role == LINK_GUEST) {
		/* without an answer to these keys the host goes back to the current ones */
		l->guest.next_refused_until_ms = l->now + NEXT_REFUSED_MS;
		link_session_end(l);
	}
}

void link_keyroll_stored(struct link *l, enum store_why why, bool ok)
{
	switch (why) {
	case STORE_ROLL_BEGIN:
		if (ok)
			send_offer(l);
		break;
	case STORE_ROLL_ANSWER:
		if (ok)
			send_answer(l);
		break;
	case STORE_ROLL_COMPLETE:
		if (ok)
			link_session_renew_now(l);
		break;
	case STORE_PROMOTE: promoted(l, ok); break;
	default: break;
	}
}
