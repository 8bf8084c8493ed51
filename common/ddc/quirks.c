// SPDX-License-Identifier: GPL-2.0-or-later
/* Oddities of monitors and drivers as tables; see quirks.h. Pure. */
#include "common/ddc/quirks.h"

#include "common/base/cleanup.h"
#include "common/link/message.h"

#include <string.h>

static const struct quirk_via vias[] = {
	[MSG_VIA_STANDARD] = { "standard", QUIRK_INPUT_SOURCE, QUIRK_SOURCE_ADDRESS },
	/* LG: 0x60 is acknowledged and ignored; a side channel of its own is obeyed */
	[MSG_VIA_LG] = { "lg", 0xf4, 0x50 },
};

const struct quirk_via *quirk_via(uint32_t untrusted_via)
{
	return untrusted_via < ARRAY_SIZE(vias) ? &vias[untrusted_via] : NULL;
}

int quirk_via_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(vias); i++) {
		if (strcmp(vias[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

uint32_t quirk_suggests_via(const struct monitor_id *id)
{
	return strcmp(id->maker, "GSM") == 0 ? MSG_VIA_LG : MSG_VIA_STANDARD;
}

bool quirk_bus_is_off_limits(const char *bus_name)
{
	static const char *const prefixes[] = { "AMDGPU SMU", "smu", "AMDGPU DM i2c OEM", "SMBus",
		"Synopsys DesignWare", "soc:i2cdsi", "mac-io", "u4" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(bus_name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}
