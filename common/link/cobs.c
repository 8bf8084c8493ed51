// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Consistent Overhead Byte Stuffing (Cheshire, Baker 1999): a body is cut at its zeros, and each
 * piece of up to 254 other bytes is sent behind its length plus one; 0xff stands for 254 bytes
 * with no zero after them.
 *
 * The reader judges a run only when its 00 has come, so that where a read ends decides nothing.
 * It accepts encodings that the encoder would not write; what is authenticated is the body.
 */
#include "common/link/cobs.h"

#include <string.h>

enum { PIECE_MAX = 254 };

size_t cobs_encode(const uint8_t *in, size_t n, uint8_t *out, size_t outsz)
{
	size_t at = 0, o = 1;

	if (n == 0 || n > SIZE_MAX / 2 || outsz < 4)
		return 0;
	out[0] = 0;
	while (at <= n) {
		size_t piece = 0;

		while (piece < PIECE_MAX && at + piece < n && in[at + piece])
			piece++;
		if (outsz - o < piece + 2) /* the length, the piece, and the zero at the end */
			return 0;
		out[o] = (uint8_t)(piece + 1);
		memcpy(out + o + 1, in + at, piece);
		o += piece + 1;
		at += piece;
		/* a full piece has no zero of its own; at the end the one that is implied is none
		 */
		if (piece < PIECE_MAX)
			at++;
		else if (at == n)
			break;
	}
	out[o++] = 0;
	return o;
}

/* In place; the decoded bytes never overtake the encoded ones. 0: no body. */
static size_t decode(uint8_t *buf, size_t n)
{
	size_t i = 0, o = 0;

	while (i < n) {
		size_t piece = (size_t)buf[i] - 1;

		i++;
		if (piece > n - i)
			return 0;
		memmove(buf + o, buf + i, piece);
		o += piece;
		i += piece;
		if (piece < PIECE_MAX && i < n)
			buf[o++] = 0;
	}
	return o;
}

void frame_reader_init(struct frame_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->limit = FRAME_MAX_ENCODED_EARLY;
}

void frame_reader_set_limit(struct frame_reader *r, size_t limit)
{
	r->limit = limit < FRAME_MAX_ENCODED ? limit : FRAME_MAX_ENCODED;
}

void frame_reader_reset(struct frame_reader *r)
{
	r->fill = 0;
	r->discarding = false;
}

/* Adds bytes of a run to what is there; false: the run has just become too long. */
static bool take_run(struct frame_reader *r, const uint8_t *untrusted_in, size_t n)
{
	if (r->discarding)
		return true;
	if (r->fill > r->limit || n > r->limit - r->fill) {
		r->discarding = true;
		r->fill = 0;
		return false;
	}
	memcpy(r->buf + r->fill, untrusted_in, n);
	r->fill += n;
	return true;
}

enum va_err frame_reader_push(struct frame_reader *r, const uint8_t *untrusted_in, size_t n,
	size_t *ret_consumed, const uint8_t **ret_body, size_t *ret_len)
{
	size_t i = 0;

	*ret_body = NULL;
	*ret_len = 0;
	while (i < n) {
		const uint8_t *zero = memchr(untrusted_in + i, 0, n - i);
		size_t run = zero ? (size_t)(zero - (untrusted_in + i)) : n - i;
		bool fits = take_run(r, untrusted_in + i, run);
		size_t fill = r->fill;

		i += run;
		*ret_consumed = i;
		if (!fits)
			return VA_E_MALFORMED;
		if (!zero)
			break;
		*ret_consumed = ++i;
		frame_reader_reset(r);
		if (fill == 0)
			continue;
		*ret_len = decode(r->buf, fill);
		if (*ret_len == 0 || *ret_len > FRAME_MAX_BODY) {
			*ret_len = 0;
			return VA_E_MALFORMED;
		}
		*ret_body = r->buf;
		return VA_MORE;
	}
	*ret_consumed = n;
	return VA_OK;
}
