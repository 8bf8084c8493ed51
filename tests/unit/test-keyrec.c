// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/link/keyrec.h"
#include "common/link/noise.h"
#include "common/link/wipe.h"
#include "tests/unit/test.h"

#define A1 "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define B2 "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"
#define C3 "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3"
#define D4 "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4"
#define E5 "e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5"
#define ZZ "0000000000000000000000000000000000000000000000000000000000000000"
#define ID "00112233445566778899aabbccddeeff"

#define CURRENT                                                                                    \
	"virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 1\nsecret = " A1 "\npeer = " B2 \
	"\npsk = " C3 "\n"
#define NEXT "next-epoch = 2\nnext-secret = " D4 "\nnext-peer = " ZZ "\nnext-psk = " E5 "\n"

/* The checksums are another implementation's (Python's hashlib). */
static const char current[] = CURRENT "check = 20ea474dd01ac3b7\n";
static const char rolling[] = CURRENT NEXT "check = 863e3e069ea56f35\n";

static struct keyrec sample(bool with_next)
{
	struct keyrec k = { .guest = "zorg", .cur.epoch = 1 };

	for (unsigned int i = 0; i < KEYREC_ID_SIZE; i++)
		k.guest_id[i] = (uint8_t)(0x11 * i);
	memset(k.cur.secret, 0xa1, 32);
	memset(k.cur.peer, 0xb2, 32);
	memset(k.cur.psk, 0xc3, 32);
	if (with_next) {
		k.next.epoch = 2;
		memset(k.next.secret, 0xd4, 32);
		memset(k.next.psk, 0xe5, 32);
	}
	return k;
}

static void text_of_a_record(void)
{
	char out[KEYREC_TEXT_MAX];

	for (int with_next = 0; with_next < 2; with_next++) {
		struct keyrec k = sample(with_next), back;
		unsigned int line;
		size_t n;

		CHECK_EQ(keyrec_format(&k, out, sizeof(out), &n), VA_OK);
		CHECK_STR(out, with_next ? rolling : current);
		CHECK_EQ(n, strlen(out));
		CHECK_EQ(keyrec_parse(out, n, &back, &line), VA_OK);
		CHECK(line == 0 && memcmp(&k, &back, sizeof(k)) == 0);
	}
}

static void longest_record_fits(void)
{
	struct keyrec k = sample(true), back;
	char out[KEYREC_TEXT_MAX];
	unsigned int line;
	size_t n, full;

	memset(k.guest, 'x', 63);
	k.cur.epoch = UINT32_MAX - 1;
	k.next.epoch = UINT32_MAX;
	CHECK_EQ(keyrec_format(&k, out, sizeof(out), &full), VA_OK);
	CHECK_EQ(keyrec_parse(out, full, &back, &line), VA_OK);
	CHECK_MEM(&k, &back, sizeof(k));
	for (size_t size = 0; size <= full; size++) {
		memset(out, 'Z', sizeof(out));
		CHECK_EQ(keyrec_format(&k, out, size, &n), VA_E_SPACE);
		CHECK(n == 0 && out[size] == 'Z' && sodium_is_zero((uint8_t *)out, size));
	}
}

static void refused_to_write(void)
{
	struct keyrec good = sample(true), k;
	char out[KEYREC_TEXT_MAX];
	size_t n;

	for (int fault = 0; fault < 10; fault++) {
		k = good;
		switch (fault) {
		case 0: k.guest[0] = 0; break;
		case 1: memset(k.guest, 'x', 64); break;
		case 2: k.guest[1] = '\n'; break;
		case 3: k.cur.epoch = 0; break;
		case 4: k.next.epoch = 1; break;
		case 5: memset(k.cur.secret, 0, 32); break;
		case 6: memset(k.cur.peer, 0, 32); break;
		case 7: memset(k.cur.psk, 0, 32); break;
		case 8: memset(k.next.secret, 0, 32); break;
		default: memset(k.next.psk, 0, 32); break;
		}
		CHECK_EQ(keyrec_format(&k, out, sizeof(out), &n), VA_E_RANGE);
		CHECK_EQ(n, 0);
	}
	CHECK_EQ(keyrec_format(&good, out, sizeof(out), &n), VA_OK);
}

static bool refused(const char *text, size_t len, enum va_err *ret_err, unsigned int *ret_line)
{
	struct keyrec k;

	memset(&k, 1, sizeof(k));
	*ret_err = keyrec_parse(text, len, &k, ret_line);
	return (*ret_err == VA_E_MALFORMED || *ret_err == VA_E_AUTH) && *ret_line > 0 &&
	       sodium_is_zero((const uint8_t *)&k, sizeof(k));
}

