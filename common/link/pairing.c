// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: pairing gives both sides a record of keys, starting from a secret both were
 * told: a one-time token, or an eight-character code through CPace. This file has what both roles
 * share; the guest drives and repeats itself (pairing-guest.c), the host answers and counts
 * attempts (pairing-host.c). A body that comes twice gets the same answer twice, so a loss
 * anywhere is made good by the guest's repetition. PROTOCOL.md 6.
 *
 * A pairing run does not disturb a session. Only a finished one ends it, its keys being gone.
 */
#include "common/link/link-internal.h"

#include "common/base/escape.h"
#include "common/link/wipe.h"

#include <string.h>

/* --- codes and words ------------------------------------------------------------------------ */
static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static char normal_symbol(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		return '0';
	if (c == 'I' || c == 'L')
		return '1';
	return c && strchr(alphabet, c) ? c : '\0';
}

enum va_err pair_code_parse(const char *typed, char ret[PAIR_CODE_CHARS + 1])
{
	char code[PAIR_CODE_CHARS + 1] = { 0 };
	size_t n = 0;

	for (; *typed; typed++) {
		if (*typed == '-' || *typed == ' ')
			continue;
		if (n == PAIR_CODE_CHARS)
			return VA_E_MALFORMED;
		code[n] = normal_symbol(*typed);
		if (!code[n++])
			return VA_E_MALFORMED;
	}
	if (n != PAIR_CODE_CHARS)
		return VA_E_MALFORMED;
	memcpy(ret, code, sizeof(code));
	WIPE(code);
	return VA_OK;
}

void pair_code_make(struct link *l, char ret[PAIR_CODE_CHARS + 1])
{
	uint8_t random[PAIR_CODE_CHARS];

	link_random(l, random, sizeof(random));
	for (size_t i = 0; i < PAIR_CODE_CHARS; i++)
		ret[i] = alphabet[random[i] % 32];
	ret[PAIR_CODE_CHARS] = '\0';
	WIPE(random);
}

/* Four words of five letters for 64 bits, as proquints have them: consonants and vowels in turn. */
static void make_words(const uint8_t bits[8], char ret[48])
{
	static const char consonant[17] = "bdfghjklmnprstvz";
	static const char vowel[5] = "aiou";
	char *out = ret;

	for (size_t i = 0; i < 8; i += 2) {
		unsigned int w = (unsigned int)bits[i] << 8 | bits[i + 1];

		if (i)
			*out++ = '-';
		*out++ = consonant[w >> 12 & 15];
		*out++ = vowel[w >> 10 & 3];
		*out++ = consonant[w >> 6 & 15];
		*out++ = vowel[w >> 4 & 3];
		*out++ = consonant[w & 15];
	}
	*out = '\0';
}

/* --- windows -------------------------------------------------------------------------------- */
static unsigned int window_timer(unsigned int mode)
{
	return T_PAIR_WINDOW + mode - 1;
}

void link_pair_window_close(struct link *l, unsigned int mode)
{
	WIPE(l->pair.window[mode - 1]);
	link_timer_stop(l, window_timer(mode));
}

static bool run_is_breakable(const struct link *l)
{
	enum pair_step step = l->pair.run.step;

	return step != PAIR_IDLE && step != PAIR_STORING && step != PAIR_OVER;
}

enum va_err link_pair_open(struct link *l, enum pair_mode mode, const uint8_t *secret, size_t n,
	const char *guest, uint32_t window_ms, uint64_t now_ms)
{
	struct pair_window *w;
	const char *name = l->role == LINK_HOST ? guest : "host";

	link_tick(l, now_ms);
	if ((mode != PAIR_TOKEN || n != PAIR_TOKEN_SIZE) &&
		(mode != PAIR_CODE || n != PAIR_CODE_CHARS))
		return VA_E_RANGE;
	if (!window_ms || !name || !name_is_valid(name))
		return VA_E_RANGE;
	if (l->pair.run.step == PAIR_STORING)
		return VA_E_STATE;
	if (l->role == LINK_GUEST || l->pair.run.mode == mode)
		link_pair_run_end(l);
	if (l->role == LINK_GUEST) /* one at a time */
		link_pair_window_close(l, mode == PAIR_TOKEN ? PAIR_CODE : PAIR_TOKEN);
	w = &l->pair.window[mode - 1];
	WIPE(*w);
	w->open = true;
	memcpy(w->secret, secret, n);
	memset(l->pair.guest, 0, sizeof(l->pair.guest));
	memcpy(l->pair.guest, name, strlen(name));
	/* a code that was typed wrong stays wrong; a token may have met a stranger in the pipe */
	w->attempts = l->role == LINK_GUEST && mode == PAIR_CODE ? 1 : PAIR_ATTEMPTS;
	link_timer_in(l, window_timer(mode), window_ms);
	if (l->role == LINK_GUEST && l->connected)
		link_pair_guest_begin(l, mode);
	return VA_OK;
}

