// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/escape.h"
#include "tests/unit/test.h"

static void plain_stays(void)
{
	CHECK_STR(escape("zorg-1.2"), "zorg-1.2");
	CHECK_STR(escape(NULL), "-");
	CHECK_STR(escape(""), "");
}

static void control_is_shown(void)
{
	char out[ESCAPE_MAX + 1];

	CHECK_STR(escape("\033[2J"), "\\x1b[2J");
	CHECK_STR(escape("a\\b"), "a\\x5cb");
	CHECK_STR(escape_bytes("a\0b", 3, out, sizeof(out)), "a\\x00b");
	CHECK_STR(escape("\xc3\xa9"), "\\xc3\\xa9");
}

static void never_longer_than_the_buffer(void)
{
	char in[300], out[ESCAPE_MAX + 1];

	memset(in, '\033', sizeof(in));
	for (size_t n = 0; n <= sizeof(in); n++)
		for (size_t size = 1; size <= sizeof(out); size++) {
			memset(out, 'Z', sizeof(out));
			escape_bytes(in, n, out, size);
			CHECK(strnlen(out, size) < size);
			CHECK(size == sizeof(out) || out[size] == 'Z');
		}
	memset(in, 'x', sizeof(in));
	escape_bytes(in, 64, out, sizeof(out));
	CHECK_EQ(strlen(out), 64);
	escape_bytes(in, 65, out, sizeof(out));
	CHECK_STR(out + 61, "...");
}

static void names(void)
{
	CHECK(name_is_valid("a") && name_is_valid("Zorg-17.5_x"));
	CHECK(!name_is_valid("") && !name_is_valid("a b") && !name_is_valid("../x"));
	CHECK(!name_is_valid("-rf") && !name_is_valid(".hidden") && !name_is_valid("a/b"));
	CHECK(name_is_valid("123456789012345678901234567890123456789012345678901234567890123"));
	CHECK(!name_is_valid("1234567890123456789012345678901234567890123456789012345678901234"));
}

TEST_MAIN({ "plain_stays", plain_stays }, { "control_is_shown", control_is_shown },
	{ "never_longer_than_the_buffer", never_longer_than_the_buffer }, { "names", names });
