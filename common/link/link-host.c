// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the host's handshake. The guest speaks first (HELLO), because every byte in
 * this direction may be hours old: the host says no more than SOLICIT until then, and not even
 * that to a guest that is silent. HELLO is answered with INIT at the host's own pace, one at a
 * time; only a RESP that verifies replaces a session. PROTOCOL.md 4.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

void link_prologue(const struct link *l, const uint8_t hello[HELLO_SIZE],
	const uint8_t init[INIT_SIZE], uint8_t ret[PROLOGUE_SIZE])
{
	memcpy(ret, LABEL, LABEL_SIZE);
	ret += LABEL_SIZE;
	memcpy(ret, l->rec.guest_id, KEYREC_ID_SIZE);
	ret += KEYREC_ID_SIZE;
	memcpy(ret, hello, HELLO_SIZE);
	ret += HELLO_SIZE;
	memcpy(ret, init, INIT_BOUND);
}

enum va_err link_handshake_init(struct link *l, const struct keyset *keys,
	const uint8_t hello[HELLO_SIZE], const uint8_t init[INIT_SIZE], struct noise_handshake *hs)
{
	uint8_t prologue[PROLOGUE_SIZE], e[NOISE_KEY_SIZE];
	struct noise_config c = {
		.pattern = &noise_pattern_KKpsk2,
		.hash = &noise_hash_blake2b,
		.role = l->role == LINK_HOST ? NOISE_INITIATOR : NOISE_RESPONDER,
		.prologue = prologue,
		.prologue_len = sizeof(prologue),
		.s = keys->secret,
		.rs = keys->peer,
		.psks = { keys->psk },
		.ephemeral = e,
	};
	enum va_err err;

	link_prologue(l, hello, init, prologue);
	link_random(l, e, sizeof(e));
	err = noise_handshake_init(hs, &c);
	WIPE(e);
	return err;
}

/* --- SOLICIT -------------------------------------------------------------------------------- */
static void send_solicit(struct link *l)
{
	static const uint8_t body[SOLICIT_SIZE] = { BODY_SOLICIT, LINK_VERSION, LINK_VERSION };

	link_wire_send(l, body, sizeof(body));
	l->host.solicit_last_ms = l->now;
}

void link_host_solicit(struct link *l)
{
	uint64_t since = l->now - l->host.solicit_last_ms;

	if (since < PER_SECOND_MS) {
		link_timer_soon(l, T_SOLICIT, (uint32_t)(PER_SECOND_MS - since));
		return;
	}
	send_solicit(l);
	if (!l->cur.live)
		link_timer_soon(l, T_SOLICIT, l->host.solicit_backoff_ms);
}

static bool guest_is_talking(const struct link *l)
{
	return l->heard_any && l->now - l->last_byte_ms < PEER_QUIET_MS;
}

static void on_solicit_timer(struct link *l)
{
	struct host_state *h = &l->host;

	if (!l->connected || (l->cur.live && !l->renew_due))
		return;
	/* what is written to a port that nobody reads would be read much later */
	if (!guest_is_talking(l))
		return;
	send_solicit(l);
	if (l->cur.live)
		return;
	link_timer_in(l, T_SOLICIT, h->solicit_backoff_ms);
	h->solicit_backoff_ms *= 2;
	if (h->solicit_backoff_ms > SOLICIT_MAX_MS)
		h->solicit_backoff_ms = SOLICIT_MAX_MS;
}

void link_host_connected(struct link *l)
{
	l->host.solicit_backoff_ms = SOLICIT_FIRST_MS;
	send_solicit(l);
	link_timer_in(l, T_SOLICIT, SOLICIT_FIRST_MS);
}

void link_host_heard(struct link *l)
{
	if (!l->cur.live && !link_timer_is_set(l, T_SOLICIT))
		link_timer_in(l, T_SOLICIT, l->host.solicit_backoff_ms);
}

void link_host_forget(struct link *l)
{
	struct host_state *h = &l->host;

	h->pending = false;
	noise_handshake_wipe(&h->hs);
	link_timer_stop(l, T_PEND);
}

void link_host_on_timer(struct link *l, unsigned int timer)
{
	if (timer == T_SOLICIT) {
		on_solicit_timer(l);
		return;
	}
	link_host_forget(l);
	if (!l->cur.live)
		link_host_solicit(l);
}

/* --- HELLO -> INIT -------------------------------------------------------------------------- */
/*
 * The keys to answer with; NULL: the guest names none that this record knows. While keys are being
 * rolled the next ones are tried, and after three tries without a RESP the old ones once.
 */
