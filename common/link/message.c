// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a message must look like before anything is done with it; see message.h.
 *
 * Theory of operation: the same check runs at both ends of the wire and once more in the process
 * that acts, so it trusts nothing about the struct: it may come from a peer by way of rpc.c, or
 * as raw memory from a helper process that was taken over. It reads no string beyond its array
 * and changes nothing. A field that an operation has no use for must be zero, so that nobody can
 * smuggle in it what a later version would act upon. Pure; no protobuf here.
 */
#include "common/link/message.h"

#include "common/base/escape.h"

#include <string.h>

#define TICKET_TTL_LIMIT_MS 3000u
#define PENDING_LIMIT_MS    60000u
#define PAGE_MAX            255u
#define INPUT_MAX           0xffffu

#define MACHINE_FLAGS \
	(MSG_MACHINE_RUNNING | MSG_MACHINE_SESSION | MSG_MACHINE_HOLDER | MSG_MACHINE_TARGET)
#define MONITOR_FLAGS (MSG_MONITOR_READABLE | MSG_MONITOR_TWIN | MSG_MONITOR_SILENT)

static bool name_in_array(const char s[MSG_NAME_SIZE])
{
	return memchr(s, '\0', MSG_NAME_SIZE) && name_is_valid(s);
}

static bool text_in_array(const char *s, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (s[i] == '\0')
			return true;
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	}
	return false;
}

bool msg_via_is_valid(uint32_t untrusted_via, uint32_t untrusted_value)
{
	switch (untrusted_via) {
	case MSG_VIA_STANDARD:
	case MSG_VIA_LG: return untrusted_value <= INPUT_MAX;
	case MSG_VIA_SIGNAL: return untrusted_value <= 1;
	default:
		return untrusted_via >= MSG_VIA_FEATURE_MIN &&
		       untrusted_via <= MSG_VIA_FEATURE_MAX && untrusted_value <= INPUT_MAX;
	}
}

bool msg_prepare_is_valid(const struct msg_prepare *untrusted_p)
{
	const struct msg_prepare *p = untrusted_p;

	switch (p->operation) {
	case MSG_OP_SWITCH: return name_in_array(p->target) && p->value == 0 && p->via == 0;
	case MSG_OP_DDC_WRITE:
		return name_in_array(p->target) && msg_via_is_valid(p->via, p->value);
	case MSG_OP_HOST_SHUTDOWN:
	case MSG_OP_GUEST_SHUTDOWN: return p->target[0] == '\0' && p->value == 0 && p->via == 0;
	default: return false;
	}
}

bool msg_query_is_valid(const struct msg_query *untrusted_q)
{
	const struct msg_query *q = untrusted_q;

	switch (q->question) {
	case MSG_Q_PING: return q->target[0] == '\0' && q->page == 0 && q->via == 0;
	case MSG_Q_STATUS:
	case MSG_Q_TARGETS:
	case MSG_Q_DDC_DETECT: return q->target[0] == '\0' && q->page <= PAGE_MAX && q->via == 0;
	case MSG_Q_DDC_READ:
		return name_in_array(q->target) && q->page == 0 && msg_via_is_valid(q->via, 0);
	default: return false;
	}
}

/* No vendor has number 0; and nobody knows the board of a GPU that is not known. */
static bool gpu_is_valid(const struct msg_item *i)
{
	return i->gpu ? i->gpu >> 16 != 0 : i->board == 0;
}

static bool item_is_valid(const struct msg_item *i)
{
	if (!name_in_array(i->name) || !text_in_array(i->label, sizeof(i->label)))
		return false;
	switch (i->kind) {
	case MSG_ITEM_MACHINE:
		return (i->flags & ~MACHINE_FLAGS) == 0 && i->gpu == 0 && i->board == 0;
	case MSG_ITEM_MONITOR:
		return (i->flags & ~MONITOR_FLAGS) == 0 && i->value <= INPUT_MAX && gpu_is_valid(i);
	default: return false;
	}
}

bool msg_result_is_valid(const struct msg_result *untrusted_r)
{
	const struct msg_result *r = untrusted_r;

	if (r->outcome == MSG_OUT_NONE || r->outcome > MSG_OUT_WIRE_MAX)
		return false;
	if (r->next_page > PAGE_MAX || r->n_items > MSG_MAX_ITEMS)
		return false;
	if (!text_in_array(r->detail, sizeof(r->detail)))
		return false;
	for (uint32_t i = 0; i < r->n_items; i++)
		if (!item_is_valid(&r->items[i]))
			return false;
	return true;
}

