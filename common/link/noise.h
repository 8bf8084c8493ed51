// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handshake machine of the Noise Protocol Framework, revision 34, for 25519 and ChaChaPoly:
 * patterns and hashes are tables, so that the code which the product runs (KKpsk2 and XXpsk3
 * with BLAKE2b) is the code which other implementations' test vectors run.
 *
 *	noise_handshake_init(hs, &config);
 *	noise_handshake_write() / noise_handshake_read() in turn, until noise_handshake_is_done()
 *	noise_handshake_split(hs, &send, &recv);
 *	noise_handshake_wipe(hs);
 *
 * Pure, of fixed size, allocates nothing. Any error ends the handshake: its secrets are wiped and
 * every later call gives VA_E_STATE. The struct holds no pointer to itself, so that a copy of it
 * can be given a message that may be forged, and the original waits for the true one. Sections
 * named are those of the Noise specification.
 */
#ifndef VA_LINK_NOISE_H
#define VA_LINK_NOISE_H

#include "common/link/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY_SIZE    32u
#define NOISE_TAG_SIZE    16u
#define NOISE_HASH_MAX    64u
#define NOISE_MAX_PSKS    2u
#define NOISE_MAX_MESSAGE 65535u /* section 3 */

enum noise_role { NOISE_INITIATOR = 0, NOISE_RESPONDER = 1 };

/* The tokens of a message pattern, section 7.1. 0 ends a message. */
enum noise_token {
	NOISE_END = 0,
	NOISE_E,
	NOISE_S,
	NOISE_EE,
	NOISE_ES,
	NOISE_SE,
	NOISE_SS,
	NOISE_PSK,
};

#define NOISE_PRE_INITIATOR 0x1u /* the initiator's static key is known beforehand */
#define NOISE_PRE_RESPONDER 0x2u

struct noise_pattern {
	const char *name; /* as in a protocol name: "KKpsk2" */
	uint8_t pre;      /* NOISE_PRE_* */
	uint8_t n_messages;
	uint8_t n_psks;
	uint8_t messages[3][7]; /* enum noise_token; the initiator sends the first */
};

extern const struct noise_pattern noise_pattern_KKpsk2; /* sessions */
extern const struct noise_pattern noise_pattern_XXpsk3; /* pairing */
/* Any pattern that is known, by its name, or NULL. */
const struct noise_pattern *noise_pattern_find(const char *name);

struct noise_hash;
extern const struct noise_hash noise_hash_blake2b;
/* "BLAKE2b", "SHA256", "SHA512", or NULL. */
const struct noise_hash *noise_hash_find(const char *name);
size_t noise_hash_size(const struct noise_hash *hash); /* 32 or 64 */

/* One direction of a session; section 5.1. Secret. */
struct noise_cipher {
	uint8_t k[NOISE_KEY_SIZE];
	uint64_t n; /* nonce of the next message */
	bool has_key;
};

struct noise_handshake {
	const struct noise_pattern *pattern;
	const struct noise_hash *hash;
	enum noise_role role;
	uint8_t step;     /* message that is next, from 0 */
	uint8_t next_psk; /* psk that is next */
	bool failed, split, have_fixed_e, have_s, have_rs;
	struct noise_cipher cipher;
	uint8_t ck[NOISE_HASH_MAX];
	uint8_t h[NOISE_HASH_MAX];
	uint8_t s[NOISE_KEY_SIZE], s_pub[NOISE_KEY_SIZE];
	uint8_t e[NOISE_KEY_SIZE], e_pub[NOISE_KEY_SIZE];
	uint8_t rs[NOISE_KEY_SIZE], re[NOISE_KEY_SIZE];
	uint8_t psks[NOISE_MAX_PSKS][NOISE_KEY_SIZE];
};

