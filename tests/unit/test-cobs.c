// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/link/cobs.h"
#include "tests/unit/test.h"

static uint8_t body[FRAME_MAX_BODY], wire[FRAME_ENCODED_SIZE(FRAME_MAX_BODY) + 16];
static struct frame_reader reader;

static void fill_body(unsigned int pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		switch (pattern) {
		case 0: body[i] = 0; break;
		case 1: body[i] = 0xff; break;
		case 2: body[i] = (uint8_t)(i % 255); break; /* a zero every 255 bytes */
		case 3: body[i] = (uint8_t)(i % 254); break;
		default: body[i] = (uint8_t)((i * 2654435761u >> 13) & 3); break;
		}
}

/* What a push of the whole input gives; the rest is pushed until it is taken. */
struct tally {
	unsigned int frames, malformed;
	size_t last_len;
	uint8_t last[FRAME_MAX_BODY];
};

static void push_all(struct frame_reader *r, const uint8_t *in, size_t n, struct tally *t)
{
	size_t at = 0;

	for (;;) {
		const uint8_t *got;
		size_t used, len;
		enum va_err rc = frame_reader_push(r, in + at, n - at, &used, &got, &len);

		at += used;
		if (rc == VA_OK) {
			CHECK_EQ(at, n);
			return;
		}
		if (rc == VA_E_MALFORMED) {
			t->malformed++;
			continue;
		}
		CHECK_EQ(rc, VA_MORE);
		CHECK(len > 0 && len <= FRAME_MAX_BODY);
		t->frames++;
		t->last_len = len;
		memcpy(t->last, got, len);
	}
}

