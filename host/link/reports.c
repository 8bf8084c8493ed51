// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a va-link tells va-hostd: the link's events, flattened into one struct each.
 *
 * Theory of operation: one message buffer, filled, sent, wiped. Every message carries the state
 * of the link; where only the state changed, an event of kind NONE says so.
 */
#include "host/link/agent.h"

#include "common/worker/child.h"

#include <sodium.h>
#include <string.h>

static struct link_ipc *begin(struct agent *a, enum link_op op)
{
	memset(&a->msg, 0, sizeof(a->msg));
	a->msg.head.op = (uint32_t)op;
	a->msg.state = a->ready ? (uint32_t)link_get_state(a->link) : (uint32_t)LINK_NO_PEER;
	return &a->msg;
}

static int finish(struct agent *a)
{
	int r = child_send(&a->msg, sizeof(a->msg), -1);

	a->told_state = a->msg.state;
	sodium_memzero(&a->msg, sizeof(a->msg));
	return r;
}

static int report_event(struct agent *a, const struct link_event *ev)
{
	struct link_ipc *m = begin(a, LINK_OP_EVENT);

	m->event = (uint32_t)ev->kind;
	m->session = ev->session;
	m->tag = ev->tag;
	m->hint = (uint32_t)ev->hint;
	m->attempts = ev->attempts;
	m->value = ev->backoff_ms;
	memcpy(m->words, ev->words, sizeof(m->words));
	if (ev->kind == LINK_EV_STORE && ev->record)
		m->record = *ev->record;
	else if (ev->message)
		m->message = *ev->message;
	return finish(a);
}

int agent_report(struct agent *a)
{
	struct link_event ev;
	int r = 0;

	while (r == 0 && link_next(a->link, &ev)) {
		r = report_event(a, &ev);
		if (ev.kind == LINK_EV_RESET_PIPE)
			agent_close_channel(a, ev.backoff_ms);
	}
	if (r == 0 && a->closing) {
		a->closing = false;
		begin(a, LINK_OP_CLOSED)->value = a->backoff_ms;
		r = finish(a);
	}
	if (r == 0 && (uint32_t)link_get_state(a->link) != a->told_state) {
		begin(a, LINK_OP_EVENT);
		r = finish(a);
	}
	return r;
}

void agent_close_channel(struct agent *a, uint32_t backoff_ms)
{
	if (a->channel < 0)
		return;
	close(a->channel);
	a->channel = -1;
	a->closing = true;
	a->backoff_ms = backoff_ms;
	link_disconnected(a->link, agent_now_ms());
}

int agent_report_refused(struct agent *a, uint64_t tag, enum va_err error)
{
	struct link_ipc *m = begin(a, LINK_OP_REFUSED);

	m->tag = tag;
	m->error = error;
	return finish(a);
}

int agent_report_code(struct agent *a, const char *code)
{
	struct link_ipc *m = begin(a, LINK_OP_PAIR_CODE);

	/* XXXX-XXXX */
	memcpy(m->words, code, PAIR_CODE_CHARS / 2);
	m->words[PAIR_CODE_CHARS / 2] = '-';
	memcpy(m->words + PAIR_CODE_CHARS / 2 + 1, code + PAIR_CODE_CHARS / 2, PAIR_CODE_CHARS / 2);
	return finish(a);
}
