// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records: what a session carries. A record is the body of a DATA frame,
 *
 *	05 | sid[8] | ciphertext of: kind | len (2, big-endian) | body[len] | zeros
 *
 * with the plaintext padded to the smallest of 256, 1024, 4096 bytes, no associated data, and the
 * key of the direction replaced after every record. Nothing can be left out, repeated or moved:
 * the next record would not open. PROTOCOL.md 5. Pure; allocates nothing.
 */
#ifndef VA_LINK_RECORD_H
#define VA_LINK_RECORD_H

#include "common/link/cobs.h"
#include "common/link/err.h"
#include "common/link/noise.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_TYPE       0x05u
#define RECORD_SID_SIZE   8u
#define RECORD_HEADER     (1u + RECORD_SID_SIZE)
#define RECORD_MAX_PADDED 4096u
#define RECORD_MAX_BODY   (RECORD_MAX_PADDED - 3u)                             /* 4093 */
#define RECORD_MAX_SIZE   (RECORD_HEADER + RECORD_MAX_PADDED + NOISE_TAG_SIZE) /* 4121 */

enum record_kind {
	RECORD_CONFIRM = 1,
	RECORD_PING = 2,
	RECORD_PONG = 3,
	RECORD_CLOSE = 4,
	RECORD_RPC = 5,
	RECORD_KEYROLL = 6,
	RECORD_KIND_MAX = RECORD_KEYROLL,
};

/* Bytes of the DATA body that carries len bytes: 281, 1049 or 4121; 0 where len is too long. */
size_t record_size(size_t len);

/*
 * Writes the DATA body, record_size(len) bytes, to out[outsz]; body must not overlap it, and may
 * be NULL where len is 0. VA_E_RANGE: kind or len; VA_E_SPACE: outsz; VA_E_STATE, VA_E_LIMIT:
 * the cipher. The cipher has not moved on an error.
 */
enum va_err record_seal(struct noise_cipher *send, const uint8_t sid[RECORD_SID_SIZE],
	enum record_kind kind, const uint8_t *body, size_t len, uint8_t *out, size_t outsz,
	size_t *ret_len);

/*
 * The outer form: a DATA body of one of the three sizes. Its session id is given in *ret_sid (a
 * pointer into the body), which nobody has authenticated. VA_E_MALFORMED: no such body.
 */
enum va_err record_peek(const uint8_t *untrusted_body, size_t len, const uint8_t **ret_sid);

/* What record_open() gives; body points into the caller's plain buffer. */
struct record {
	enum record_kind kind;
	const uint8_t *body;
	size_t len; /* 0 to RECORD_MAX_BODY */
};

/*
 * Opens a DATA body whose sid is the session's. plain receives the plaintext; it is the caller's
 * to wipe. VA_E_AUTH: does not verify; VA_E_MALFORMED: not the form above (outside or inside);
 * VA_E_STATE, VA_E_LIMIT: the cipher. The cipher is wiped on every error but a VA_E_MALFORMED that
 * record_peek() gives too: the session is over.
 */
enum va_err record_open(struct noise_cipher *recv, const uint8_t *untrusted_body, size_t len,
	uint8_t plain[RECORD_MAX_PADDED], struct record *ret);

#endif
