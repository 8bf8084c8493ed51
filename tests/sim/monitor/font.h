// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capitals, digits and a little punctuation, 5 by 7 dots; small letters are shown as capitals.
 * A glyph is its five columns from left to right, the top dot in bit 0.
 */
#ifndef SIM_FONT_H
#define SIM_FONT_H

#include <stdint.h>

#define FONT_WIDTH  5
#define FONT_HEIGHT 7

/* Never NULL: what has no glyph is blank. */
const uint8_t *font_glyph(char c);

#endif
