// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The check of what va-hostd and a va-link hand each other; see ipc.h.
 *
 * Theory of operation: pure, no protobuf, no allocation. Linked into both programs. For va-hostd
 * this is the border: behind it no number of a struct is out of range and no string without its
 * end, however thoroughly the va-link was taken over. Whose op it is (an order or a report) is
 * for the caller's switch to say.
 */
#include "host/link/ipc.h"

#include "common/base/escape.h"

#include <string.h>

#define LIMIT_MAX_MS   (10u * 60u * 1000u)       /* of a call or query */
#define WINDOW_MAX_MS  (24u * 60u * 60u * 1000u) /* a token's life */
#define BACKOFF_MAX_MS (10u * 60u * 1000u)

static bool words_are(const struct link_ipc *untrusted_m, const char *charset, size_t max)
{
	size_t n = strnlen(untrusted_m->words, sizeof(untrusted_m->words));

	return n >= 1 && n <= max && n < sizeof(untrusted_m->words) &&
	       strspn(untrusted_m->words, charset) == n;
}

static bool name_fits(const char *untrusted_s, size_t size)
{
	return memchr(untrusted_s, '\0', size) && name_is_valid(untrusted_s);
}

static bool record_is_valid(const struct keyrec *untrusted_k)
{
	return name_fits(untrusted_k->guest, sizeof(untrusted_k->guest)) &&
	       untrusted_k->cur.epoch >= 1 &&
	       (untrusted_k->next.epoch == 0 || untrusted_k->next.epoch > untrusted_k->cur.epoch);
}

static bool message_is(const struct link_ipc *untrusted_m, enum msg_kind kind)
{
	return untrusted_m->message.kind == (uint32_t)kind &&
	       message_is_valid(&untrusted_m->message);
}

/* A RESULT of the peer's, or what this side concluded when none came. */
static bool answer_is_valid(const struct link_ipc *untrusted_m)
{
	struct msg_result copy;

	if (untrusted_m->message.kind != MSG_RESULT)
		return false;
	copy = untrusted_m->message.result;
	if (copy.outcome >= MSG_OUT_UNKNOWN && copy.outcome <= MSG_OUT_NOT_PAIRED)
		copy.outcome = MSG_OUT_FAILED;
	return msg_result_is_valid(&copy);
}

static bool event_is_valid(const struct link_ipc *untrusted_m)
{
	const struct link_ipc *m = untrusted_m;

	switch ((enum link_event_kind)m->event) {
	case LINK_EV_NONE: /* news of the state alone */
	case LINK_EV_PAIR_ATTEMPT:
	case LINK_EV_PAIR_FAILED: return true;
	case LINK_EV_UP:
	case LINK_EV_DOWN: return m->session != 0;
	case LINK_EV_REQUEST:
		return m->session != 0 &&
		       (message_is(m, MSG_PREPARE) || message_is(m, MSG_COMMIT) ||
			       message_is(m, MSG_QUERY));
	case LINK_EV_NOTICE: return message_is(m, MSG_EVENT);
	case LINK_EV_PENDING: return m->tag != 0 && message_is(m, MSG_PENDING);
	case LINK_EV_ANSWER: return m->tag != 0 && answer_is_valid(m);
	case LINK_EV_HINT: return m->hint != LINK_HINT_NONE;
	case LINK_EV_STORE: return record_is_valid(&m->record);
	case LINK_EV_PAIRED:
		return words_are(m, "abcdefghijklmnopqrstuvwxyz-", sizeof(m->words) - 1);
	case LINK_EV_RESET_PIPE: return m->value <= BACKOFF_MAX_MS;
	}
	return false;
}

static bool reply_is_valid(const struct link_ipc *untrusted_m)
{
	return untrusted_m->session != 0 &&
	       (message_is(untrusted_m, MSG_TICKET) || message_is(untrusted_m, MSG_PENDING) ||
		       message_is(untrusted_m, MSG_RESULT));
}

static bool pair_is_valid(const struct link_ipc *untrusted_m)
{
	return (untrusted_m->value2 == PAIR_TOKEN || untrusted_m->value2 == PAIR_CODE) &&
	       untrusted_m->value >= 1 && untrusted_m->value <= WINDOW_MAX_MS &&
	       name_fits(untrusted_m->words, sizeof(untrusted_m->words));
}

static bool body_is_valid(const struct link_ipc *untrusted_m)
{
	const struct link_ipc *m = untrusted_m;
	bool limit_ok = m->value >= 1 && m->value <= LIMIT_MAX_MS;

	switch ((enum link_op)m->head.op) {
	case LINK_OP_RECORD: return m->ok == 0 || record_is_valid(&m->record);
	case LINK_OP_CHANNEL:
	case LINK_OP_RESET:
	case LINK_OP_UNPAIR_WINDOW:
	case LINK_OP_STORED:
	case LINK_OP_REKEY:
	case LINK_OP_HOLD: return true;
	case LINK_OP_CALL:
		return m->tag != 0 && limit_ok && m->message.kind == MSG_PREPARE &&
		       msg_prepare_is_valid(&m->message.prepare);
	case LINK_OP_QUERY:
		return m->tag != 0 && limit_ok && m->message.kind == MSG_QUERY &&
		       msg_query_is_valid(&m->message.query);
	case LINK_OP_REPLY: return reply_is_valid(m);
	case LINK_OP_NOTIFY:
		return m->message.kind == MSG_EVENT && m->message.event.kind != MSG_EV_NONE &&
		       m->message.event.kind <= MSG_EV_MAX;
	case LINK_OP_PAIR: return pair_is_valid(m);
	case LINK_OP_EVENT: return event_is_valid(m);
	case LINK_OP_CLOSED: return m->value <= BACKOFF_MAX_MS;
	case LINK_OP_PAIR_CODE:
		return words_are(m, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-", PAIR_CODE_CHARS + 1);
	case LINK_OP_REFUSED: return m->error < 0;
	}
	return false;
}

bool link_ipc_is_valid(const struct link_ipc *untrusted_m, size_t size)
{
	const struct link_ipc *m = untrusted_m;

	if (size != sizeof(*m) || m->head.id != 0)
		return false;
	if (m->state > LINK_UP || m->event > LINK_EV_RESET_PIPE ||
		m->hint > LINK_HINT_FOREIGN_KEY || m->attempts > PAIR_ATTEMPTS || m->ok > 1)
		return false;
	if (m->error < VA_E_RANDOM || m->error > VA_MORE)
		return false;
	if (!memchr(m->words, '\0', sizeof(m->words)))
		return false;
	return body_is_valid(m);
}