static const struct keyset *choose_keys(struct link *l, const uint8_t *untrusted_id)
{
	uint8_t cur[KEYREC_KEYID_SIZE], next[KEYREC_KEYID_SIZE];
	bool complete = link_keyroll_is_complete(&l->rec.next);

	keyrec_key_id(l->rec.cur.peer, cur);
	if (complete) {
		keyrec_key_id(l->rec.next.peer, next);
		if (!memcmp(untrusted_id, next, sizeof(next)))
			return &l->rec.next;
	}
	if (memcmp(untrusted_id, cur, sizeof(cur)))
		return NULL;
	if (!complete)
		return &l->rec.cur;
	if (l->host.next_tries >= NEXT_KEY_TRIES) {
		l->host.next_tries = 0;
		return &l->rec.cur;
	}
	l->host.next_tries++;
	return &l->rec.next;
}

static void send_init(struct link *l, const struct keyset *keys, const uint8_t *hello)
{
	struct host_state *h = &l->host;
	size_t n;

	link_host_forget(l);
	memcpy(h->hello, hello, HELLO_SIZE);
	memset(h->init, 0, sizeof(h->init));
	h->init[0] = BODY_INIT;
	h->init[1] = LINK_VERSION;
	keyrec_own_key_id(keys, h->init + 4);
	memcpy(h->init + 12, hello + 12, ECHO_SIZE);
	if (link_handshake_init(l, keys, h->hello, h->init, &h->hs) != VA_OK ||
		noise_handshake_write(&h->hs, NULL, 0, h->init + INIT_BOUND, INIT_SIZE - INIT_BOUND,
			&n) != VA_OK) {
		link_host_forget(l);
		return;
	}
	h->pend_next_keys = keys == &l->rec.next;
	h->pending = true;
	link_timer_in(l, T_PEND, PEND_MS);
	link_wire_send(l, h->init, INIT_SIZE);
}

/* True where it may go on: paired, and of a version that is known here. */
static bool hello_is_welcome(struct link *l, const uint8_t *untrusted_b)
{
	bool unpaired = untrusted_b[3] & HELLO_FLAG_UNPAIRED;

	if (untrusted_b[1] > untrusted_b[2] || untrusted_b[3] & ~HELLO_FLAG_UNPAIRED) {
		link_wire_count_bad(l);
		return false;
	}
	if (untrusted_b[1] > LINK_VERSION || untrusted_b[2] < LINK_VERSION) {
		link_wire_reject(l, LINK_HINT_VERSION);
		link_event_hint(l, LINK_HINT_VERSION);
		return false;
	}
	if (unpaired)
		link_event_hint(l, LINK_HINT_PEER_WANTS_PAIRING);
	if (unpaired || !l->paired) {
		link_wire_reject(l, LINK_HINT_UNPAIRED);
		return false;
	}
	return true;
}

void link_host_on_hello(struct link *l, const uint8_t *untrusted_b)
{
	struct host_state *h = &l->host;
	const struct keyset *keys;

	if (!hello_is_welcome(l, untrusted_b))
		return;
	if (!link_wire_take_token(l))
		return;
	if (h->pending && !memcmp(h->hello, untrusted_b, HELLO_SIZE)) {
		/* sent again by an impatient guest: the same answer, or RESP would fit neither */
		link_timer_in(l, T_PEND, PEND_MS);
		link_wire_send(l, h->init, INIT_SIZE);
		return;
	}
	keys = choose_keys(l, untrusted_b + 4);
	if (!keys) {
		link_wire_reject(l, LINK_HINT_UNKNOWN_KEY);
		link_event_hint(l, LINK_HINT_FOREIGN_KEY);
		return;
	}
	send_init(l, keys, untrusted_b);
}

/* --- RESP ----------------------------------------------------------------------------------- */
void link_host_on_resp(struct link *l, const uint8_t *untrusted_b)
{
	struct host_state *h = &l->host;
	struct noise_handshake hs;
	struct session s;
	size_t n;

	if (!h->pending || untrusted_b[1] != LINK_VERSION || untrusted_b[2] || untrusted_b[3] ||
		memcmp(untrusted_b + 4, h->hello + 12, ECHO_SIZE))
		return;
	/* on a copy: a forged RESP must not spoil the one that is still to come */
	hs = h->hs;
	if (noise_handshake_read(&hs, untrusted_b + 12, RESP_SIZE - 12, NULL, 0, &n) != VA_OK) {
		noise_handshake_wipe(&hs);
		link_wire_count_mismatch(l);
		return;
	}
	h->next_tries = 0;
	if (link_session_make(l, &s, &hs, h->pend_next_keys)) {
		link_host_forget(l);
		link_session_install(l, &s);
	}
	noise_handshake_wipe(&hs);
	if (l->cur.live && link_session_seal(l, RECORD_CONFIRM, NULL, 0))
		link_keyroll_session_up(l);
}
