// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: who a monitor is, out of the first 128 bytes of its EDID; see edid.h. Pure.
 * Nothing a monitor says sizes or indexes anything: the descriptors sit at fixed offsets, the
 * count of extension blocks is not believed and not needed. Both sides of a switch compute the
 * key with this file, so what it makes of odd bytes may change only with the protocol.
 */
#include "common/ddc/edid.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EDID_MAKER       8
#define EDID_PRODUCT     10
#define EDID_SERIAL      12
#define EDID_DESCRIPTORS 54
#define EDID_N_DESC      4
#define EDID_DESC_SIZE   18
#define EDID_DESC_TEXT   5
#define EDID_TEXT_SIZE   13

#define TAG_NAME   0xfc
#define TAG_SERIAL 0xff

static bool header_is_right(const uint8_t *untrusted_edid)
{
	static const uint8_t magic[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	uint8_t sum = 0;

	for (size_t i = 0; i < EDID_BLOCK; i++)
		sum = (uint8_t)(sum + untrusted_edid[i]);
	return sum == 0 && memcmp(untrusted_edid, magic, sizeof(magic)) == 0;
}

/* Three letters of five bits, big endian; codes 27 to 31 and 0 are no letters. */
static void parse_maker(const uint8_t *untrusted_edid, char ret[4])
{
	unsigned int packed =
		(unsigned int)untrusted_edid[EDID_MAKER] << 8 | untrusted_edid[EDID_MAKER + 1];

	for (int i = 0; i < 3; i++) {
		unsigned int code = packed >> (10 - 5 * i) & 31;

		if (code < 1 || code > 26) {
			memcpy(ret, "???", 4);
			return;
		}
		ret[i] = (char)('A' + code - 1);
	}
	ret[3] = '\0';
}

/*
 * Text ends at a line feed, or with the field. NULs count as blanks, since some monitors put
 * them where blanks belong; what is not printable ASCII becomes '?'.
 */
static void parse_text(const uint8_t *untrusted_text, char ret[EDID_TEXT_SIZE + 1])
{
	size_t from = 0, n = 0;

	while (n < EDID_TEXT_SIZE && untrusted_text[n] != '\n') {
		uint8_t c = untrusted_text[n];

		if (c == 0 || c == '\t' || c == '\r')
			c = ' ';
		else if (c < 0x20 || c > 0x7e)
			c = '?';
		ret[n++] = (char)c;
	}
	while (n > 0 && ret[n - 1] == ' ')
		n--;
	while (from < n && ret[from] == ' ')
		from++;
	memmove(ret, ret + from, n - from);
	ret[n - from] = '\0';
}

/* The first descriptor with that tag and something in it. */
static void find_text(const uint8_t *untrusted_edid, uint8_t tag, char ret[EDID_TEXT_SIZE + 1])
{
	ret[0] = '\0';
	for (size_t i = 0; i < EDID_N_DESC && ret[0] == '\0'; i++) {
		const uint8_t *d = untrusted_edid + EDID_DESCRIPTORS + i * EDID_DESC_SIZE;

		if (d[0] == 0 && d[1] == 0 && d[2] == 0 && d[3] == tag)
			parse_text(d + EDID_DESC_TEXT, ret);
	}
}

int edid_parse(const uint8_t *untrusted_edid, size_t size, struct monitor_id *ret)
{
	const uint8_t *e = untrusted_edid;

	if (size < EDID_BLOCK || !header_is_right(e))
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	parse_maker(e, ret->maker);
	ret->product = (uint16_t)(e[EDID_PRODUCT] | e[EDID_PRODUCT + 1] << 8);
	ret->serial = (uint32_t)e[EDID_SERIAL] | (uint32_t)e[EDID_SERIAL + 1] << 8 |
		      (uint32_t)e[EDID_SERIAL + 2] << 16 | (uint32_t)e[EDID_SERIAL + 3] << 24;
	find_text(e, TAG_NAME, ret->name);
	find_text(e, TAG_SERIAL, ret->serial_str);
	return 0;
}

static uint64_t fnv1a(uint64_t hash, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

/* Over: maker (3 bytes), serial (4, little endian), serial string and name (each with its NUL). */
void monitor_key(const struct monitor_id *id, char ret[MONITOR_KEY_SIZE])
{
	uint8_t serial[4] = { (uint8_t)id->serial, (uint8_t)(id->serial >> 8),
		(uint8_t)(id->serial >> 16), (uint8_t)(id->serial >> 24) };
	uint64_t hash = 0xcbf29ce484222325u;

	hash = fnv1a(hash, id->maker, 3);
	hash = fnv1a(hash, serial, sizeof(serial));
	hash = fnv1a(hash, id->serial_str, strnlen(id->serial_str, sizeof(id->serial_str) - 1));
	hash = fnv1a(hash, "", 1);
	hash = fnv1a(hash, id->name, strnlen(id->name, sizeof(id->name) - 1));
	hash = fnv1a(hash, "", 1);
	snprintf(ret, MONITOR_KEY_SIZE, "%016llx", (unsigned long long)hash);
}

/* 0, 1, and one byte repeated (01010101, 20202020, ffffffff) are what factories leave behind. */
static bool serial_is_dummy(uint32_t serial)
{
	return serial <= 1 || serial == (serial & 0xff) * 0x01010101u;
}

/* One character repeated, or counting up: "0000000000000", "123456789". */
static bool serial_str_is_dummy(const char *s)
{
	bool same = true, counting = true;

	for (size_t i = 1; s[0] && s[i]; i++) {
		same = same && s[i] == s[0];
		counting = counting && (s[i] == s[i - 1] + 1 || (s[i - 1] == '9' && s[i] == '0'));
	}
	return same || counting;
}

bool monitor_has_serial(const struct monitor_id *id)
{
	return !serial_is_dummy(id->serial) || !serial_str_is_dummy(id->serial_str);
}
