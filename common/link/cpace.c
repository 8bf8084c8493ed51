// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * draft-irtf-cfrg-cpace, sections 6 and 7.3 (group ristretto255, hash SHA-512). Names in capitals
 * are the draft's. Every variable field goes into a hash behind its length, one byte here because
 * fields are at most 127 bytes long.
 */
#include "common/link/cpace.h"

#include "common/link/wipe.h"

#include <string.h>

static const uint8_t DSI[] = "CPaceRistretto255";
static const uint8_t DSI_ISK[] = "CPaceRistretto255_ISK";

enum { SHA512_BLOCK = 128 };

static void add_field(crypto_hash_sha512_state *state, const uint8_t *p, size_t n)
{
	uint8_t len = (uint8_t)n;

	crypto_hash_sha512_update(state, &len, 1);
	if (n > 0)
		crypto_hash_sha512_update(state, p, n);
}

/* calculate_generator: the code fills the first block of the hash alone, by means of ZPAD. */
static void generator(struct cpace_field prs, struct cpace_field ci, struct cpace_field sid,
	uint8_t ret[crypto_core_ristretto255_BYTES])
{
	static const uint8_t zeros[SHA512_BLOCK];
	size_t used = 1 + (1 + prs.n) + (1 + sizeof(DSI) - 1); /* 1: ZPAD's own length */
	uint8_t hash[crypto_core_ristretto255_HASHBYTES];
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	add_field(&state, DSI, sizeof(DSI) - 1);
	add_field(&state, prs.p, prs.n);
	add_field(&state, zeros, used < SHA512_BLOCK ? SHA512_BLOCK - used : 0);
	add_field(&state, ci.p, ci.n);
	add_field(&state, sid.p, sid.n);
	crypto_hash_sha512_final(&state, hash);
	crypto_core_ristretto255_from_hash(ret, hash);
	WIPE(state);
	WIPE(hash);
}

enum va_err cpace_begin(struct cpace *c, enum cpace_role role, struct cpace_field prs,
	struct cpace_field ci, struct cpace_field sid, const uint8_t *random)
{
	uint8_t g[crypto_core_ristretto255_BYTES], wide[CPACE_RANDOM_SIZE];
	int rc;

	memset(c, 0, sizeof(*c));
	if (prs.n > CPACE_FIELD_MAX || ci.n > CPACE_FIELD_MAX || sid.n > CPACE_SID_MAX)
		return VA_E_RANGE;
	if (random)
		memcpy(wide, random, sizeof(wide));
	else
		randombytes_buf(wide, sizeof(wide));
	crypto_core_ristretto255_scalar_reduce(c->scalar, wide);
	generator(prs, ci, sid, g);
	rc = crypto_scalarmult_ristretto255(c->share, c->scalar, g);
	WIPE(g);
	WIPE(wide);
	if (rc) {
		cpace_wipe(c);
		return VA_E_RANGE;
	}
	if (sid.n > 0)
		memcpy(c->sid, sid.p, sid.n);
	c->sid_len = sid.n;
	c->role = role;
	c->live = true;
	return VA_OK;
}

static void derive_isk(const struct cpace *c, const uint8_t *k, const uint8_t *peer_share,
	struct cpace_field own_ad, struct cpace_field peer_ad, uint8_t ret_isk[CPACE_ISK_SIZE])
{
	bool initiator = c->role == CPACE_INITIATOR;
	struct cpace_field ad_a = initiator ? own_ad : peer_ad;
	struct cpace_field ad_b = initiator ? peer_ad : own_ad;
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	add_field(&state, DSI_ISK, sizeof(DSI_ISK) - 1);
	add_field(&state, c->sid, c->sid_len);
	add_field(&state, k, crypto_core_ristretto255_BYTES);
	add_field(&state, initiator ? c->share : peer_share, CPACE_SHARE_SIZE);
	add_field(&state, ad_a.p, ad_a.n);
	add_field(&state, initiator ? peer_share : c->share, CPACE_SHARE_SIZE);
	add_field(&state, ad_b.p, ad_b.n);
	crypto_hash_sha512_final(&state, ret_isk);
	WIPE(state);
}

enum va_err cpace_finish(struct cpace *c, const uint8_t untrusted_share[CPACE_SHARE_SIZE],
	struct cpace_field own_ad, struct cpace_field peer_ad, uint8_t ret_isk[CPACE_ISK_SIZE])
{
	uint8_t k[crypto_core_ristretto255_BYTES], share[CPACE_SHARE_SIZE];
	enum va_err err = VA_OK;

	memset(ret_isk, 0, CPACE_ISK_SIZE);
	memcpy(share, c->share, sizeof(share));
	if (!c->live)
		err = VA_E_STATE;
	else if (own_ad.n > CPACE_FIELD_MAX || peer_ad.n > CPACE_FIELD_MAX)
		err = VA_E_RANGE;
	/* also refuses encodings that are not canonical, and the neutral element */
	else if (crypto_scalarmult_ristretto255(k, c->scalar, untrusted_share))
		err = VA_E_AUTH;
	if (!err)
		derive_isk(c, k, untrusted_share, own_ad, peer_ad, ret_isk);
	WIPE(k);
	cpace_wipe(c);
	memcpy(c->share, share, sizeof(share));
	return err;
}

void cpace_wipe(struct cpace *c)
{
	if (c)
		sodium_memzero(c, sizeof(*c));
}
