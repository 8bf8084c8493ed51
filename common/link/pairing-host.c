// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the host's half of pairing. It only ever answers. The first message that
 * depends on the secret is P_XX3, so an attempt is spent when that is sent, and given back by the
 * P_DONE that proves the other side knew it; the third that is not given back closes the window.
 * The record is on the disk before P_ACK is sent. PROTOCOL.md 6.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

static struct pair_window *run_window(struct link *l)
{
	return &l->pair.window[l->pair.run.mode - 1];
}

void link_pair_host_run_failed(struct link *l)
{
	struct pair_run *r = &l->pair.run;
	unsigned int mode = r->mode;
	bool spent = r->spent && run_window(l)->open;

	link_pair_run_end(l);
	if (!spent)
		return;
	link_pair_failed(l, l->pair.window[mode - 1].attempts, LINK_HINT_PAIRING_FAILED);
	if (!l->pair.window[mode - 1].attempts)
		link_pair_window_close(l, mode);
}

static void break_run(struct link *l)
{
	link_wire_reject(l, LINK_HINT_PAIRING_FAILED);
	link_pair_host_run_failed(l);
}

void link_pair_host_on_timer(struct link *l, unsigned int timer)
{
	(void)timer; /* T_PAIR_RUN: the guest is gone; the host repeats nothing by itself */
	if (l->pair.run.step != PAIR_STORING && l->pair.run.step != PAIR_OVER)
		link_pair_host_run_failed(l);
}

void link_pair_on_reject(struct link *l, enum link_hint code)
{
	struct pair_run *r = &l->pair.run;

	if (l->role == LINK_HOST) {
		if (code == LINK_HINT_PAIRING_FAILED && r->step > PAIR_IDLE &&
			r->step < PAIR_STORING)
			link_pair_host_run_failed(l);
		return;
	}
	if (r->step == PAIR_HELLO && (code == LINK_HINT_PAIRING_CLOSED || code == LINK_HINT_BUSY)) {
		/* somebody may be opening the window just now */
		r->resend_ms = PAIR_PAUSE_MS + PAIR_RESEND_MS;
		link_timer_in(l, T_PAIR_RESEND, r->resend_ms);
	}
	if (code == LINK_HINT_PAIRING_FAILED && r->step > PAIR_HELLO && r->step < PAIR_STORING)
		link_timer_soon(l, T_PAIR_RUN, PAIR_PAUSE_MS);
}

/* The answer to this body is in the making; the same body again gets it again. */
static void remember(struct link *l, const uint8_t *body, size_t n)
{
	struct pair_run *r = &l->pair.run;

	memcpy(r->in, body, n);
	r->in_len = n;
	r->out_len = 0;
	link_timer_in(l, T_PAIR_RUN, PAIR_RUN_MS);
}

static bool send_xx1(struct link *l, const uint8_t *isk, bool first)
{
	struct pair_run *r = &l->pair.run;
	uint8_t body[P_XX1_SIZE];
	size_t n;

	link_pair_body(body, BODY_P_XX1, 0, 0);
	if (link_pair_noise_init(l, isk) != VA_OK ||
		noise_handshake_write(&r->hs, NULL, 0, body + 4, sizeof(body) - 4, &n) != VA_OK)
		return false;
	link_pair_out(l, body, sizeof(body), first);
	r->step = PAIR_XX2;
	return true;
}

/* --- P_HELLO -> P_START ------------------------------------------------------------------ */
static bool may_begin(struct link *l, unsigned int mode)
{
	struct pair_run *r = &l->pair.run;

	if (!l->pair.window[mode - 1].open) {
		link_wire_reject(l, LINK_HINT_PAIRING_CLOSED);
		return false;
	}
	if (r->step != PAIR_IDLE && r->step != PAIR_STORING)
		link_pair_host_run_failed(l); /* the guest has given up that one */
	if (!l->pair.window[mode - 1].open) {
		link_wire_reject(l, LINK_HINT_PAIRING_FAILED);
		return false;
	}
	if (l->store_why != STORE_NONE || (l->pair.paused && l->now < l->pair.pause_until_ms)) {
		link_wire_reject(l, LINK_HINT_BUSY);
		return false;
	}
	return link_wire_take_token(l);
}

static void on_hello(struct link *l, const uint8_t *untrusted_b)
{
	struct pair_run *r = &l->pair.run;
	unsigned int mode = untrusted_b[2];

	if (untrusted_b[1] != LINK_VERSION) {
		link_wire_reject(l, LINK_HINT_VERSION);
		return;
	}
	if ((mode != PAIR_TOKEN && mode != PAIR_CODE) || untrusted_b[3]) {
		link_wire_count_bad(l);
		return;
	}
	if (!may_begin(l, mode))
		return;
	r->mode = (uint8_t)mode;
	r->step = PAIR_HELLO;
	memcpy(r->hello, untrusted_b, P_HELLO_SIZE);
	remember(l, untrusted_b, P_HELLO_SIZE);
	link_pair_body(r->start, BODY_P_START, (uint8_t)mode, 0);
	link_random(l, r->start + 4, NONCE_SIZE);
	if (mode == PAIR_CODE) {
		if (link_pair_cpace_begin(l, CPACE_INITIATOR) != VA_OK) {
			break_run(l);
			return;
		}
		memcpy(r->start + 4 + NONCE_SIZE, r->cpace.share, CPACE_SHARE_SIZE);
	}
	link_pair_out(l, r->start, P_START_SIZE, true);
	if (mode == PAIR_TOKEN && !send_xx1(l, NULL, false))
		break_run(l);
}