static void every_truncation(void)
{
	unsigned int line;
	enum va_err err;

	for (size_t n = 0; n < strlen(rolling); n++) {
		CHECK(refused(rolling, n, &err, &line));
		CHECK_EQ(err, VA_E_MALFORMED);
	}
}

static void every_flipped_bit(void)
{
	char text[sizeof(rolling)];
	unsigned int line;
	enum va_err err;

	memcpy(text, rolling, sizeof(text));
	for (size_t bit = 0; bit < 8 * strlen(rolling); bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		CHECK(refused(text, strlen(rolling), &err, &line));
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
}

static void fault_is_named_by_its_line(void)
{
	static const struct {
		const char *text;
		unsigned int line;
	} cases[] = {
		{ "", 1 },
		{ "virt-aid-key v2\n", 1 },
		{ "virt-aid-key v1\r\nguest = zorg\n", 1 },
		{ "virt-aid-key v1\n", 2 },
		{ "virt-aid-key v1\nguest= zorg\n", 2 },
		{ "virt-aid-key v1\nguest = -zorg\n", 2 },
		{ "virt-aid-key v1\nguest = \n", 2 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "00\n", 3 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = 00112233445566778899AABBCCDDEEFF\n",
			3 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = 00112233445566778899aabbccddee`f\n",
			3 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = 00112233445566778899aabbccddeef/\n",
			3 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = 00112233445566778899aabbccddee:f\n",
			3 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = 00112233445566778899aabbccddeefg\n",
			3 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 0\n", 4 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 01\n", 4 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 4294967296\n", 4 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 99999999999\n", 4 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = +1\n", 4 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 1\nsecret = " ZZ "\n",
			5 },
		{ "virt-aid-key v1\nguest = zorg\nguest-id = " ID "\nepoch = 1\nsecret = " A1
		  "\npsk = " C3 "\n",
			6 },
		{ CURRENT "check = 00\n", 8 },
		{ CURRENT "next-epoch = 1\n", 8 }, /* not after the current one */
		{ CURRENT "next-epoch = 2\ncheck = 0000000000000000\n", 9 },
		{ CURRENT "# a note\n", 8 },
		{ CURRENT NEXT NEXT, 12 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int line;
		enum va_err err;

		CHECK(refused(cases[i].text, strlen(cases[i].text), &err, &line));
		if (line != cases[i].line)
			printf("# case %zu\n", i);
		CHECK_EQ(line, cases[i].line);
		CHECK_EQ(err, VA_E_MALFORMED);
	}
}

static void checksum_and_what_follows_it(void)
{
	char text[sizeof(current) + 8];
	size_t n = strlen(current);
	unsigned int line;
	enum va_err err;

	memcpy(text, current, sizeof(current));
	text[n - 2] = text[n - 2] == '0' ? '1' : '0';
	CHECK(refused(text, n, &err, &line));
	CHECK(err == VA_E_AUTH && line == 8);
	memcpy(text, current, sizeof(current));
	CHECK(refused(text, n + 1, &err, &line)); /* its terminator is not a part of it */
	CHECK(err == VA_E_MALFORMED && line == 9);
	text[n] = '\n';
	CHECK(refused(text, n + 1, &err, &line));
	CHECK(err == VA_E_MALFORMED && line == 9);
}

static void too_long(void)
{
	static char text[KEYREC_TEXT_MAX + 64];
	unsigned int line;
	enum va_err err;

	memset(text, '\n', sizeof(text));
	memcpy(text, current, strlen(current));
	CHECK(refused(text, sizeof(text), &err, &line));
	CHECK_EQ(err, VA_E_MALFORMED);
}

static void key_ids(void)
{
	struct keyrec k = sample(false);
	uint8_t pub[32], id[8], own[8];

	keyrec_key_id(k.cur.peer, id);
	CHECK_MEM(id, "\x2a\xfe\x31\xc0\xfd\x1f\x81\x32", 8); /* Python's hashlib */
	noise_public_key(k.cur.secret, pub);
	keyrec_key_id(pub, id);
	keyrec_own_key_id(&k.cur, own);
	CHECK_MEM(id, own, 8);
}

TEST_MAIN({ "text_of_a_record", text_of_a_record }, { "longest_record_fits", longest_record_fits },
	{ "refused_to_write", refused_to_write }, { "every_truncation", every_truncation },
	{ "every_flipped_bit", every_flipped_bit },
	{ "fault_is_named_by_its_line", fault_is_named_by_its_line },
	{ "checksum_and_what_follows_it", checksum_and_what_follows_it }, { "too_long", too_long },
	{ "key_ids", key_ids });