void link_pair_close(struct link *l, uint64_t now_ms)
{
	link_tick(l, now_ms);
	if (run_is_breakable(l))
		link_pair_run_end(l);
	link_pair_window_close(l, PAIR_TOKEN);
	link_pair_window_close(l, PAIR_CODE);
}

void link_pair_failed(struct link *l, unsigned int attempts, enum link_hint hint)
{
	struct event_entry e = {
		.kind = LINK_EV_PAIR_FAILED,
		.attempts = attempts,
		.hint = hint,
	};

	link_event_push(l, &e);
}

static void on_window_over(struct link *l, unsigned int mode)
{
	if (l->pair.run.mode == mode && run_is_breakable(l))
		link_pair_run_end(l);
	link_pair_window_close(l, mode);
	if (l->pair.run.step != PAIR_STORING)
		link_pair_failed(l, 0, LINK_HINT_PAIRING_CLOSED);
}

void link_pair_on_timer(struct link *l, unsigned int timer)
{
	if (timer <= T_PAIR_WINDOW_LAST)
		on_window_over(l, timer - T_PAIR_WINDOW + 1);
	else if (l->role == LINK_HOST)
		link_pair_host_on_timer(l, timer);
	else
		link_pair_guest_on_timer(l, timer);
}

/* --- runs ----------------------------------------------------------------------------------- */
void link_pair_run_end(struct link *l)
{
	WIPE(l->pair.run);
	link_timer_stop(l, T_PAIR_RUN);
	link_timer_stop(l, T_PAIR_RESEND);
}

void link_pair_disconnected(struct link *l)
{
	/* a guest that waits for the last message still wants it from whoever comes back */
	if (!run_is_breakable(l) || l->pair.run.step == PAIR_ACK)
		return;
	if (l->role == LINK_HOST)
		link_pair_host_run_failed(l);
	else
		link_pair_run_end(l);
}

void link_pair_connected(struct link *l)
{
	if (l->role != LINK_GUEST)
		return;
	if (l->pair.run.step == PAIR_HELLO || l->pair.run.step == PAIR_ACK) {
		l->pair.run.resend_ms = PAIR_RESEND_MS;
		link_timer_soon(l, T_PAIR_RESEND, PAIR_RESEND_MS);
	}
	for (unsigned int mode = PAIR_TOKEN; mode <= PAIR_CODE; mode++)
		if (l->pair.window[mode - 1].open && l->pair.run.step == PAIR_IDLE)
			link_pair_guest_begin(l, mode);
}

void link_pair_body(uint8_t *body, enum body_type type, uint8_t b2, uint8_t b3)
{
	body[0] = (uint8_t)type;
	body[1] = LINK_VERSION;
	body[2] = b2;
	body[3] = b3;
}

void link_pair_out(struct link *l, const uint8_t *body, size_t n, bool first)
{
	struct pair_run *r = &l->pair.run;
	size_t len;

	if (first)
		r->out_len = 0;
	len = cobs_encode(body, n, r->out + r->out_len, sizeof(r->out) - r->out_len);
	link_wire_send_raw(l, r->out + r->out_len, len);
	r->out_len += len;
}

/* --- cryptography --------------------------------------------------------------------------- */
static void run_sid(const struct link *l, uint8_t ret[2 * NONCE_SIZE])
{
	memcpy(ret, l->pair.run.hello + 4, NONCE_SIZE);
	memcpy(ret + NONCE_SIZE, l->pair.run.start + 4, NONCE_SIZE);
}

void link_pair_psk(const struct link *l, const uint8_t *isk, uint8_t ret[KEYREC_KEY_SIZE])
{
	static const char from_code[] = "VIRTAID1 pair psk", from_token[] = "VIRTAID1 pair tok";
	const char *label = isk ? from_code : from_token;
	const uint8_t *key = isk ? isk : l->pair.window[PAIR_TOKEN - 1].secret;
	uint8_t sid[2 * NONCE_SIZE];
	crypto_generichash_state st;

	run_sid(l, sid);
	crypto_generichash_init(&st, key, isk ? CPACE_ISK_SIZE : PAIR_TOKEN_SIZE, KEYREC_KEY_SIZE);
	crypto_generichash_update(&st, (const uint8_t *)label, strlen(label));
	crypto_generichash_update(&st, sid, sizeof(sid));
	crypto_generichash_final(&st, ret, KEYREC_KEY_SIZE);
	WIPE(st);
}

