// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sealing and opening of records; see record.h. The padded size follows from the length alone, and
 * the receiver insists on it: there is one record for one content.
 */
#include "common/link/record.h"

#include "common/link/wipe.h"

#include <string.h>

enum { PREFIX = 3 }; /* kind and len */

static const uint16_t padded_sizes[] = { 256, 1024, RECORD_MAX_PADDED };

static size_t padded_size(size_t len)
{
	for (size_t i = 0; i < sizeof(padded_sizes) / sizeof(padded_sizes[0]); i++)
		if (len <= (size_t)padded_sizes[i] - PREFIX)
			return padded_sizes[i];
	return 0;
}

size_t record_size(size_t len)
{
	size_t padded = padded_size(len);

	return padded ? RECORD_HEADER + padded + NOISE_TAG_SIZE : 0;
}

enum va_err record_seal(struct noise_cipher *send, const uint8_t sid[RECORD_SID_SIZE],
	enum record_kind kind, const uint8_t *body, size_t len, uint8_t *out, size_t outsz,
	size_t *ret_len)
{
	size_t padded = padded_size(len), size = record_size(len);
	uint8_t *plain = out + RECORD_HEADER;
	enum va_err err;

	*ret_len = 0;
	if (!padded || kind < RECORD_CONFIRM || kind > RECORD_KIND_MAX)
		return VA_E_RANGE;
	if (size > outsz)
		return VA_E_SPACE;
	out[0] = RECORD_TYPE;
	memcpy(out + 1, sid, RECORD_SID_SIZE);
	plain[0] = (uint8_t)kind;
	plain[1] = (uint8_t)(len >> 8);
	plain[2] = (uint8_t)len;
	if (len > 0)
		memcpy(plain + PREFIX, body, len);
	memset(plain + PREFIX + len, 0, padded - PREFIX - len);
	err = noise_cipher_seal(send, NULL, 0, plain, padded, plain);
	if (err) {
		sodium_memzero(out, size);
		return err;
	}
	*ret_len = size;
	return noise_cipher_rekey(send);
}

enum va_err record_peek(const uint8_t *untrusted_body, size_t len, const uint8_t **ret_sid)
{
	*ret_sid = NULL;
	if (len < RECORD_HEADER + NOISE_TAG_SIZE || untrusted_body[0] != RECORD_TYPE)
		return VA_E_MALFORMED;
	for (size_t i = 0; i < sizeof(padded_sizes) / sizeof(padded_sizes[0]); i++)
		if (len == RECORD_HEADER + padded_sizes[i] + NOISE_TAG_SIZE) {
			*ret_sid = untrusted_body + 1;
			return VA_OK;
		}
	return VA_E_MALFORMED;
}

/* The inner form of an authenticated plaintext. */
static enum va_err parse_plain(const uint8_t *plain, size_t padded, struct record *ret)
{
	size_t len = (size_t)plain[1] << 8 | plain[2];

	if (plain[0] < RECORD_CONFIRM || plain[0] > RECORD_KIND_MAX || padded_size(len) != padded ||
		!sodium_is_zero(plain + PREFIX + len, padded - PREFIX - len))
		return VA_E_MALFORMED;
	ret->kind = (enum record_kind)plain[0];
	ret->body = plain + PREFIX;
	ret->len = len;
	return VA_OK;
}

enum va_err record_open(struct noise_cipher *recv, const uint8_t *untrusted_body, size_t len,
	uint8_t plain[RECORD_MAX_PADDED], struct record *ret)
{
	const uint8_t *sid;
	enum va_err err;

	memset(ret, 0, sizeof(*ret));
	err = record_peek(untrusted_body, len, &sid);
	if (err)
		return err;
	err = noise_cipher_open(
		recv, NULL, 0, untrusted_body + RECORD_HEADER, len - RECORD_HEADER, plain);
	if (!err)
		err = noise_cipher_rekey(recv);
	if (!err)
		err = parse_plain(plain, len - RECORD_HEADER - NOISE_TAG_SIZE, ret);
	if (err) {
		sodium_memzero(plain, RECORD_MAX_PADDED);
		noise_cipher_wipe(recv);
	}
	return err;
}
