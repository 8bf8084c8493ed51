// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SymmetricState and HandshakeState of the Noise specification, sections 5.2 and 5.3.
 *
 * A message is walked token by token, by the writer and the reader alike. What both do to the
 * symmetric state is in the mix_ functions; only 'e', 's' and the payload differ by direction.
 * Every public function that fails leaves through handshake_fail(), which leaves no secret.
 */
#include "common/link/noise-hash.h"
#include "common/link/wipe.h"

#include <string.h>

static void mix_hash(struct noise_handshake *hs, const uint8_t *data, size_t n)
{
	noise_hash_pair(hs->hash, hs->h, hs->hash->size, data, n, hs->h);
}

static void cipher_set_key(struct noise_cipher *c, const uint8_t *k)
{
	memcpy(c->k, k, sizeof(c->k));
	c->n = 0;
	c->has_key = true;
}

static void mix_key(struct noise_handshake *hs, const uint8_t *ikm, size_t n)
{
	uint8_t out[2][NOISE_HASH_MAX];

	noise_hash_hkdf(hs->hash, hs->ck, ikm, n, out, 2);
	memcpy(hs->ck, out[0], hs->hash->size);
	cipher_set_key(&hs->cipher, out[1]);
	WIPE(out);
}

static void mix_psk(struct noise_handshake *hs)
{
	uint8_t out[3][NOISE_HASH_MAX];

	noise_hash_hkdf(hs->hash, hs->ck, hs->psks[hs->next_psk++], NOISE_KEY_SIZE, out, 3);
	memcpy(hs->ck, out[0], hs->hash->size);
	mix_hash(hs, out[1], hs->hash->size);
	cipher_set_key(&hs->cipher, out[2]);
	WIPE(out);
}

/* A psk pattern binds the key to each ephemeral as well; section 9.2. */
static void mix_ephemeral(struct noise_handshake *hs, const uint8_t *pub)
{
	mix_hash(hs, pub, NOISE_KEY_SIZE);
	if (hs->pattern->n_psks > 0)
		mix_key(hs, pub, NOISE_KEY_SIZE);
}

static enum va_err mix_dh(struct noise_handshake *hs, enum noise_token token)
{
	bool initiator = hs->role == NOISE_INITIATOR;
	bool own_static = token == NOISE_SS || token == (initiator ? NOISE_SE : NOISE_ES);
	bool peer_static = token == NOISE_SS || token == (initiator ? NOISE_ES : NOISE_SE);
	uint8_t shared[NOISE_KEY_SIZE];
	int rc;

	/* libsodium refuses the points of low order, which would make a key that anybody knows */
	rc = crypto_scalarmult(shared, own_static ? hs->s : hs->e, peer_static ? hs->rs : hs->re);
	if (rc == 0)
		mix_key(hs, shared, sizeof(shared));
	WIPE(shared);
	return rc == 0 ? VA_OK : VA_E_AUTH;
}

/* EncryptAndHash: n bytes become n, or n and a tag once there is a key. */
static enum va_err seal_and_hash(struct noise_handshake *hs, const uint8_t *in, size_t n,
	uint8_t *out, size_t outsz, size_t *at)
{
	size_t total = n + (hs->cipher.has_key ? NOISE_TAG_SIZE : 0);
	enum va_err err = VA_OK;

	if (total > outsz - *at)
		return VA_E_SPACE;
	if (hs->cipher.has_key)
		err = noise_cipher_seal(&hs->cipher, hs->h, hs->hash->size, in, n, out + *at);
	else if (n > 0)
		memcpy(out + *at, in, n);
	if (err)
		return err;
	mix_hash(hs, out + *at, total);
	*at += total;
	return VA_OK;
}

/* DecryptAndHash of the next total bytes, which give total bytes, or less a tag. */
static enum va_err open_and_hash(
	struct noise_handshake *hs, const uint8_t *untrusted_in, size_t total, uint8_t *out)
{
	if (hs->cipher.has_key) {
		enum va_err err = noise_cipher_open(
			&hs->cipher, hs->h, hs->hash->size, untrusted_in, total, out);

		if (err)
			return err;
	} else if (total > 0) {
		memcpy(out, untrusted_in, total);
	}
	mix_hash(hs, untrusted_in, total);
	return VA_OK;
}

static enum va_err write_token(
	struct noise_handshake *hs, enum noise_token token, uint8_t *out, size_t outsz, size_t *at)
{
	switch (token) {
	case NOISE_E:
		if (outsz - *at < NOISE_KEY_SIZE)
			return VA_E_SPACE;
		if (!hs->have_fixed_e)
			randombytes_buf(hs->e, sizeof(hs->e));
		noise_public_key(hs->e, hs->e_pub);
		memcpy(out + *at, hs->e_pub, NOISE_KEY_SIZE);
		*at += NOISE_KEY_SIZE;
		mix_ephemeral(hs, hs->e_pub);
		return VA_OK;
	case NOISE_S: return seal_and_hash(hs, hs->s_pub, NOISE_KEY_SIZE, out, outsz, at);
	case NOISE_PSK: mix_psk(hs); return VA_OK;
	default: return mix_dh(hs, token);
	}
}

