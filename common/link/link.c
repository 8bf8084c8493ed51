// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the face of the link. Every entry first lets the time pass (what has ended
 * by now must not see the bytes that come), then does its own work, then sends what has become
 * possible. Bytes become frames, and a frame goes to the one handler for its type, length and
 * direction; anything else is counted as noise. State machines: PROTOCOL.md 4.9.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

size_t link_size(void)
{
	return sizeof(struct link);
}

static void default_random(void *buf, size_t n, void *userdata)
{
	(void)userdata;
	randombytes_buf(buf, n);
}

void link_random(struct link *l, void *buf, size_t n)
{
	l->random(buf, n, l->random_userdata);
}

enum va_err link_init(struct link *l, const struct link_config *config, uint64_t now_ms)
{
	uint32_t number;

	memset(l, 0, sizeof(*l));
	if (config->role != LINK_HOST && config->role != LINK_GUEST)
		return VA_E_RANGE;
	if (sodium_init() < 0)
		return VA_E_RANDOM;
	l->role = config->role;
	l->random = config->random ? config->random : default_random;
	l->random_userdata = config->random_userdata;
	l->now = now_ms;
	for (unsigned int i = 0; i < T_COUNT; i++)
		l->timers[i] = LINK_NEVER;
	frame_reader_init(&l->reader);
	if (config->record) {
		l->rec = *config->record;
		l->paired = true;
	}
	l->bucket_ms = BUCKET_MAX_MS;
	l->bucket_at_ms = now_ms;
	l->host.reset_backoff_ms = RESET_FIRST_MS;
	/* another process's sessions must not have the numbers of ours */
	link_random(l, &number, sizeof(number));
	l->number = (uint64_t)number << 20;
	return VA_OK;
}

void link_wipe(struct link *l)
{
	sodium_memzero(l, sizeof(*l));
}

/* --- timers --------------------------------------------------------------------------------- */
void link_timer_set(struct link *l, unsigned int timer, uint64_t at_ms)
{
	l->timers[timer] = at_ms;
}

void link_timer_in(struct link *l, unsigned int timer, uint32_t ms)
{
	l->timers[timer] = l->now + ms;
}

void link_timer_soon(struct link *l, unsigned int timer, uint32_t ms)
{
	if (l->timers[timer] > l->now + ms)
		l->timers[timer] = l->now + ms;
}

void link_timer_stop(struct link *l, unsigned int timer)
{
	l->timers[timer] = LINK_NEVER;
}

bool link_timer_is_set(const struct link *l, unsigned int timer)
{
	return l->timers[timer] != LINK_NEVER;
}

uint64_t link_deadline(const struct link *l)
{
	uint64_t first = LINK_NEVER;

	for (unsigned int i = 0; i < T_COUNT; i++)
		if (l->timers[i] < first)
			first = l->timers[i];
	return first;
}

static void fire(struct link *l, unsigned int t)
{
	if (t >= T_CALL && t <= T_CALL_LAST)
		link_calls_on_timer(l, t - T_CALL);
	else if (t >= T_PAIR_WINDOW && t <= T_PAIR_RESEND)
		link_pair_on_timer(l, t);
	else if (t == T_PEND || t == T_SOLICIT)
		link_host_on_timer(l, t);
	else if (t == T_UNCONFIRMED || t == T_HELLO)
		link_guest_on_timer(l, t);
	else
		link_session_on_timer(l, t);
}

/* Lets the time pass up to now. A handler sets timers later than now only. */
static void pass(struct link *l, uint64_t now_ms)
{
	if (now_ms > l->now)
		l->now = now_ms;
	for (unsigned int t = 0; t < T_COUNT; t++) {
		if (l->timers[t] > l->now)
			continue;
		l->timers[t] = LINK_NEVER;
		fire(l, t);
	}
}

void link_tick(struct link *l, uint64_t now_ms)
{
	pass(l, now_ms);
	link_calls_flush(l);
}

/* --- frames --------------------------------------------------------------------------------- */
void link_fit_reader(struct link *l)
{
	bool session = l->cur.live || l->next.live;

	frame_reader_set_limit(&l->reader, session ? FRAME_MAX_ENCODED : FRAME_MAX_ENCODED_EARLY);
}

static void on_reject(struct link *l, const uint8_t *untrusted_b)
{
	unsigned int code = untrusted_b[1];

	if (code < LINK_HINT_VERSION || code > LINK_HINT_PAIRING_FAILED || untrusted_b[2] ||
		untrusted_b[3]) {
		link_wire_count_bad(l);
		return;
	}
	/* a hint from nobody knows whom: never more than slower retries */
	if (!l->cur.live)
		link_event_hint(l, (enum link_hint)code);
	link_pair_on_reject(l, (enum link_hint)code);
	if (l->role == LINK_GUEST)
		link_guest_slow_down(l);
}

struct body_rule {
	uint8_t type, size;
	bool to_host, to_guest;
	void (*handle)(struct link *l, const uint8_t *untrusted_b); /* NULL: pairing */
};

