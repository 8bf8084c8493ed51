// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handshake patterns, as the Noise specification's section 7.5 and its psk modifiers (9.4)
 * give them. The product runs the first two; the others are here because other implementations'
 * test vectors use them, and a machine that passes those is right about the tokens.
 */
#include "common/link/noise.h"

#include <string.h>

#define E          NOISE_E
#define S          NOISE_S
#define EE         NOISE_EE
#define ES         NOISE_ES
#define SE         NOISE_SE
#define SS         NOISE_SS
#define PSK        NOISE_PSK
#define KNOWN_BOTH (NOISE_PRE_INITIATOR | NOISE_PRE_RESPONDER)

const struct noise_pattern noise_pattern_KKpsk2 = { "KKpsk2", KNOWN_BOTH, 2, 1,
	{ { E, ES, SS }, { E, EE, SE, PSK } } };

const struct noise_pattern noise_pattern_XXpsk3 = { "XXpsk3", 0, 3, 1,
	{ { E }, { E, EE, S, ES }, { S, SE, PSK } } };

/* clang-format off */
static const struct noise_pattern others[] = {
	{ "NNpsk0", 0, 2, 1, { { PSK, E }, { E, EE } } },
	{ "KK", KNOWN_BOTH, 2, 0, { { E, ES, SS }, { E, EE, SE } } },
	{ "KKpsk0+psk2", KNOWN_BOTH, 2, 2, { { PSK, E, ES, SS }, { E, EE, SE, PSK } } },
	{ "IK", NOISE_PRE_RESPONDER, 2, 0, { { E, ES, S, SS }, { E, EE, SE } } },
	{ "IKpsk2", NOISE_PRE_RESPONDER, 2, 1, { { E, ES, S, SS }, { E, EE, SE, PSK } } },
	{ "IKpsk0+psk2", NOISE_PRE_RESPONDER, 2, 2, { { PSK, E, ES, S, SS }, { E, EE, SE, PSK } } },
	{ "XX", 0, 3, 0, { { E }, { E, EE, S, ES }, { S, SE } } },
	{ "XXpsk0+psk3", 0, 3, 2, { { PSK, E }, { E, EE, S, ES }, { S, SE, PSK } } },
};
/* clang-format on */

const struct noise_pattern *noise_pattern_find(const char *name)
{
	if (strcmp(name, noise_pattern_KKpsk2.name) == 0)
		return &noise_pattern_KKpsk2;
	if (strcmp(name, noise_pattern_XXpsk3.name) == 0)
		return &noise_pattern_XXpsk3;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(others[i].name, name) == 0)
			return &others[i];
	return NULL;
}
