// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hash functions that a Noise protocol can be named with, and what Noise builds from them:
 * HMAC (RFC 2104 over the plain hash, whatever keyed mode the hash has) and HKDF. Sections 4.3
 * and 12.
 */
#ifndef VA_LINK_NOISE_HASH_H
#define VA_LINK_NOISE_HASH_H

#include "common/link/noise.h"

#include <sodium.h>

union noise_hash_state {
	crypto_generichash_state blake2b;
	crypto_hash_sha256_state sha256;
	crypto_hash_sha512_state sha512;
};

struct noise_hash {
	const char *name;
	size_t size;  /* HASHLEN */
	size_t block; /* BLOCKLEN */
	void (*init)(union noise_hash_state *state);
	void (*update)(union noise_hash_state *state, const uint8_t *in, size_t n);
	void (*final)(union noise_hash_state *state, uint8_t *out);
};

/* HASH(a || b) to out[hash->size]. out may be a or b. */
void noise_hash_pair(const struct noise_hash *hash, const uint8_t *a, size_t na, const uint8_t *b,
	size_t nb, uint8_t *out);

/* HKDF(ck, ikm, n) with ck of hash->size bytes: n outputs of that size, 1 to 3. out may hold ck. */
void noise_hash_hkdf(const struct noise_hash *hash, const uint8_t *ck, const uint8_t *ikm,
	size_t n_ikm, uint8_t (*out)[NOISE_HASH_MAX], unsigned int n);

#endif
