// SPDX-License-Identifier: GPL-2.0-or-later
/* The codec: every message there and back, and nothing but its one encoding taken. */
#include "common/link/rpc.h"
#include "tests/unit/test.h"

#define NAME_63 "123456789012345678901234567890123456789012345678901234567890123"

/* what follows the arena must stay as it is */
static struct {
	struct rpc_arena arena;
	uint8_t guard[4096];
} mem;

static struct message make(uint32_t id, uint32_t kind)
{
	struct message m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.kind = kind;
	return m;
}

static struct message make_longest(void)
{
	struct message m = make(UINT32_MAX, MSG_RESULT);
	struct msg_result *r = &m.result;

	r->outcome = MSG_OUT_AMBIGUOUS;
	r->value = UINT32_MAX;
	r->next_page = 255;
	r->n_items = MSG_MAX_ITEMS;
	memset(r->detail, '~', sizeof(r->detail) - 1);
	for (unsigned int i = 0; i < MSG_MAX_ITEMS; i++) {
		r->items[i].kind = MSG_ITEM_MONITOR;
		r->items[i].value = 0xffff;
		r->items[i].flags = 7;
		r->items[i].gpu = r->items[i].board = UINT32_MAX;
		memset(r->items[i].name, 'z', sizeof(r->items[i].name) - 1);
		memset(r->items[i].label, ' ', sizeof(r->items[i].label) - 1);
	}
	return m;
}

/* The samples: each kind, at its smallest and its largest. False: there is no such sample. */
static bool sample(unsigned int i, struct message *ret)
{
	static const uint8_t ticket[MSG_TICKET_SIZE] = "\0\0 with zeros\0\0";
	uint32_t id = i % 2 ? UINT32_MAX : 1;

	*ret = make(id, MSG_PREPARE + i / 2);
	switch (i) {
	case 0: /* PREPARE */ ret->prepare.operation = MSG_OP_HOST_SHUTDOWN; return true;
	case 1:
		ret->prepare = (struct msg_prepare){ MSG_OP_DDC_WRITE, 0xffff, MSG_VIA_LG,
			MSG_UID_NONE, NAME_63 };
		return true;
	case 2: /* TICKET */ ret->ticket.ttl_ms = 1; return true;
	case 3:
		ret->ticket.ttl_ms = 3000;
		memcpy(ret->ticket.ticket, ticket, sizeof(ticket));
		return true;
	case 4: /* COMMIT */
		memset(ret->commit.ticket, 0xff, sizeof(ret->commit.ticket));
		return true;
	case 5: memcpy(ret->commit.ticket, ticket, sizeof(ticket)); return true;
	case 6: /* PENDING */ ret->pending.expires_ms = 1; return true;
	case 7: ret->pending.expires_ms = 60000; return true;
	case 8: /* RESULT */ ret->result.outcome = MSG_OUT_OK; return true;
	case 9: *ret = make_longest(); return true;
	case 10: /* QUERY */ ret->query.question = MSG_Q_PING; return true;
	case 11:
		ret->query = (struct msg_query){ MSG_Q_DDC_READ, 0, MSG_VIA_LG, NAME_63 };
		return true;
	case 12: /* EVENT */ ret->event.kind = MSG_EV_MONITORS_CHANGED; return true;
	case 13:
		ret->event.kind = MSG_EV_SHUTDOWN_SCHEDULED;
		ret->event.value = UINT32_MAX;
		return true;
	case 14:
		ret->kind = MSG_QUERY;
		ret->query.question = MSG_Q_STATUS;
		ret->query.page = 255;
		return true;
	default: return false;
	}
}

static bool all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0 && b[n - 1] == 0)
		n--;
	return n == 0;
}

static enum va_err decode(const uint8_t *bytes, size_t len, struct message *ret)
{
	memset(ret, 0x55, sizeof(*ret));
	return rpc_decode(&mem.arena, bytes, len, ret);
}

