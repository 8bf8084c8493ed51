// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: events wait in a ring of small entries until link_next() fetches them. Long
 * messages stay in the slot of their call or request until then, so the ring needs no memory of its
 * own for them. Whatever an unauthenticated or hostile peer can cause in numbers (hints,
 * notices) is dropped where the ring is nearly full; answers and ends of sessions always fit,
 * because link_call() refuses when a caller does not fetch its events.
 *
 * At most one key record is on its way to the disk; what the disk holds is what the link uses
 * from then on, whatever became of the peer meanwhile.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

static bool is_vital(enum link_event_kind kind)
{
	return kind == LINK_EV_ANSWER || kind == LINK_EV_DOWN || kind == LINK_EV_UP ||
	       kind == LINK_EV_STORE || kind == LINK_EV_PAIRED || kind == LINK_EV_RESET_PIPE ||
	       kind == LINK_EV_PAIR_FAILED;
}

bool link_event_push(struct link *l, const struct event_entry *e)
{
	unsigned int room = EVENT_SLOTS - l->n_events;

	if (!room || (!is_vital(e->kind) && room <= EVENT_RESERVED))
		return false;
	l->events[(l->event_head + l->n_events) % EVENT_SLOTS] = *e;
	l->n_events++;
	return true;
}

bool link_event_has_room(const struct link *l)
{
	return EVENT_SLOTS - l->n_events > EVENT_RESERVED;
}

void link_event_hint(struct link *l, enum link_hint hint)
{
	struct event_entry e = { .kind = LINK_EV_HINT, .hint = hint };

	l->hint = hint;
	if (l->hint_given[hint] && l->now - l->hint_ms[hint] < HINT_MS)
		return;
	l->hint_given[hint] = true;
	l->hint_ms[hint] = l->now;
	link_event_push(l, &e);
}

void link_event_answer(struct link *l, uint64_t tag, enum msg_outcome outcome)
{
	struct event_entry e = {
		.kind = LINK_EV_ANSWER,
		.session = l->number,
		.tag = tag,
		.value = (uint32_t)outcome,
		.slot = EVENT_OWN,
	};

	link_event_push(l, &e);
}

void link_event_drop_requests(struct link *l)
{
	for (unsigned int i = 0; i < l->n_events; i++) {
		struct event_entry *e = &l->events[(l->event_head + i) % EVENT_SLOTS];

		if (e->kind == LINK_EV_REQUEST)
			e->kind = LINK_EV_NONE;
	}
}

static void fill_message(struct link *l, const struct event_entry *e)
{
	struct message *m = &l->event_message;

	switch (e->kind) {
	case LINK_EV_REQUEST: *m = l->requests[e->slot].m; break;
	case LINK_EV_ANSWER:
		if (e->slot != EVENT_OWN) {
			*m = l->calls[e->slot].m;
			l->calls[e->slot].state = CALL_FREE;
			break;
		}
		m->kind = MSG_RESULT;
		m->result.outcome = e->value;
		break;
	case LINK_EV_PENDING:
		m->kind = MSG_PENDING;
		m->pending.expires_ms = e->value;
		break;
	case LINK_EV_NOTICE:
		m->kind = MSG_EVENT;
		m->id = e->id;
		m->event.kind = e->notice;
		m->event.value = e->value;
		break;
	default: break;
	}
}

static void fill(struct link *l, const struct event_entry *e, struct link_event *ret)
{
	ret->kind = e->kind;
	ret->session = e->session;
	ret->tag = e->tag;
	ret->hint = e->hint;
	ret->attempts = e->attempts;
	fill_message(l, e);
	switch (e->kind) {
	case LINK_EV_NOTICE:
	case LINK_EV_REQUEST:
	case LINK_EV_ANSWER:
	case LINK_EV_PENDING: ret->message = &l->event_message; break;
	case LINK_EV_STORE: ret->record = &l->store; break;
	case LINK_EV_PAIRED: memcpy(ret->words, l->pair.words, sizeof(ret->words)); break;
	case LINK_EV_RESET_PIPE: ret->backoff_ms = e->value; break;
	default: break;
	}
}

bool link_next(struct link *l, struct link_event *ret)
{
	memset(ret, 0, sizeof(*ret));
	WIPE(l->event_message);
	while (l->n_events) {
		struct event_entry e = l->events[l->event_head];

		l->event_head = (l->event_head + 1) % EVENT_SLOTS;
		l->n_events--;
		if (e.kind == LINK_EV_NONE)
			continue;
		fill(l, &e, ret);
		return true;
	}
	return false;
}

enum va_err link_store_begin(struct link *l, enum store_why why, const struct keyrec *rec)
{
	struct event_entry e = { .kind = LINK_EV_STORE };

	if (l->store_why != STORE_NONE)
		return VA_E_STATE;
	if (!link_event_push(l, &e))
		return VA_E_SPACE;
	l->store_why = why;
	l->store = *rec;
	return VA_OK;
}

void link_stored(struct link *l, bool ok, uint64_t now_ms)
{
	enum store_why why = l->store_why;

	link_tick(l, now_ms);
	if (why == STORE_NONE)
		return;
	l->store_why = STORE_NONE;
	if (ok) {
		l->rec = l->store;
		l->paired = true;
	}
	WIPE(l->store);
	if (why == STORE_PAIR)
		link_pair_stored(l, ok);
	else
		link_keyroll_stored(l, why, ok);
	link_calls_flush(l);
}
