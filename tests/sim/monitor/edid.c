// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: builds the 128 bytes by which a monitor introduces itself. The same
 * identity gives different bytes on different inputs, as with real monitors: byte 20 says what
 * kind of input it is, and the product code may differ by connector. VESA E-EDID 1.4, section 3.
 */
#include <string.h>

#include "tests/sim/monitor/monitor.h"

enum {
	OFFSET_DTD = 54,
	OFFSET_TEXT = 72,
	DESCRIPTOR_SIZE = 18,
	TAG_NAME = 0xfc,
	TAG_SERIAL = 0xff,
	TAG_TEXT = 0xfe,
	TAG_DUMMY = 0x10
};

static void put_text(uint8_t *descriptor, uint8_t tag, const char *text)
{
	size_t len = strnlen(text, 13);

	memset(descriptor, 0, DESCRIPTOR_SIZE);
	descriptor[3] = len ? tag : TAG_DUMMY;
	if (!len)
		return;
	memset(descriptor + 5, ' ', 13);
	memcpy(descriptor + 5, text, len);
	if (len < 13)
		descriptor[5 + len] = '\n';
}

static uint8_t input_type(uint16_t input)
{
	switch (input & 0xff) {
	case 0x01:
	case 0x02: return 0x08; /* analogue */
	case 0x0f:
	case 0x10: return 0xa5; /* digital, 8 bits a colour, DisplayPort */
	default: return 0xa2;   /* digital, 8 bits a colour, HDMI-a */
	}
}

void edid_build(
	const struct sim_identity *id, uint16_t product, uint16_t input, uint8_t ret[SIM_EDID_SIZE])
{
	/* 1920x1080 at 60 Hz */
	static const uint8_t timing[DESCRIPTOR_SIZE] = { 0x02, 0x3a, 0x80, 0x18, 0x71, 0x38, 0x2d,
		0x40, 0x58, 0x2c, 0x45, 0x00, 0x0f, 0x28, 0x21, 0x00, 0x00, 0x1e };
	static const uint8_t colours[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50,
		0x54 };
	unsigned packed = (unsigned)(id->maker[0] - '@') << 10 |
			  (unsigned)(id->maker[1] - '@') << 5 | (unsigned)(id->maker[2] - '@');
	uint8_t sum = 0;

	memset(ret, 0, SIM_EDID_SIZE);
	memset(ret + 1, 0xff, 6);
	ret[8] = (uint8_t)(packed >> 8);
	ret[9] = (uint8_t)packed;
	ret[10] = (uint8_t)product;
	ret[11] = (uint8_t)(product >> 8);
	for (int i = 0; i < 4; i++)
		ret[12 + i] = (uint8_t)(id->serial >> 8 * i);
	ret[16] = 10; /* week 10 of 2023 */
	ret[17] = 33;
	ret[18] = 1; /* EDID 1.4 */
	ret[19] = 4;
	ret[20] = input_type(input);
	ret[21] = 53; /* cm */
	ret[22] = 30;
	ret[23] = 120; /* gamma 2.2 */
	ret[24] = 0x06;
	memcpy(ret + 25, colours, sizeof(colours));
	memset(ret + 38, 1, 16);
	memcpy(ret + OFFSET_DTD, timing, sizeof(timing));
	put_text(ret + OFFSET_TEXT, TAG_NAME, id->name);
	put_text(ret + OFFSET_TEXT + DESCRIPTOR_SIZE, TAG_SERIAL, id->serial_str);
	put_text(ret + OFFSET_TEXT + 2 * DESCRIPTOR_SIZE, TAG_TEXT, "simulated");
	for (int i = 0; i < SIM_EDID_SIZE - 1; i++)
		sum = (uint8_t)(sum + ret[i]);
	ret[SIM_EDID_SIZE - 1] = (uint8_t)-sum;
}
