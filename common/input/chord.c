// SPDX-License-Identifier: GPL-2.0-or-later
/* See chord.h. */
#include "common/input/chord.h"

#include "common/base/cleanup.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	uint16_t code;
} names[] = {
	{ "scrolllock", KEY_SCROLLLOCK },
	{ "pause", KEY_PAUSE },
	{ "sysrq", KEY_SYSRQ },
	{ "numlock", KEY_NUMLOCK },
	{ "capslock", KEY_CAPSLOCK },
	{ "menu", KEY_COMPOSE },
	{ "leftctrl", KEY_LEFTCTRL },
	{ "rightctrl", KEY_RIGHTCTRL },
	{ "leftalt", KEY_LEFTALT },
	{ "rightalt", KEY_RIGHTALT },
	{ "leftshift", KEY_LEFTSHIFT },
	{ "rightshift", KEY_RIGHTSHIFT },
	{ "leftmeta", KEY_LEFTMETA },
	{ "rightmeta", KEY_RIGHTMETA },
	{ "esc", KEY_ESC },
	{ "tab", KEY_TAB },
	{ "space", KEY_SPACE },
	{ "enter", KEY_ENTER },
	{ "backspace", KEY_BACKSPACE },
	{ "insert", KEY_INSERT },
	{ "delete", KEY_DELETE },
	{ "home", KEY_HOME },
	{ "end", KEY_END },
	{ "pageup", KEY_PAGEUP },
	{ "pagedown", KEY_PAGEDOWN },
	{ "up", KEY_UP },
	{ "down", KEY_DOWN },
	{ "left", KEY_LEFT },
	{ "right", KEY_RIGHT },
	{ "f1", KEY_F1 },
	{ "f2", KEY_F2 },
	{ "f3", KEY_F3 },
	{ "f4", KEY_F4 },
	{ "f5", KEY_F5 },
	{ "f6", KEY_F6 },
	{ "f7", KEY_F7 },
	{ "f8", KEY_F8 },
	{ "f9", KEY_F9 },
	{ "f10", KEY_F10 },
	{ "f11", KEY_F11 },
	{ "f12", KEY_F12 },
	{ "f13", KEY_F13 },
	{ "f14", KEY_F14 },
	{ "f15", KEY_F15 },
	{ "f16", KEY_F16 },
	{ "f17", KEY_F17 },
	{ "f18", KEY_F18 },
	{ "f19", KEY_F19 },
	{ "f20", KEY_F20 },
	{ "f21", KEY_F21 },
	{ "f22", KEY_F22 },
	{ "f23", KEY_F23 },
	{ "f24", KEY_F24 },
	{ "a", KEY_A },
	{ "b", KEY_B },
	{ "c", KEY_C },
	{ "d", KEY_D },
	{ "e", KEY_E },
	{ "f", KEY_F },
	{ "g", KEY_G },
	{ "h", KEY_H },
	{ "i", KEY_I },
	{ "j", KEY_J },
	{ "k", KEY_K },
	{ "l", KEY_L },
	{ "m", KEY_M },
	{ "n", KEY_N },
	{ "o", KEY_O },
	{ "p", KEY_P },
	{ "q", KEY_Q },
	{ "r", KEY_R },
	{ "s", KEY_S },
	{ "t", KEY_T },
	{ "u", KEY_U },
	{ "v", KEY_V },
	{ "w", KEY_W },
	{ "x", KEY_X },
	{ "y", KEY_Y },
	{ "z", KEY_Z },
};

uint16_t chord_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, name))
			return names[i].code;
	return 0;
}

static bool add_key(struct chord *c, const char *name, size_t len)
{
	char copy[16];
	uint16_t code;

	if (len >= sizeof(copy) || c->n_keys == CHORD_KEYS)
		return false;
	memcpy(copy, name, len);
	copy[len] = '\0';
	code = chord_key(copy);
	for (int i = 0; i < c->n_keys; i++)
		if (c->keys[i] == code)
			return false;
	c->keys[c->n_keys++] = code;
	return code != 0;
}

bool chord_parse(const char *text, struct chord *ret)
{
	size_t n = strcspn(text, " +");

	ret->n_keys = 0;
	memset(ret->keys, 0, sizeof(ret->keys));
	if (text[n] == ' ') /* "KEY KEY" */
		return add_key(ret, text, n) && strlen(text) == 2 * n + 1 &&
		       !strncmp(text, text + n + 1, n);
	while (add_key(ret, text, n)) {
		if (text[n] == '\0')
			return ret->n_keys > 1;
		text += n + 1;
		n = strcspn(text, " +");
		if (text[n] == ' ')
			return false;
	}
	return false;
}

/* --- hearing -------------------------------------------------------------------------------------
 */

void chord_reader_init(struct chord_reader *r, const struct chord *chords, size_t n)
{
	*r = (struct chord_reader){ .n_chords = n < CHORD_MAX ? n : CHORD_MAX };
	memcpy(r->chords, chords, r->n_chords * sizeof(*chords));
}

void chord_reader_forget(struct chord_reader *r)
{
	r->n_down = 0;
	r->lost = false;
	r->tapped = 0;
}

static size_t find_down(const struct chord_reader *r, uint16_t code)
{
	size_t i = 0;

	while (i < r->n_down && r->down[i] != code)
		i++;
	return i;
}

static bool is_all_down(const struct chord_reader *r, const struct chord *c)
{
	if (c->n_keys < 2 || c->n_keys > CHORD_KEYS || c->n_keys != r->n_down || r->lost)
		return false;
	for (int i = 0; i < c->n_keys; i++)
		if (find_down(r, c->keys[i]) == r->n_down)
			return false;
	return true;
}

static uint32_t completed(const struct chord_reader *r, uint16_t code, bool twice)
{
	for (size_t i = 0; i < r->n_chords; i++) {
		const struct chord *c = &r->chords[i];

		if (is_all_down(r, c) || (twice && c->n_keys == 1 && c->keys[0] == code))
			return c->action;
	}
	return CHORD_NOTHING;
}

static uint32_t press(struct chord_reader *r, uint16_t code, uint64_t usec)
{
	bool twice = r->n_down == 0 && !r->lost && r->tapped == code &&
		     usec - r->tapped_usec <= CHORD_TWICE_USEC;
	uint32_t action;

	if (r->n_down == CHORD_DOWN) {
		r->lost = true;
		return CHORD_NOTHING;
	}
	r->down[r->n_down++] = code;
	/* the third tap is the first of another pair */
	r->tapped = r->n_down == 1 && !twice ? code : 0;
	r->tapped_usec = usec;
	action = completed(r, code, twice);
	return action <= CHORD_ACTION_MAX ? action : CHORD_NOTHING;
}

uint32_t chord_reader_feed(struct chord_reader *r, uint16_t code, int32_t value, uint64_t usec)
{
	size_t at = find_down(r, code);

	if (value == 1 && at == r->n_down)
		return press(r, code, usec);
	if (value == 0 && at < r->n_down)
		r->down[at] = r->down[--r->n_down];
	if (value == 0 && r->n_down == 0)
		r->lost = false;
	return CHORD_NOTHING;
}
