// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The key record's one text form. There is exactly one text for one record: order, spacing,
 * case and decimal form are fixed, so a record that parses formats to the same bytes, and whatever
 * does not was not written by this program. The checksum tells torn from valid; it is no
 * protection against somebody who can write the file.
 */
#include "common/link/keyrec.h"

#include "common/base/escape.h"
#include "common/link/noise.h"
#include "common/link/wipe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_LINE "virt-aid-key v1"

enum { CHECK_SIZE = 8, EPOCH_DIGITS = 10 };

static bool keyset_is_valid(const struct keyset *k, bool peer_may_be_unknown)
{
	return k->epoch > 0 && !sodium_is_zero(k->secret, sizeof(k->secret)) &&
	       !sodium_is_zero(k->psk, sizeof(k->psk)) &&
	       (peer_may_be_unknown || !sodium_is_zero(k->peer, sizeof(k->peer)));
}

static bool keyrec_is_valid(const struct keyrec *k)
{
	if (!memchr(k->guest, 0, sizeof(k->guest)) || !name_is_valid(k->guest))
		return false;
	if (!keyset_is_valid(&k->cur, false))
		return false;
	return k->next.epoch == 0 ||
	       (k->next.epoch > k->cur.epoch && keyset_is_valid(&k->next, true));
}

static void checksum(const char *text, size_t len, uint8_t ret[CHECK_SIZE])
{
	crypto_generichash(ret, CHECK_SIZE, (const uint8_t *)text, len, NULL, 0);
}

/* --- reading --- */

struct cursor {
	const char *p, *end;
	unsigned int line; /* of the line that was taken last */
};

/* The next line, its newline taken off; false where there is none. */
static bool take_line(struct cursor *c, const char **ret_line, size_t *ret_len)
{
	const char *newline = memchr(c->p, '\n', (size_t)(c->end - c->p));

	c->line++;
	if (!newline)
		return false;
	*ret_line = c->p;
	*ret_len = (size_t)(newline - c->p);
	c->p = newline + 1;
	return true;
}

