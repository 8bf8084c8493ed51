// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames: 00 | COBS(body) | 00. A torn frame ends at the next 00 and takes nothing with it, so
 * stale and missing bytes cost at most the frame they are in. PROTOCOL.md 3.
 *
 * Pure. The reader is one struct with a static buffer; it keeps the bytes of an unfinished run
 * and decodes it in place when its 00 comes.
 */
#ifndef VA_LINK_COBS_H
#define VA_LINK_COBS_H

#include "common/link/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX_BODY          4121u /* the longest body there is: DATA of 4096 padded bytes */
#define FRAME_MAX_ENCODED       4141u /* bytes between two zeros, at most */
#define FRAME_MAX_BODY_EARLY    126u  /* the same two while there is no session */
#define FRAME_MAX_ENCODED_EARLY 128u

/* Bytes that cobs_encode() writes for a body of n bytes, at most. */
#define FRAME_ENCODED_SIZE(n) ((n) + (n) / 254u + 3u)

/*
 * Writes the whole frame, both zeros included, into out[outsz]; in and out must not overlap.
 * Returns its length, or 0 where it does not fit (FRAME_ENCODED_SIZE(n) always does) or n is 0.
 */
size_t cobs_encode(const uint8_t *in, size_t n, uint8_t *out, size_t outsz);

struct frame_reader {
	size_t limit;    /* bytes between two zeros that are still kept */
	size_t fill;     /* bytes of the run under way */
	bool discarding; /* the run was too long: drop the rest of it */
	uint8_t buf[FRAME_MAX_ENCODED];
};

/* Starts empty, with the limit FRAME_MAX_ENCODED_EARLY. */
void frame_reader_init(struct frame_reader *r);

/*
 * Bytes between two zeros that are accepted from now on, the run under way included;
 * FRAME_MAX_ENCODED_EARLY or FRAME_MAX_ENCODED (a larger value means that one).
 */
void frame_reader_set_limit(struct frame_reader *r, size_t limit);

/* Forgets the run under way: another peer, another stream. The limit stays. */
void frame_reader_reset(struct frame_reader *r);

/*
 * Takes bytes up to the end of one frame; *ret_consumed says how many, and the caller comes
 * back with the rest until it is told VA_OK.
 *
 *	VA_MORE		a frame: *ret_body, *ret_len (1 to FRAME_MAX_BODY), good until the next
 *			call on this reader
 *	VA_OK		all n bytes are taken; no whole frame among them
 *	VA_E_MALFORMED	a run that is no frame was dropped: count it and go on. A run that is too
 *			long is reported once, when it becomes so
 *
 * Empty frames are skipped.
 */
enum va_err frame_reader_push(struct frame_reader *r, const uint8_t *untrusted_in, size_t n,
	size_t *ret_consumed, const uint8_t **ret_body, size_t *ret_len);

#endif
