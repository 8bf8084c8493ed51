// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/link/cpace.h"
#include "tests/unit/test.h"
#include "tests/unit/vectors.h"

#define FIELD(s) ((struct cpace_field){ (const uint8_t *)(s), sizeof(s) - 1 })
#define NOTHING  ((struct cpace_field){ NULL, 0 })

static struct cpace_field field(const struct bytes *b)
{
	return (struct cpace_field){ b->p, b->len };
}

/* Both ends of one run; the shares go through as they are. */
static enum va_err run(const char *code_a, const char *code_b, struct cpace_field ci_b,
	struct cpace_field ad_b_seen, uint8_t isk_a[64], uint8_t isk_b[64])
{
	struct cpace_field prs_a = { (const uint8_t *)code_a, strlen(code_a) };
	struct cpace_field prs_b = { (const uint8_t *)code_b, strlen(code_b) };
	struct cpace a, b;
	enum va_err err;

	err = cpace_begin(&a, CPACE_INITIATOR, prs_a, FIELD("ci"), FIELD("sid"), NULL);
	if (!err)
		err = cpace_begin(&b, CPACE_RESPONDER, prs_b, ci_b, FIELD("sid"), NULL);
	if (!err)
		err = cpace_finish(&a, b.share, FIELD("A"), ad_b_seen, isk_a);
	if (!err)
		err = cpace_finish(&b, a.share, FIELD("B"), FIELD("A"), isk_b);
	return err;
}

static void same_code_same_key(void)
{
	uint8_t a[64], b[64], a2[64], b2[64];

	CHECK_EQ(run("K7Q42M9X", "K7Q42M9X", FIELD("ci"), FIELD("B"), a, b), VA_OK);
	CHECK_MEM(a, b, 64);
	CHECK_EQ(run("K7Q42M9X", "K7Q42M9X", FIELD("ci"), FIELD("B"), a2, b2), VA_OK);
	CHECK(memcmp(a, a2, 64) != 0); /* another scalar, another key */
}

static void another_code_another_key(void)
{
	uint8_t a[64], b[64];

	CHECK_EQ(run("K7Q42M9X", "K7Q42M9Y", FIELD("ci"), FIELD("B"), a, b), VA_OK);
	CHECK(memcmp(a, b, 64) != 0);
}

static void names_and_data_are_bound(void)
{
	uint8_t a[64], b[64];

	CHECK_EQ(run("code", "code", FIELD("cj"), FIELD("B"), a, b), VA_OK);
	CHECK(memcmp(a, b, 64) != 0);
	CHECK_EQ(run("code", "code", FIELD("ci"), FIELD("X"), a, b), VA_OK);
	CHECK(memcmp(a, b, 64) != 0);
}

/* Where one field ends and the next begins is part of what is hashed. */
static void fields_do_not_run_together(void)
{
	static const uint8_t random[64] = { 7 };
	struct cpace a, b;

	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, FIELD("co"), FIELD("de"), NOTHING, random), 0);
	CHECK_EQ(cpace_begin(&b, CPACE_INITIATOR, FIELD("cod"), FIELD("e"), NOTHING, random), 0);
	CHECK(memcmp(a.share, b.share, 32) != 0);
}

static void draft_vector(void)
{
	struct json_object *file = vectors_load("cpace-ristretto255.json"), *v = NULL;
	struct bytes prs, ci, sid, ya, yb, ad_a, ad_b, share_a, share_b, isk;
	uint8_t out[64];
	struct cpace a, b;
	bool loaded;

	if (!file)
		SKIP("no such vectors here; VA_VECTORS names their folder");
	loaded = json_object_object_get_ex(file, "G_Coffee25519", &v) &&
		 bytes_get(v, "PRS", &prs) && bytes_get(v, "CI", &ci) &&
		 bytes_get(v, "sid", &sid) && bytes_get(v, "ya", &ya) && bytes_get(v, "yb", &yb) &&
		 bytes_get(v, "ADa", &ad_a) && bytes_get(v, "ADb", &ad_b) &&
		 bytes_get(v, "Ya", &share_a) && bytes_get(v, "Yb", &share_b) &&
		 bytes_get(v, "ISK_IR", &isk);
	json_object_put(file);
	CHECK(loaded && ya.len == 32 && yb.len == 32 && isk.len == 64 && share_b.len == 32);
	/* a scalar below the group order is its own reduction */
	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, field(&prs), field(&ci), field(&sid), ya.p), 0);
	CHECK_EQ(cpace_begin(&b, CPACE_RESPONDER, field(&prs), field(&ci), field(&sid), yb.p), 0);
	CHECK(bytes_are(&share_a, a.share, 32));
	CHECK(bytes_are(&share_b, b.share, 32));
	CHECK_EQ(cpace_finish(&a, share_b.p, field(&ad_a), field(&ad_b), out), VA_OK);
	CHECK(bytes_are(&isk, out, 64));
	CHECK_EQ(cpace_finish(&b, share_a.p, field(&ad_b), field(&ad_a), out), VA_OK);
	CHECK(bytes_are(&isk, out, 64));
}

