// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What va-hostd orders a va-link to do, one function an order.
 *
 * Theory of operation: the message was checked by link_ipc_is_valid(). An order that the link
 * cannot take (no session, too many calls) is answered with REFUSED and its tag; an order out
 * of turn is a fault of the program that sent it, and ends this one.
 */
#include "host/link/agent.h"

#include <sodium.h>
#include <string.h>

static int refuse_if(struct agent *a, uint64_t tag, enum va_err e)
{
	return e < 0 ? agent_report_refused(a, tag, e) : 0;
}

/*
 * First of all, and again when a record is deleted or replaced: start from nothing. The guest is
 * told, where it can be, or it would believe in its session until that has been silent for long.
 */
static int obey_record(struct agent *a)
{
	struct link_config config = { .role = LINK_HOST };
	uint64_t now = agent_now_ms();
	enum va_err e;

	if (a->ready) {
		link_leave(a->link, now);
		if (a->channel >= 0)
			(void)agent_write_channel(a);
		link_wipe(a->link);
	}
	if (a->msg.ok)
		config.record = &a->msg.record;
	e = link_init(a->link, &config, now);
	if (e < 0)
		return -EINVAL;
	a->ready = true;
	if (a->channel >= 0)
		link_connected(a->link, now);
	return 0;
}

static int obey_channel(struct agent *a, int fd)
{
	uint64_t now = agent_now_ms();

	if (fd < 0)
		return -EBADF;
	if (a->channel >= 0) {
		close(a->channel);
		link_disconnected(a->link, now);
	}
	a->channel = fd;
	link_connected(a->link, now);
	return 0;
}

static int obey_pair(struct agent *a)
{
	char code[PAIR_CODE_CHARS + 1];
	const uint8_t *secret = a->msg.secret;
	size_t n = PAIR_TOKEN_SIZE;
	enum pair_mode mode = (enum pair_mode)a->msg.value2;
	enum va_err e;
	int r;

	if (mode == PAIR_CODE) {
		pair_code_make(a->link, code);
		secret = (const uint8_t *)code;
		n = PAIR_CODE_CHARS;
	}
	e = link_pair_open(a->link, mode, secret, n, a->msg.words, a->msg.value, agent_now_ms());
	if (e < 0)
		r = agent_report_refused(a, a->msg.tag, e);
	else
		r = mode == PAIR_CODE ? agent_report_code(a, code) : 0;
	sodium_memzero(code, sizeof(code));
	return r;
}

static enum va_err request(struct agent *a)
{
	struct link_ipc *m = &a->msg;
	uint64_t now = agent_now_ms();

	switch (m->head.op) {
	case LINK_OP_CALL: return link_call(a->link, m->tag, &m->message.prepare, m->value, now);
	case LINK_OP_QUERY: return link_query(a->link, m->tag, &m->message.query, m->value, now);
	case LINK_OP_REPLY: return link_reply(a->link, m->session, &m->message, now);
	case LINK_OP_NOTIFY: return link_notify(a->link, &m->message.event, now);
	default: return link_rekey(a->link, now);
	}
}

int agent_obey(struct agent *a, int fd)
{
	struct link_ipc *m = &a->msg;

	if (fd >= 0 && m->head.op != LINK_OP_CHANNEL)
		close(fd);
	if (!a->ready && m->head.op != LINK_OP_RECORD)
		return -EPROTO;
	switch ((enum link_op)m->head.op) {
	case LINK_OP_RECORD: return obey_record(a);
	case LINK_OP_CHANNEL: return obey_channel(a, fd);
	case LINK_OP_PAIR: return obey_pair(a);
	case LINK_OP_CALL:
	case LINK_OP_QUERY:
	case LINK_OP_REPLY:
	case LINK_OP_NOTIFY:
	case LINK_OP_REKEY: return refuse_if(a, m->tag, request(a));
	case LINK_OP_RESET: link_reset(a->link, agent_now_ms()); return 0;
	case LINK_OP_UNPAIR_WINDOW: link_pair_close(a->link, agent_now_ms()); return 0;
	case LINK_OP_STORED: link_stored(a->link, m->ok, agent_now_ms()); return 0;
	case LINK_OP_HOLD: link_hold_renewal(a->link, m->ok); return 0;
	case LINK_OP_EVENT:
	case LINK_OP_CLOSED:
	case LINK_OP_PAIR_CODE:
	case LINK_OP_REFUSED: break; /* a report, not an order */
	}
	return -EPROTO;
}
