// SPDX-License-Identifier: GPL-2.0-or-later
/* See relay.h. */
#include "common/input/relay.h"

#include <string.h>

static bool get(const uint8_t *keys, unsigned int code)
{
	return keys[code / 8] >> code % 8 & 1;
}

static void set(uint8_t *keys, unsigned int code, bool down)
{
	uint8_t bit = (uint8_t)(1u << code % 8);

	keys[code / 8] = (uint8_t)(down ? keys[code / 8] | bit : keys[code / 8] & ~bit);
}

bool relay_has_key(uint16_t code)
{
	if (code == KEY_SCROLLLOCK)
		return false;
	return (code >= KEY_ESC && code <= KEY_MICMUTE) || (code >= BTN_LEFT && code <= BTN_TASK);
}

bool relay_has_axis(uint16_t code)
{
	return code == REL_X || code == REL_Y || code == REL_WHEEL || code == REL_HWHEEL;
}

bool relay_is_idle(const struct relay_node *n)
{
	for (size_t i = 0; i < sizeof(n->down); i++)
		if (n->down[i])
			return false;
	return true;
}

/* Another device of the same guest has it pressed there. */
static bool is_shared(const struct relay_node *list, size_t n, size_t at, unsigned int code)
{
	for (size_t i = 0; i < n; i++)
		if (i != at && list[i].sink == list[at].sink && get(list[i].passed, code))
			return true;
	return false;
}

static bool feed_key(struct relay_node *list, size_t n, size_t at, const struct input_event *e)
{
	struct relay_node *me = &list[at];

	if (e->code >= KEY_CNT || (e->value != 0 && e->value != 1))
		return false;
	set(me->down, e->code, e->value);
	/* a press that is known already, or a release of what the guest never saw pressed */
	if (me->sink == RELAY_NO_SINK || !relay_has_key(e->code) ||
		get(me->passed, e->code) == (e->value == 1))
		return false;
	set(me->passed, e->code, e->value);
	return !is_shared(list, n, at, e->code);
}

bool relay_feed(struct relay_node *list, size_t n, size_t at, const struct input_event *e,
	struct input_event *ret)
{
	struct relay_node *me = &list[at];
	bool passes = false;

	if (e->type == EV_SYN && e->code == SYN_DROPPED)
		me->dropped = true;
	if (e->type == EV_SYN && e->code == SYN_REPORT) {
		passes = me->moved;
		me->moved = me->dropped = false;
	} else if (!me->dropped && e->type == EV_KEY) {
		me->moved |= passes = feed_key(list, n, at, e);
	} else if (!me->dropped && e->type == EV_REL) {
		passes = me->sink != RELAY_NO_SINK && relay_has_axis(e->code);
		me->moved |= passes;
	}
	*ret = (struct input_event){ .type = e->type, .code = e->code, .value = e->value };
	return passes;
}

size_t relay_release(
	struct relay_node *list, size_t n, size_t at, struct input_event *ret, size_t max)
{
	struct relay_node *me = &list[at];
	size_t k = 0;

	for (unsigned int code = 0; code < KEY_CNT && k + 1 < max; code++) {
		if (!get(me->passed, code))
			continue;
		set(me->passed, code, false);
		if (!is_shared(list, n, at, code))
			ret[k++] = (struct input_event){ .type = EV_KEY, .code = (uint16_t)code };
	}
	me->moved = false;
	if (k > 0)
		ret[k++] = (struct input_event){ .type = EV_SYN, .code = SYN_REPORT };
	return k;
}
