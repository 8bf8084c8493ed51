// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: what the other side asks, and the answers to it. The link keeps the books
 * (numbers that only grow, four questions at a time, one answer to each) and decides nothing: every
 * question goes to the caller, and a ticket is the caller's (ticket.h). Questions that are meant
 * for the other role are answered here. An answer to a session that is gone is refused, so nothing
 * the caller does late can reach another session. PROTOCOL.md 7.2.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

void link_answers_drop(struct link *l)
{
	sodium_memzero(l->requests, sizeof(l->requests));
	link_event_drop_requests(l);
}

static void send_reply(struct link *l, struct request *r)
{
	bool pending = r->m.kind == MSG_PENDING;

	r->m.id = r->id;
	/* first the books, then the record: sending may end the session and clear them */
	if (pending)
		r->pending = true;
	r->state = pending ? REQUEST_OPEN : REQUEST_FREE;
	link_rpc_send(l, &r->m);
}

void link_answers_flush(struct link *l)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct request *r = &l->requests[i];

		if (r->state == REQUEST_REPLY && link_session_may_send(l))
			send_reply(l, r);
	}
}

/* The link's own answer, where the caller is not asked at all. */
static void answer_self(struct request *r, enum msg_outcome outcome)
{
	memset(&r->m, 0, sizeof(r->m));
	r->m.kind = MSG_RESULT;
	r->m.result.outcome = (uint32_t)outcome;
	r->state = REQUEST_REPLY;
}

static void on_notice(struct link *l, const struct message *m)
{
	struct event_entry e = {
		.kind = LINK_EV_NOTICE,
		.session = l->number,
		.value = m->event.value,
		.notice = m->event.kind,
		.id = m->id,
	};

	if (link_is_asked_by(l->role == LINK_HOST ? LINK_GUEST : LINK_HOST, m))
		link_event_push(l, &e);
}

bool link_answers_on_request(struct link *l, const struct message *m)
{
	struct event_entry e = { .kind = LINK_EV_REQUEST, .session = l->number };
	struct request *r = NULL;

	if (m->id <= l->cur.id_rx)
		return false;
	l->cur.id_rx = m->id;
	if (m->kind == MSG_EVENT) {
		on_notice(l, m);
		return true;
	}
	for (unsigned int i = 0; i < MAX_CALLS && !r; i++)
		if (l->requests[i].state == REQUEST_FREE)
			r = &l->requests[i];
	if (!r)
		return false;
	memset(r, 0, sizeof(*r));
	r->state = REQUEST_OPEN;
	r->id = m->id;
	r->kind = m->kind;
	r->m = *m;
	e.slot = (uint8_t)(r - l->requests);
	if (!link_is_asked_by(l->role == LINK_HOST ? LINK_GUEST : LINK_HOST, m))
		answer_self(r, MSG_OUT_UNSUPPORTED);
	else if (!link_event_push(l, &e))
		answer_self(r, MSG_OUT_BUSY);
	return true;
}

/* The question that m may answer now. */
static struct request *find_request(struct link *l, const struct message *m)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct request *r = &l->requests[i];
		bool open = r->state == REQUEST_OPEN ||
			    (r->state == REQUEST_REPLY && r->m.kind == MSG_PENDING);

		if (open && r->id == m->id)
			return r;
	}
	return NULL;
}

enum va_err link_reply(struct link *l, uint64_t session, const struct message *m, uint64_t now_ms)
{
	struct request *r;

	link_tick(l, now_ms);
	if (!l->cur.live || session != l->number)
		return VA_E_STATE;
	if (!message_is_valid(m))
		return VA_E_RANGE;
	r = find_request(l, m);
	if (!r)
		return VA_E_STATE;
	if (m->kind != MSG_RESULT &&
		(r->kind != MSG_PREPARE || (m->kind != MSG_TICKET && m->kind != MSG_PENDING)))
		return VA_E_RANGE;
	if (m->kind == MSG_PENDING && (r->pending || r->state == REQUEST_REPLY))
		return VA_E_STATE;
	r->m = *m;
	r->state = REQUEST_REPLY;
	link_calls_flush(l);
	return VA_OK;
}