/* All of it is copied; nothing of the caller's is kept. */
struct noise_config {
	const struct noise_pattern *pattern;
	const struct noise_hash *hash;
	enum noise_role role;
	const uint8_t *prologue;
	size_t prologue_len;
	const uint8_t *s; /* 32 bytes, this side's static secret; NULL where the pattern has none */
	const uint8_t *rs; /* 32 bytes, the other side's static public key; NULL where not known */
	const uint8_t *psks[NOISE_MAX_PSKS]; /* 32 bytes each, as many as the pattern has */
	/*
	 * 32 bytes of secret randomness for the ephemeral key, good for this one handshake; NULL:
	 * libsodium's. The seam for tests and for callers that bring their own source.
	 */
	const uint8_t *ephemeral;
};

/* VA_E_RANGE: the pattern needs a key or psk that the configuration lacks. Section 5.3. */
enum va_err noise_handshake_init(struct noise_handshake *hs, const struct noise_config *config);

/*
 * Writes this side's next message, payload[len] in it, to out[outsz]. The two must not overlap;
 * payload may be NULL where len is 0.
 * VA_E_STATE: not this side's turn, or over; VA_E_SPACE: too small; VA_E_AUTH: the other side's
 * key is of low order.
 */
enum va_err noise_handshake_write(struct noise_handshake *hs, const uint8_t *payload, size_t len,
	uint8_t *out, size_t outsz, size_t *ret_len);

/*
 * Reads the other side's next message and gives its payload in out[outsz] (NULL where outsz is 0).
 * Nothing of it is to be believed before VA_OK; on an error out holds zeros.
 * VA_E_AUTH: a tag did not verify or a key is of low order; VA_E_MALFORMED: too short or too long;
 * VA_E_SPACE: the payload does not fit; VA_E_STATE: not the other side's turn, or over.
 */
enum va_err noise_handshake_read(struct noise_handshake *hs, const uint8_t *untrusted_msg,
	size_t len, uint8_t *out, size_t outsz, size_t *ret_len);

/* All messages went through; noise_handshake_split() may be called. */
bool noise_handshake_is_done(const struct noise_handshake *hs);

/*
 * The two ciphers of the session, and the end of the handshake: all its secrets are wiped, the
 * hash and the other side's static key stay. VA_E_STATE: not done, or split before. Section 5.2.
 */
enum va_err noise_handshake_split(
	struct noise_handshake *hs, struct noise_cipher *ret_send, struct noise_cipher *ret_recv);

/*
 * The handshake hash (channel binding, section 11.2): noise_hash_size() bytes, not secret, final
 * once the handshake is done.
 */
const uint8_t *noise_handshake_hash(const struct noise_handshake *hs);
/*
 * The other side's static public key, 32 bytes; NULL where it is not known (yet). One that came in
 * a message is proven only when the handshake is done.
 */
const uint8_t *noise_handshake_peer(const struct noise_handshake *hs);

/* Zeroes all of it. NULL is taken. */
void noise_handshake_wipe(struct noise_handshake *hs);

/*
 * Encrypts in[len] to out[len + NOISE_TAG_SIZE], in place (in == out) if wanted, and advances the
 * nonce. VA_E_STATE: no key (wiped); VA_E_LIMIT: the nonces are used up. Section 5.1.
 */
enum va_err noise_cipher_seal(struct noise_cipher *c, const uint8_t *ad, size_t ad_len,
	const uint8_t *in, size_t len, uint8_t *out);

/*
 * Decrypts in[len] to out[len - NOISE_TAG_SIZE], in place if wanted. VA_E_MALFORMED: shorter than a
 * tag; VA_E_AUTH: it does not verify: the cipher is unchanged, out is zeros, and the caller ends
 * the session (noise_cipher_wipe()).
 */
enum va_err noise_cipher_open(struct noise_cipher *c, const uint8_t *ad, size_t ad_len,
	const uint8_t *untrusted_in, size_t len, uint8_t *out);

/* Replaces the key one-way; the nonce goes on. Sections 4.2 and 11.3. */
enum va_err noise_cipher_rekey(struct noise_cipher *c);

void noise_cipher_wipe(struct noise_cipher *c);

/* The public key of an X25519 secret. */
void noise_public_key(const uint8_t secret[NOISE_KEY_SIZE], uint8_t ret[NOISE_KEY_SIZE]);

#endif
