// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The handshake machine against the test vectors of three other implementations: every message of
 * the handshake, its hash where the vector has one, and the transport messages after it, written by
 * one side and read by the other.
 */
#include "common/link/noise-hash.h"
#include "tests/unit/test.h"
#include "tests/unit/vectors.h"

enum { RAN, NOT_OURS, WRONG };

/* One vector's two ends. */
struct run {
	struct noise_handshake hs[2];
	struct noise_cipher send[2], recv[2];
	struct bytes static_key[2], remote[2], ephemeral[2], psks[2][NOISE_MAX_PSKS], prologue[2];
	const struct noise_pattern *pattern;
	const struct noise_hash *hash;
};

/* "Noise_KKpsk2_25519_ChaChaPoly_BLAKE2b" */
static bool parse_name(struct run *r, const char *name)
{
	char copy[96], *pattern, *hash;

	if (strncmp(name, "Noise_", 6) != 0 || strlen(name) >= sizeof(copy))
		return false;
	memcpy(copy, name, strlen(name) + 1);
	pattern = copy + 6;
	hash = strstr(copy, "_25519_ChaChaPoly_");
	if (!hash)
		return false;
	*hash = 0;
	hash += strlen("_25519_ChaChaPoly_");
	r->pattern = noise_pattern_find(pattern);
	r->hash = noise_hash_find(hash);
	return r->pattern && r->hash;
}

static bool load_side(struct run *r, struct json_object *v, unsigned int side)
{
	static const char *const prefix[] = { "init_", "resp_" };
	struct {
		const char *name;
		struct bytes *to;
	} wanted[] = { { "static", &r->static_key[side] }, { "remote_static", &r->remote[side] },
		{ "ephemeral", &r->ephemeral[side] }, { "prologue", &r->prologue[side] } };
	struct json_object *list;
	char key[64];

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		snprintf(key, sizeof(key), "%s%s", prefix[side], wanted[i].name);
		if (!bytes_get(v, key, wanted[i].to))
			return false;
	}
	snprintf(key, sizeof(key), "%spsks", prefix[side]);
	if (!json_object_object_get_ex(v, key, &list))
		return true;
	if (json_object_array_length(list) > NOISE_MAX_PSKS)
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!bytes_from_hex(&r->psks[side][i],
			    json_object_get_string(json_object_array_get_idx(list, i))))
			return false;
	return true;
}

static bool start_side(struct run *r, unsigned int side)
{
	uint8_t peer_bit = side == 0 ? NOISE_PRE_RESPONDER : NOISE_PRE_INITIATOR;
	struct noise_config config = {
		.pattern = r->pattern,
		.hash = r->hash,
		.role = side == 0 ? NOISE_INITIATOR : NOISE_RESPONDER,
		.prologue = r->prologue[side].p,
		.prologue_len = r->prologue[side].len,
		.s = r->static_key[side].has ? r->static_key[side].p : NULL,
		/* some vectors give the peer's key where the pattern sends it */
		.rs = r->pattern->pre & peer_bit ? r->remote[side].p : NULL,
		.ephemeral = r->ephemeral[side].has ? r->ephemeral[side].p : NULL,
	};

	for (unsigned int i = 0; i < NOISE_MAX_PSKS; i++)
		config.psks[i] = r->psks[side][i].has ? r->psks[side][i].p : NULL;
	return noise_handshake_init(&r->hs[side], &config) == VA_OK;
}

static bool handshake_message(struct run *r, unsigned int from, const struct bytes *payload,
	const struct bytes *ciphertext)
{
	uint8_t wire[512], plain[512];
	size_t n, m;

	if (noise_handshake_write(&r->hs[from], payload->p, payload->len, wire, sizeof(wire), &n) ||
		!bytes_are(ciphertext, wire, n))
		return false;
	return noise_handshake_read(&r->hs[!from], ciphertext->p, ciphertext->len, plain,
		       sizeof(plain), &m) == VA_OK &&
	       bytes_are(payload, plain, m);
}

static bool transport_message(struct run *r, unsigned int from, const struct bytes *payload,
	const struct bytes *ciphertext)
{
	uint8_t wire[512 + NOISE_TAG_SIZE], plain[512];

	if (noise_cipher_seal(&r->send[from], NULL, 0, payload->p, payload->len, wire) ||
		!bytes_are(ciphertext, wire, payload->len + NOISE_TAG_SIZE))
		return false;
	return noise_cipher_open(&r->recv[!from], NULL, 0, ciphertext->p, ciphertext->len, plain) ==
		       VA_OK &&
	       memcmp(plain, payload->p, payload->len) == 0;
}

/* Both sides agree on the hash, and so does the vector where it has one. */
static bool finish(struct run *r, struct json_object *v)
{
	size_t size = noise_hash_size(r->hash);
	struct bytes expected;

	if (!noise_handshake_is_done(&r->hs[0]) || !noise_handshake_is_done(&r->hs[1]) ||
		!bytes_get(v, "handshake_hash", &expected))
		return false;
	if (memcmp(noise_handshake_hash(&r->hs[0]), noise_handshake_hash(&r->hs[1]), size) != 0 ||
		(expected.has && !bytes_are(&expected, noise_handshake_hash(&r->hs[0]), size)))
		return false;
	return !noise_handshake_split(&r->hs[0], &r->send[0], &r->recv[0]) &&
	       !noise_handshake_split(&r->hs[1], &r->send[1], &r->recv[1]);
}

static int run_vector(struct json_object *v)
{
	const char *name = vectors_string(v, "protocol_name");
	struct json_object *list;
	struct run r = { 0 };

	name = name ? name : vectors_string(v, "name");
	if (!name)
		return WRONG;
	if (strstr(name, "BLAKE2s")) /* libsodium has none */
		return NOT_OURS;
	if (!parse_name(&r, name) || !load_side(&r, v, 0) || !load_side(&r, v, 1) ||
		!start_side(&r, 0) || !start_side(&r, 1) ||
		!json_object_object_get_ex(v, "messages", &list) ||
		json_object_array_length(list) <= r.pattern->n_messages)
		return WRONG;
	for (unsigned int i = 0; i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);
		struct bytes payload, ciphertext;
		bool good = bytes_get(m, "payload", &payload) &&
			    bytes_get(m, "ciphertext", &ciphertext);

		if (i == r.pattern->n_messages)
			good = good && finish(&r, v);
		if (!good ||
			!(i < r.pattern->n_messages
					? handshake_message(&r, i % 2, &payload, &ciphertext)
					: transport_message(&r, i % 2, &payload, &ciphertext))) {
			printf("# %s, message %u\n", name, i);
			return WRONG;
		}
	}
	return RAN;
}

static void run_file(const char *name, int expected)
{
	struct json_object *file = vectors_load(name), *list = NULL;
	int seen[3] = { 0 };

	if (!file)
		SKIP("no such vectors here; VA_VECTORS names their folder");
	if (json_object_object_get_ex(file, "vectors", &list))
		for (size_t i = 0; i < json_object_array_length(list); i++)
			seen[run_vector(json_object_array_get_idx(list, i))]++;
	json_object_put(file);
	CHECK_EQ(seen[WRONG], 0);
	CHECK_EQ(seen[RAN], expected);
}

static void cacophony(void)
{
	run_file("cacophony.json", 21);
}

static void snow(void)
{
	run_file("snow.json", 18);
}

static void noise_c(void)
{
	run_file("noise-c-basic.json", 9);
}

TEST_MAIN({ "cacophony", cacophony }, { "snow", snow }, { "noise_c", noise_c });
