// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a reading of the input source (VCP 0x60) says about which input is shown. What is read is
 * often not what was written: monitors add a high byte, report by another table, report the
 * input that asks, or always the same. So each input carries the value to write and, if one was
 * learned while that input was shown, the value that is then read. Pure; for both daemons.
 */
#ifndef VA_DDC_INPUT_H
#define VA_DDC_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_NOT_READ (-1)

struct input_source {
	uint16_t write; /* 0 to 0xffff */
	int32_t read;   /* 0 to 0xffff, learned; INPUT_NOT_READ: none was learned */
};

enum input_verdict {
	INPUT_UNKNOWN = 0, /* the reading says nothing: none, or it fits several, or no input */
	INPUT_SHOWN = 1,   /* the wanted input is shown */
	INPUT_OTHER = 2,   /* another input, known by a value learned, is shown */
};

/* 0 to 0xffff. */
bool input_value_is_valid(uint32_t untrusted_value);

/*
 * True if the reading (0 to 0xffff; negative: none) is what this input reads as: the learned
 * value or, where none was learned, the one that is written. Low bytes are compared, unless the
 * learned value has a high one.
 */
bool input_matches(const struct input_source *input, int32_t reading);

/*
 * The one input of inputs[n] that the reading names; -1 where it names none or several. Where it
 * matches none, the low byte that is written and was read names one, if it is the only one.
 */
int input_find(const struct input_source *inputs, size_t n, int32_t reading);

/*
 * Is inputs[wanted] shown (wanted < n)? A reading that equals another input's *written* value
 * proves nothing, so INPUT_OTHER needs that input's learned one: only then is a second write,
 * which blanks the screen on some monitors, worth it.
 */
enum input_verdict input_judge(
	const struct input_source *inputs, size_t n, size_t wanted, int32_t reading);

#endif
