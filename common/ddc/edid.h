// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who a monitor is. From its EDID come maker, product, serials and name; the product code can
 * differ by connector on one and the same monitor, and byte 20 onwards by input, so identity is
 * maker + serial number + serial string + name, never a hash of the block. Monitors without any
 * serial are twins of their like: the user must tell them apart by connector.
 * VESA E-EDID 1.4, 3.4 and 3.10. Pure; the bytes are a monitor's word, bounded and escaped here.
 */
#ifndef VA_DDC_EDID_H
#define VA_DDC_EDID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EDID_BLOCK       128
#define MONITOR_KEY_SIZE 17 /* 16 lower-case hex digits, terminated */

struct monitor_id {
	char maker[4];    /* three letters, "???" where the packed code is none */
	uint16_t product; /* differs by connector on some monitors: not part of the identity */
	uint32_t serial;  /* binary serial number; 0 and dummies (01010101, ffffffff): none */
	char name[14];    /* printable ASCII, trimmed, "" if none */
	char serial_str[14];
};

/* edid[size], size >= 128, header and checksum right: 0; else -EINVAL. */
int edid_parse(const uint8_t *untrusted_edid, size_t size, struct monitor_id *ret);

/*
 * The name of the identity on the wire and in files: 16 hex digits of an FNV-1a-64 of maker,
 * serial, serial string and name. Not secret and not a proof; two different monitors on one
 * desk colliding by accident: 1 in 2^64.
 */
void monitor_key(const struct monitor_id *id, char ret[MONITOR_KEY_SIZE]);
bool monitor_has_serial(const struct monitor_id *id);

#endif
