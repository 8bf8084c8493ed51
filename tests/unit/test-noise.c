// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the vectors do not show: that the two handshakes of the product refuse whatever is not
 * exactly what the other side sent, and leave no secrets behind.
 */
#include "common/link/noise-hash.h"
#include "common/link/wipe.h"
#include "tests/unit/test.h"

enum { I = NOISE_INITIATOR, R = NOISE_RESPONDER, MSG_MAX = 256 };

/* One handshake's two ends and what they are configured with; init_pair() makes them agree. */
struct pair {
	uint8_t s[2][32], pub[2][32], psk[2][32], e[2][32];
	uint8_t prologue[2][72];
	struct noise_config config[2];
	struct noise_handshake hs[2];
	uint8_t msg[3][MSG_MAX];
	size_t len[3];
};

static struct pair p;

static void init_pair(const struct noise_pattern *pattern)
{
	memset(&p, 0, sizeof(p));
	for (unsigned int side = 0; side < 2; side++) {
		memset(p.s[side], 0x11 + (int)side, 32);
		memset(p.e[side], 0x33 + (int)side, 32);
		memset(p.psk[side], 0x55, 32);
		memset(p.prologue[side], 0x66, 72);
		noise_public_key(p.s[side], p.pub[side]);
	}
	for (unsigned int side = 0; side < 2; side++)
		p.config[side] = (struct noise_config){
			.pattern = pattern,
			.hash = &noise_hash_blake2b,
			.role = (enum noise_role)side,
			.prologue = p.prologue[side],
			.prologue_len = 72,
			.s = p.s[side],
			.rs = pattern->pre ? p.pub[!side] : NULL,
			.psks = { p.psk[side] },
			.ephemeral = p.e[side],
		};
}

static bool start_pair(void)
{
	return !noise_handshake_init(&p.hs[I], &p.config[I]) &&
	       !noise_handshake_init(&p.hs[R], &p.config[R]);
}

/* Runs the messages before number upto, and keeps their bytes. Payload: a few bytes in all. */
static enum va_err run_pair(unsigned int upto)
{
	static const uint8_t payload[5] = "hello";
	enum va_err err = start_pair() ? VA_OK : VA_E_RANGE;

	for (unsigned int m = 0; m < upto && !err; m++) {
		uint8_t out[MSG_MAX];
		size_t n;

		err = noise_handshake_write(
			&p.hs[m % 2], payload, sizeof(payload), p.msg[m], MSG_MAX, &p.len[m]);
		if (!err)
			err = noise_handshake_read(
				&p.hs[!(m % 2)], p.msg[m], p.len[m], out, sizeof(out), &n);
		if (!err && (n != sizeof(payload) || memcmp(out, payload, n)))
			err = VA_E_MALFORMED;
	}
	return err;
}

static bool holds_no_secret(const struct noise_handshake *hs)
{
	return sodium_is_zero(hs->s, 32) && sodium_is_zero(hs->e, 32) &&
	       sodium_is_zero(hs->ck, sizeof(hs->ck)) &&
	       sodium_is_zero((const uint8_t *)&hs->cipher, sizeof(hs->cipher)) &&
	       sodium_is_zero((const uint8_t *)hs->psks, sizeof(hs->psks));
}

/* Both ends have the same two keys and the same hash. */
static bool pair_agrees(void)
{
	struct noise_cipher send[2], recv[2];

	for (unsigned int side = 0; side < 2; side++)
		if (noise_handshake_split(&p.hs[side], &send[side], &recv[side]))
			return false;
	return !memcmp(send[I].k, recv[R].k, 32) && !memcmp(send[R].k, recv[I].k, 32) &&
	       memcmp(send[I].k, send[R].k, 32) != 0 &&
	       !memcmp(noise_handshake_hash(&p.hs[I]), noise_handshake_hash(&p.hs[R]), 64) &&
	       !memcmp(noise_handshake_peer(&p.hs[I]), p.pub[R], 32) &&
	       !memcmp(noise_handshake_peer(&p.hs[R]), p.pub[I], 32);
}

