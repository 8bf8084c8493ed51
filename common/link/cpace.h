// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPACE-RISTR255-SHA512 (draft-irtf-cfrg-cpace), initiator/responder form: two sides that share a
 * short code get a 64-byte key; who does not have the code gets one guess a run and nothing to try
 * offline. Used by pairing with a typed code. PROTOCOL.md 6.
 *
 *	cpace_begin(c, role, code, ci, sid, random);	send c->share
 *	cpace_finish(c, peer's share, ads, isk);	once; the scalar is gone after it
 *
 * A scalar must never meet two different shares, so a run that is repeated begins anew.
 * Pure, of fixed size, allocates nothing. Whether both had the same code shows only in what is
 * done with the key.
 */
#ifndef VA_LINK_CPACE_H
#define VA_LINK_CPACE_H

#include "common/link/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPACE_SHARE_SIZE  32u
#define CPACE_RANDOM_SIZE 64u
#define CPACE_ISK_SIZE    64u
#define CPACE_FIELD_MAX   127u /* bytes of any variable field: one byte of length */
#define CPACE_SID_MAX     32u

enum cpace_role { CPACE_INITIATOR = 0, CPACE_RESPONDER = 1 };

/* A variable field. p may be NULL where n is 0. */
struct cpace_field {
	const uint8_t *p;
	size_t n;
};

/* Secret but for share. */
struct cpace {
	enum cpace_role role;
	bool live; /* begun and not finished */
	uint8_t scalar[32];
	uint8_t share[CPACE_SHARE_SIZE]; /* to be sent */
	uint8_t sid[CPACE_SID_MAX];
	size_t sid_len;
};

/*
 * prs: the code; ci: who talks to whom; sid: up to CPACE_SID_MAX bytes, unique to the run.
 * random: 64 uniform bytes for the scalar, NULL: libsodium's.
 * VA_E_RANGE: a field is too long, or the random bytes are useless (zero modulo the group order).
 */
enum va_err cpace_begin(struct cpace *c, enum cpace_role role, struct cpace_field prs,
	struct cpace_field ci, struct cpace_field sid, const uint8_t *random);

/*
 * The key, from the other side's share and both sides' associated data.
 * VA_E_AUTH: the share is not a canonical group element, or the result is the neutral element;
 * VA_E_STATE: not begun, or finished before. c is wiped but for the share in every case.
 */
enum va_err cpace_finish(struct cpace *c, const uint8_t untrusted_share[CPACE_SHARE_SIZE],
	struct cpace_field own_ad, struct cpace_field peer_ad, uint8_t ret_isk[CPACE_ISK_SIZE]);

/* Zeroes all of it. NULL is taken. */
void cpace_wipe(struct cpace *c);

#endif
