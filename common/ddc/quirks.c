// SPDX-License-Identifier: GPL-2.0-or-later
/* Oddities of monitors and drivers as tables; see quirks.h. Pure. */
#include "common/ddc/quirks.h"

#include "common/base/cleanup.h"
#include "common/link/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct quirk_via vias[] = {
	[MSG_VIA_STANDARD] = { QUIRK_INPUT_SOURCE, QUIRK_SOURCE_ADDRESS },
	/* LG: 0x60 is acknowledged and ignored; a side channel of its own is obeyed */
	[MSG_VIA_LG] = { 0xf4, 0x50 },
	[MSG_VIA_SIGNAL] = { 0, 0 },
};
static const char *const via_names[ARRAY_SIZE(vias)] = { "standard", "lg", "signal" };

static bool is_manufacturers(uint32_t via)
{
	return via >= MSG_VIA_FEATURE_MIN && via <= MSG_VIA_FEATURE_MAX;
}

bool quirk_via(uint32_t untrusted_via, struct quirk_via *ret)
{
	if (untrusted_via < ARRAY_SIZE(vias))
		*ret = vias[untrusted_via];
	else if (is_manufacturers(untrusted_via))
		*ret = (struct quirk_via){ (uint8_t)untrusted_via, QUIRK_SOURCE_ADDRESS };
	else
		return false;
	return true;
}

uint64_t quirk_via_bit(uint32_t untrusted_via)
{
	if (untrusted_via < ARRAY_SIZE(vias))
		return UINT64_C(1) << untrusted_via;
	if (!is_manufacturers(untrusted_via))
		return 0;
	return UINT64_C(1) << (untrusted_via - MSG_VIA_FEATURE_MIN + ARRAY_SIZE(vias));
}

int quirk_via_by_name(const char *name)
{
	unsigned long feature;
	char *end;

	for (size_t i = 0; i < ARRAY_SIZE(via_names); i++) {
		if (strcmp(via_names[i], name) == 0)
			return (int)i;
	}
	if (strncmp(name, "0x", 2) != 0 || strlen(name) != 4)
		return -1;
	feature = strtoul(name, &end, 16);
	return !*end && is_manufacturers((uint32_t)feature) ? (int)feature : -1;
}

const char *quirk_via_name(uint32_t via)
{
	static char feature[sizeof("0xff")];

	if (via < ARRAY_SIZE(via_names))
		return via_names[via];
	snprintf(feature, sizeof(feature), "0x%02x", via & 0xffu);
	return feature;
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
