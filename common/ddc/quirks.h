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

/*
 * A way to set the input source. No feature is ever written but these: 0x60, LG's, and those of
 * manufacturers (0xe0 to 0xff), which a configuration has to name.
 */
struct quirk_via {
	uint8_t feature; /* 0: none is written, the picture is ended or sent (MSG_VIA_SIGNAL) */
	uint8_t source;  /* DDC/CI source address: QUIRK_SOURCE_ADDRESS is libddcutil's */
};

/* via: enum msg_via's numbers. False: no such way. */
bool quirk_via(uint32_t untrusted_via, struct quirk_via *ret);
/* One bit for each way there is; 0: no such way. */
uint64_t quirk_via_bit(uint32_t untrusted_via);
/* "standard", "lg", "signal" or a manufacturer's feature ("0xe2"); -1: none. */
int quirk_via_by_name(const char *name);
/* The other way round; good until the next call. */
const char *quirk_via_name(uint32_t via);

/* The way that monitors of this maker usually need (LG: most since about 2016); a hint only. */
uint32_t quirk_suggests_via(const struct monitor_id *id);

/*
 * Buses below a GPU that must not be probed by their name: power controllers (an answer hangs
 * the card) and lamps.
 */
bool quirk_bus_is_off_limits(const char *bus_name);

#endif
