// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the guest's half of pairing. It repeats its last message until the next
 * one comes, begins anew when a run leads nowhere, and goes on until its window is over. It
 * believes the host when P_XX3 opens, and stores the keys when P_ACK does. PROTOCOL.md 6.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

static void progress(struct link *l, enum pair_step step)
{
	l->pair.run.step = step;
	l->pair.run.resend_ms = PAIR_RESEND_MS;
	link_timer_in(l, T_PAIR_RESEND, PAIR_RESEND_MS);
	link_timer_in(l, T_PAIR_RUN, PAIR_RUN_MS);
}

static void new_run(struct link *l, unsigned int mode)
{
	struct pair_run *r = &l->pair.run;

	link_pair_run_end(l);
	r->mode = (uint8_t)mode;
	r->step = PAIR_HELLO;
	r->resend_ms = PAIR_RESEND_MS;
	link_pair_body(r->hello, BODY_P_HELLO, (uint8_t)mode, 0);
	link_random(l, r->hello + 4, NONCE_SIZE);
	r->out_len = cobs_encode(r->hello, P_HELLO_SIZE, r->out, sizeof(r->out));
}

void link_pair_guest_begin(struct link *l, unsigned int mode)
{
	new_run(l, mode);
	link_wire_send_raw(l, l->pair.run.out, l->pair.run.out_len);
	link_timer_in(l, T_PAIR_RESEND, PAIR_RESEND_MS);
}

static void begin_later(struct link *l)
{
	new_run(l, l->pair.run.mode);
	link_timer_in(l, T_PAIR_RESEND, PAIR_PAUSE_MS + PAIR_RESEND_MS / 2);
}

void link_pair_guest_on_timer(struct link *l, unsigned int timer)
{
	struct pair_run *r = &l->pair.run;

	if (r->step == PAIR_IDLE || r->step == PAIR_STORING || !l->connected)
		return;
	if (timer == T_PAIR_RUN) {
		link_pair_guest_begin(l, r->mode);
		return;
	}
	link_wire_send_raw(l, r->out, r->out_len);
	r->resend_ms *= 2;
	if (r->resend_ms > PAIR_RESEND_MAX_MS)
		r->resend_ms = PAIR_RESEND_MAX_MS;
	link_timer_in(l, T_PAIR_RESEND, r->resend_ms);
}

/* --- P_START -> P_SHARE ------------------------------------------------------------------- */
static bool share(struct link *l)
{
	static const struct cpace_field none;
	struct pair_run *r = &l->pair.run;
	uint8_t isk[CPACE_ISK_SIZE];
	bool fine;

	if (link_pair_cpace_begin(l, CPACE_RESPONDER) != VA_OK)
		return false;
	link_pair_body(r->share, BODY_P_SHARE, 0, 0);
	memcpy(r->share + 4, r->cpace.share, CPACE_SHARE_SIZE);
	fine = cpace_finish(&r->cpace, r->start + 4 + NONCE_SIZE, none, none, isk) == VA_OK &&
	       link_pair_noise_init(l, isk) == VA_OK;
	WIPE(isk);
	if (fine)
		link_pair_out(l, r->share, P_SHARE_SIZE, true);
	return fine;
}

static void on_start(struct link *l, const uint8_t *untrusted_b)
{
	static const uint8_t zeros[CPACE_SHARE_SIZE];
	struct pair_run *r = &l->pair.run;
	bool fine;

	if (r->step != PAIR_HELLO || untrusted_b[2] != r->mode || untrusted_b[3])
		return;
	memcpy(r->start, untrusted_b, P_START_SIZE);
	if (r->mode == PAIR_CODE)
		fine = share(l);
	else
		fine = !memcmp(untrusted_b + 4 + NONCE_SIZE, zeros, sizeof(zeros)) &&
		       link_pair_noise_init(l, NULL) == VA_OK;
	if (fine)
		progress(l, PAIR_XX1);
	else
		begin_later(l);
}

/* --- P_XX1 -> P_XX2, P_XX3 -> P_DONE ------------------------------------------------------ */
static void on_xx1(struct link *l, const uint8_t *untrusted_b)
{
	struct pair_run *r = &l->pair.run;
	uint8_t body[P_XX2_SIZE];
	size_t n;

	if (r->step != PAIR_XX1)
		return;
	link_pair_body(body, BODY_P_XX2, 0, 0);
	if (noise_handshake_read(&r->hs, untrusted_b + 4, P_XX1_SIZE - 4, NULL, 0, &n) != VA_OK ||
		noise_handshake_write(&r->hs, NULL, 0, body + 4, sizeof(body) - 4, &n) != VA_OK) {
		begin_later(l);
		return;
	}
	link_pair_out(l, body, sizeof(body), true);
	progress(l, PAIR_XX3);
}

