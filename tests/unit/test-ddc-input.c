// SPDX-License-Identifier: GPL-2.0-or-later
/* What a reading of the input source proves, after readings of real monitors. */
#include "common/ddc/input.h"
#include "tests/unit/test.h"

#define NONE INPUT_NOT_READ

static void values(void)
{
	CHECK(input_value_is_valid(0));
	CHECK(input_value_is_valid(0xffff));
	CHECK(!input_value_is_valid(0x10000));
}

static void garbage_high_byte(void)
{
	struct input_source dp = { 0x0f, NONE }, learned = { 0x0f, 0x0f }, high = { 0x05, 0x0305 };

	CHECK(input_matches(&dp, 0x0f0f));
	CHECK(input_matches(&learned, 0x1b0f));
	CHECK(!input_matches(&learned, 0x0f11));
	CHECK(input_matches(&high, 0x0305));
	CHECK(!input_matches(&high, 0x05));
	CHECK(!input_matches(&dp, NONE));
	CHECK(!input_matches(&dp, -5));
}

/* A high byte that was learned with the value that is written may be another one next time. */
static void garbage_comes_and_goes(void)
{
	struct input_source in[] = { { 0x0f, 0x0f0f }, { 0x11, 0x1111 }, { 0x05, 0x0305 },
		{ 0x06, 0x05 }, { 0x12, 0x0412 }, { 0x21, 0x0412 } };

	CHECK_EQ(input_find(in, 2, 0x0f), 0);
	CHECK_EQ(input_find(in, 2, 0x2211), 1);
	CHECK_EQ(input_judge(in, 2, 0, 0x0f), INPUT_SHOWN);
	CHECK_EQ(input_judge(in, 2, 0, 0x11), INPUT_OTHER);
	CHECK_EQ(input_find(in, 2, 0x12), -1);
	CHECK_EQ(input_find(in, 4, 0x05), 3); /* names another one in full */
	CHECK_EQ(input_find(in + 4, 2, 0x12), -1);
	CHECK_EQ(input_find(in + 4, 2, 0x21), -1); /* written, but never read */
}

static void wide_write_value(void)
{
	struct input_source samsung = { 0xff09, NONE };

	CHECK(input_matches(&samsung, 0x09));
	CHECK(input_matches(&samsung, 0xff09));
	CHECK(!input_matches(&samsung, 0xff0a));
}

/* writes 06 for DisplayPort, reads 0f */
static void read_is_not_write(void)
{
	struct input_source in[] = { { 0x06, 0x0f }, { 0x05, 0x11 } };

	CHECK_EQ(input_find(in, 2, 0x0f), 0);
	CHECK_EQ(input_find(in, 2, 0x06), -1);
	CHECK_EQ(input_judge(in, 2, 0, 0x0f), INPUT_SHOWN);
	CHECK_EQ(input_judge(in, 2, 0, 0x11), INPUT_OTHER);
	CHECK_EQ(input_judge(in, 2, 0, 0x06), INPUT_UNKNOWN);
}

static void always_the_same(void)
{
	struct input_source in[] = { { 0x0f, 0x11 }, { 0x11, 0x11 } };

	CHECK_EQ(input_find(in, 2, 0x11), -1);
	CHECK_EQ(input_judge(in, 2, 0, 0x11), INPUT_UNKNOWN);
	CHECK_EQ(input_judge(in, 2, 1, 0x11), INPUT_UNKNOWN);
}

static void not_learned_proves_nothing(void)
{
	struct input_source in[] = { { 0x0f, NONE }, { 0x11, NONE } };

	CHECK_EQ(input_judge(in, 2, 0, 0x0f), INPUT_SHOWN);
	CHECK_EQ(input_judge(in, 2, 0, 0x11), INPUT_UNKNOWN);
	CHECK_EQ(input_judge(in, 2, 0, NONE), INPUT_UNKNOWN);
	CHECK_EQ(input_judge(in, 2, 0, 0), INPUT_UNKNOWN);
}

static void full_match_wins(void)
{
	struct input_source in[] = { { 0x05, 0x0305 }, { 0x06, 0x05 } };

	CHECK_EQ(input_find(in, 2, 0x0305), 0);
	CHECK_EQ(input_find(in, 2, 0x05), 1);
	CHECK_EQ(input_find(in, 2, 0x0705), 1);
	CHECK_EQ(input_find(in, 0, 0x05), -1);
}

TEST_MAIN({ "values", values }, { "garbage_high_byte", garbage_high_byte },
	{ "garbage_comes_and_goes", garbage_comes_and_goes },
	{ "wide_write_value", wide_write_value }, { "read_is_not_write", read_is_not_write },
	{ "always_the_same", always_the_same },
	{ "not_learned_proves_nothing", not_learned_proves_nothing },
	{ "full_match_wins", full_match_wins });
