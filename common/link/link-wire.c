// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: what leaves the link, whole frame by whole frame, in one contiguous queue;
 * and the limits on what a peer nobody has authenticated can make it send or compute.
 */
#include "common/link/link-internal.h"

#include <string.h>

bool link_wire_has_room(const struct link *l, size_t body)
{
	return FRAME_ENCODED_SIZE(body) <= TX_SIZE - l->tx_len;
}

/* A free run of n bytes at the end of the queue. */
static uint8_t *tx_tail(struct link *l, size_t n)
{
	if (n > TX_SIZE - l->tx_len)
		return NULL;
	if (n > TX_SIZE - l->tx_head - l->tx_len) {
		memmove(l->tx, l->tx + l->tx_head, l->tx_len);
		l->tx_head = 0;
	}
	return l->tx + l->tx_head + l->tx_len;
}

bool link_wire_send(struct link *l, const uint8_t *body, size_t n)
{
	uint8_t *tail = l->connected ? tx_tail(l, FRAME_ENCODED_SIZE(n)) : NULL;

	if (!tail)
		return false;
	l->tx_len += cobs_encode(body, n, tail, FRAME_ENCODED_SIZE(n));
	return true;
}

bool link_wire_send_raw(struct link *l, const uint8_t *frames, size_t n)
{
	uint8_t *tail = l->connected ? tx_tail(l, n) : NULL;

	if (!tail)
		return false;
	memcpy(tail, frames, n);
	l->tx_len += n;
	return true;
}

void link_wire_purge(struct link *l)
{
	/* a frame cut here is ended by the zero that the next one begins with */
	l->tx_head = l->tx_len = 0;
}

void link_output(struct link *l, const uint8_t **ret_bytes, size_t *ret_n)
{
	*ret_bytes = l->tx + l->tx_head;
	*ret_n = l->tx_len;
}

void link_sent(struct link *l, size_t n)
{
	if (n > l->tx_len)
		n = l->tx_len;
	l->tx_head += n;
	l->tx_len -= n;
	if (!l->tx_len)
		l->tx_head = 0;
}

void link_wire_reject(struct link *l, enum link_hint code)
{
	uint8_t body[REJECT_SIZE] = { BODY_REJECT, (uint8_t)code };

	if (l->reject_ms[code] && l->now - (l->reject_ms[code] - 1) < REJECT_MS)
		return;
	if (link_wire_send(l, body, sizeof(body)))
		l->reject_ms[code] = l->now + 1;
}

void link_wire_count_bad(struct link *l)
{
	struct event_entry e = { .kind = LINK_EV_RESET_PIPE, .hint = LINK_HINT_NOISE };

	if (!l->bad_frames || l->now - l->bad_since_ms >= NOISE_WINDOW_MS) {
		l->bad_since_ms = l->now;
		l->bad_frames = 0;
	}
	if (++l->bad_frames <= NOISE_FRAMES)
		return;
	l->bad_frames = 0;
	link_event_hint(l, LINK_HINT_NOISE);
	if (l->role != LINK_HOST)
		return;
	e.value = l->host.reset_backoff_ms;
	l->host.reset_backoff_ms *= 2;
	if (l->host.reset_backoff_ms > RESET_MAX_MS)
		l->host.reset_backoff_ms = RESET_MAX_MS;
	l->muted = true;
	link_event_push(l, &e);
}

bool link_wire_take_token(struct link *l)
{
	uint64_t gained = l->now - l->bucket_at_ms;

	l->bucket_at_ms = l->now;
	l->bucket_ms =
		gained > BUCKET_MAX_MS - l->bucket_ms ? BUCKET_MAX_MS : l->bucket_ms + gained;
	if (l->bucket_ms < BUCKET_TOKEN_MS)
		return false;
	l->bucket_ms -= BUCKET_TOKEN_MS;
	return true;
}

void link_wire_count_mismatch(struct link *l)
{
	if (++l->mismatches < MISMATCH_ROW)
		return;
	l->mismatches = 0;
	link_event_hint(l, LINK_HINT_KEY_MISMATCH);
}