static void round_trip(void)
{
	struct message m, back;
	uint8_t out[RPC_MAX];
	size_t n = 0;
	unsigned int i;

	for (i = 0; sample(i, &m); i++) {
		CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
		CHECK_EQ(decode(out, n, &back), VA_OK);
		CHECK_MEM(&m, &back, sizeof(m));
	}
	CHECK_EQ(i, 15);
}

/* The bytes themselves: what another implementation would have to produce. */
static void known_bytes(void)
{
	static const uint8_t want[] = { 0x08, 0x01, 0x12, 0x0b, 0x08, 0x01, 0x12, 0x04, 'h', 'o',
		's', 't', 0x28, 0xe8, 0x07 };
	static const uint8_t want_ticket[] = { 0x08, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x15, 0x0a,
		0x10, 0, 0, ' ', 'w', 'i', 't', 'h', ' ', 'z', 'e', 'r', 'o', 's', 0, 0, 0, 0x10,
		0xb8, 0x17 };
	struct message m = make(1, MSG_PREPARE);
	uint8_t out[RPC_MAX];
	size_t n = 0;

	m.prepare = (struct msg_prepare){ MSG_OP_SWITCH, 0, 0, 1000, "host" };
	CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
	CHECK_EQ(n, sizeof(want));
	CHECK_MEM(out, want, n);
	CHECK(sample(3, &m));
	CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
	CHECK_EQ(n, sizeof(want_ticket));
	CHECK_MEM(out, want_ticket, n);
}

static void encode_fits_or_leaves_the_buffer_alone(void)
{
	struct message m;
	uint8_t out[RPC_MAX];
	size_t n = 0;

	for (unsigned int i = 0; sample(i, &m); i++) {
		CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
		for (size_t size = 0; size < n; size++) {
			size_t len = 77;

			memset(out, 0x55, sizeof(out));
			CHECK_EQ(rpc_encode(&m, out, size, &len), VA_E_SPACE);
			CHECK_EQ(len, 77);
			CHECK(out[0] == 0x55 && !memcmp(out, out + 1, sizeof(out) - 1));
		}
		CHECK_EQ(rpc_encode(&m, out, n, &n), VA_OK);
	}
	m.id = 0;
	CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_E_RANGE);
}

/* Taken: then valid, and its own encoding. Refused: then nothing is left of it. */
static bool taken_or_refused(const uint8_t *bytes, size_t len)
{
	struct message m;
	uint8_t out[RPC_MAX];
	size_t n = 0;
	enum va_err r = decode(bytes, len, &m);

	if (r != VA_OK)
		return r < 0 && all_zero(&m, sizeof(m));
	return message_is_valid(&m) && rpc_encode(&m, out, sizeof(out), &n) == VA_OK && n == len &&
	       !memcmp(out, bytes, n);
}

static void every_truncation(void)
{
	struct message m;
	uint8_t out[RPC_MAX];
	size_t n = 0;

	for (unsigned int i = 0; sample(i, &m); i++) {
		CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
		for (size_t cut = 0; cut < n; cut++)
			CHECK_EQ(decode(out, cut, &m), VA_E_MALFORMED);
	}
}

static void every_bit_flip(void)
{
	struct message m;
	uint8_t out[RPC_MAX];
	size_t n = 0;

	for (unsigned int i = 0; sample(i, &m); i++) {
		CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
		for (size_t bit = 0; bit < 8 * n; bit++) {
			uint8_t mask = (uint8_t)(1u << bit % 8);

			out[bit / 8] ^= mask;
			CHECK(taken_or_refused(out, n));
			out[bit / 8] ^= mask;
		}
	}
}

#define P  "\x08\x01"         /* id 1 */
#define Q  "\x3a\x02\x08\x01" /* body QUERY, PING */
#define EV "\x42\x02\x08\x03" /* body EVENT, MONITORS_CHANGED */
#define T15        \
	"\x0a\x0f" \
	"123456789012345"
#define T16        \
	"\x0a\x10" \
	"1234567890123456"
