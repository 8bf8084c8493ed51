// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Test vectors of other implementations: JSON files in the folder that VA_VECTORS names, or in
 * ../shared/vectors beside the source tree. Where they come from is in each file's "_provenance".
 */
#ifndef VA_TEST_VECTORS_H
#define VA_TEST_VECTORS_H

#include <json-c/json.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a hex string; len 0 and has false where the object has no such member. */
struct bytes {
	uint8_t p[512];
	size_t len;
	bool has;
};

/* NULL where there is no such file. The caller puts it (json_object_put). */
static inline struct json_object *vectors_load(const char *name)
{
	const char *folder = getenv("VA_VECTORS");
	char path[512];
	int n;

	n = snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/vectors", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return NULL;
	return json_object_from_file(path);
}

static inline const char *vectors_string(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : NULL;
}

/* False where the text is no hex or too long. NULL gives an absent value. */
static inline bool bytes_from_hex(struct bytes *b, const char *hex)
{
	const char *end = NULL;

	memset(b, 0, sizeof(*b));
	if (!hex)
		return true;
	b->has = true;
	return sodium_hex2bin(b->p, sizeof(b->p), hex, strlen(hex), NULL, &b->len, &end) == 0 &&
	       *end == 0;
}

static inline bool bytes_get(struct json_object *o, const char *key, struct bytes *b)
{
	return bytes_from_hex(b, vectors_string(o, key));
}

static inline bool bytes_are(const struct bytes *b, const uint8_t *p, size_t len)
{
	return b->len == len && memcmp(b->p, p, len) == 0;
}

#endif