static void refuse(const uint8_t share[32])
{
	static const uint8_t zeros[64];
	struct cpace a;
	uint8_t isk[64];

	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, FIELD("code"), FIELD("ci"), NOTHING, NULL), 0);
	memset(isk, 1, sizeof(isk));
	CHECK_EQ(cpace_finish(&a, share, NOTHING, NOTHING, isk), VA_E_AUTH);
	CHECK_MEM(isk, zeros, 64);
	CHECK(!a.live && sodium_is_zero(a.scalar, sizeof(a.scalar)));
}

static void draft_invalid_points(void)
{
	struct json_object *file = vectors_load("cpace-ristretto255.json"), *v = NULL;
	struct bytes y1, y2;
	bool loaded;

	if (!file)
		SKIP("no such vectors here; VA_VECTORS names their folder");
	loaded = json_object_object_get_ex(file, "G_Coffee25519_points", &v) &&
		 bytes_get(v, "Invalid Y1", &y1) && bytes_get(v, "Invalid Y2", &y2);
	json_object_put(file);
	CHECK(loaded && y1.len == 32 && y2.len == 32);
	refuse(y1.p);
	refuse(y2.p);
}

/* The neutral element, a negative encoding, one that is not reduced, and all ones. */
static void bad_encodings(void)
{
	uint8_t y[32] = { 0 };

	refuse(y);
	y[0] = 1;
	refuse(y);
	memset(y, 0xff, sizeof(y));
	refuse(y);
	y[31] = 0x7f;
	refuse(y);
	y[0] = 0xed; /* the prime of the field: another zero */
	refuse(y);
	y[0] = 0xef; /* and 2 beyond it */
	refuse(y);
}

static void a_run_ends_once(void)
{
	struct cpace a, b;
	uint8_t isk[64];

	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, FIELD("code"), FIELD("ci"), NOTHING, NULL), 0);
	CHECK_EQ(cpace_begin(&b, CPACE_RESPONDER, FIELD("code"), FIELD("ci"), NOTHING, NULL), 0);
	CHECK_EQ(cpace_finish(&a, b.share, NOTHING, NOTHING, isk), VA_OK);
	CHECK(sodium_is_zero(a.scalar, sizeof(a.scalar)) && !sodium_is_zero(a.share, 32));
	CHECK_EQ(cpace_finish(&a, b.share, NOTHING, NOTHING, isk), VA_E_STATE);
	CHECK(sodium_is_zero(isk, 64));
}

static void ranges(void)
{
	static const uint8_t big[128], zero[64];
	struct cpace_field over = { big, 128 }, most = { big, 127 }, sid = { big, 32 },
			   long_sid = { big, 33 };
	uint8_t isk[64];
	struct cpace a, b;

	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, over, NOTHING, NOTHING, NULL), VA_E_RANGE);
	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, NOTHING, over, NOTHING, NULL), VA_E_RANGE);
	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, NOTHING, NOTHING, long_sid, NULL), VA_E_RANGE);
	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, NOTHING, NOTHING, NOTHING, zero), VA_E_RANGE);
	CHECK(!a.live);
	CHECK_EQ(cpace_begin(&a, CPACE_INITIATOR, most, most, sid, NULL), VA_OK);
	CHECK_EQ(cpace_begin(&b, CPACE_RESPONDER, most, most, sid, NULL), VA_OK);
	CHECK_EQ(cpace_finish(&a, b.share, over, NOTHING, isk), VA_E_RANGE);
	CHECK(!a.live);
}

TEST_MAIN({ "same_code_same_key", same_code_same_key },
	{ "another_code_another_key", another_code_another_key },
	{ "names_and_data_are_bound", names_and_data_are_bound },
	{ "fields_do_not_run_together", fields_do_not_run_together },
	{ "draft_vector", draft_vector }, { "draft_invalid_points", draft_invalid_points },
	{ "bad_encodings", bad_encodings }, { "a_run_ends_once", a_run_ends_once },
	{ "ranges", ranges });