static enum va_err read_token(struct noise_handshake *hs, enum noise_token token,
	const uint8_t *untrusted_msg, size_t len, size_t *at)
{
	size_t tag = token == NOISE_S && hs->cipher.has_key ? NOISE_TAG_SIZE : 0;
	enum va_err err;

	switch (token) {
	case NOISE_E:
	case NOISE_S:
		if (len - *at < NOISE_KEY_SIZE + tag)
			return VA_E_MALFORMED;
		break;
	case NOISE_PSK: mix_psk(hs); return VA_OK;
	default: return mix_dh(hs, token);
	}
	if (token == NOISE_E) {
		memcpy(hs->re, untrusted_msg + *at, NOISE_KEY_SIZE);
		mix_ephemeral(hs, hs->re);
	} else {
		err = open_and_hash(hs, untrusted_msg + *at, NOISE_KEY_SIZE + tag, hs->rs);
		if (err)
			return err;
		hs->have_rs = true;
	}
	*at += NOISE_KEY_SIZE + tag;
	return VA_OK;
}

static enum va_err handshake_fail(struct noise_handshake *hs, enum va_err err)
{
	const struct noise_pattern *pattern = hs->pattern;
	const struct noise_hash *hash = hs->hash;
	enum noise_role role = hs->role;

	noise_handshake_wipe(hs);
	hs->pattern = pattern;
	hs->hash = hash;
	hs->role = role;
	hs->failed = true;
	return err;
}

/* The initiator writes messages 0, 2; the responder 1. */
static bool is_turn(const struct noise_handshake *hs, bool writing)
{
	bool initiators = hs->step % 2 == 0;

	if (hs->failed || hs->step >= hs->pattern->n_messages)
		return false;
	return writing == (initiators == (hs->role == NOISE_INITIATOR));
}

static bool sends_static(const struct noise_pattern *p, enum noise_role role)
{
	for (unsigned int m = (unsigned int)role; m < p->n_messages; m += 2)
		for (size_t i = 0; i < sizeof(p->messages[m]); i++)
			if (p->messages[m][i] == NOISE_S)
				return true;
	return false;
}

static bool config_fits(const struct noise_config *c)
{
	bool initiator = c->role == NOISE_INITIATOR;
	uint8_t own_bit = initiator ? NOISE_PRE_INITIATOR : NOISE_PRE_RESPONDER;
	uint8_t peer_bit = initiator ? NOISE_PRE_RESPONDER : NOISE_PRE_INITIATOR;
	bool own_static = (c->pattern->pre & own_bit) || sends_static(c->pattern, c->role);

	if (own_static != (c->s != NULL) || !!(c->pattern->pre & peer_bit) != (c->rs != NULL))
		return false;
	for (unsigned int i = 0; i < NOISE_MAX_PSKS; i++)
		if ((i < c->pattern->n_psks) != (c->psks[i] != NULL))
			return false;
	return true;
}

static void copy_keys(struct noise_handshake *hs, const struct noise_config *config)
{
	if (config->s) {
		memcpy(hs->s, config->s, NOISE_KEY_SIZE);
		noise_public_key(hs->s, hs->s_pub);
	}
	if (config->rs) {
		memcpy(hs->rs, config->rs, NOISE_KEY_SIZE);
		hs->have_rs = true;
	}
	if (config->ephemeral) {
		memcpy(hs->e, config->ephemeral, NOISE_KEY_SIZE);
		hs->have_fixed_e = true;
	}
	for (unsigned int i = 0; i < hs->pattern->n_psks; i++)
		memcpy(hs->psks[i], config->psks[i], NOISE_KEY_SIZE);
}

/* h = the protocol's name, hashed where it is longer than a hash; section 5.2. */
static void start_with_name(struct noise_handshake *hs)
{
	static const char prefix[] = "Noise_", middle[] = "_25519_ChaChaPoly_";
	const char *parts[] = { prefix, hs->pattern->name, middle, hs->hash->name };
	uint8_t name[96];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (const char *p = parts[i]; *p && n < sizeof(name); p++)
			name[n++] = (uint8_t)*p;
	if (n <= hs->hash->size)
		memcpy(hs->h, name, n); /* the rest is zeros */
	else
		noise_hash_pair(hs->hash, name, n, NULL, 0, hs->h);
	memcpy(hs->ck, hs->h, sizeof(hs->ck));
}

enum va_err noise_handshake_init(struct noise_handshake *hs, const struct noise_config *config)
{
	bool initiator = config->role == NOISE_INITIATOR;

