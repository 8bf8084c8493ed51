// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The key record: what one side keeps of a pairing, as text with a checksum (PROTOCOL.md 8).
 *
 *	virt-aid-key v1
 *	guest = zorg
 *	guest-id = <32 hex>
 *	epoch = 1
 *	secret = <64 hex>
 *	peer = <64 hex>
 *	psk = <64 hex>
 *	next-epoch = 2			the four next- lines only while keys are being rolled
 *	next-secret = <64 hex>
 *	next-peer = <64 hex>		zeros: the other side's half has not come yet
 *	next-psk = <64 hex>
 *	check = <16 hex>		BLAKE2b-64 of all lines above, with their newlines
 *
 * Pure: text in, struct out. Files are read and written by base/keyfile.h.
 */
#ifndef VA_LINK_KEYREC_H
#define VA_LINK_KEYREC_H

#include "common/link/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYREC_KEY_SIZE   32
#define KEYREC_ID_SIZE    16
#define KEYREC_KEYID_SIZE 8
#define KEYREC_TEXT_MAX   1024 /* bytes of the longest record, its terminator included */

struct keyset {
	uint32_t epoch;                  /* 1 and up; 0: there is no such set */
	uint8_t secret[KEYREC_KEY_SIZE]; /* X25519, this side's */
	uint8_t peer[KEYREC_KEY_SIZE];   /* X25519 public, the other side's; zeros: not known yet */
	uint8_t psk[KEYREC_KEY_SIZE];
};

/* Secret: keep it in memory of sodium_malloc(), or sodium_memzero() it. */
struct keyrec {
	char guest[64]; /* the host's name of the guest; the guest's own record says "host" */
	uint8_t guest_id[KEYREC_ID_SIZE];
	struct keyset cur;
	struct keyset next; /* epoch 0 unless keys are being rolled */
};

/*
 * Parses text[len]. VA_E_MALFORMED with *ret_line (1 and up) naming the line at fault, or
 * VA_E_AUTH where the checksum does not match (a torn or edited file).
 */
enum va_err keyrec_parse(const char *text, size_t len, struct keyrec *ret, unsigned int *ret_line);

/* Writes the text and its terminator into out[size]; *ret_len without the terminator. */
enum va_err keyrec_format(const struct keyrec *k, char *out, size_t size, size_t *ret_len);

/* First 8 bytes of BLAKE2b-256("VIRTAID1 kid" || public). PROTOCOL.md 4.1. */
void keyrec_key_id(const uint8_t pub[KEYREC_KEY_SIZE], uint8_t ret[KEYREC_KEYID_SIZE]);
/* The same of the public key that belongs to this secret. */
void keyrec_own_key_id(const struct keyset *k, uint8_t ret[KEYREC_KEYID_SIZE]);

#endif
