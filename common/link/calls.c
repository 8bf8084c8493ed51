// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: what this side asks of the other. A call is a slot that goes through
 *
 *	QUEUED -> ASKED -> TICKET -> COMMITTED -> DONE		PREPARE
 *	QUEUED -> ASKED -> DONE					QUERY
 *
 * Sending is separate from asking: the slots say what is due, and the flush sends it whenever the
 * session permits. COMMIT is sent at most once for a call, ever. PROTOCOL.md 7.2.
 *
 * When another session takes the place of the current one without a gap, a call that has not been
 * committed has had no effect: it is asked again, from PREPARE, in the new session, within its
 * own time limit. One that has been committed is answered UNKNOWN: the reply, if there was to be
 * one, would have come in the old session. When the session ends without another, those not
 * committed are answered NOT_SENT.
 *
 * A call that ran out of time keeps its slot until the other side has given the answer it owes,
 * because the other side counts it too.
 */
#include "common/link/link-internal.h"

#include "common/link/wipe.h"

#include <string.h>

bool link_is_asked_by(enum link_role role, const struct message *m)
{
	bool host = role == LINK_HOST;

	switch (m->kind) {
	case MSG_PREPARE:
		return host == (m->prepare.operation == MSG_OP_DDC_WRITE ||
				       m->prepare.operation == MSG_OP_GUEST_SHUTDOWN);
	case MSG_QUERY:
		if (m->query.question == MSG_Q_PING || m->query.question == MSG_Q_STATUS)
			return true;
		return host == (m->query.question == MSG_Q_DDC_DETECT ||
				       m->query.question == MSG_Q_DDC_READ);
	case MSG_EVENT: return host == (m->event.kind != MSG_EV_MONITORS_CHANGED);
	default: return true;
	}
}

/* --- sending -------------------------------------------------------------------------------- */
bool link_rpc_send(struct link *l, const struct message *m)
{
	size_t n = 0;
	bool sent = rpc_encode(m, l->encoded, sizeof(l->encoded), &n) == VA_OK &&
		    link_session_seal(l, RECORD_RPC, l->encoded, n);

	sodium_memzero(l->encoded, n);
	return sent;
}

static void send_commit(struct link *l, struct call *c)
{
	struct message m = { .kind = MSG_COMMIT };

	m.id = c->id = ++l->cur.id_tx;
	memcpy(m.commit.ticket, c->ticket, MSG_TICKET_SIZE);
	c->state = CALL_COMMITTED;
	link_rpc_send(l, &m);
	sodium_memzero(c->ticket, sizeof(c->ticket));
	sodium_memzero(&m.commit, sizeof(m.commit));
}

static void send_question(struct link *l, struct call *c)
{
	c->m.id = c->id = ++l->cur.id_tx;
	c->state = CALL_ASKED;
	c->pending = false;
	link_rpc_send(l, &c->m);
}

static void flush_notices(struct link *l)
{
	while (l->n_notices && link_session_may_send(l)) {
		struct message m = { .kind = MSG_EVENT, .id = ++l->cur.id_tx };

		m.event = l->notices[0];
		l->n_notices--;
		memmove(l->notices, l->notices + 1, l->n_notices * sizeof(l->notices[0]));
		link_rpc_send(l, &m);
	}
}

/* The executor has one ticket for us at a time: another PREPARE would kill the one on its way. */
static bool awaits_ticket(const struct link *l)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		const struct call *c = &l->calls[i];

		if (c->m.kind == MSG_PREPARE && !c->over && !c->pending && c->state == CALL_ASKED)
			return true;
	}
	return false;
}

/* The one that has waited longest and may be sent now. */
static struct call *next_question(struct link *l)
{
	bool no_prepare = awaits_ticket(l);
	struct call *first = NULL;

	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct call *c = &l->calls[i];

		if (c->state == CALL_QUEUED && !(no_prepare && c->m.kind == MSG_PREPARE) &&
			(!first || c->order < first->order))
			first = c;
	}
	return first;
}

void link_calls_flush(struct link *l)
{
	link_answers_flush(l);
	flush_notices(l);
	for (unsigned int i = 0; i < MAX_CALLS && link_session_may_send(l); i++)
		if (l->calls[i].state == CALL_TICKET)
			send_commit(l, &l->calls[i]);
	while (link_session_may_send(l) && !l->holding) {
		struct call *c = next_question(l);

		if (!c)
			break;
		send_question(l, c);
	}
	if (link_session_may_send(l))
		link_session_renew(l);
}

/* --- ends ----------------------------------------------------------------------------------- */
static void call_free(struct link *l, struct call *c)
{
	link_timer_stop(l, T_CALL + (unsigned int)(c - l->calls));
	sodium_memzero(c, sizeof(*c));
}

static enum msg_outcome own_outcome(const struct call *c)
{
	return c->state == CALL_COMMITTED ? MSG_OUT_UNKNOWN : MSG_OUT_NOT_SENT;
}

