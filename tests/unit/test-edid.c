// SPDX-License-Identifier: GPL-2.0-or-later
/* The identity of a monitor, on EDIDs as odd as real ones are. */
#include "common/ddc/edid.h"
#include "tests/unit/test.h"

#include <errno.h>

static uint8_t block[EDID_BLOCK];

static void set_desc(int i, uint8_t tag, const char *text, size_t n)
{
	uint8_t *d = block + 54 + 18 * i;

	memset(d, 0, 18);
	d[3] = tag;
	memset(d + 5, ' ', 13);
	memcpy(d + 5, text, n);
}

static void set_sum(void)
{
	uint8_t sum = 0;

	for (int i = 0; i < 127; i++)
		sum = (uint8_t)(sum + block[i]);
	block[127] = (uint8_t)-sum;
}

/* A sound monitor: SIM, product 0x6024, serial 0x12345678. */
static void make(void)
{
	memset(block, 0, sizeof(block));
	memset(block + 1, 0xff, 6);
	block[8] = 0x4d;
	block[9] = 0x2d;
	block[10] = 0x24;
	block[11] = 0x60;
	memcpy(block + 12, "\x78\x56\x34\x12", 4);
	set_desc(0, 0x10, "", 0);
	block[54] = 0x02;
	set_desc(1, 0xfc, "SIM 24o\n", 8);
	set_desc(2, 0xff, "SIM0000042\n", 11);
	set_desc(3, 0xfe, "whatever\n", 9);
	set_sum();
}

static int parse(struct monitor_id *id)
{
	set_sum();
	return edid_parse(block, sizeof(block), id);
}

static void sound(void)
{
	struct monitor_id id;

	make();
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.maker, "SIM");
	CHECK_EQ(id.product, 0x6024);
	CHECK_EQ(id.serial, 0x12345678);
	CHECK_STR(id.name, "SIM 24o");
	CHECK_STR(id.serial_str, "SIM0000042");
	CHECK(monitor_has_serial(&id));
}

static void refused(void)
{
	struct monitor_id id;

	make();
	CHECK_EQ(edid_parse(block, 127, &id), -EINVAL);
	CHECK_EQ(edid_parse(block, 0, &id), -EINVAL);
	block[20] ^= 1;
	CHECK_EQ(edid_parse(block, sizeof(block), &id), -EINVAL);
	make();
	block[0] = 1;
	CHECK_EQ(parse(&id), -EINVAL);
}

static void names(void)
{
	struct monitor_id id;

	make();
	set_desc(1, 0xfc, "THIRTEENCHARS", 13);
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "THIRTEENCHARS");
	set_desc(1, 0xfc, "  led \n", 7);
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "led");
	set_desc(1, 0xfc, "\0a\0b\0\0", 6);
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "a b");
	set_desc(1, 0xfc, "\xe9t\x1b[\n", 5);
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "?t?[");
	set_desc(1, 0x11, "", 0);
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "");
}

/* two name descriptors, the first one empty; a timing that merely looks like one */
static void first_name_that_is_one(void)
{
	struct monitor_id id;

	make();
	set_desc(1, 0xfc, "\n", 1);
	set_desc(2, 0xfc, "second\n", 7);
	set_desc(3, 0xfc, "third\n", 6);
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "second");
	CHECK_STR(id.serial_str, "");
	make();
	set_desc(0, 0xfc, "timing\n", 7);
	block[54] = 0x80;
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.name, "SIM 24o");
}

static void maker_is_no_letters(void)
{
	struct monitor_id id;

	make();
	block[8] = 0;
	block[9] = 0;
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.maker, "???");
	block[8] = 0x7f;
	block[9] = 0xff;
	CHECK_EQ(parse(&id), 0);
	CHECK_STR(id.maker, "???");
}

static void the_key(void)
{
	struct monitor_id id;
	char key[MONITOR_KEY_SIZE], other[MONITOR_KEY_SIZE];

	make();
	CHECK_EQ(parse(&id), 0);
	monitor_key(&id, key);
	/* computed apart from this code; both sides of a switch depend on it */
	CHECK_STR(key, "d2df55468f0f1375");
	/* per connector: product code, input type, week; still the same monitor */
	block[10] = 0x25;
	block[16] = 9;
	block[20] = 0x80;
	block[126] = 1;
	CHECK_EQ(parse(&id), 0);
	monitor_key(&id, other);
	CHECK_STR(key, other);
	block[12] ^= 1;
	CHECK_EQ(parse(&id), 0);
	monitor_key(&id, other);
	CHECK(strcmp(key, other) != 0);
}

static void text_does_not_move_between_fields(void)
{
	struct monitor_id a = { .maker = "SIM", .name = "B", .serial_str = "A" };
	struct monitor_id b = { .maker = "SIM", .name = "", .serial_str = "AB" };
	char ka[MONITOR_KEY_SIZE], kb[MONITOR_KEY_SIZE];

	monitor_key(&a, ka);
	monitor_key(&b, kb);
	CHECK(strcmp(ka, kb) != 0);
}

static void serials(void)
{
	static const uint32_t dummies[] = { 0, 1, 0x01010101, 0x20202020, 0xffffffff };
	static const char *const dummy_strings[] = { "", "0", "0000000000000", "123456789",
		"1234567890123", "FFFFFFFF" };
	struct monitor_id id = { .maker = "SIM" };

	for (size_t i = 0; i < sizeof(dummies) / sizeof(dummies[0]); i++) {
		id.serial = dummies[i];
		CHECK(!monitor_has_serial(&id));
	}
	for (size_t i = 0; i < sizeof(dummy_strings) / sizeof(dummy_strings[0]); i++) {
		snprintf(id.serial_str, sizeof(id.serial_str), "%s", dummy_strings[i]);
		CHECK(!monitor_has_serial(&id));
	}
	memcpy(id.serial_str, "CN41", 5);
	CHECK(monitor_has_serial(&id));
	id.serial_str[0] = '\0';
	id.serial = 42;
	CHECK(monitor_has_serial(&id));
}

TEST_MAIN({ "sound", sound }, { "refused", refused }, { "names", names },
	{ "first_name_that_is_one", first_name_that_is_one },
	{ "maker_is_no_letters", maker_is_no_letters }, { "the_key", the_key },
	{ "text_does_not_move_between_fields", text_does_not_move_between_fields },
	{ "serials", serials });