/* --- P_SHARE -> P_XX1 --------------------------------------------------------------------- */
static void on_share(struct link *l, const uint8_t *untrusted_b)
{
	static const struct cpace_field none;
	struct pair_run *r = &l->pair.run;
	uint8_t isk[CPACE_ISK_SIZE];
	bool fine;

	if (r->step != PAIR_HELLO || r->mode != PAIR_CODE)
		return;
	memcpy(r->share, untrusted_b, P_SHARE_SIZE);
	remember(l, untrusted_b, P_SHARE_SIZE);
	fine = cpace_finish(&r->cpace, untrusted_b + 4, none, none, isk) == VA_OK &&
	       send_xx1(l, isk, true);
	WIPE(isk);
	if (!fine)
		break_run(l);
}

/* --- P_XX2 -> P_XX3 ----------------------------------------------------------------------- */
static void spend_attempt(struct link *l)
{
	struct event_entry e = { .kind = LINK_EV_PAIR_ATTEMPT };
	struct pair_window *w = run_window(l);

	w->attempts--;
	l->pair.run.spent = true;
	l->pair.paused = true;
	l->pair.pause_until_ms = l->now + PAIR_PAUSE_MS;
	e.attempts = w->attempts;
	link_event_push(l, &e);
}

static void on_xx2(struct link *l, const uint8_t *untrusted_b)
{
	struct pair_run *r = &l->pair.run;
	uint8_t body[P_XX3_SIZE], payload[KEYREC_ID_SIZE + KEYREC_KEY_SIZE + 4] = { 0 };
	bool fine;
	size_t n;

	if (r->step != PAIR_XX2)
		return;
	remember(l, untrusted_b, P_XX2_SIZE);
	if (noise_handshake_read(&r->hs, untrusted_b + 4, P_XX2_SIZE - 4, NULL, 0, &n) != VA_OK) {
		break_run(l);
		return;
	}
	link_random(l, r->guest_id, sizeof(r->guest_id));
	link_random(l, r->psk, sizeof(r->psk));
	memcpy(payload, r->guest_id, KEYREC_ID_SIZE);
	memcpy(payload + KEYREC_ID_SIZE, r->psk, KEYREC_KEY_SIZE);
	link_pair_body(body, BODY_P_XX3, 0, 0);
	fine = noise_handshake_write(
		       &r->hs, payload, sizeof(payload), body + 4, sizeof(body) - 4, &n) == VA_OK &&
	       link_pair_noise_done(l);
	WIPE(payload);
	if (!fine) {
		break_run(l);
		return;
	}
	spend_attempt(l);
	r->step = PAIR_DONE;
	link_pair_out(l, body, sizeof(body), true);
}

/* --- P_DONE -> stored -> P_ACK ------------------------------------------------------------ */
static void on_done(struct link *l, const uint8_t *untrusted_b)
{
	static const uint8_t zeros[16];
	struct pair_run *r = &l->pair.run;
	struct keyrec rec;
	uint8_t plain[P_DONE_SIZE - 4];
	enum va_err e;

	if (r->step != PAIR_DONE) {
		if (r->step != PAIR_STORING) /* a run from before a restart: it leads nowhere */
			link_wire_reject(l, LINK_HINT_PAIRING_FAILED);
		return;
	}
	if (noise_cipher_open(&r->rx, NULL, 0, untrusted_b + 4, P_DONE_SIZE - 4, plain) != VA_OK ||
		memcmp(plain, zeros, sizeof(zeros))) {
		break_run(l);
		return;
	}
	run_window(l)->attempts++;
	r->spent = false;
	l->pair.paused = false;
	remember(l, untrusted_b, P_DONE_SIZE);
	link_timer_stop(l, T_PAIR_RUN);
	link_pair_record(l, &rec);
	r->step = PAIR_STORING;
	e = link_store_begin(l, STORE_PAIR, &rec);
	WIPE(rec);
	if (e != VA_OK) {
		r->step = PAIR_DONE;
		break_run(l);
	}
}

void link_pair_host_stored(struct link *l, bool ok)
{
	static const uint8_t zeros[16];
	struct pair_run *r = &l->pair.run;
	uint8_t body[P_ACK_SIZE];

	if (!ok) {
		unsigned int attempts = run_window(l)->attempts;

		link_wire_reject(l, LINK_HINT_PAIRING_FAILED);
		link_pair_run_end(l);
		link_pair_failed(l, attempts, LINK_HINT_NONE);
		return;
	}
	link_pair_body(body, BODY_P_ACK, 0, 0);
	r->step = PAIR_OVER;
	if (noise_cipher_seal(&r->tx, NULL, 0, zeros, sizeof(zeros), body + 4) == VA_OK)
		link_pair_out(l, body, sizeof(body), true);
	/* the rest is not needed to repeat P_ACK */
	noise_handshake_wipe(&r->hs);
	noise_cipher_wipe(&r->tx);
	noise_cipher_wipe(&r->rx);
	WIPE(r->secret);
	WIPE(r->psk);
	link_pair_paired(l);
}

void link_pair_host_on_body(struct link *l, const uint8_t *untrusted_b, size_t n)
{
	struct pair_run *r = &l->pair.run;

	if (r->step != PAIR_IDLE && n == r->in_len && !memcmp(untrusted_b, r->in, n)) {
		link_wire_send_raw(l, r->out, r->out_len);
		return;
	}
	if (untrusted_b[0] == BODY_P_HELLO) {
		on_hello(l, untrusted_b);
		return;
	}
	if (untrusted_b[1] != LINK_VERSION || untrusted_b[2] || untrusted_b[3]) {
		link_wire_count_bad(l);
		return;
	}
	if (untrusted_b[0] == BODY_P_SHARE)
		on_share(l, untrusted_b);
	else if (untrusted_b[0] == BODY_P_XX2)
		on_xx2(l, untrusted_b);
	else
		on_done(l, untrusted_b);
}
