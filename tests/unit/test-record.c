// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/link/record.h"
#include "common/link/wipe.h"
#include "tests/unit/test.h"

static const uint8_t sid[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
static uint8_t wire[RECORD_MAX_SIZE], other[RECORD_MAX_SIZE], plain[RECORD_MAX_PADDED];
static uint8_t body[RECORD_MAX_BODY];
static struct noise_cipher tx, rx;
static struct record got;

static void fresh(void)
{
	memset(&tx, 0, sizeof(tx));
	memset(tx.k, 0x42, sizeof(tx.k));
	tx.has_key = true;
	rx = tx;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + 1);
}

static enum va_err seal(size_t len, uint8_t *out, size_t *ret)
{
	return record_seal(&tx, sid, RECORD_RPC, body, len, out, RECORD_MAX_SIZE, ret);
}

static bool is_wiped(const struct noise_cipher *c)
{
	return !c->has_key && c->n == 0 && sodium_is_zero(c->k, sizeof(c->k));
}

static void lengths(void)
{
	static const struct {
		size_t len, size;
	} cases[] = { { 0, 281 }, { 1, 281 }, { 253, 281 }, { 254, 1049 }, { 1021, 1049 },
		{ 1022, 4121 }, { 4093, 4121 } };

	fresh();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t *said;
		size_t n;

		CHECK_EQ(record_size(cases[i].len), cases[i].size);
		CHECK_EQ(seal(cases[i].len, wire, &n), VA_OK);
		CHECK_EQ(n, cases[i].size);
		CHECK_EQ(record_peek(wire, n, &said), VA_OK);
		CHECK_MEM(said, sid, 8);
		CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_OK);
		CHECK(got.kind == RECORD_RPC && got.len == cases[i].len);
		CHECK_MEM(got.body, body, got.len);
	}
	CHECK_EQ(record_size(4094), 0);
	CHECK_EQ(RECORD_MAX_SIZE, FRAME_MAX_BODY);
}

static void every_kind(void)
{
	fresh();
	for (int kind = RECORD_CONFIRM; kind <= RECORD_KIND_MAX; kind++) {
		size_t n;

		CHECK_EQ(record_seal(
				 &tx, sid, (enum record_kind)kind, NULL, 0, wire, sizeof(wire), &n),
			VA_OK);
		CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_OK);
		CHECK(got.kind == (enum record_kind)kind && got.len == 0);
	}
}

static void refused_seal_moves_nothing(void)
{
	struct noise_cipher before;
	size_t n;

	fresh();
	before = tx;
	CHECK_EQ(record_seal(&tx, sid, RECORD_RPC, body, 4094, wire, sizeof(wire), &n), VA_E_RANGE);
	CHECK_EQ(record_seal(&tx, sid, (enum record_kind)0, body, 1, wire, sizeof(wire), &n),
		VA_E_RANGE);
	CHECK_EQ(record_seal(&tx, sid, (enum record_kind)7, body, 1, wire, sizeof(wire), &n),
		VA_E_RANGE);
	CHECK_EQ(record_seal(&tx, sid, RECORD_RPC, body, 1, wire, 280, &n), VA_E_SPACE);
	CHECK(n == 0 && memcmp(&before, &tx, sizeof(tx)) == 0);
	tx.n = UINT64_MAX;
	CHECK_EQ(record_seal(&tx, sid, RECORD_RPC, body, 1, wire, sizeof(wire), &n), VA_E_LIMIT);
	CHECK(sodium_is_zero(wire, 281)); /* no plaintext left behind */
	noise_cipher_wipe(&tx);
	CHECK_EQ(record_seal(&tx, sid, RECORD_RPC, body, 1, wire, sizeof(wire), &n), VA_E_STATE);
}

static void every_flipped_bit(void)
{
	static const size_t lens[] = { 10, 500, 3000 };

	for (size_t l = 0; l < 3; l++) {
		size_t n;

		fresh();
		CHECK_EQ(seal(lens[l], wire, &n), VA_OK);
		for (size_t bit = 0; bit < 8 * n; bit += bit < 4096 ? 1 : 13) {
			struct noise_cipher c = rx;
			const uint8_t *said;
			enum va_err rc;

			wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
			rc = record_peek(wire, n, &said);
			if (bit < 8) {
				CHECK_EQ(rc, VA_E_MALFORMED);
			} else if (bit < 8 * RECORD_HEADER) {
				CHECK(rc == VA_OK && memcmp(said, sid, 8) != 0);
			} else {
				CHECK_EQ(record_open(&c, wire, n, plain, &got), VA_E_AUTH);
				CHECK(is_wiped(&c) && got.body == NULL);
				CHECK(sodium_is_zero(plain, sizeof(plain)));
			}
			wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_OK);
	}
}

