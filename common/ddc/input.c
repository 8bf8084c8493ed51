// SPDX-License-Identifier: GPL-2.0-or-later
/* Which input a reading names; see input.h. Pure. */
#include "common/ddc/input.h"

bool input_value_is_valid(uint32_t untrusted_value)
{
	return untrusted_value <= 0xffff;
}

bool input_matches(const struct input_source *input, int32_t reading)
{
	int32_t expected = input->read >= 0 ? input->read : input->write;

	if (reading < 0)
		return false;
	if (input->read > 0xff)
		return reading == expected;
	return (reading & 0xff) == (expected & 0xff);
}

/*
 * None matches: a high byte that was learned together with the value that is written may have been
 * garbage, and is another one now.
 */
static int find_low_byte(const struct input_source *inputs, size_t n, int32_t reading)
{
	int found = -1;

	for (size_t i = 0; reading >= 0 && i < n; i++) {
		int32_t expected = inputs[i].read >= 0 ? inputs[i].read : inputs[i].write;

		if ((reading ^ expected) & 0xff)
			continue;
		if (found >= 0 || ((expected ^ inputs[i].write) & 0xff))
			return -1;
		found = (int)i;
	}
	return found;
}

/*
 * Two inputs may share a low byte (0305 and 05): a reading that equals one learned value in full
 * names that one.
 */
int input_find(const struct input_source *inputs, size_t n, int32_t reading)
{
	int exact = -1, found = -1, n_exact = 0, n_found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!input_matches(&inputs[i], reading))
			continue;
		found = (int)i;
		n_found++;
		if (inputs[i].read == reading) {
			exact = (int)i;
			n_exact++;
		}
	}
	if (n_exact == 1)
		return exact;
	if (n_found == 0)
		return find_low_byte(inputs, n, reading);
	return n_exact == 0 && n_found == 1 ? found : -1;
}

enum input_verdict input_judge(
	const struct input_source *inputs, size_t n, size_t wanted, int32_t reading)
{
	int i = input_find(inputs, n, reading);

	if (i < 0)
		return INPUT_UNKNOWN;
	if ((size_t)i == wanted)
		return INPUT_SHOWN;
	return inputs[i].read >= 0 ? INPUT_OTHER : INPUT_UNKNOWN;
}