#define T17        \
	"\x0a\x11" \
	"12345678901234567"
#define ITEM  "\x22\x05\x08\x01\x12\x01z"
#define ITEM4 ITEM ITEM ITEM ITEM

struct bytes {
	const char *what;
	const char *bytes;
	size_t n;
};
#define B(what, s)                     \
	{                              \
		what, s, sizeof(s) - 1 \
	}

static void what_is_taken(void)
{
	static const struct bytes good[] = { B("query", P Q), B("event", P EV),
		B("commit", P "\x22\x12" T16),
		B("a monitor at a GPU", P "\x32\x11\x08\x01\x22\x0d\x08\x02\x12\x01z\x30\x80\x80"
					  "\x04\x38\x80\x80\x04"),
		B("16 items", P "\x32\x72\x08\x01" ITEM4 ITEM4 ITEM4 ITEM4),
		B("switch", P "\x12\x05\x08\x01\x12\x01z") };
	struct message m;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		enum va_err r = decode((const uint8_t *)good[i].bytes, good[i].n, &m);

		if (r != VA_OK)
			printf("note: %s\n", good[i].what);
		CHECK_EQ(r, VA_OK);
	}
}

/* Each differs from what is taken by the one thing that it is named after. */
static const struct bytes bad[] = { B("nothing", ""), B("no body", P), B("no id", Q),
	B("id 0", "\x08\x00" Q), B("two bodies", P Q EV), B("the same body twice", P Q Q),
	B("a body in two halves", P "\x12\x02\x08\x01"
				    "\x12\x03\x12\x01z"),
	B("id twice", P P Q), B("id behind the body", Q P), B("unknown field", P Q "\x78\x01"),
	B("unknown field in the body", P "\x3a\x04\x08\x01\x78\x01"),
	B("unknown field in an item", P "\x32\x0b\x08\x01\x22\x07\x08\x01\x12\x01z\x78\x01"),
	B("unknown group", P Q "\x7b\x7c"), B("field number 0", P Q "\x00\x01"),
	B("trailing byte", P Q "\x00"), B("long varint", "\x08\x81\x00" Q),
	B("long tag", "\x88\x00\x01" Q), B("long length", P "\x3a\x82\x00\x08\x01"),
	B("id of 33 bits", "\x08\x81\x80\x80\x80\x10" Q),
	B("id of 64 bits", "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x01" Q),
	B("id of 11 bytes", "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" Q),
	B("a zero written out", P "\x3a\x04\x08\x01\x18\x00"),
	B("an empty string written out", P "\x3a\x04\x08\x01\x12\x00"),
	B("wrong wire type", P "\x3d\x01\x02\x03\x04"),
	B("id as fixed32", "\x0d\x01\x00\x00\x00" Q), B("id as bytes", "\x0a\x01\x01" Q),
	B("unknown question", P "\x3a\x02\x08\x06"), B("question 0", P "\x3a\x00"),
	B("negative question", P "\x3a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	B("question of 33 bits", P "\x3a\x06\x08\x81\x80\x80\x80\x10"),
	B("NUL inside", P "\x12\x07\x08\x01\x12\x03z\0z"),
	B("NUL at the end", P "\x12\x06\x08\x01\x12\x02z\0"),
	B("NUL alone", P "\x12\x05\x08\x01\x12\x01\0"),
	B("half a character", P "\x12\x06\x08\x01\x12\x02z\xc3"),
	B("a character of two bytes", P "\x12\x06\x08\x01\x12\x02\xc3\xa9"),
	B("a path", P "\x12\x06\x08\x01\x12\x02./"), B("ticket of 15", P "\x22\x11" T15),
	B("ticket of 17", P "\x22\x13" T17), B("no ticket", P "\x22\x00"),
	B("ticket twice", P "\x22\x24" T16 T16),
	B("17 items", P "\x32\x79\x08\x01" ITEM4 ITEM4 ITEM4 ITEM4 ITEM),
	B("items first", P "\x32\x09" ITEM "\x08\x01"),
	B("an item without a name", P "\x32\x06\x08\x01\x22\x02\x08\x01"),
	B("a body that says more than there is", P "\x3a\x03\x08\x01"),
	B("a length near the top", P "\x3a\xff\xff\xff\xff\x0f\x08\x01") };

static void what_is_refused(void)
{
	struct message m;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum va_err r = decode((const uint8_t *)bad[i].bytes, bad[i].n, &m);

		if (r != VA_E_MALFORMED)
			printf("note: %s\n", bad[i].what);
		CHECK_EQ(r, VA_E_MALFORMED);
		CHECK(all_zero(&m, sizeof(m)));
	}
}

