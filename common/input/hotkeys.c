// SPDX-License-Identifier: GPL-2.0-or-later
/* See hotkeys.h. */
#include "common/input/hotkeys.h"

#include <string.h>

enum conf_verdict hotkeys_config_entry(
	const struct conf_at *at, const char *value, uint32_t max_action, struct config_hotkeys *c)
{
	static const char *const actions[] = { [CHORD_NEXT] = "next",
		[CHORD_PREV] = "prev",
		[CHORD_HOST] = "host",
		[CHORD_RESCUE] = "rescue" };
	struct chord chord = { 0 };

	for (uint32_t i = 1; at->key && i <= max_action; i++)
		if (!strcmp(at->key, actions[i]))
			chord.action = i;
	if (!chord.action)
		return at->key ? CONF_UNKNOWN_KEY : CONF_OK;
	if (!chord_parse(value, &chord)) {
		conf_error(at,
			"say: KEY KEY (pressed twice), or KEY+KEY (held together), with names "
			"as in scrolllock, leftctrl, f12");
		return CONF_BAD;
	}
	for (int i = 0; i < c->n; i++)
		if (c->list[i].n_keys == chord.n_keys &&
			!memcmp(c->list[i].keys, chord.keys, sizeof(chord.keys))) {
			conf_error(at, "\"%s\" is %s already", escape(value),
				actions[c->list[i].action]);
			return CONF_BAD;
		}
	if (c->n == CHORD_MAX) {
		conf_error(at, "more than %d hotkeys", CHORD_MAX);
		return CONF_BAD;
	}
	c->list[c->n++] = chord;
	return CONF_OK;
}
