// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages to protobuf and back; see rpc.h.
 *
 * Theory of operation: protobuf-c unpacks into the caller's arena, the fields are copied into a
 * struct message, that is validated (message.c), and then encoded again: only where the bytes
 * come out as they went in is the message taken. That one comparison refuses all that an
 * unpacked structure no longer shows: a second body, a field given twice, an unknown field at
 * any depth, a number cut to 32 bits, a NUL inside a string. The schema is flat, so that
 * unpacking, which recurses without a limit, recurses two levels at most.
 */
#include "common/link/rpc.h"

#include "proto/virtaid.pb-c.h"

#include <sodium.h>
#include <string.h>

/*
 * The longest message is a full RESULT. Tag and length of each field, 5 bytes for a uint32:
 * item 3 + 2 + 2 * (2 + 63) + 4 * 6, result 2 + 3 + 159 + 3 + 6, envelope 6 + 3.
 */
_Static_assert(MSG_NAME_SIZE == 64 && MSG_LABEL_SIZE == 64 && MSG_DETAIL_SIZE == 160, "sizes");
_Static_assert(6 + 3 + 2 + 3 + 159 + 3 + 6 + MSG_MAX_ITEMS * (3 + 2 + 2 * 65 + 4 * 6) <= RPC_MAX,
	"every valid message fits a record");
_Static_assert((int)MSG_OP_MAX == VIRTAID__OPERATION__OPERATION_GUEST_SHUTDOWN &&
		       (int)MSG_Q_MAX == VIRTAID__QUESTION__QUESTION_DDC_READ &&
		       (int)MSG_OUT_WIRE_MAX == VIRTAID__OUTCOME__OUTCOME_AMBIGUOUS &&
		       (int)MSG_SCREEN_MAX == VIRTAID__SCREEN__SCREEN_UNPLUGGED &&
		       (int)MSG_ITEM_MONITOR == VIRTAID__ITEM_KIND__ITEM_MONITOR &&
		       (int)MSG_EV_MAX == VIRTAID__EVENT_KIND__EVENT_MONITORS_CHANGED,
	"message.h and the .proto know the same values");

/* --- arena ---------------------------------------------------------------------------------- */

static void *arena_alloc(void *userdata, size_t size)
{
	struct rpc_arena *a = userdata;
	size_t need = size > sizeof(a->memory) ? SIZE_MAX : (size + 15) & ~(size_t)15;
	void *p;

	if (need > sizeof(a->memory) - a->used) {
		a->refused = true;
		return NULL;
	}
	p = a->memory + a->used;
	a->used += need;
	return p;
}

static void arena_free(void *userdata, void *p)
{
	(void)userdata;
	(void)p; /* all at once, by arena_wipe() */
}

static void arena_wipe(struct rpc_arena *a)
{
	sodium_memzero(a->memory, a->used);
	a->used = 0;
}

/* --- encoding ------------------------------------------------------------------------------- */

/* protobuf-c's structs are not const-correct; packing only reads. */
static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static ProtobufCBinaryData ticket_bytes(const uint8_t ticket[MSG_TICKET_SIZE])
{
	return (ProtobufCBinaryData){ MSG_TICKET_SIZE, (uint8_t *)(uintptr_t)ticket };
}

/* What an Envelope points to while it is packed. */
struct envelope_parts {
	union {
		Virtaid__Prepare prepare;
		Virtaid__Ticket ticket;
		Virtaid__Commit commit;
		Virtaid__Pending pending;
		Virtaid__Result result;
		Virtaid__Query query;
		Virtaid__Event event;
	};
	Virtaid__Item items[MSG_MAX_ITEMS];
	Virtaid__Item *item_ptrs[MSG_MAX_ITEMS];
};

static void put_prepare(Virtaid__Prepare *out, const struct msg_prepare *p)
{
	virtaid__prepare__init(out);
	out->operation = (Virtaid__Operation)p->operation;
	out->target = text(p->target);
	out->value = p->value;
	out->via = p->via;
	out->claimed_uid = p->claimed_uid;
}

static void put_query(Virtaid__Query *out, const struct msg_query *q)
{
	virtaid__query__init(out);
	out->question = (Virtaid__Question)q->question;
	out->target = text(q->target);
	out->page = q->page;
	out->via = q->via;
}

