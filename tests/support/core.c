// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/core.h"

#include "common/worker/ipc.h"
#include "tests/support/programs.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP_MS 5 /* a condition may become true without a message: look again */

bool core_order(struct core *c, enum link_op op, struct link_ipc *m, int fd)
{
	static struct link_ipc empty;

	if (!m) {
		memset(&empty, 0, sizeof(empty));
		m = &empty;
	}
	m->head.op = (uint32_t)op;
	return ipc_send(c->sock, m, sizeof(*m), fd, 0) == 0;
}

bool core_start(struct core *c, const struct keyrec *record, const char *log)
{
	const char *argv[] = { NULL, NULL };
	struct link_ipc m;
	int pair[2];

	memset(c, 0, sizeof(*c));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	c->sock = pair[0];
	c->pid = program_start("va-link", argv, pair[1], log);
	close(pair[1]);
	memset(&m, 0, sizeof(m));
	if (record) {
		m.ok = 1;
		m.record = *record;
	}
	return c->pid > 0 && core_order(c, LINK_OP_RECORD, &m, -1);
}

void core_stop(struct core *c)
{
	if (c->pid > 0)
		program_stop(c->pid);
	close(c->sock);
	c->pid = 0;
}

bool core_channel(struct core *c, int fd)
{
	return core_order(c, LINK_OP_CHANNEL, NULL, fd);
}

bool core_pair_code(struct core *c, const char *guest)
{
	struct link_ipc m = { .value = PAIR_WINDOW_MS, .value2 = PAIR_CODE };

	memccpy(m.words, guest, '\0', sizeof(m.words));
	c->code[0] = '\0';
	return core_order(c, LINK_OP_PAIR, &m, -1);
}

bool core_pair_token(struct core *c, const char *guest, const uint8_t token[PAIR_TOKEN_SIZE])
{
	struct link_ipc m = { .value = PAIR_WINDOW_MS, .value2 = PAIR_TOKEN };

	memccpy(m.words, guest, '\0', sizeof(m.words));
	memcpy(m.secret, token, PAIR_TOKEN_SIZE);
	return core_order(c, LINK_OP_PAIR, &m, -1);
}

bool core_query(struct core *c, uint64_t tag, const struct msg_query *q)
{
	struct link_ipc m = { .tag = tag, .value = 5000 };

	m.message.kind = MSG_QUERY;
	m.message.query = *q;
	return core_order(c, LINK_OP_QUERY, &m, -1);
}

bool core_call(struct core *c, uint64_t tag, const struct msg_prepare *p)
{
	struct link_ipc m = { .tag = tag, .value = 5000 };

	m.message.kind = MSG_PREPARE;
	m.message.prepare = *p;
	return core_order(c, LINK_OP_CALL, &m, -1);
}

/* --- answering the guest -------------------------------------------------------------------- */

static void answer_prepare(struct core *c, struct message *m, const struct msg_prepare *p)
{
	c->prepared = *p;
	if (!strcmp(p->target, "nowhere")) {
		m->kind = MSG_RESULT;
		msg_result_init(&m->result, MSG_OUT_NOT_FOUND, "");
		return;
	}
	m->kind = MSG_TICKET;
	memset(m->ticket.ticket, 0x5a, sizeof(m->ticket.ticket));
	m->ticket.ttl_ms = 3000;
}

static void answer_commit(struct core *c, struct message *m)
{
	bool shutdown = c->prepared.operation == MSG_OP_HOST_SHUTDOWN;

	c->committed++;
	m->kind = MSG_RESULT;
	msg_result_init(&m->result, shutdown ? MSG_OUT_SCHEDULED : MSG_OUT_OK, "");
	m->result.value = shutdown ? 15 : 0;
}

static void answer_query(struct message *m, const struct msg_query *q)
{
	m->kind = MSG_RESULT;
	msg_result_init(&m->result, MSG_OUT_OK, "");
	if (q->question == MSG_Q_PING)
		return;
	/* two pages of one machine each */
	if (q->page == 0) {
		msg_result_add(&m->result, MSG_ITEM_MACHINE, "host", "", 0,
			MSG_MACHINE_RUNNING | MSG_MACHINE_TARGET);
		m->result.next_page = 1;
	} else {
		msg_result_add(&m->result, MSG_ITEM_MACHINE, "zorg", "Windows", 0,
			MSG_MACHINE_RUNNING | MSG_MACHINE_SESSION | MSG_MACHINE_HOLDER);
	}
}

static void answer_request(struct core *c, const struct link_ipc *in)
{
	static struct link_ipc out;

	c->requests++;
	memset(&out, 0, sizeof(out));
	out.session = in->session;
	out.message.id = in->message.id;
	if (in->message.kind == MSG_PREPARE)
		answer_prepare(c, &out.message, &in->message.prepare);
	else if (in->message.kind == MSG_COMMIT)
		answer_commit(c, &out.message);
	else
		answer_query(&out.message, &in->message.query);
	core_order(c, LINK_OP_REPLY, &out, -1);
}

static void take_event(struct core *c, const struct link_ipc *m)
{
	struct link_ipc stored = { .ok = !c->refuse_store };

	switch ((enum link_event_kind)m->event) {
	case LINK_EV_UP:
		c->session = m->session;
		c->ups++;
		break;
	case LINK_EV_DOWN:
		c->session = 0;
		c->downs++;
		break;
	case LINK_EV_REQUEST: answer_request(c, m); break;
	case LINK_EV_ANSWER:
		c->answered_tag = m->tag;
		c->answer = m->message.result;
		break;
	case LINK_EV_STORE:
		c->stores++;
		if (!c->refuse_store) {
			c->record = m->record;
			c->has_record = true;
		}
		core_order(c, LINK_OP_STORED, &stored, -1);
		break;
	case LINK_EV_PAIRED:
		c->paired = true;
		memcpy(c->words, m->words, sizeof(c->words));
		break;
	case LINK_EV_PAIR_ATTEMPT: c->attempts_left = m->attempts; break;
	case LINK_EV_PAIR_FAILED: c->failures++; break;
	default: break;
	}
}

static void take(struct core *c, const struct link_ipc *m)
{
	c->state = m->state;
	switch ((enum link_op)m->head.op) {
	case LINK_OP_EVENT: take_event(c, m); break;
	case LINK_OP_CLOSED:
		c->closed++;
		c->backoff_ms = m->value;
		break;
	case LINK_OP_PAIR_CODE: memccpy(c->code, m->words, '\0', sizeof(c->code)); break;
	case LINK_OP_REFUSED:
		c->refused_tag = m->tag;
		c->refused_error = m->error;
		break;
	default: c->broken = true; break;
	}
}

bool core_pump(struct core *c, bool (*done)(struct core *c, void *userdata), void *userdata,
	unsigned int limit_ms)
{
	static struct link_ipc m;
	uint64_t end = program_now_ms() + limit_ms;

	while (!done(c, userdata)) {
		struct pollfd p = { .fd = c->sock, .events = POLLIN };
		ssize_t n;
		int fd;

		if (c->broken || program_now_ms() > end)
			return false;
		if (poll(&p, 1, STEP_MS) <= 0)
			continue;
		n = ipc_receive(c->sock, &m, sizeof(m), &fd, MSG_DONTWAIT);
		c->broken = n <= 0 || fd >= 0 || !link_ipc_is_valid(&m, (size_t)n);
		if (!c->broken)
			take(c, &m);
	}
	return true;
}