void link_calls_carry_over(struct link *l)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct call *c = &l->calls[i];

		if (c->state == CALL_FREE || c->state == CALL_DONE)
			continue;
		if (!c->over && c->state != CALL_COMMITTED) {
			c->state = CALL_QUEUED;
			c->pending = false;
			sodium_memzero(c->ticket, sizeof(c->ticket));
			continue;
		}
		if (!c->over)
			link_event_answer(l, c->tag, MSG_OUT_UNKNOWN);
		call_free(l, c);
	}
}

void link_calls_end(struct link *l)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct call *c = &l->calls[i];

		if (c->state == CALL_FREE || c->state == CALL_DONE)
			continue;
		if (!c->over)
			link_event_answer(l, c->tag, own_outcome(c));
		call_free(l, c);
	}
}

void link_calls_on_timer(struct link *l, unsigned int i)
{
	struct call *c = &l->calls[i];

	if (c->state == CALL_FREE || c->state == CALL_DONE || c->over)
		return;
	link_event_answer(l, c->tag, own_outcome(c));
	c->over = true;
	if (c->state == CALL_QUEUED || c->state == CALL_TICKET)
		call_free(l, c);
}

bool link_calls_are_idle(const struct link *l)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		const struct call *c = &l->calls[i];

		if (!c->over && (c->state == CALL_ASKED || c->state == CALL_TICKET ||
					c->state == CALL_COMMITTED))
			return false;
	}
	return true;
}

/* --- answers -------------------------------------------------------------------------------- */
static struct call *find_call(struct link *l, uint32_t id)
{
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct call *c = &l->calls[i];

		if ((c->state == CALL_ASKED || c->state == CALL_COMMITTED) && c->id == id)
			return c;
	}
	return NULL;
}

static void on_result(struct link *l, struct call *c, const struct message *m)
{
	struct event_entry e = {
		.kind = LINK_EV_ANSWER,
		.session = l->number,
		.tag = c->tag,
		.slot = (uint8_t)(c - l->calls),
	};

	if (c->over) {
		call_free(l, c);
		return;
	}
	link_timer_stop(l, T_CALL + e.slot);
	c->m = *m;
	c->state = CALL_DONE;
	if (!link_event_push(l, &e))
		call_free(l, c);
}

bool link_calls_on_answer(struct link *l, const struct message *m)
{
	struct event_entry e = { .kind = LINK_EV_PENDING, .session = l->number, .slot = EVENT_OWN };
	struct call *c = find_call(l, m->id);

	if (!c)
		return false;
	if (m->kind == MSG_RESULT) {
		on_result(l, c, m);
		return true;
	}
	if (c->state != CALL_ASKED || c->m.kind != MSG_PREPARE)
		return false;
	if (m->kind == MSG_TICKET) {
		if (c->over) {
			call_free(l, c);
			return true;
		}
		memcpy(c->ticket, m->ticket.ticket, MSG_TICKET_SIZE);
		c->state = CALL_TICKET;
		return true;
	}
	if (c->pending)
		return false;
	c->pending = true;
	e.tag = c->tag;
	e.value = m->pending.expires_ms;
	if (!c->over)
		link_event_push(l, &e);
	return true;
}

/* --- asking --------------------------------------------------------------------------------- */
static enum va_err call_begin(
	struct link *l, uint64_t tag, const struct message *m, uint32_t limit_ms, uint64_t now_ms)
{
	link_tick(l, now_ms);
	if (!limit_ms || !message_is_valid(m) || !link_is_asked_by(l->role, m))
		return VA_E_RANGE;
	if (!l->cur.live)
		return VA_E_STATE;
	if (!link_event_has_room(l))
		return VA_E_LIMIT;
	for (unsigned int i = 0; i < MAX_CALLS; i++) {
		struct call *c = &l->calls[i];

		if (c->state != CALL_FREE)
			continue;
		memset(c, 0, sizeof(*c));
		c->state = CALL_QUEUED;
		c->tag = tag;
		c->order = ++l->call_order;
		c->m = *m;
		link_timer_in(l, T_CALL + i, limit_ms);
		link_calls_flush(l);
		return VA_OK;
	}
	return VA_E_LIMIT;
}

enum va_err link_call(struct link *l, uint64_t tag, const struct msg_prepare *p, uint32_t limit_ms,
	uint64_t now_ms)
{
	struct message m = { .id = 1, .kind = MSG_PREPARE };

	m.prepare = *p;
	return call_begin(l, tag, &m, limit_ms, now_ms);
}

enum va_err link_query(
	struct link *l, uint64_t tag, const struct msg_query *q, uint32_t limit_ms, uint64_t now_ms)
{
	struct message m = { .id = 1, .kind = MSG_QUERY };

	m.query = *q;
	return call_begin(l, tag, &m, limit_ms, now_ms);
}

enum va_err link_notify(struct link *l, const struct msg_event *e, uint64_t now_ms)
{
	struct message m = { .id = 1, .kind = MSG_EVENT };

	m.event = *e;
	link_tick(l, now_ms);
	if (!message_is_valid(&m) || !link_is_asked_by(l->role, &m))
		return VA_E_RANGE;
	if (!l->cur.live)
		return VA_E_STATE;
	if (l->n_notices == MAX_NOTICES)
		return VA_E_SPACE;
	l->notices[l->n_notices++] = *e;
	link_calls_flush(l);
	return VA_OK;
}