static void put_item(Virtaid__Item *out, const struct msg_item *i)
{
	virtaid__item__init(out);
	out->kind = (Virtaid__ItemKind)i->kind;
	out->name = text(i->name);
	out->detail = text(i->label);
	out->value = i->value;
	out->flags = i->flags;
	out->gpu = i->gpu;
	out->board = i->board;
}

static void put_result(struct envelope_parts *parts, const struct msg_result *r)
{
	Virtaid__Result *out = &parts->result;

	virtaid__result__init(out);
	out->outcome = (Virtaid__Outcome)r->outcome;
	out->detail = text(r->detail);
	out->value = r->value;
	out->next_page = r->next_page;
	for (uint32_t i = 0; i < r->n_items; i++) {
		put_item(&parts->items[i], &r->items[i]);
		parts->item_ptrs[i] = &parts->items[i];
	}
	out->n_items = r->n_items;
	out->items = parts->item_ptrs;
}

/* Fills in the envelope of a valid message. */
static void put_envelope(
	Virtaid__Envelope *out, struct envelope_parts *parts, const struct message *m)
{
	virtaid__envelope__init(out);
	out->id = m->id;
	switch (m->kind) {
	case MSG_PREPARE:
		put_prepare(&parts->prepare, &m->prepare);
		out->prepare = &parts->prepare;
		out->body_case = VIRTAID__ENVELOPE__BODY_PREPARE;
		break;
	case MSG_TICKET:
		virtaid__ticket__init(&parts->ticket);
		parts->ticket.ticket = ticket_bytes(m->ticket.ticket);
		parts->ticket.ttl_ms = m->ticket.ttl_ms;
		out->ticket = &parts->ticket;
		out->body_case = VIRTAID__ENVELOPE__BODY_TICKET;
		break;
	case MSG_COMMIT:
		virtaid__commit__init(&parts->commit);
		parts->commit.ticket = ticket_bytes(m->commit.ticket);
		out->commit = &parts->commit;
		out->body_case = VIRTAID__ENVELOPE__BODY_COMMIT;
		break;
	case MSG_PENDING:
		virtaid__pending__init(&parts->pending);
		parts->pending.expires_ms = m->pending.expires_ms;
		out->pending = &parts->pending;
		out->body_case = VIRTAID__ENVELOPE__BODY_PENDING;
		break;
	case MSG_RESULT:
		put_result(parts, &m->result);
		out->result = &parts->result;
		out->body_case = VIRTAID__ENVELOPE__BODY_RESULT;
		break;
	case MSG_QUERY:
		put_query(&parts->query, &m->query);
		out->query = &parts->query;
		out->body_case = VIRTAID__ENVELOPE__BODY_QUERY;
		break;
	case MSG_EVENT:
		virtaid__event__init(&parts->event);
		parts->event.kind = (Virtaid__EventKind)m->event.kind;
		parts->event.value = m->event.value;
		out->event = &parts->event;
		out->body_case = VIRTAID__ENVELOPE__BODY_EVENT;
		break;
	}
}

enum va_err rpc_encode(const struct message *m, uint8_t *out, size_t size, size_t *ret_len)
{
	struct envelope_parts parts;
	Virtaid__Envelope envelope;
	size_t n;

	if (!message_is_valid(m))
		return VA_E_RANGE;
	put_envelope(&envelope, &parts, m);
	n = virtaid__envelope__get_packed_size(&envelope);
	if (n > size || n > RPC_MAX)
		return VA_E_SPACE;
	*ret_len = virtaid__envelope__pack(&envelope, out);
	return VA_OK;
}

/* --- decoding ------------------------------------------------------------------------------- */

/* False where it does not fit with its terminator. The rest of the array is zero already. */
static bool get_text(char *out, size_t size, const char *untrusted_s)
{
	size_t n = strlen(untrusted_s);

	if (n >= size)
		return false;
	memcpy(out, untrusted_s, n);
	return true;
}

static bool get_ticket(uint8_t out[MSG_TICKET_SIZE], const ProtobufCBinaryData *untrusted_b)
{
	if (untrusted_b->len != MSG_TICKET_SIZE)
		return false;
	memcpy(out, untrusted_b->data, MSG_TICKET_SIZE);
	return true;
}