enum va_err link_pair_cpace_begin(struct link *l, enum cpace_role role)
{
	/* lv("VIRTAID1 pair") lv("host") lv("guest") */
	static const char ci[] = "\x0dVIRTAID1 pair\x04host\x05guest";
	uint8_t sid[2 * NONCE_SIZE], random[CPACE_RANDOM_SIZE];
	struct cpace_field code = { l->pair.window[PAIR_CODE - 1].secret, PAIR_CODE_CHARS };
	struct cpace_field who = { (const uint8_t *)ci, sizeof(ci) - 1 };
	struct cpace_field run = { sid, sizeof(sid) };
	enum va_err e;

	run_sid(l, sid);
	link_random(l, random, sizeof(random));
	e = cpace_begin(&l->pair.run.cpace, role, code, who, run, random);
	WIPE(random);
	return e;
}

enum va_err link_pair_noise_init(struct link *l, const uint8_t *isk)
{
	static const char label[] = "VIRTAID1 pair"; /* its zero belongs to it */
	struct pair_run *r = &l->pair.run;
	uint8_t prologue[sizeof(label) + P_HELLO_SIZE + P_START_SIZE + P_SHARE_SIZE];
	uint8_t psk[KEYREC_KEY_SIZE], e[NOISE_KEY_SIZE], *p = prologue;
	struct noise_config c = {
		.pattern = &noise_pattern_XXpsk3,
		.hash = &noise_hash_blake2b,
		.role = l->role == LINK_HOST ? NOISE_INITIATOR : NOISE_RESPONDER,
		.prologue = prologue,
		.s = r->secret,
		.psks = { psk },
		.ephemeral = e,
	};
	enum va_err err;

	memcpy(p, label, sizeof(label));
	p += sizeof(label);
	memcpy(p, r->hello, P_HELLO_SIZE);
	p += P_HELLO_SIZE;
	memcpy(p, r->start, P_START_SIZE);
	p += P_START_SIZE;
	if (r->mode == PAIR_CODE) {
		memcpy(p, r->share, P_SHARE_SIZE);
		p += P_SHARE_SIZE;
	}
	c.prologue_len = (size_t)(p - prologue);
	link_random(l, r->secret, sizeof(r->secret));
	link_random(l, e, sizeof(e));
	link_pair_psk(l, isk, psk);
	err = noise_handshake_init(&r->hs, &c);
	WIPE(e);
	WIPE(psk);
	return err;
}

bool link_pair_noise_done(struct link *l)
{
	struct pair_run *r = &l->pair.run;
	const uint8_t *peer = noise_handshake_peer(&r->hs);

	if (!noise_handshake_is_done(&r->hs) || !peer)
		return false;
	memcpy(r->peer, peer, sizeof(r->peer));
	make_words(noise_handshake_hash(&r->hs), r->words);
	return noise_handshake_split(&r->hs, &r->tx, &r->rx) == VA_OK;
}

/* --- the end of it -------------------------------------------------------------------------- */
void link_pair_record(const struct link *l, struct keyrec *ret)
{
	const struct pair_run *r = &l->pair.run;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->guest, l->pair.guest, sizeof(ret->guest));
	memcpy(ret->guest_id, r->guest_id, sizeof(ret->guest_id));
	ret->cur.epoch = 1;
	memcpy(ret->cur.secret, r->secret, KEYREC_KEY_SIZE);
	memcpy(ret->cur.peer, r->peer, KEYREC_KEY_SIZE);
	memcpy(ret->cur.psk, r->psk, KEYREC_KEY_SIZE);
}

void link_pair_paired(struct link *l)
{
	struct event_entry e = { .kind = LINK_EV_PAIRED };

	memcpy(l->pair.words, l->pair.run.words, sizeof(l->pair.words));
	link_event_push(l, &e);
	link_pair_window_close(l, PAIR_TOKEN);
	link_pair_window_close(l, PAIR_CODE);
	/* whatever was made with the old keys ends with them */
	link_session_wipe(&l->next);
	link_host_forget(l);
	link_guest_forget(l);
	link_session_end(l);
	link_fit_reader(l);
}

void link_pair_stored(struct link *l, bool ok)
{
	if (l->role == LINK_HOST)
		link_pair_host_stored(l, ok);
	else
		link_pair_guest_stored(l, ok);
}
