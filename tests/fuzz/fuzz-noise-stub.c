// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What lies behind a valid tag: whole handshakes and the records after them, with an AEAD that
 * accepts everything. The product's cipher file is compiled here once more, with libsodium's
 * decryption replaced; the linker then takes nothing from the true one. No other program contains
 * this.
 */
#include <sodium.h>
#include <string.h>

static int accept_anything(unsigned char *m, unsigned long long *m_len, unsigned char *secret_nonce,
	const unsigned char *c, unsigned long long c_len, const unsigned char *ad,
	unsigned long long ad_len, const unsigned char *nonce, const unsigned char *k)
{
	(void)m_len, (void)secret_nonce, (void)ad, (void)ad_len, (void)nonce, (void)k;
	if (c_len < crypto_aead_chacha20poly1305_ietf_ABYTES)
		return -1;
	if (c_len > crypto_aead_chacha20poly1305_ietf_ABYTES)
		memmove(m, c, (size_t)c_len - crypto_aead_chacha20poly1305_ietf_ABYTES);
	return 0;
}

#define crypto_aead_chacha20poly1305_ietf_decrypt accept_anything
#include "common/link/noise-cipher.c"

#include "common/link/record.h"
#include "tests/fuzz/noise-ends.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p;
	size_t n;
};

/* The next piece: its length is two bytes before it, and is cut to what is there. */
static struct input take(struct input *in)
{
	struct input piece = { in->p, 0 };

	if (in->n < 2) {
		in->n = 0;
		return piece;
	}
	piece.p = in->p + 2;
	piece.n = ((size_t)in->p[0] << 8 | in->p[1]) % (RECORD_MAX_SIZE + 2);
	piece.n = piece.n < in->n - 2 ? piece.n : in->n - 2;
	in->p = piece.p + piece.n;
	in->n -= 2 + piece.n;
	return piece;
}

static void open_records(struct noise_cipher *recv, struct input *in)
{
	static uint8_t plain[RECORD_MAX_PADDED];

	while (in->n > 0) {
		struct input piece = take(in);
		const uint8_t *sid;
		struct record r;
		bool had_key = recv->has_key;
		enum va_err peek = record_peek(piece.p, piece.n, &sid);
		enum va_err err = record_open(recv, piece.p, piece.n, plain, &r);

		must(err == VA_OK || err == VA_E_MALFORMED || err == VA_E_STATE);
		must(peek == VA_OK || err == VA_E_MALFORMED);
		if (err == VA_OK) {
			must(r.kind >= RECORD_CONFIRM && r.kind <= RECORD_KIND_MAX);
			must(r.body == plain + 3 && r.len <= RECORD_MAX_BODY);
			must(record_size(r.len) == piece.n);
		} else {
			must(r.body == NULL && r.len == 0);
			/* a form that is none costs nothing; all else ends the session */
			must(recv->has_key == (had_key && peek != VA_OK));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t big[2 * RECORD_MAX_SIZE];
	uint8_t small[52]; /* on the stack, where ASan guards its end */
	struct input in;
	struct noise_handshake ends[2], *hs;
	struct noise_cipher send, recv;
	enum va_err err = VA_OK;
	unsigned int side;
	size_t n;

	if (size < 1)
		return 0;
	in = (struct input){ data + 1, size - 1 };
	side = data[0] >> 1 & 1;
	noise_ends_init(ends, data[0] & 1);
	hs = &ends[side];
	for (unsigned int m = 0; !noise_handshake_is_done(hs) && !err; m++) {
		if (m % 2 == side) {
			err = noise_handshake_write(hs, NULL, 0, big, sizeof(big), &n);
			must(err == VA_OK || err == VA_E_AUTH);
		} else {
			struct input piece = take(&in);
			bool is_small = data[0] & 4;

			err = noise_handshake_read(hs, piece.p, piece.n, is_small ? small : big,
				is_small ? sizeof(small) : sizeof(big), &n);
			must(err == VA_OK || n == 0);
		}
	}
	must(noise_handshake_is_done(hs) == (err == VA_OK));
	must((noise_handshake_split(hs, &send, &recv) == VA_OK) == (err == VA_OK));
	if (!err)
		open_records(&recv, &in);
	noise_handshake_wipe(hs);
	return 0;
}