static void session_sizes(void)
{
	uint8_t msg[128];
	size_t n, m;

	init_pair(&noise_pattern_KKpsk2);
	CHECK(start_pair());
	CHECK_EQ(noise_handshake_write(&p.hs[I], NULL, 0, msg, sizeof(msg), &n), VA_OK);
	CHECK_EQ(n, 48);
	CHECK_EQ(noise_handshake_read(&p.hs[R], msg, n, NULL, 0, &m), VA_OK);
	CHECK(m == 0 && !noise_handshake_is_done(&p.hs[R]));
	CHECK_EQ(noise_handshake_write(&p.hs[R], NULL, 0, msg, sizeof(msg), &n), VA_OK);
	CHECK_EQ(n, 48);
	CHECK_EQ(noise_handshake_read(&p.hs[I], msg, n, NULL, 0, &m), VA_OK);
	CHECK(noise_handshake_is_done(&p.hs[I]) && noise_handshake_is_done(&p.hs[R]));
	CHECK(pair_agrees());
}

static void pairing_sizes(void)
{
	static const size_t sizes[] = { 48, 96, 64 };

	init_pair(&noise_pattern_XXpsk3);
	CHECK_EQ(run_pair(3), VA_OK);
	for (int m = 0; m < 3; m++)
		CHECK_EQ(p.len[m], sizes[m] + 5);
	CHECK(pair_agrees());
}

static void fresh_ephemerals(void)
{
	uint8_t first[48];

	init_pair(&noise_pattern_KKpsk2);
	p.config[I].ephemeral = p.config[R].ephemeral = NULL;
	CHECK_EQ(run_pair(2), VA_OK);
	memcpy(first, p.msg[0], sizeof(first));
	CHECK_EQ(run_pair(2), VA_OK);
	CHECK(memcmp(first, p.msg[0], 32) != 0);
}

/* Gives message m, changed, to its reader: it must be refused and the reader be empty after it. */
static bool refuses(
	unsigned int m, const uint8_t *msg, size_t len, const struct noise_handshake *at)
{
	struct noise_handshake hs = *at;
	struct noise_cipher send, recv;
	uint8_t out[MSG_MAX];
	enum va_err err;
	size_t n;

	err = noise_handshake_read(&hs, msg, len, out, sizeof(out), &n);
	if (err != VA_E_AUTH && err != VA_E_MALFORMED) {
		printf("# message %u of %zu bytes: %d\n", m, len, (int)err);
		return false;
	}
	return n == 0 && sodium_is_zero(out, sizeof(out)) && hs.failed && holds_no_secret(&hs) &&
	       !noise_handshake_is_done(&hs) &&
	       noise_handshake_split(&hs, &send, &recv) == VA_E_STATE &&
	       noise_handshake_read(&hs, msg, len, out, sizeof(out), &n) == VA_E_STATE;
}

