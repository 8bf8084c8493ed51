// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said of a card before it is given away. */
#include "host/gpu/trouble.h"
#include "tests/unit/test.h"

static char found[TROUBLES_MAX][TROUBLE_SIZE];

static size_t troubles(uint16_t vendor, uint16_t device, bool vendor_reset, const char *reset,
	const char *kernel, bool apu)
{
	struct pci_device d = { .addr = "0000:01:00.0", .vendor = vendor, .device = device };

	return trouble_list(&(struct trouble_facts){ .gpu = &d,
				    .apu = apu,
				    .boots = apu,
				    .vendor_reset = vendor_reset,
				    .reset = reset,
				    .kernel = kernel },
		found);
}

static bool says(const char *words)
{
	return strstr(found[0], words) != NULL;
}

static void families(void)
{
	CHECK_EQ(troubles(0x1002, 0x73bf, false, "flr bus", "6.1.0", false), 0); /* RX 6000 */
	CHECK_EQ(troubles(0x10de, 0x2684, false, "flr bus", "6.1.0", false), 0); /* RTX 4090 */
	CHECK_EQ(troubles(0x1002, 0x731f, false, "bus", "6.1.0", false), 1);
	CHECK(says("Navi 10") && says("not loaded"));
	CHECK_EQ(troubles(0x1002, 0x731f, true, "bus", "6.1.0", false), 1);
	CHECK(says("device_specific"));
	CHECK_EQ(troubles(0x1002, 0x731f, true, "device_specific bus", "6.1.0", false), 0);
	CHECK_EQ(troubles(0x1002, 0x7550, false, "flr", "6.1.0", false), 1);
	CHECK(says("Navi 4x"));
	CHECK_EQ(troubles(0x10de, 0x2b85, false, "flr", "6.1.0", false), 1);
	CHECK(says("Blackwell"));
	CHECK_EQ(troubles(0x1002, 0x1638, false, "", "6.1.0", true), 1);
	CHECK(says("take-apu"));
	CHECK_EQ(troubles(0x8086, 0x3e98, false, "", "6.1.0", false), 1);
	CHECK(says("no way to reset"));
}

static void kernels(void)
{
	CHECK_EQ(troubles(0x10de, 0x2684, false, "flr", "6.14.2-arch1-1", false), 1);
	CHECK_EQ(troubles(0x10de, 0x2684, false, "flr", "6.12.23", false), 1);
	CHECK_EQ(troubles(0x10de, 0x2684, false, "flr", "6.14.20", false), 0);
	CHECK_EQ(troubles(0x10de, 0x2684, false, "flr", "6.12.2", false), 0);
	CHECK_EQ(troubles(0x10de, 0x2684, false, "flr", "", false), 0);
}

TEST_MAIN({ "families", families }, { "kernels", kernels });
