// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The frame reader on any stream: what it finds must not depend on where the reads were cut, and
 * whatever is encoded must come out as it went in. The first byte picks the limit, the second how
 * the stream is cut.
 */
#include "common/link/cobs.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16384, MAX_RESULTS = INPUT_MAX };

/* What a stream gave: each result, and all bodies behind one another. */
struct outcome {
	size_t n, n_bytes;
	int results[MAX_RESULTS];
	size_t lens[MAX_RESULTS];
	uint8_t bytes[INPUT_MAX];
};

static void must(bool cond)
{
	if (!cond)
		abort();
}

/* One read's worth, from an allocation of its very size, so that ASan sees a step beyond it. */
static void feed(struct frame_reader *r, const uint8_t *in, size_t n, struct outcome *o)
{
	uint8_t *copy = malloc(n ? n : 1);
	size_t at = 0;

	must(copy != NULL);
	memcpy(copy, in, n);
	for (;;) {
		const uint8_t *body = NULL;
		size_t used = 0, len = 0;
		enum va_err rc = frame_reader_push(r, copy + at, n - at, &used, &body, &len);

		must(used <= n - at);
		at += used;
		if (rc == VA_OK) {
			must(at == n);
			break;
		}
		must(rc == VA_MORE || rc == VA_E_MALFORMED);
		must(o->n < MAX_RESULTS);
		o->results[o->n] = rc;
		o->lens[o->n++] = len;
		if (rc != VA_MORE)
			continue;
		must(len > 0 && len <= FRAME_MAX_BODY && len < r->limit);
		memcpy(o->bytes + o->n_bytes, body, len);
		o->n_bytes += len;
	}
	free(copy);
}

static void must_survive_encoding(const uint8_t *in, size_t n)
{
	static uint8_t wire[FRAME_ENCODED_SIZE(FRAME_MAX_BODY)];
	static struct frame_reader r;
	const uint8_t *body;
	size_t len, used, got;

	n = n < FRAME_MAX_BODY ? n : FRAME_MAX_BODY;
	len = cobs_encode(in, n, wire, sizeof(wire));
	must((len == 0) == (n == 0) && len <= FRAME_ENCODED_SIZE(n));
	if (n == 0)
		return;
	must(wire[0] == 0 && memchr(wire + 1, 0, len - 1) == wire + len - 1);
	frame_reader_init(&r);
	frame_reader_set_limit(&r, FRAME_MAX_ENCODED);
	must(frame_reader_push(&r, wire, len, &used, &body, &got) == VA_MORE);
	must(used == len && got == n && memcmp(body, in, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frame_reader whole, cut;
	static struct outcome a, b;
	size_t step, limit;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	limit = data[0] & 1 ? FRAME_MAX_ENCODED : FRAME_MAX_ENCODED_EARLY;
	step = data[1] & 0x80 ? 1 + (size_t)(data[1] & 0x7f) * 37 : 1 + data[1];
	data += 2;
	size -= 2;
	a.n = a.n_bytes = b.n = b.n_bytes = 0;
	frame_reader_init(&whole);
	frame_reader_init(&cut);
	frame_reader_set_limit(&whole, limit);
	frame_reader_set_limit(&cut, limit);
	feed(&whole, data, size, &a);
	for (size_t at = 0; at < size; at += step)
		feed(&cut, data + at, step < size - at ? step : size - at, &b);
	must(a.n == b.n && a.n_bytes == b.n_bytes);
	must(memcmp(a.results, b.results, a.n * sizeof(a.results[0])) == 0);
	must(memcmp(a.lens, b.lens, a.n * sizeof(a.lens[0])) == 0);
	must(memcmp(a.bytes, b.bytes, a.n_bytes) == 0);
	must_survive_encoding(data, size);
	return 0;
}