/* Each message with each bit flipped, cut at each length, and made longer. */
static void mangle(const struct noise_pattern *pattern)
{
	for (unsigned int m = 0; m < pattern->n_messages; m++) {
		struct noise_handshake reader;
		uint8_t msg[MSG_MAX] = { 0 };

		init_pair(pattern);
		CHECK_EQ(run_pair(m), VA_OK);
		reader = p.hs[!(m % 2)];
		CHECK_EQ(run_pair(m + 1), VA_OK);
		memcpy(msg, p.msg[m], p.len[m]);
		for (size_t bit = 0; bit < 8 * p.len[m]; bit++) {
			msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CHECK(refuses(m, msg, p.len[m], &reader));
			msg[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t len = 0; len < p.len[m]; len++)
			CHECK(refuses(m, msg, len, &reader));
		for (size_t more = 1; more < 40; more++)
			CHECK(refuses(m, msg, p.len[m] + more, &reader));
	}
}

static void session_bits_and_cuts(void)
{
	mangle(&noise_pattern_KKpsk2);
}

static void pairing_bits_and_cuts(void)
{
	mangle(&noise_pattern_XXpsk3);
}

/* At which message the two part ways when one thing differs; n_messages: never. */
static unsigned int parts_at(void)
{
	unsigned int n = p.config[I].pattern->n_messages;

	for (unsigned int m = 1; m <= n; m++)
		if (run_pair(m))
			return m - 1;
	return n;
}

static void wrong_psk(void)
{
	init_pair(&noise_pattern_KKpsk2);
	p.psk[R][31] ^= 1;
	CHECK_EQ(parts_at(), 1);
	init_pair(&noise_pattern_XXpsk3);
	p.psk[R][0] ^= 0x80;
	CHECK_EQ(parts_at(), 2);
}

static void wrong_prologue(void)
{
	init_pair(&noise_pattern_KKpsk2);
	p.prologue[R][71] ^= 1;
	CHECK_EQ(parts_at(), 0);
	init_pair(&noise_pattern_KKpsk2);
	p.config[R].prologue_len = 71;
	CHECK_EQ(parts_at(), 0);
	init_pair(&noise_pattern_XXpsk3);
	p.prologue[I][0] ^= 1;
	CHECK_EQ(parts_at(), 0);
}

static void wrong_static_key(void)
{
	init_pair(&noise_pattern_KKpsk2);
	CHECK_EQ(parts_at(), 2);
	p.pub[R][3] ^= 1; /* the initiator expects another responder */
	CHECK_EQ(parts_at(), 0);
	init_pair(&noise_pattern_KKpsk2);
	p.s[I][3] ^= 0x10; /* the initiator is another */
	CHECK_EQ(parts_at(), 0);
}

static void another_hash_or_pattern(void)
{
	init_pair(&noise_pattern_KKpsk2);
	p.config[R].hash = noise_hash_find("SHA512");
	CHECK_EQ(parts_at(), 0);
	CHECK(noise_hash_find("BLAKE2s") == NULL && noise_pattern_find("NK") == NULL);
	CHECK(noise_pattern_find("KKpsk2") == &noise_pattern_KKpsk2);
}

/* A recorded first message means nothing to a responder with another nonce in its prologue. */
static void replayed_first_message(void)
{
	init_pair(&noise_pattern_KKpsk2);
	CHECK_EQ(run_pair(1), VA_OK);
	p.prologue[R][30]++;
	CHECK(start_pair());
	CHECK(refuses(0, p.msg[0], p.len[0], &p.hs[R]));
}

static const char low_order[][65] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/*
 * An attacker who knows the hash function may seal a first message under a key made from such a
 * point, so the tag alone would not stop it: XXpsk3's first message is computed here as one would.
 */
static void low_order_ephemeral(void)
{
	for (size_t i = 0; i < 14; i++) {
		uint8_t point[32], msg[MSG_MAX] = { 0 };
		struct noise_handshake forger;
		size_t n = 0;

		sodium_hex2bin(point, 32, low_order[i / 2], 64, NULL, NULL, NULL);
		point[31] |= i % 2 ? 0x80 : 0; /* the top bit is no part of the number */
		init_pair(&noise_pattern_XXpsk3);
		CHECK(start_pair());
		forger = p.hs[I];
		noise_hash_pair(forger.hash, forger.h, 64, point, 32, forger.h);
		{
			uint8_t out[2][NOISE_HASH_MAX];

			noise_hash_hkdf(forger.hash, forger.ck, point, 32, out, 2);
			memcpy(forger.cipher.k, out[1], 32);
			forger.cipher.has_key = true;
		}
		memcpy(msg, point, 32);
		CHECK_EQ(noise_cipher_seal(&forger.cipher, forger.h, 64, NULL, 0, msg + 32), VA_OK);
		CHECK_EQ(noise_handshake_read(&p.hs[R], msg, 48, NULL, 0, &n), VA_OK);
		/* accepted so far: no key agreement yet; the answer is where it must end */
		CHECK_EQ(noise_handshake_write(&p.hs[R], NULL, 0, msg, sizeof(msg), &n), VA_E_AUTH);
		CHECK(n == 0 && holds_no_secret(&p.hs[R]));
	}
}

static void low_order_static(void)
{
	for (size_t i = 0; i < 7; i++) {
		uint8_t msg[MSG_MAX];
		size_t n;

		init_pair(&noise_pattern_KKpsk2);
		sodium_hex2bin(p.pub[R], 32, low_order[i], 64, NULL, NULL, NULL);
		CHECK(start_pair());
		CHECK_EQ(noise_handshake_write(&p.hs[I], NULL, 0, msg, sizeof(msg), &n), VA_E_AUTH);
		CHECK(holds_no_secret(&p.hs[I]));
		init_pair(&noise_pattern_KKpsk2);
		CHECK_EQ(run_pair(1), VA_OK);
		sodium_hex2bin(p.msg[0], 32, low_order[i], 64, NULL, NULL, NULL);
		CHECK(start_pair());
		CHECK(refuses(0, p.msg[0], p.len[0], &p.hs[R]));
	}
}

static void configuration_is_checked(void)
{
	struct noise_handshake hs;

	for (unsigned int fault = 0; fault < 5; fault++) {
		init_pair(fault == 3 ? &noise_pattern_XXpsk3 : &noise_pattern_KKpsk2);
		switch (fault) {
		case 0: p.config[I].s = NULL; break;
		case 1: p.config[I].rs = NULL; break;
		case 2: p.config[I].psks[0] = NULL; break;
		case 3: p.config[I].rs = p.pub[R]; break; /* it would be ignored */
		default: p.config[I].psks[1] = p.psk[0]; break;
		}
		CHECK_EQ(noise_handshake_init(&hs, &p.config[I]), VA_E_RANGE);
		CHECK(hs.failed && holds_no_secret(&hs));
	}
}

static void turns_are_kept(void)
{
	struct noise_cipher send, recv;
	uint8_t msg[MSG_MAX];
	size_t n;

	init_pair(&noise_pattern_KKpsk2);
	CHECK(start_pair());
	CHECK_EQ(noise_handshake_write(&p.hs[R], NULL, 0, msg, sizeof(msg), &n), VA_E_STATE);
	CHECK(holds_no_secret(&p.hs[R]));
	CHECK_EQ(noise_handshake_read(&p.hs[I], msg, 48, NULL, 0, &n), VA_E_STATE);
	CHECK_EQ(run_pair(1), VA_OK);
	CHECK_EQ(noise_handshake_split(&p.hs[R], &send, &recv), VA_E_STATE);
	CHECK(!send.has_key && !recv.has_key);
	CHECK_EQ(run_pair(2), VA_OK);
	CHECK_EQ(noise_handshake_split(&p.hs[R], &send, &recv), VA_OK);
	CHECK_EQ(noise_handshake_split(&p.hs[R], &send, &recv), VA_E_STATE);
	CHECK_EQ(noise_handshake_write(&p.hs[R], NULL, 0, msg, sizeof(msg), &n), VA_E_STATE);
}

static void split_leaves_no_secret(void)
{
	struct noise_cipher send, recv;

	init_pair(&noise_pattern_XXpsk3);
	CHECK_EQ(run_pair(3), VA_OK);
	CHECK(!holds_no_secret(&p.hs[I]));
	CHECK_EQ(noise_handshake_split(&p.hs[I], &send, &recv), VA_OK);
	CHECK(holds_no_secret(&p.hs[I]));
	CHECK(!sodium_is_zero(noise_handshake_hash(&p.hs[I]), 64));
	CHECK_MEM(noise_handshake_peer(&p.hs[I]), p.pub[R], 32);
}

static void small_buffers(void)
{
	uint8_t msg[MSG_MAX], out[8];
	size_t n;

	for (size_t room = 0; room < 53; room++) {
		init_pair(&noise_pattern_KKpsk2);
		CHECK(start_pair());
		memset(msg, 0x5a, sizeof(msg));
		CHECK_EQ(
			noise_handshake_write(&p.hs[I], (const uint8_t *)"hello", 5, msg, room, &n),
			VA_E_SPACE);
		CHECK(n == 0 && msg[room] == 0x5a && holds_no_secret(&p.hs[I]));
	}
	CHECK_EQ(run_pair(1), VA_OK);
	CHECK(start_pair());
	CHECK_EQ(noise_handshake_read(&p.hs[R], p.msg[0], p.len[0], out, 4, &n), VA_E_SPACE);
	CHECK(sodium_is_zero(out, 4) && holds_no_secret(&p.hs[R]));
}

static void cipher_limits(void)
{
	struct noise_cipher c = { .n = UINT64_MAX - 1, .has_key = true };
	uint8_t buf[64] = { 0 }, key[32];

	CHECK_EQ(noise_cipher_open(&c, NULL, 0, buf, 15, buf), VA_E_MALFORMED);
	CHECK_EQ(noise_cipher_seal(&c, NULL, 0, buf, 10, buf), VA_OK);
	CHECK_EQ(noise_cipher_seal(&c, NULL, 0, buf, 10, buf), VA_E_LIMIT);
	CHECK_EQ(noise_cipher_open(&c, NULL, 0, buf, 26, buf), VA_E_LIMIT);
	memcpy(key, c.k, 32);
	CHECK_EQ(noise_cipher_rekey(&c), VA_OK);
	CHECK(memcmp(key, c.k, 32) != 0);
	CHECK_EQ(c.n, UINT64_MAX);
	noise_cipher_wipe(&c);
	CHECK_EQ(noise_cipher_rekey(&c), VA_E_STATE);
	CHECK_EQ(noise_cipher_seal(&c, NULL, 0, buf, 10, buf), VA_E_STATE);
}

/* HMAC over the plain hash, never the hash's keyed mode; the outputs are Python's. */
static void hkdf_is_hmac(void)
{
	uint8_t out[3][NOISE_HASH_MAX], ck[64] = { 1, 2, 3 };

	noise_hash_hkdf(&noise_hash_blake2b, ck, (const uint8_t *)"input", 5, out, 3);
	CHECK_MEM(out[0], "\x61\xa2\xc0\x8d\xc5\x9c\xba\x50\xf8\xff\xcf\x57\x51\x91\xb7\xb2", 16);
	CHECK_MEM(out[1], "\xae\x77\x4e\x97\xf7\xed\x6b\x43\xa9\x1c\xb8\xda\xa5\x53\xa7\x5f", 16);
	CHECK_MEM(out[2], "\x17\xb0\x7e\x29\x7d\x88\x9d\xe1\x71\xb7\xaf\x03\x7e\x48\x25\x03", 16);
	noise_hash_hkdf(noise_hash_find("SHA256"), ck, (const uint8_t *)"input", 5, out, 3);
	CHECK_MEM(out[2], "\xe1\x87\xf1\x3d\xf7\xce\xb2\xcf\x26\x5a\x0c\xaf\x72\x68\xe7\xad", 16);
}

TEST_MAIN({ "session_sizes", session_sizes }, { "pairing_sizes", pairing_sizes },
	{ "fresh_ephemerals", fresh_ephemerals },
	{ "session_bits_and_cuts", session_bits_and_cuts },
	{ "pairing_bits_and_cuts", pairing_bits_and_cuts }, { "wrong_psk", wrong_psk },
	{ "wrong_prologue", wrong_prologue }, { "wrong_static_key", wrong_static_key },
	{ "another_hash_or_pattern", another_hash_or_pattern },
	{ "replayed_first_message", replayed_first_message },
	{ "low_order_ephemeral", low_order_ephemeral }, { "low_order_static", low_order_static },
	{ "configuration_is_checked", configuration_is_checked },
	{ "turns_are_kept", turns_are_kept }, { "split_leaves_no_secret", split_leaves_no_secret },
	{ "small_buffers", small_buffers }, { "cipher_limits", cipher_limits },
	{ "hkdf_is_hmac", hkdf_is_hmac });
