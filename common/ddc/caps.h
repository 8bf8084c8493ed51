// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The input sources that a monitor declares in its capabilities string (MCCS 2.2a, 4). A hint
 * for a menu of choices and no more: one monitor in five leaves them out, many declare wrong
 * ones. Real strings hold noise, binary data, missing blanks and unbalanced parentheses, so this
 * scans for what it wants and insists on no grammar. Pure.
 */
#ifndef VA_DDC_CAPS_H
#define VA_DDC_CAPS_H

#include <stddef.h>
#include <stdint.h>

#define CAPS_MAX_SIZE 8192 /* bytes looked at; real strings stay below 2048 */

/*
 * The values of feature 0x60, in the order of their first appearance, each once, into ret[max].
 * untrusted_caps[size] needs no terminator and may hold NULs. Returns their number; 0: feature
 * 0x60 is there without values; -ENOENT: it is not there.
 */
int caps_input_values(const char *untrusted_caps, size_t size, uint16_t *ret, size_t max);

#endif
