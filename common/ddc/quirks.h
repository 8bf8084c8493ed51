// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What monitors, drivers and the library do that no standard says, in one place. Each entry
 * stands for reports of real hardware. Pure tables.
 */
#ifndef VA_DDC_QUIRKS_H
#define VA_DDC_QUIRKS_H

#include "common/ddc/edid.h"

#include <stdbool.h>
#include <stdint.h>

#define QUIRK_INPUT_SOURCE   0x60 /* MCCS 2.2a: input source */
#define QUIRK_SOURCE_ADDRESS 0x51 /* DDC/CI 1.1: the host */

/* A way to set the input source. No feature is ever written that is not in this table. */
struct quirk_via {
	const char *name;
	uint8_t feature;
	uint8_t source; /* DDC/CI source address: QUIRK_SOURCE_ADDRESS is libddcutil's */
};

/* via: enum msg_via's numbers. NULL: no such way. */
const struct quirk_via *quirk_via(uint32_t untrusted_via);
/* By name, "standard" or "lg"; -1: none. */
int quirk_via_by_name(const char *name);

/* The way that monitors of this maker usually need (LG: most since about 2016); a hint only. */
uint32_t quirk_suggests_via(const struct monitor_id *id);

/*
 * Buses below a GPU that must not be probed by their name: power controllers (an answer hangs
 * the card) and lamps.
 */
bool quirk_bus_is_off_limits(const char *bus_name);

#endif
