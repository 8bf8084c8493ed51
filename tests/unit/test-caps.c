// SPDX-License-Identifier: GPL-2.0-or-later
/* The capabilities scanner on the shapes that real monitors send. */
#include "common/ddc/caps.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdint.h>

struct shape {
	const char *text;
	int n; /* what caps_input_values() returns */
	uint16_t values[6];
};

static int matches(const char *text, size_t size, const struct shape *want)
{
	uint16_t got[64];
	int n = caps_input_values(text, size, got, 64);

	if (n != want->n) {
		printf("# %s: %d values, wanted %d\n", want->text, n, want->n);
		return 0;
	}
	for (int i = 0; i < n; i++) {
		if (got[i] != want->values[i]) {
			printf("# %s: value %d is %02x\n", want->text, i, got[i]);
			return 0;
		}
	}
	return 1;
}

static void check_all(const struct shape *shapes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK(matches(shapes[i].text, strlen(shapes[i].text), &shapes[i]));
}

#define CHECK_SHAPES(...)                                     \
	static const struct shape shapes[] = { __VA_ARGS__ }; \
	check_all(shapes, sizeof(shapes) / sizeof(shapes[0]))

static void well_formed(void)
{
	CHECK_SHAPES(
		{ "(prot(monitor)type(LCD)model(SIM)cmds(01 02)vcp(02 04 60(0F 11 12) D6(01 04))"
		  "mccs_ver(2.2))",
			3, { 0x0f, 0x11, 0x12 } },
		{ "(vcp(02 04 14(05 08) 60( 01 03 ) 62))", 2, { 1, 3 } },
		{ "(VCP(02 60 (1B)))", 1, { 0x1b } });
}

static void without_inputs(void)
{
	CHECK_SHAPES({ "", -ENOENT, { 0 } }, { "noise without any", -ENOENT, { 0 } },
		{ "(prot(monitor)vcp(02 04 10 12))", -ENOENT, { 0 } },
		{ "(vcp(02 60 D6(01)))", 0, { 0 } }, { "(vcp(60()))", 0, { 0 } },
		{ "(cmds(60(01 02))model(60(03)))", -ENOENT, { 0 } },
		{ "(vcp(14(60 05) 10))", -ENOENT, { 0 } });
}

static void glued(void)
{
	CHECK_SHAPES({ "(vcp(020304055260(01 03 04)626C))", 3, { 1, 3, 4 } },
		{ "(vcp(60(010F1112)))", 4, { 1, 0x0f, 0x11, 0x12 } },
		{ "(vcp(60(1 3)))", 2, { 1, 3 } },
		{ "(vcp(60(1 030F 11)))", 4, { 1, 3, 0x0f, 0x11 } },
		{ "(vcp(60(1030F)))", 3, { 1, 3, 0x0f } },
		{ "(SAMSUNGcmds(01)SIMvcp(60(05 06)))", 2, { 5, 6 } });
}

static void unbalanced(void)
{
	CHECK_SHAPES({ "vcp(02 60(0F 11", 2, { 0x0f, 0x11 } },
		{ "(vcp(02 14(05 08)) 60(0F 11))mswhql(1))", 2, { 0x0f, 0x11 } },
		{ "(vcp(02 04)mswhql(1)60(0F))", -ENOENT, { 0 } }, { "))(vcp(60(03)))", 1, { 3 } },
		{ "(type(lcd vcp(60(03", 1, { 3 } });
}

static void nested(void)
{
	CHECK_SHAPES({ "(vcp(02 DC(00 03(11 60(07))) 60(01 (05 (06)) 03)))", 2, { 1, 3 } },
		{ "(vcp(page0(02 60(0F)) page1(10)))", 1, { 0x0f } },
		{ "(vcp(name(60(09)) 60(11)))", 1, { 0x11 } });
}

static void a_code_twice(void)
{
	CHECK_SHAPES({ "(vcp(60(01 03) 10 60(03 0F)))", 3, { 1, 3, 0x0f } },
		{ "(vcp(10))(vcp(60(11)))", 1, { 0x11 } });
}

static void binary_inside(void)
{
	static const char text[] = "(edid bin(128(\0\xff\xff)(\0(vc(\x60))vcp(02\0 60(0F\0 11 zz))";
	static const struct shape want = { "binary", 2, { 0x0f, 0x11 } };

	CHECK(matches(text, sizeof(text) - 1, &want));
}

static void never_more_than_asked(void)
{
	uint16_t got[2] = { 0, 0xaaaa };

	CHECK_EQ(caps_input_values("vcp(60(01 02 03))", 17, got, 1), 1);
	CHECK_EQ(got[1], 0xaaaa);
	CHECK_EQ(caps_input_values("vcp(60(01 02 03))", 17, NULL, 0), 0);
}

TEST_MAIN({ "well_formed", well_formed }, { "without_inputs", without_inputs }, { "glued", glued },
	{ "unbalanced", unbalanced }, { "nested", nested }, { "a_code_twice", a_code_twice },
	{ "binary_inside", binary_inside }, { "never_more_than_asked", never_more_than_asked });