static void known_encodings(void)
{
	static const struct {
		const char *body;
		size_t n;
		const char *wire;
		size_t n_wire;
	} cases[] = {
		{ "\x00", 1, "\x00\x01\x01\x00", 4 },
		{ "\x00\x00", 2, "\x00\x01\x01\x01\x00", 5 },
		{ "\x11", 1, "\x00\x02\x11\x00", 4 },
		{ "\x11\x22\x00\x33", 4, "\x00\x03\x11\x22\x02\x33\x00", 7 },
		{ "\x11\x00\x00\x00", 4, "\x00\x02\x11\x01\x01\x01\x00", 7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(
			cobs_encode((const uint8_t *)cases[i].body, cases[i].n, wire, sizeof(wire)),
			cases[i].n_wire);
		CHECK_MEM(wire, cases[i].wire, cases[i].n_wire);
	}
	fill_body(1, 255);
	CHECK_EQ(cobs_encode(body, 253, wire, sizeof(wire)), 256);
	CHECK_EQ(wire[1], 0xfe);
	CHECK_EQ(cobs_encode(body, 254, wire, sizeof(wire)), 257);
	CHECK_EQ(wire[1], 0xff);
	CHECK_EQ(cobs_encode(body, 255, wire, sizeof(wire)), 259);
	CHECK_EQ(wire[256], 0x02);
	body[254] = 0;
	CHECK_EQ(cobs_encode(body, 255, wire, sizeof(wire)), 259);
	CHECK(wire[256] == 1 && wire[257] == 1);
}

static void every_length_goes_through(void)
{
	static struct tally t;

	frame_reader_init(&reader);
	frame_reader_set_limit(&reader, FRAME_MAX_ENCODED);
	for (unsigned int pattern = 0; pattern < 5; pattern++)
		for (size_t n = 1; n <= FRAME_MAX_BODY; n += n < 600 ? 1 : 7) {
			size_t len;

			fill_body(pattern, n);
			len = cobs_encode(body, n, wire, FRAME_ENCODED_SIZE(n));
			CHECK(len >= n + 3 && len <= FRAME_ENCODED_SIZE(n));
			CHECK(wire[0] == 0 && wire[len - 1] == 0);
			CHECK(!memchr(wire + 1, 0, len - 2));
			t = (struct tally){ 0 };
			push_all(&reader, wire, len, &t);
			CHECK(t.frames == 1 && t.malformed == 0 && t.last_len == n);
			CHECK_MEM(t.last, body, n);
		}
	fill_body(1, FRAME_MAX_BODY);
	CHECK(cobs_encode(body, FRAME_MAX_BODY, wire, sizeof(wire)) - 2 <= FRAME_MAX_ENCODED);
	CHECK(cobs_encode(body, FRAME_MAX_BODY_EARLY, wire, sizeof(wire)) - 2 <=
		FRAME_MAX_ENCODED_EARLY);
}

static void encoder_keeps_to_its_buffer(void)
{
	for (unsigned int pattern = 0; pattern < 5; pattern++)
		for (size_t n = 1; n < 600; n += 11) {
			size_t len;

			fill_body(pattern, n);
			len = cobs_encode(body, n, wire, sizeof(wire));
			for (size_t room = 0; room < len; room++) {
				memset(wire, 0x5a, sizeof(wire));
				CHECK_EQ(cobs_encode(body, n, wire, room), 0);
				CHECK_EQ(wire[room], 0x5a);
			}
			CHECK_EQ(cobs_encode(body, n, wire, len), len);
		}
	CHECK_EQ(cobs_encode(body, 0, wire, sizeof(wire)), 0);
}

/* Three frames with empty ones between them, cut at every two places, and byte by byte. */
static void cuts_decide_nothing(void)
{
	uint8_t stream[128];
	size_t n = 0;

	n += cobs_encode((const uint8_t *)"\x01\x00\x02", 3, stream + n, sizeof(stream) - n);
	stream[n++] = 0;
	n += cobs_encode((const uint8_t *)"second one", 10, stream + n, sizeof(stream) - n);
	n += cobs_encode((const uint8_t *)"\x00\x00", 2, stream + n, sizeof(stream) - n);
	for (size_t a = 0; a <= n; a++)
		for (size_t b = a; b <= n; b++) {
			struct tally t = { 0 };

			frame_reader_init(&reader);
			push_all(&reader, stream, a, &t);
			push_all(&reader, stream + a, b - a, &t);
			push_all(&reader, stream + b, n - b, &t);
			CHECK(t.frames == 3 && t.malformed == 0);
			CHECK(t.last_len == 2 && t.last[0] == 0 && t.last[1] == 0);
		}
	frame_reader_init(&reader);
	for (size_t i = 0, frames = 0; i < n; i++) {
		struct tally t = { 0 };

		push_all(&reader, stream + i, 1, &t);
		frames += t.frames;
		CHECK(t.malformed == 0 && (i + 1 < n || frames == 3));
	}
}

/* Whatever is cut off one frame, the next is intact. */
static void torn_frame_takes_nothing_with_it(void)
{
	size_t n, m;

	fill_body(3, 100);
	n = cobs_encode(body, 100, wire, sizeof(wire));
	m = cobs_encode((const uint8_t *)"after", 5, wire + n, sizeof(wire) - n);
	for (size_t from = 0; from < n; from++)
		for (size_t to = from; to < n; to++) {
			struct tally t = { 0 };

			frame_reader_init(&reader);
			push_all(&reader, wire + from, to - from, &t);
			push_all(&reader, wire + n, m, &t);
			CHECK(t.last_len == 5 && !memcmp(t.last, "after", 5));
			CHECK(t.frames + t.malformed <= 2);
		}
}

static void long_run_counts_once(void)
{
	struct tally t = { 0 };
	size_t n = cobs_encode((const uint8_t *)"x", 1, wire, sizeof(wire));
	static uint8_t noise[1000];

	memset(noise, 0x77, sizeof(noise));
	frame_reader_init(&reader);
	for (int i = 0; i < 50; i++)
		push_all(&reader, noise, sizeof(noise), &t);
	CHECK(t.frames == 0 && t.malformed == 1);
	push_all(&reader, wire, n, &t);
	CHECK(t.frames == 1 && t.malformed == 1 && t.last_len == 1);
	for (int i = 0; i < 129; i++)
		push_all(&reader, noise, 1, &t);
	CHECK_EQ(t.malformed, 2);
}

static void limit_is_exact(void)
{
	static const size_t limits[] = { FRAME_MAX_ENCODED_EARLY, FRAME_MAX_ENCODED };

	for (size_t i = 0; i < 2; i++)
		for (size_t over = 0; over < 2; over++) {
			struct tally t = { 0 };
			size_t run = limits[i] + over;
			static uint8_t in[FRAME_MAX_ENCODED + 2];

			memset(in, 1, sizeof(in)); /* a run of ones is a body of zeros, one less */
			in[run] = 0;
			frame_reader_init(&reader);
			frame_reader_set_limit(&reader, limits[i]);
			push_all(&reader, in, run + 1, &t);
			/* 4141 ones would be a body above FRAME_MAX_BODY: no frame either */
			CHECK_EQ(t.frames, i == 0 && over == 0);
			CHECK_EQ(t.malformed, !t.frames);
			CHECK(!t.frames || t.last_len == run - 1);
		}
	frame_reader_set_limit(&reader, SIZE_MAX);
	CHECK_EQ(reader.limit, FRAME_MAX_ENCODED);
}

static void limit_changes_under_way(void)
{
	struct tally t = { 0 };
	size_t n;

	fill_body(2, 1000);
	n = cobs_encode(body, 1000, wire, sizeof(wire));
	frame_reader_init(&reader);
	push_all(&reader, wire, 100, &t);
	frame_reader_set_limit(&reader, FRAME_MAX_ENCODED);
	push_all(&reader, wire + 100, n - 100, &t);
	CHECK(t.frames == 1 && t.malformed == 0 && t.last_len == 1000);
	push_all(&reader, wire, n - 1, &t); /* whole but for its end */
	frame_reader_set_limit(&reader, FRAME_MAX_ENCODED_EARLY);
	push_all(&reader, (const uint8_t *)"", 1, &t);
	CHECK(t.frames == 1 && t.malformed == 1);
	push_all(&reader, wire, n, &t);
	CHECK(t.frames == 1 && t.malformed == 2);
}

static void undecodable_runs(void)
{
	static const struct {
		const char *in;
		size_t n;
	} cases[] = {
		{ "\x05\x01\x02\x00", 4 }, /* says four bytes, has two */
		{ "\x01\x00", 2 },         /* an empty body */
		{ "\xff\x01\x00", 3 },
		{ "\x02\x00", 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tally t = { 0 };

		frame_reader_init(&reader);
		push_all(&reader, (const uint8_t *)cases[i].in, cases[i].n, &t);
		CHECK(t.frames == 0 && t.malformed == 1);
	}
}

static void reset_forgets(void)
{
	struct tally t = { 0 };

	frame_reader_init(&reader);
	push_all(&reader, (const uint8_t *)"\x09torn", 5, &t);
	frame_reader_reset(&reader);
	push_all(&reader, (const uint8_t *)"\x02z\x00", 3, &t);
	CHECK(t.frames == 1 && t.malformed == 0 && t.last_len == 1 && t.last[0] == 'z');
}

TEST_MAIN({ "known_encodings", known_encodings },
	{ "every_length_goes_through", every_length_goes_through },
	{ "encoder_keeps_to_its_buffer", encoder_keeps_to_its_buffer },
	{ "cuts_decide_nothing", cuts_decide_nothing },
	{ "torn_frame_takes_nothing_with_it", torn_frame_takes_nothing_with_it },
	{ "long_run_counts_once", long_run_counts_once }, { "limit_is_exact", limit_is_exact },
	{ "limit_changes_under_way", limit_changes_under_way },
	{ "undecodable_runs", undecodable_runs }, { "reset_forgets", reset_forgets });
