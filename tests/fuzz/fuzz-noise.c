// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each message of the two handshakes, with the cryptography as it is. The first byte picks the
 * handshake and the message, and whether the rest is the message itself or is XORed into the true
 * one. Only the true message may be taken.
 */
#include "tests/fuzz/noise-ends.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MSG_MAX = 160, PAYLOAD = 52, N_MESSAGES = 5 };

/* Where the fuzzer's message is read, and what the true one is. */
static struct {
	struct noise_handshake reader;
	uint8_t msg[MSG_MAX];
	size_t len;
} points[N_MESSAGES];

static void record_points(void)
{
	static const uint8_t payload[PAYLOAD] = "guest_id, psk, flags";
	unsigned int at = 0;

	for (unsigned int pairing = 0; pairing < 2; pairing++) {
		struct noise_handshake hs[2];

		noise_ends_init(hs, pairing);
		for (unsigned int m = 0; m < 2 + pairing; m++, at++) {
			uint8_t out[PAYLOAD];
			size_t n, len = m == 2 ? PAYLOAD : 0;

			points[at].reader = hs[!(m % 2)];
			must(noise_handshake_write(&hs[m % 2], payload, len, points[at].msg,
				     MSG_MAX, &points[at].len) == VA_OK);
			must(noise_handshake_read(&hs[!(m % 2)], points[at].msg, points[at].len,
				     out, sizeof(out), &n) == VA_OK);
			must(n == len);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t msg[4 * MSG_MAX] = { 0 }, out[2 * MSG_MAX];
	struct noise_handshake hs;
	size_t len, n;
	bool is_true;
	enum va_err err;

	if (points[0].len == 0)
		record_points();
	if (size < 1 || size > sizeof(msg))
		return 0;
	hs = points[data[0] % N_MESSAGES].reader;
	len = size - 1;
	memcpy(msg, data + 1, len);
	if (data[0] & 0x80) {
		len = points[data[0] % N_MESSAGES].len;
		for (size_t i = 0; i < len; i++)
			msg[i] ^= points[data[0] % N_MESSAGES].msg[i];
	}
	is_true = len == points[data[0] % N_MESSAGES].len &&
		  memcmp(msg, points[data[0] % N_MESSAGES].msg, len) == 0;
	err = noise_handshake_read(&hs, msg, len, out, sizeof(out), &n);
	must((err == VA_OK) == is_true);
	if (err) {
		must(err == VA_E_AUTH || err == VA_E_MALFORMED || err == VA_E_SPACE);
		must(hs.failed && n == 0 && !noise_handshake_is_done(&hs));
		for (size_t i = 0; i < sizeof(out); i++)
			must(out[i] == 0);
	}
	return 0;
}