/* The host does not know the secret, or the person mistyped it. */
static void on_wrong_secret(struct link *l)
{
	unsigned int mode = l->pair.run.mode;
	struct pair_window *w = &l->pair.window[mode - 1];

	/* never held back: the person at the host waits for this, and P_XX3 comes thrice at most */
	l->reject_ms[LINK_HINT_PAIRING_FAILED] = 0;
	link_wire_reject(l, LINK_HINT_PAIRING_FAILED);
	if (w->attempts)
		w->attempts--;
	link_pair_failed(l, w->attempts, LINK_HINT_PAIRING_FAILED);
	if (w->attempts) {
		begin_later(l);
		return;
	}
	link_pair_run_end(l);
	link_pair_window_close(l, mode);
}

static void on_xx3(struct link *l, const uint8_t *untrusted_b)
{
	static const uint8_t zeros[16];
	struct pair_run *r = &l->pair.run;
	uint8_t payload[KEYREC_ID_SIZE + KEYREC_KEY_SIZE + 4], body[P_DONE_SIZE];
	size_t n = 0;
	bool fine;

	if (r->step != PAIR_XX3)
		return;
	if (noise_handshake_read(&r->hs, untrusted_b + 4, P_XX3_SIZE - 4, payload, sizeof(payload),
		    &n) != VA_OK) {
		on_wrong_secret(l);
		return;
	}
	memcpy(r->guest_id, payload, KEYREC_ID_SIZE);
	memcpy(r->psk, payload + KEYREC_ID_SIZE, KEYREC_KEY_SIZE);
	fine = n == sizeof(payload) &&
	       !memcmp(payload + KEYREC_ID_SIZE + KEYREC_KEY_SIZE, zeros, 4);
	WIPE(payload);
	link_pair_body(body, BODY_P_DONE, 0, 0);
	if (!fine || !link_pair_noise_done(l) ||
		noise_cipher_seal(&r->tx, NULL, 0, zeros, sizeof(zeros), body + 4) != VA_OK) {
		begin_later(l);
		return;
	}
	link_pair_out(l, body, sizeof(body), true);
	progress(l, PAIR_ACK);
	/* the host may hold the new keys already: give up late, or where it knows nothing of them
	 */
	link_timer_in(l, T_PAIR_RUN, PAIR_ACK_MS);
}

/* --- P_ACK -> stored ---------------------------------------------------------------------- */
static void on_ack(struct link *l, const uint8_t *untrusted_b)
{
	static const uint8_t zeros[16];
	struct pair_run *r = &l->pair.run;
	struct noise_cipher rx;
	struct keyrec rec;
	uint8_t plain[P_ACK_SIZE - 4];
	bool fine;

	if (r->step != PAIR_ACK)
		return;
	rx = r->rx;
	fine = noise_cipher_open(&rx, NULL, 0, untrusted_b + 4, P_ACK_SIZE - 4, plain) == VA_OK &&
	       !memcmp(plain, zeros, sizeof(zeros));
	noise_cipher_wipe(&rx);
	if (!fine) /* forged: the host may have stored the keys, so the true one is still awaited */
		return;
	link_pair_record(l, &rec);
	if (link_store_begin(l, STORE_PAIR, &rec) == VA_OK) {
		r->step = PAIR_STORING;
		link_timer_stop(l, T_PAIR_RUN);
		link_timer_stop(l, T_PAIR_RESEND);
	}
	WIPE(rec);
}

void link_pair_guest_stored(struct link *l, bool ok)
{
	unsigned int mode = l->pair.run.mode;

	if (!ok) {
		link_pair_run_end(l);
		link_pair_window_close(l, mode);
		link_pair_failed(l, 0, LINK_HINT_NONE);
		return;
	}
	link_pair_paired(l);
	link_pair_run_end(l);
	if (l->connected)
		link_guest_connected(l);
}

void link_pair_guest_on_body(struct link *l, const uint8_t *untrusted_b, size_t n)
{
	(void)n;
	if (untrusted_b[1] != LINK_VERSION) {
		link_wire_reject(l, LINK_HINT_VERSION);
		return;
	}
	if (untrusted_b[0] == BODY_P_START) {
		on_start(l, untrusted_b);
		return;
	}
	if (untrusted_b[2] || untrusted_b[3]) {
		link_wire_count_bad(l);
		return;
	}
	if (untrusted_b[0] == BODY_P_XX1)
		on_xx1(l, untrusted_b);
	else if (untrusted_b[0] == BODY_P_XX3)
		on_xx3(l, untrusted_b);
	else
		on_ack(l, untrusted_b);
}