static bool event_is_valid(const struct msg_event *e)
{
	switch (e->kind) {
	case MSG_EV_SHUTDOWN_SCHEDULED: return true;
	case MSG_EV_SHUTDOWN_CANCELLED:
	case MSG_EV_MONITORS_CHANGED: return e->value == 0;
	default: return false;
	}
}

bool message_is_valid(const struct message *untrusted_m)
{
	const struct message *m = untrusted_m;

	if (m->id == 0)
		return false;
	switch (m->kind) {
	case MSG_PREPARE: return msg_prepare_is_valid(&m->prepare);
	case MSG_TICKET: return m->ticket.ttl_ms >= 1 && m->ticket.ttl_ms <= TICKET_TTL_LIMIT_MS;
	case MSG_COMMIT: return true; /* any 16 bytes; ticket.h tells whether they are the ones */
	case MSG_PENDING:
		return m->pending.expires_ms >= 1 && m->pending.expires_ms <= PENDING_LIMIT_MS;
	case MSG_RESULT: return msg_result_is_valid(&m->result);
	case MSG_QUERY: return msg_query_is_valid(&m->query);
	case MSG_EVENT: return event_is_valid(&m->event);
	default: return false;
	}
}

/* The cut, escaped form of s; the same as s where s is printable and fits. */
static void text_copy(char *out, size_t size, const char *s)
{
	escape_str(s ? s : "", out, size);
}

/* A name that is valid whatever s holds, and s itself where that is valid. */
static void name_copy(char out[MSG_NAME_SIZE], const char *s)
{
	size_t n = 0;

	for (; s && s[n] != '\0' && n < NAME_MAX_LEN; n++) {
		char one[] = { 'x', s[n], '\0' };

		/* the rule of the first character is stricter than that of the others */
		out[n] = name_is_valid(n == 0 ? one + 1 : one) ? s[n] : '_';
	}
	if (n == 0)
		out[n++] = '_';
	memset(out + n, 0, MSG_NAME_SIZE - n);
}

void msg_result_init(struct msg_result *r, enum msg_outcome outcome, const char *detail)
{
	r->outcome = outcome;
	text_copy(r->detail, sizeof(r->detail), detail);
}

bool msg_result_add(struct msg_result *r, enum msg_item_kind kind, const char *name,
	const char *label, uint32_t value, uint32_t flags)
{
	struct msg_item *i;

	if (r->n_items >= MSG_MAX_ITEMS)
		return false;
	i = &r->items[r->n_items++];
	*i = (struct msg_item){ .kind = kind, .value = value, .flags = flags };
	name_copy(i->name, name);
	text_copy(i->label, sizeof(i->label), label);
	return true;
}

enum msg_screen msg_screen_of(uint32_t untrusted_value)
{
	return untrusted_value <= MSG_SCREEN_MAX ? (enum msg_screen)untrusted_value
						 : MSG_SCREEN_NOT_KNOWN;
}

const char *msg_operation_name(uint32_t operation)
{
	switch (operation) {
	case MSG_OP_SWITCH: return "switch";
	case MSG_OP_HOST_SHUTDOWN: return "host.shutdown";
	case MSG_OP_DDC_WRITE: return "ddc.write";
	case MSG_OP_GUEST_SHUTDOWN: return "guest.shutdown";
	default: return "?";
	}
}

const char *msg_question_name(uint32_t question)
{
	switch (question) {
	case MSG_Q_PING: return "ping";
	case MSG_Q_STATUS: return "status";
	case MSG_Q_TARGETS: return "guest.list";
	case MSG_Q_DDC_DETECT:
	case MSG_Q_DDC_READ: return "ddc.read";
	default: return "?";
	}
}

const char *msg_outcome_name(uint32_t outcome)
{
	switch (outcome) {
	case MSG_OUT_OK: return "ok";
	case MSG_OUT_FAILED: return "failed";
	case MSG_OUT_DENIED: return "denied";
	case MSG_OUT_EXPIRED: return "expired";
	case MSG_OUT_UNSUPPORTED: return "unsupported";
	case MSG_OUT_BUSY: return "busy";
	case MSG_OUT_UNCONFIRMED: return "unconfirmed";
	case MSG_OUT_SCHEDULED: return "scheduled";
	case MSG_OUT_NOT_FOUND: return "not-found";
	case MSG_OUT_AMBIGUOUS: return "ambiguous";
	case MSG_OUT_UNKNOWN: return "unknown";
	case MSG_OUT_NOT_SENT: return "not-sent";
	case MSG_OUT_NOT_CONNECTED: return "not-connected";
	case MSG_OUT_NOT_PAIRED: return "not-paired";
	default: return "?";
	}
}
