// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For the fuzzers of handshakes: both ends of one of the product's two, with fixed keys, so that
 * every run sends the same bytes.
 */
#ifndef VA_FUZZ_NOISE_ENDS_H
#define VA_FUZZ_NOISE_ENDS_H

#include "common/link/noise.h"

#include <stdlib.h>
#include <string.h>

static inline void must(bool cond)
{
	if (!cond)
		abort();
}

static inline void noise_ends_init(struct noise_handshake hs[2], bool pairing)
{
	static const uint8_t s[2][32] = { { 0x11, 1 }, { 0x22, 2 } };
	static const uint8_t e[2][32] = { { 0x33, 3 }, { 0x44, 4 } };
	static const uint8_t psk[32] = { 0x55 }, prologue[72] = { 0x66 };
	uint8_t pub[2][32];

	for (unsigned int side = 0; side < 2; side++)
		noise_public_key(s[side], pub[side]);
	for (unsigned int side = 0; side < 2; side++) {
		struct noise_config config = {
			.pattern = pairing ? &noise_pattern_XXpsk3 : &noise_pattern_KKpsk2,
			.hash = &noise_hash_blake2b,
			.role = (enum noise_role)side,
			.prologue = prologue,
			.prologue_len = sizeof(prologue),
			.s = s[side],
			.rs = pairing ? NULL : pub[!side],
			.psks = { psk },
			.ephemeral = e[side],
		};

		must(noise_handshake_init(&hs[side], &config) == VA_OK);
	}
}

#endif