/* A length that is none of the three is no record, and says nothing about the session. */
static void every_truncation(void)
{
	size_t n;

	fresh();
	CHECK_EQ(seal(3000, wire, &n), VA_OK);
	for (size_t cut = 0; cut < n; cut++) {
		struct noise_cipher c = rx;
		enum va_err rc = record_open(&c, wire, cut, plain, &got);

		if (cut == 281 || cut == 1049)
			CHECK(rc == VA_E_AUTH && is_wiped(&c));
		else
			CHECK(rc == VA_E_MALFORMED && memcmp(&c, &rx, sizeof(c)) == 0);
	}
	CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_OK);
}

static void replay(void)
{
	size_t n;

	fresh();
	CHECK_EQ(seal(1, wire, &n), VA_OK);
	CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_OK);
	CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_E_AUTH);
	CHECK(is_wiped(&rx));
	CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_E_STATE);
}

static void drop(void)
{
	size_t n;

	fresh();
	CHECK_EQ(seal(1, wire, &n), VA_OK);
	CHECK_EQ(seal(1, wire, &n), VA_OK);
	CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_E_AUTH);
	CHECK(is_wiped(&rx));
}

static void reorder(void)
{
	size_t n, m;

	fresh();
	CHECK_EQ(seal(1, wire, &n), VA_OK);
	CHECK_EQ(seal(2, other, &m), VA_OK);
	CHECK_EQ(record_open(&rx, other, m, plain, &got), VA_E_AUTH);
	CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_E_STATE);
}

/* The key that opens one record opens neither the one before nor the one after. */
static void keys_last_one_record(void)
{
	uint8_t seen[32];
	size_t n;

	fresh();
	for (unsigned int i = 0; i < 100; i++) {
		memcpy(seen, tx.k, sizeof(seen));
		CHECK_EQ(seal(i, wire, &n), VA_OK);
		CHECK(memcmp(seen, tx.k, sizeof(seen)) != 0);
		CHECK_EQ(tx.n, i + 1);
		CHECK_EQ(record_open(&rx, wire, n, plain, &got), VA_OK);
		CHECK(memcmp(rx.k, tx.k, sizeof(rx.k)) == 0 && rx.n == tx.n);
	}
}

/* What an authenticated peer might put into a record, were it not ours. */
static void refuse_plaintext(size_t padded, uint8_t kind, size_t len, size_t dirty)
{
	fresh();
	memset(wire, 0, sizeof(wire));
	wire[0] = RECORD_TYPE;
	wire[9] = kind;
	wire[10] = (uint8_t)(len >> 8);
	wire[11] = (uint8_t)len;
	if (dirty)
		wire[9 + dirty] = 1;
	CHECK_EQ(noise_cipher_seal(&tx, NULL, 0, wire + 9, padded, wire + 9), VA_OK);
	CHECK_EQ(record_open(&rx, wire, 9 + padded + 16, plain, &got), VA_E_MALFORMED);
	CHECK(is_wiped(&rx) && got.body == NULL && got.kind == 0);
}

static void inner_form(void)
{
	refuse_plaintext(256, 0, 0, 0);
	refuse_plaintext(256, 7, 0, 0);
	refuse_plaintext(256, 255, 0, 0);
	refuse_plaintext(256, RECORD_PING, 0, 3);   /* first byte of padding */
	refuse_plaintext(256, RECORD_PING, 0, 255); /* last */
	refuse_plaintext(256, RECORD_RPC, 252, 255);
	refuse_plaintext(256, RECORD_RPC, 254, 0); /* longer than the record */
	refuse_plaintext(256, RECORD_RPC, 65535, 0);
	refuse_plaintext(1024, RECORD_RPC, 253, 0); /* would fit a smaller one */
	refuse_plaintext(4096, RECORD_RPC, 1021, 0);
	refuse_plaintext(4096, RECORD_RPC, 4094, 0);
	refuse_plaintext(4096, RECORD_RPC, 4092, 4095);
}

/* Digests of two records made with an independent implementation (plain Python). */
static void known_answer(void)
{
	uint8_t sum[16];
	size_t n;

	fresh();
	CHECK_EQ(seal(5, wire, &n), VA_OK);
	CHECK_EQ(seal(300, other, &n), VA_OK);
	crypto_generichash(sum, sizeof(sum), wire, 281, NULL, 0);
	CHECK_MEM(sum, "\x8d\x79\xae\x4c\x76\x47\x0a\x5a\x27\x77\x3c\x18\x2d\x84\xde\x88", 16);
	crypto_generichash(sum, sizeof(sum), other, 1049, NULL, 0);
	CHECK_MEM(sum, "\x51\xcd\xa2\xb6\xa1\x04\x9f\xbd\xe0\x1a\xd9\x8c\x3f\x41\x65\xbf", 16);
}

TEST_MAIN({ "lengths", lengths }, { "every_kind", every_kind },
	{ "refused_seal_moves_nothing", refused_seal_moves_nothing },
	{ "every_flipped_bit", every_flipped_bit }, { "every_truncation", every_truncation },
	{ "replay", replay }, { "drop", drop }, { "reorder", reorder },
	{ "keys_last_one_record", keys_last_one_record }, { "inner_form", inner_form },
	{ "known_answer", known_answer });