	memset(hs, 0, sizeof(*hs));
	hs->pattern = config->pattern;
	hs->hash = config->hash;
	hs->role = config->role;
	if (!config_fits(config))
		return handshake_fail(hs, VA_E_RANGE);
	copy_keys(hs, config);
	start_with_name(hs);
	mix_hash(hs, config->prologue, config->prologue_len);
	/* the initiator's key first, whoever we are */
	if (hs->pattern->pre & NOISE_PRE_INITIATOR)
		mix_hash(hs, initiator ? hs->s_pub : hs->rs, NOISE_KEY_SIZE);
	if (hs->pattern->pre & NOISE_PRE_RESPONDER)
		mix_hash(hs, initiator ? hs->rs : hs->s_pub, NOISE_KEY_SIZE);
	return VA_OK;
}

enum va_err noise_handshake_write(struct noise_handshake *hs, const uint8_t *payload, size_t len,
	uint8_t *out, size_t outsz, size_t *ret_len)
{
	size_t room = outsz < NOISE_MAX_MESSAGE ? outsz : NOISE_MAX_MESSAGE, at = 0;
	enum va_err err = VA_OK;

	*ret_len = 0;
	if (!is_turn(hs, true))
		return handshake_fail(hs, VA_E_STATE);
	if (len > NOISE_MAX_MESSAGE)
		return handshake_fail(hs, VA_E_SPACE);
	for (const uint8_t *token = hs->pattern->messages[hs->step]; *token && !err; token++)
		err = write_token(hs, (enum noise_token) * token, out, room, &at);
	if (!err)
		err = seal_and_hash(hs, payload, len, out, room, &at);
	if (err)
		return handshake_fail(hs, err);
	hs->step++;
	*ret_len = at;
	return VA_OK;
}

enum va_err noise_handshake_read(struct noise_handshake *hs, const uint8_t *untrusted_msg,
	size_t len, uint8_t *out, size_t outsz, size_t *ret_len)
{
	enum va_err err = VA_OK;
	size_t at = 0, tag;

	*ret_len = 0;
	if (outsz > 0)
		sodium_memzero(out, outsz);
	if (!is_turn(hs, false))
		return handshake_fail(hs, VA_E_STATE);
	if (len > NOISE_MAX_MESSAGE)
		return handshake_fail(hs, VA_E_MALFORMED);
	for (const uint8_t *token = hs->pattern->messages[hs->step]; *token && !err; token++)
		err = read_token(hs, (enum noise_token) * token, untrusted_msg, len, &at);
	if (err)
		return handshake_fail(hs, err);
	tag = hs->cipher.has_key ? NOISE_TAG_SIZE : 0;
	if (len - at < tag)
		return handshake_fail(hs, VA_E_MALFORMED);
	if (len - at - tag > outsz)
		return handshake_fail(hs, VA_E_SPACE);
	err = open_and_hash(hs, untrusted_msg + at, len - at, out);
	if (err)
		return handshake_fail(hs, err);
	hs->step++;
	*ret_len = len - at - tag;
	return VA_OK;
}

bool noise_handshake_is_done(const struct noise_handshake *hs)
{
	return !hs->failed && hs->pattern && hs->step == hs->pattern->n_messages;
}

enum va_err noise_handshake_split(
	struct noise_handshake *hs, struct noise_cipher *ret_send, struct noise_cipher *ret_recv)
{
	uint8_t out[2][NOISE_HASH_MAX];
	bool initiator = hs->role == NOISE_INITIATOR;

	noise_cipher_wipe(ret_send);
	noise_cipher_wipe(ret_recv);
	if (!noise_handshake_is_done(hs) || hs->split)
		return VA_E_STATE;
	noise_hash_hkdf(hs->hash, hs->ck, NULL, 0, out, 2);
	cipher_set_key(initiator ? ret_send : ret_recv, out[0]);
	cipher_set_key(initiator ? ret_recv : ret_send, out[1]);
	WIPE(out);
	WIPE(hs->cipher);
	WIPE(hs->ck);
	WIPE(hs->s);
	WIPE(hs->e);
	WIPE(hs->psks);
	hs->split = true;
	return VA_OK;
}

const uint8_t *noise_handshake_hash(const struct noise_handshake *hs)
{
	return hs->h;
}

const uint8_t *noise_handshake_peer(const struct noise_handshake *hs)
{
	return hs->have_rs ? hs->rs : NULL;
}

void noise_handshake_wipe(struct noise_handshake *hs)
{
	if (hs)
		sodium_memzero(hs, sizeof(*hs));
}

void noise_public_key(const uint8_t secret[NOISE_KEY_SIZE], uint8_t ret[NOISE_KEY_SIZE])
{
	crypto_scalarmult_base(ret, secret);
}
