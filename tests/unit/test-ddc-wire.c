// SPDX-License-Identifier: GPL-2.0-or-later
/* What is put on the wire, byte by byte, and what may be written at all. */
#include "common/ddc/quirks.h"
#include "common/ddc/wire.h"
#include "common/link/message.h"
#include "tests/unit/test.h"

#include <errno.h>

/* checksums worked out by hand: the exclusive or of 6e and all bytes before */
static void lg_message(void)
{
	static const uint8_t want[WIRE_SET_SIZE] = { 0x50, 0x84, 0x03, 0xf4, 0x00, 0xd0, 0x9d };
	uint8_t got[WIRE_SET_SIZE];
	struct quirk_via lg;

	CHECK(quirk_via(MSG_VIA_LG, &lg));
	wire_pack_set(lg.source, lg.feature, 0xd0, got);
	CHECK_MEM(got, want, sizeof(want));
}

static void standard_message(void)
{
	static const uint8_t want[WIRE_SET_SIZE] = { 0x51, 0x84, 0x03, 0x60, 0xff, 0x09, 0x2e };
	uint8_t got[WIRE_SET_SIZE];
	struct quirk_via standard;

	CHECK(quirk_via(MSG_VIA_STANDARD, &standard));
	wire_pack_set(standard.source, standard.feature, 0xff09, got);
	CHECK_MEM(got, want, sizeof(want));
}

/* each way that the protocol knows has an entry, and there are no others */
static void ways(void)
{
	struct quirk_via way;
	uint64_t bits = 0;

	for (uint32_t via = 0; via <= 0x200; via++) {
		uint64_t bit = quirk_via_bit(via);

		CHECK_EQ(quirk_via(via, &way), msg_via_is_valid(via, 0));
		CHECK_EQ(bit != 0, msg_via_is_valid(via, 0));
		CHECK((bits & bit) == 0 && (bit & (bit - 1)) == 0);
		bits |= bit;
		if (bit)
			CHECK_EQ(quirk_via_by_name(quirk_via_name(via)), (int)via);
	}
	CHECK(!quirk_via(UINT32_MAX, &way));
	CHECK(quirk_via(0xe2, &way) && way.feature == 0xe2 && way.source == 0x51);
	CHECK(quirk_via(MSG_VIA_SIGNAL, &way) && way.feature == 0);
	CHECK_EQ(quirk_via_by_name("0xe2"), 0xe2);
	CHECK_EQ(quirk_via_by_name("0xFF"), 0xff);
	CHECK_EQ(quirk_via_by_name("0xd6"), -1); /* power mode */
	CHECK_EQ(quirk_via_by_name("0x04"), -1); /* factory defaults */
	CHECK_EQ(quirk_via_by_name("e2"), -1);
	CHECK_EQ(quirk_via_by_name("0xeg"), -1);
	CHECK_EQ(quirk_via_by_name("power"), -1);
	CHECK_EQ(quirk_suggests_via(&(struct monitor_id){ .maker = "GSM" }), MSG_VIA_LG);
	CHECK_EQ(quirk_suggests_via(&(struct monitor_id){ .maker = "DEL" }), MSG_VIA_STANDARD);
}

static void buses_not_to_touch(void)
{
	CHECK(quirk_bus_is_off_limits("AMDGPU SMU 0\n"));
	CHECK(quirk_bus_is_off_limits("AMDGPU DM i2c OEM bus\n"));
	CHECK(quirk_bus_is_off_limits("SMBus I801 adapter at efa0\n"));
	CHECK(!quirk_bus_is_off_limits("AMDGPU DM i2c hw bus 3\n"));
	CHECK(!quirk_bus_is_off_limits("NVIDIA i2c adapter 3 at 1:00.0\n"));
}

static void no_such_bus(void)
{
	uint8_t edid[EDID_BLOCK];

	CHECK_EQ(wire_check_access(987654), -ENOENT);
	CHECK_EQ(wire_read_edid(987654, edid), -ENOENT);
	CHECK_EQ(wire_set(987654, 0x50, 0xf4, 0xd0), -ENOENT);
}

TEST_MAIN({ "lg_message", lg_message }, { "standard_message", standard_message }, { "ways", ways },
	{ "buses_not_to_touch", buses_not_to_touch }, { "no_such_bus", no_such_bus });
