// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libsodium's hashes behind one table. Everything that a secret went through is wiped here: hash
 * states, pads, intermediate outputs.
 */
#include "common/link/noise-hash.h"

#include "common/link/wipe.h"

#include <string.h>

enum { BLOCK_MAX = 128, INPUT_MAX = NOISE_HASH_MAX + 1 };

static void blake2b_init(union noise_hash_state *state)
{
	crypto_generichash_init(&state->blake2b, NULL, 0, 64);
}

static void blake2b_update(union noise_hash_state *state, const uint8_t *in, size_t n)
{
	crypto_generichash_update(&state->blake2b, in, n);
}

static void blake2b_final(union noise_hash_state *state, uint8_t *out)
{
	crypto_generichash_final(&state->blake2b, out, 64);
}

static void sha256_init(union noise_hash_state *state)
{
	crypto_hash_sha256_init(&state->sha256);
}

static void sha256_update(union noise_hash_state *state, const uint8_t *in, size_t n)
{
	crypto_hash_sha256_update(&state->sha256, in, n);
}

static void sha256_final(union noise_hash_state *state, uint8_t *out)
{
	crypto_hash_sha256_final(&state->sha256, out);
}

static void sha512_init(union noise_hash_state *state)
{
	crypto_hash_sha512_init(&state->sha512);
}

static void sha512_update(union noise_hash_state *state, const uint8_t *in, size_t n)
{
	crypto_hash_sha512_update(&state->sha512, in, n);
}

static void sha512_final(union noise_hash_state *state, uint8_t *out)
{
	crypto_hash_sha512_final(&state->sha512, out);
}

const struct noise_hash noise_hash_blake2b = { "BLAKE2b", 64, 128, blake2b_init, blake2b_update,
	blake2b_final };
static const struct noise_hash noise_hash_sha256 = { "SHA256", 32, 64, sha256_init, sha256_update,
	sha256_final };
static const struct noise_hash noise_hash_sha512 = { "SHA512", 64, 128, sha512_init, sha512_update,
	sha512_final };

const struct noise_hash *noise_hash_find(const char *name)
{
	static const struct noise_hash *const all[] = { &noise_hash_blake2b, &noise_hash_sha256,
		&noise_hash_sha512 };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

size_t noise_hash_size(const struct noise_hash *hash)
{
	return hash->size;
}

void noise_hash_pair(const struct noise_hash *hash, const uint8_t *a, size_t na, const uint8_t *b,
	size_t nb, uint8_t *out)
{
	union noise_hash_state state;

	hash->init(&state);
	if (na > 0)
		hash->update(&state, a, na);
	if (nb > 0)
		hash->update(&state, b, nb);
	hash->final(&state, out);
	WIPE(state);
}

/* key_len is at most the block length: keys here are chaining keys and outputs of this hash. */
static void hmac(const struct noise_hash *hash, const uint8_t *key, size_t key_len,
	const uint8_t *in, size_t n, uint8_t out[NOISE_HASH_MAX])
{
	uint8_t pad[BLOCK_MAX], inner[NOISE_HASH_MAX];

	memset(pad, 0x36, hash->block);
	for (size_t i = 0; i < key_len; i++)
		pad[i] ^= key[i];
	noise_hash_pair(hash, pad, hash->block, in, n, inner);
	for (size_t i = 0; i < hash->block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	noise_hash_pair(hash, pad, hash->block, inner, hash->size, out);
	WIPE(pad);
	WIPE(inner);
}

void noise_hash_hkdf(const struct noise_hash *hash, const uint8_t *ck, const uint8_t *ikm,
	size_t n_ikm, uint8_t (*out)[NOISE_HASH_MAX], unsigned int n)
{
	uint8_t temp[NOISE_HASH_MAX], input[INPUT_MAX];
	size_t used = 0;

	hmac(hash, ck, hash->size, ikm, n_ikm, temp);
	for (unsigned int i = 0; i < n; i++) {
		if (i > 0) {
			memcpy(input, out[i - 1], hash->size);
			used = hash->size;
		}
		input[used] = (uint8_t)(i + 1);
		hmac(hash, temp, hash->size, input, used + 1, out[i]);
	}
	WIPE(temp);
	WIPE(input);
}
