// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The I2C wire itself, for the two things libddcutil cannot do: send a DDC/CI message from
 * another source address, and look at one bus without a whole detection. Each call opens
 * /dev/i2c-N and closes it again.
 */
#ifndef VA_DDC_WIRE_H
#define VA_DDC_WIRE_H

#include "common/ddc/edid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_SET_SIZE 7 /* bytes of a "set VCP feature" message, without the address byte */

/*
 * "Set VCP feature" as it goes to address 0x37 (DDC/CI 1.1, 4.4): source, length, 0x03, feature,
 * high byte, low byte, checksum over these and the destination (0x6e). source is 0x51 by the
 * standard.
 */
void wire_pack_set(uint8_t source, uint8_t feature, uint16_t value, uint8_t ret[WIRE_SET_SIZE]);

/*
 * Sends it, and waits as long as the standard wants after it (50 ms). 0: acknowledged. -ENOENT,
 * -EACCES: the node; what a driver says when nobody acknowledges: -ENXIO, -EIO, -EREMOTEIO.
 */
int wire_set(int bus, uint8_t source, uint8_t feature, uint16_t value);

/* The first block of the EDID, unchecked, as from address 0x50. Errors as above. */
int wire_read_edid(int bus, uint8_t ret_untrusted[EDID_BLOCK]);

/* 0 if the node is there and ours to open, else -ENOENT or -EACCES. Opens nothing. */
int wire_check_access(int bus);

#endif