static bool get_prepare(struct msg_prepare *out, const Virtaid__Prepare *in)
{
	out->operation = (uint32_t)in->operation;
	out->value = in->value;
	out->via = in->via;
	out->claimed_uid = in->claimed_uid;
	return get_text(out->target, sizeof(out->target), in->target);
}

static bool get_query(struct msg_query *out, const Virtaid__Query *in)
{
	out->question = (uint32_t)in->question;
	out->page = in->page;
	out->via = in->via;
	return get_text(out->target, sizeof(out->target), in->target);
}

static bool get_item(struct msg_item *out, const Virtaid__Item *in)
{
	out->kind = (uint32_t)in->kind;
	out->value = in->value;
	out->flags = in->flags;
	out->gpu = in->gpu;
	out->board = in->board;
	return get_text(out->name, sizeof(out->name), in->name) &&
	       get_text(out->label, sizeof(out->label), in->detail);
}

static bool get_result(struct msg_result *out, const Virtaid__Result *in)
{
	out->outcome = (uint32_t)in->outcome;
	out->value = in->value;
	out->next_page = in->next_page;
	if (in->n_items > MSG_MAX_ITEMS)
		return false;
	for (size_t i = 0; i < in->n_items; i++)
		if (!get_item(&out->items[i], in->items[i]))
			return false;
	out->n_items = (uint32_t)in->n_items;
	return get_text(out->detail, sizeof(out->detail), in->detail);
}

/* Copies what was unpacked; false where a part has no room. Values are not judged here. */
static bool get_envelope(struct message *out, const Virtaid__Envelope *in)
{
	out->id = in->id;
	switch (in->body_case) {
	case VIRTAID__ENVELOPE__BODY_PREPARE:
		out->kind = MSG_PREPARE;
		return get_prepare(&out->prepare, in->prepare);
	case VIRTAID__ENVELOPE__BODY_TICKET:
		out->kind = MSG_TICKET;
		out->ticket.ttl_ms = in->ticket->ttl_ms;
		return get_ticket(out->ticket.ticket, &in->ticket->ticket);
	case VIRTAID__ENVELOPE__BODY_COMMIT:
		out->kind = MSG_COMMIT;
		return get_ticket(out->commit.ticket, &in->commit->ticket);
	case VIRTAID__ENVELOPE__BODY_PENDING:
		out->kind = MSG_PENDING;
		out->pending.expires_ms = in->pending->expires_ms;
		return true;
	case VIRTAID__ENVELOPE__BODY_RESULT:
		out->kind = MSG_RESULT;
		return get_result(&out->result, in->result);
	case VIRTAID__ENVELOPE__BODY_QUERY:
		out->kind = MSG_QUERY;
		return get_query(&out->query, in->query);
	case VIRTAID__ENVELOPE__BODY_EVENT:
		out->kind = MSG_EVENT;
		out->event.kind = (uint32_t)in->event->kind;
		out->event.value = in->event->value;
		return true;
	default: return false;
	}
}

/* True: m is valid, and untrusted[len] is its one encoding. */
static bool is_the_encoding(const struct message *m, const uint8_t *untrusted, size_t len)
{
	uint8_t again[RPC_MAX];
	size_t n = 0;
	bool same;

	same = rpc_encode(m, again, sizeof(again), &n) == VA_OK && n == len &&
	       memcmp(again, untrusted, len) == 0;
	sodium_memzero(again, n); /* it may hold a ticket */
	return same;
}

enum va_err rpc_decode(
	struct rpc_arena *a, const uint8_t *untrusted, size_t len, struct message *ret)
{
	ProtobufCAllocator allocator = { arena_alloc, arena_free, a };
	Virtaid__Envelope *envelope;
	bool good;

	memset(ret, 0, sizeof(*ret));
	if (len > RPC_MAX)
		return VA_E_LIMIT;
	a->used = 0;
	a->refused = false;
	envelope = virtaid__envelope__unpack(&allocator, len, untrusted);
	good = envelope && get_envelope(ret, envelope) && is_the_encoding(ret, untrusted, len);
	arena_wipe(a);
	if (good)
		return VA_OK;
	memset(ret, 0, sizeof(*ret));
	return a->refused ? VA_E_LIMIT : VA_E_MALFORMED;
}