static void a_name_too_long(void)
{
	struct message m;
	uint8_t in[160] = P "\x12\x43\x08\x01\x12\x3f";

	memset(in + 8, 'z', 100);
	CHECK_EQ(decode(in, 8 + 63, &m), VA_OK);
	for (uint8_t n = 64; n < 100; n++) {
		in[3] = (uint8_t)(n + 4);
		in[7] = n;
		CHECK_EQ(decode(in, 8u + n, &m), VA_E_MALFORMED);
	}
}

static void longer_than_a_record(void)
{
	static uint8_t in[RPC_MAX + 1] = P;
	struct message m;

	CHECK_EQ(decode(in, RPC_MAX, &m), VA_E_MALFORMED);
	CHECK_EQ(decode(in, RPC_MAX + 1, &m), VA_E_LIMIT);
	CHECK_EQ(decode(in, SIZE_MAX, &m), VA_E_LIMIT);
}

/* Two bytes of input each: an empty item, or an unknown field. The arena bounds what they cost. */
static void amplification(void)
{
	static const uint8_t pairs[][2] = { { 0x22, 0x00 }, { 0x78, 0x01 } };
	static uint8_t in[RPC_MAX];
	struct message m;

	memset(mem.guard, 0x5a, sizeof(mem.guard));
	for (size_t k = 0; k < 2; k++) {
		size_t n = 5;

		memcpy(in, P "\x32\xf8\x1f", n); /* a RESULT of 4088 bytes */
		for (; n < sizeof(in); n += 2)
			memcpy(in + n, pairs[k], 2);
		CHECK_EQ(n, RPC_MAX);
		CHECK_EQ(decode(in, n, &m), VA_E_LIMIT);
		CHECK(all_zero(&m, sizeof(m)));
		CHECK(mem.guard[0] == 0x5a &&
			!memcmp(mem.guard, mem.guard + 1, sizeof(mem.guard) - 1));
	}
	CHECK_EQ(decode((const uint8_t *)(P Q), sizeof(P Q) - 1, &m), VA_OK);
}

static void nothing_stays_in_the_arena(void)
{
	struct message m, back;
	uint8_t out[RPC_MAX];
	size_t n = 0;

	for (unsigned int i = 0; sample(i, &m); i++) {
		CHECK_EQ(rpc_encode(&m, out, sizeof(out), &n), VA_OK);
		CHECK_EQ(decode(out, n, &back), VA_OK);
		CHECK(all_zero(mem.arena.memory, sizeof(mem.arena.memory)));
		CHECK(decode(out, n - 1, &back) != VA_OK);
		CHECK(all_zero(mem.arena.memory, sizeof(mem.arena.memory)));
	}
}

TEST_MAIN({ "round_trip", round_trip }, { "known_bytes", known_bytes },
	{ "encode_fits_or_leaves_the_buffer_alone", encode_fits_or_leaves_the_buffer_alone },
	{ "every_truncation", every_truncation }, { "every_bit_flip", every_bit_flip },
	{ "what_is_taken", what_is_taken }, { "what_is_refused", what_is_refused },
	{ "a_name_too_long", a_name_too_long }, { "longer_than_a_record", longer_than_a_record },
	{ "amplification", amplification },
	{ "nothing_stays_in_the_arena", nothing_stays_in_the_arena });
