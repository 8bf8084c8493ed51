// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A desk for the tests of va-hostd's inside: two guests, alpha and beta, and what their agents
 * and the host's va-ddc say. See hostd-fake.h.
 */
#ifndef VA_TEST_HOSTD_DESK_H
#define VA_TEST_HOSTD_DESK_H

#include "tests/unit/hostd-fake.h"

static struct guest *alpha, *beta;

__attribute__((unused)) static void fake_desk(void)
{
	fake_begin();
	alpha = fake_guest("alpha", 1);
	beta = fake_guest("beta", 2);
	monitors_learn(&fake_h, 0, 0, 0x0f);
}

__attribute__((unused)) static void up(struct guest *g, uint64_t session)
{
	struct link_ipc m = { .event = LINK_EV_UP, .session = session, .state = LINK_UP };

	fake_say(g->link, &m);
}

__attribute__((unused)) static void down(struct guest *g)
{
	struct link_ipc m = { .event = LINK_EV_DOWN, .session = g->session, .state = LINK_WAITING };

	fake_say(g->link, &m);
}

/* The last order of that kind, NULL if there is none. */
__attribute__((unused)) static const struct link_ipc *last(const struct guest *g, enum link_op op)
{
	const struct worker *w = g->link;

	for (unsigned int i = 0; i < w->n_orders && i < FAKE_ORDERS; i++) {
		const struct link_ipc *m = &w->orders[(w->n_orders - 1 - i) % FAKE_ORDERS];

		if (m->head.op == (uint32_t)op)
			return m;
	}
	return NULL;
}

__attribute__((unused)) static bool is_held(const struct guest *g)
{
	const struct link_ipc *m = last(g, LINK_OP_HOLD);

	return m && m->ok;
}

__attribute__((unused)) static void request(struct guest *g, const struct message *message)
{
	struct link_ipc m = { .event = LINK_EV_REQUEST, .session = g->session, .state = LINK_UP };

	m.message = *message;
	fake_say(g->link, &m);
}

__attribute__((unused)) static void prepare(
	struct guest *g, uint32_t id, enum msg_operation op, const char *target)
{
	struct message m = { .id = id, .kind = MSG_PREPARE };

	m.prepare.operation = (uint32_t)op;
	snprintf(m.prepare.target, sizeof(m.prepare.target), "%s", target);
	request(g, &m);
}

__attribute__((unused)) static void commit(struct guest *g, uint32_t id, const struct msg_ticket *t)
{
	struct message m = { .id = id, .kind = MSG_COMMIT };

	memcpy(m.commit.ticket, t->ticket, sizeof(t->ticket));
	request(g, &m);
}

/* What the guest was answered last: its outcome, or -1 for a ticket, -2 for a question. */
__attribute__((unused)) static int outcome(const struct guest *g)
{
	const struct link_ipc *m = last(g, LINK_OP_REPLY);

	if (!m)
		return 0;
	return m->message.kind == MSG_TICKET    ? -1
	       : m->message.kind == MSG_PENDING ? -2
						: (int)m->message.result.outcome;
}

/* The guest does what it was told last: a write, or a read with that value. */
__attribute__((unused)) static bool guest_acts(
	struct guest *g, enum msg_outcome how, uint32_t value)
{
	struct link_ipc m = { .event = LINK_EV_ANSWER, .state = LINK_UP };
	uint64_t tag = 0;

	for (size_t i = 0; i < GUEST_CALLS; i++)
		tag = g->calls[i].tag ? g->calls[i].tag : tag;
	if (!tag)
		return false;
	m.tag = tag;
	m.message.id = 1;
	m.message.kind = MSG_RESULT;
	msg_result_init(&m.message.result, how, "");
	m.message.result.value = value;
	fake_say(g->link, &m);
	fake_turn(0);
	return true;
}

#endif
