// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CipherState of the Noise specification, section 5.1, over libsodium's ChaCha20-Poly1305
 * (IETF). The nonce is four zero bytes and n, little-endian (12.3).
 */
#include "common/link/noise.h"

#include "common/link/wipe.h"

#include <string.h>

/* never a message's nonce: REKEY uses it */
#define NONCE_REKEY UINT64_MAX

static void nonce_of(uint64_t n, uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES])
{
	memset(nonce, 0, 4);
	for (unsigned int i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(n >> (8 * i));
}

static enum va_err cipher_ready(const struct noise_cipher *c)
{
	if (!c->has_key)
		return VA_E_STATE;
	return c->n == NONCE_REKEY ? VA_E_LIMIT : VA_OK;
}

enum va_err noise_cipher_seal(struct noise_cipher *c, const uint8_t *ad, size_t ad_len,
	const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	enum va_err err = cipher_ready(c);

	if (err)
		return err;
	nonce_of(c->n, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, in, len, ad, ad_len, NULL, nonce, c->k);
	c->n++;
	return VA_OK;
}

enum va_err noise_cipher_open(struct noise_cipher *c, const uint8_t *ad, size_t ad_len,
	const uint8_t *untrusted_in, size_t len, uint8_t *out)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	enum va_err err = cipher_ready(c);

	if (err)
		return err;
	if (len < NOISE_TAG_SIZE)
		return VA_E_MALFORMED;
	nonce_of(c->n, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(
		    out, NULL, NULL, untrusted_in, len, ad, ad_len, nonce, c->k)) {
		if (len > NOISE_TAG_SIZE)
			sodium_memzero(out, len - NOISE_TAG_SIZE);
		return VA_E_AUTH;
	}
	c->n++;
	return VA_OK;
}

enum va_err noise_cipher_rekey(struct noise_cipher *c)
{
	static const uint8_t zeros[NOISE_KEY_SIZE];
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	uint8_t out[NOISE_KEY_SIZE + NOISE_TAG_SIZE];

	if (!c->has_key)
		return VA_E_STATE;
	nonce_of(NONCE_REKEY, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, zeros, sizeof(zeros), NULL, 0, NULL, nonce, c->k);
	memcpy(c->k, out, sizeof(c->k));
	WIPE(out);
	return VA_OK;
}

void noise_cipher_wipe(struct noise_cipher *c)
{
	sodium_memzero(c, sizeof(*c));
}
