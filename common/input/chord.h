// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hotkeys: how they are written ("scrolllock scrolllock", "leftctrl+rightctrl"), and hearing them
 * in what keyboards send (Linux input subsystem, EV_KEY). Pure: key events and their time go in,
 * what was asked for comes out. Nothing that is typed is kept: only which keys are down now.
 */
#ifndef VA_INPUT_CHORD_H
#define VA_INPUT_CHORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHORD_KEYS       4
#define CHORD_MAX        8
#define CHORD_DOWN       16 /* keys followed at once; with more than that nothing is a chord */
#define CHORD_TWICE_USEC 500000ull /* between the two presses of a double tap */

enum chord_action {
	CHORD_NOTHING = 0,
	CHORD_NEXT,
	CHORD_PREV,
	CHORD_HOST,
	CHORD_RESCUE,
	CHORD_ACTION_MAX = CHORD_RESCUE,
};

struct chord {
	uint32_t action;
	uint16_t keys[CHORD_KEYS];
	uint16_t n_keys; /* one: pressed twice; more: all down at once, and no other key */
	uint16_t pad;
};

/* KEY_... of a name such as "scrolllock"; 0: unknown. */
uint16_t chord_key(const char *name);
/* Fills keys and n_keys. False: no chord. */
bool chord_parse(const char *text, struct chord *ret);

struct chord_reader {
	struct chord chords[CHORD_MAX];
	size_t n_chords;
	uint16_t down[CHORD_DOWN];
	size_t n_down;
	bool lost;       /* more are down than fit: wait until all are up */
	uint16_t tapped; /* went down alone, as the last event of all */
	uint64_t tapped_usec;
};

void chord_reader_init(struct chord_reader *r, const struct chord *chords, size_t n);
/*
 * A key event of any keyboard: value 1 down, 0 up, 2 repeated. An enum chord_action, at the press
 * that completes it. usec: monotonic.
 */
uint32_t chord_reader_feed(struct chord_reader *r, uint16_t code, int32_t value, uint64_t usec);
/* Events were lost, or a keyboard was pulled out: no key is known to be down. */
void chord_reader_forget(struct chord_reader *r);

#endif