static const struct body_rule rules[] = {
	{ BODY_HELLO, HELLO_SIZE, true, false, link_host_on_hello },
	{ BODY_SOLICIT, SOLICIT_SIZE, false, true, link_guest_on_solicit },
	{ BODY_INIT, INIT_SIZE, false, true, link_guest_on_init },
	{ BODY_RESP, RESP_SIZE, true, false, link_host_on_resp },
	{ BODY_REJECT, REJECT_SIZE, true, true, on_reject },
	{ BODY_P_HELLO, P_HELLO_SIZE, true, false, NULL },
	{ BODY_P_START, P_START_SIZE, false, true, NULL },
	{ BODY_P_SHARE, P_SHARE_SIZE, true, false, NULL },
	{ BODY_P_XX1, P_XX1_SIZE, false, true, NULL },
	{ BODY_P_XX2, P_XX2_SIZE, true, false, NULL },
	{ BODY_P_XX3, P_XX3_SIZE, false, true, NULL },
	{ BODY_P_DONE, P_DONE_SIZE, true, false, NULL },
	{ BODY_P_ACK, P_ACK_SIZE, false, true, NULL },
};

static void on_body(struct link *l, const uint8_t *untrusted_b, size_t n)
{
	if (untrusted_b[0] == BODY_DATA) {
		link_session_on_data(l, untrusted_b, n);
		return;
	}
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct body_rule *r = &rules[i];

		if (r->type != untrusted_b[0] || r->size != n ||
			!(l->role == LINK_HOST ? r->to_host : r->to_guest))
			continue;
		if (r->handle)
			r->handle(l, untrusted_b);
		else if (l->role == LINK_HOST)
			link_pair_host_on_body(l, untrusted_b, n);
		else
			link_pair_guest_on_body(l, untrusted_b, n);
		return;
	}
	link_wire_count_bad(l);
}

/*
 * A run that is no frame. Without a session, records are too long to be read: these may be of one
 * that only the other side still has, and it should learn that.
 */
static void on_noise(struct link *l)
{
	link_wire_count_bad(l);
	if (!l->muted)
		link_session_on_stranger(l);
}

void link_input(struct link *l, const uint8_t *bytes, size_t n, uint64_t now_ms)
{
	pass(l, now_ms);
	if (!l->connected || l->muted || !n)
		return;
	l->heard_any = true;
	l->last_byte_ms = l->now;
	if (l->role == LINK_HOST)
		link_host_heard(l);
	while (n && !l->muted) {
		const uint8_t *untrusted_body = NULL;
		size_t used = 0, len = 0;
		enum va_err e =
			frame_reader_push(&l->reader, bytes, n, &used, &untrusted_body, &len);

		bytes += used;
		n -= used;
		if (e == VA_MORE)
			on_body(l, untrusted_body, len);
		else if (e == VA_OK)
			break;
		else
			on_noise(l);
	}
	link_calls_flush(l);
}

/* --- the pipe ------------------------------------------------------------------------------- */
static void forget_peer(struct link *l)
{
	link_wire_purge(l);
	link_session_end(l);
	link_session_wipe(&l->next);
	link_host_forget(l);
	link_guest_forget(l);
	frame_reader_reset(&l->reader);
	link_fit_reader(l);
	for (unsigned int t = 0; t < T_COUNT; t++)
		if (t != T_PAIR_WINDOW && t != T_PAIR_WINDOW_LAST)
			link_timer_stop(l, t);
	l->heard_any = false;
	l->muted = false;
	l->bad_frames = 0;
}

void link_connected(struct link *l, uint64_t now_ms)
{
	pass(l, now_ms);
	if (l->connected)
		link_disconnected(l, now_ms);
	l->connected = true;
	if (l->role == LINK_HOST)
		link_host_connected(l);
	else
		link_guest_connected(l);
	link_pair_connected(l);
}

void link_disconnected(struct link *l, uint64_t now_ms)
{
	pass(l, now_ms);
	l->connected = false;
	forget_peer(l);
	link_pair_disconnected(l);
}

void link_leave(struct link *l, uint64_t now_ms)
{
	pass(l, now_ms);
	if (l->cur.live)
		link_session_close(l, CLOSE_KEYS);
}

void link_reset(struct link *l, uint64_t now_ms)
{
	pass(l, now_ms);
	if (l->pair.run.step != PAIR_STORING && l->pair.run.step != PAIR_OVER)
		link_pair_disconnected(l);
	link_session_wipe(&l->next);
	link_host_forget(l);
	link_guest_forget(l);
	/* a machine that was taken back in time would seal twice with one key: say nothing more */
	link_session_end(l);
	if (!l->connected)
		return;
	if (l->role == LINK_HOST)
		link_host_solicit(l);
	else
		link_guest_hello_fresh(l);
	link_pair_connected(l);
}

/* --- what it looks like --------------------------------------------------------------------- */
enum link_state link_get_state(const struct link *l)
{
	if (!l->connected)
		return LINK_NO_PEER;
	if (l->cur.live)
		return LINK_UP;
	return l->paired ? LINK_WAITING : LINK_UNPAIRED;
}

enum link_hint link_get_hint(const struct link *l)
{
	return l->hint;
}

uint64_t link_last_heard_ms(const struct link *l)
{
	return l->last_heard_ms;
}