/* The value of the next line, which must be "key = value". */
static bool take_value(struct cursor *c, const char *key, const char **ret_value, size_t *ret_len)
{
	size_t n = strlen(key);

	if (!take_line(c, ret_value, ret_len) || *ret_len < n + 3)
		return false;
	if (memcmp(*ret_value, key, n) != 0 || memcmp(*ret_value + n, " = ", 3) != 0)
		return false;
	*ret_value += n + 3;
	*ret_len -= n + 3;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct cursor *c, const char *key, uint8_t *out, size_t size)
{
	const char *value;
	size_t len;

	if (!take_value(c, key, &value, &len) || len != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(value[2 * i]), low = hex_digit(value[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool take_epoch(struct cursor *c, const char *key, uint32_t *ret)
{
	uint64_t number = 0;
	const char *value;
	size_t len;

	if (!take_value(c, key, &value, &len) || len == 0 || len > EPOCH_DIGITS || *value == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(value[i] - '0');
	}
	*ret = (uint32_t)number;
	return number <= UINT32_MAX;
}

static bool take_guest(struct cursor *c, char ret[64])
{
	const char *value;
	size_t len;

	if (!take_value(c, "guest", &value, &len) || len > NAME_MAX_LEN || memchr(value, 0, len))
		return false;
	memcpy(ret, value, len);
	ret[len] = 0;
	return name_is_valid(ret);
}

static bool take_next(struct cursor *c, const struct keyset *cur, struct keyset *next)
{
	return take_epoch(c, "next-epoch", &next->epoch) && next->epoch > cur->epoch &&
	       take_hex(c, "next-secret", next->secret, sizeof(next->secret)) &&
	       !sodium_is_zero(next->secret, sizeof(next->secret)) &&
	       take_hex(c, "next-peer", next->peer, sizeof(next->peer)) &&
	       take_hex(c, "next-psk", next->psk, sizeof(next->psk)) &&
	       !sodium_is_zero(next->psk, sizeof(next->psk));
}

static bool take_record(struct cursor *c, struct keyrec *k)
{
	static const char next[] = "next-";
	const char *line;
	size_t len;

	if (!take_line(c, &line, &len) || len != sizeof(FIRST_LINE) - 1 ||
		memcmp(line, FIRST_LINE, len) != 0)
		return false;
	if (!take_guest(c, k->guest) || !take_hex(c, "guest-id", k->guest_id, KEYREC_ID_SIZE) ||
		!take_epoch(c, "epoch", &k->cur.epoch) ||
		!take_hex(c, "secret", k->cur.secret, KEYREC_KEY_SIZE) ||
		sodium_is_zero(k->cur.secret, KEYREC_KEY_SIZE) ||
		!take_hex(c, "peer", k->cur.peer, KEYREC_KEY_SIZE) ||
		sodium_is_zero(k->cur.peer, KEYREC_KEY_SIZE) ||
		!take_hex(c, "psk", k->cur.psk, KEYREC_KEY_SIZE) ||
		sodium_is_zero(k->cur.psk, KEYREC_KEY_SIZE))
		return false;
	if ((size_t)(c->end - c->p) >= sizeof(next) - 1 &&
		memcmp(c->p, next, sizeof(next) - 1) == 0)
		return take_next(c, &k->cur, &k->next);
	return true;
}

enum va_err keyrec_parse(const char *text, size_t len, struct keyrec *ret, unsigned int *ret_line)
{
	struct cursor c = { text, text + len, 0 };
	uint8_t said[CHECK_SIZE], is[CHECK_SIZE];
	enum va_err err = VA_OK;
	size_t above;

	memset(ret, 0, sizeof(*ret));
	if (!take_record(&c, ret))
		err = VA_E_MALFORMED;
	above = (size_t)(c.p - text);
	if (!err && !take_hex(&c, "check", said, sizeof(said)))
		err = VA_E_MALFORMED;
	if (!err && c.p != c.end) {
		c.line++;
		err = VA_E_MALFORMED;
	}
	if (!err) {
		checksum(text, above, is);
		if (sodium_memcmp(said, is, sizeof(is)) != 0)
			err = VA_E_AUTH;
	}
	*ret_line = err ? c.line : 0;
	if (err && !*ret_line)
		*ret_line = 1;
	if (err)
		sodium_memzero(ret, sizeof(*ret));
	return err;
}

/* --- writing --- */

struct text {
	char *out;
	size_t size, len; /* len: without a terminator */
	bool full;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->full || n >= t->size - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->out + t->len, s, n + 1);
	t->len += n;
}

static void add_hex(struct text *t, const char *key, const uint8_t *value, size_t n)
{
	add(t, key);
	add(t, " = ");
	if (t->full || 2 * n >= t->size - t->len) {
		t->full = true;
		return;
	}
	sodium_bin2hex(t->out + t->len, t->size - t->len, value, n);
	t->len += 2 * n;
	add(t, "\n");
}

static void add_keyset(struct text *t, const struct keyset *k, const char *const keys[4])
{
	char number[EPOCH_DIGITS + 1];

	snprintf(number, sizeof(number), "%" PRIu32, k->epoch);
	add(t, keys[0]);
	add(t, " = ");
	add(t, number);
	add(t, "\n");
	add_hex(t, keys[1], k->secret, sizeof(k->secret));
	add_hex(t, keys[2], k->peer, sizeof(k->peer));
	add_hex(t, keys[3], k->psk, sizeof(k->psk));
}

enum va_err keyrec_format(const struct keyrec *k, char *out, size_t size, size_t *ret_len)
{
	static const char *const cur[] = { "epoch", "secret", "peer", "psk" };
	static const char *const next[] = { "next-epoch", "next-secret", "next-peer", "next-psk" };
	struct text t = { out, size, 0, size == 0 };
	uint8_t check[CHECK_SIZE];

	*ret_len = 0;
	if (!keyrec_is_valid(k))
		return VA_E_RANGE;
	add(&t, FIRST_LINE "\nguest = ");
	add(&t, k->guest);
	add(&t, "\n");
	add_hex(&t, "guest-id", k->guest_id, sizeof(k->guest_id));
	add_keyset(&t, &k->cur, cur);
	if (k->next.epoch > 0)
		add_keyset(&t, &k->next, next);
	checksum(out, t.len, check);
	add_hex(&t, "check", check, sizeof(check));
	if (t.full) {
		sodium_memzero(out, size);
		return VA_E_SPACE;
	}
	*ret_len = t.len;
	return VA_OK;
}

/* --- key ids --- */

void keyrec_key_id(const uint8_t pub[KEYREC_KEY_SIZE], uint8_t ret[KEYREC_KEYID_SIZE])
{
	static const uint8_t label[] = "VIRTAID1 kid";
	uint8_t input[sizeof(label) - 1 + KEYREC_KEY_SIZE], hash[32];

	memcpy(input, label, sizeof(label) - 1);
	memcpy(input + sizeof(label) - 1, pub, KEYREC_KEY_SIZE);
	crypto_generichash(hash, sizeof(hash), input, sizeof(input), NULL, 0);
	memcpy(ret, hash, KEYREC_KEYID_SIZE);
}

void keyrec_own_key_id(const struct keyset *k, uint8_t ret[KEYREC_KEYID_SIZE])
{
	uint8_t pub[KEYREC_KEY_SIZE];

	noise_public_key(k->secret, pub);
	keyrec_key_id(pub, ret);
}
