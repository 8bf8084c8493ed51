// SPDX-License-Identifier: GPL-2.0-or-later
/* What passes as a message and what does not, rule by rule; and what is made of foreign text. */
#include "common/link/message.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define NAME_63 "123456789012345678901234567890123456789012345678901234567890123"

static struct message make(uint32_t kind)
{
	struct message m;

	memset(&m, 0, sizeof(m));
	m.id = 1;
	m.kind = kind;
	return m;
}

static struct message make_prepare(
	uint32_t operation, const char *target, uint32_t value, uint32_t via)
{
	struct message m = make(MSG_PREPARE);

	m.prepare.operation = operation;
	m.prepare.value = value;
	m.prepare.via = via;
	memcpy(m.prepare.target, target, strlen(target));
	return m;
}

static struct message make_query(uint32_t question, const char *target, uint32_t page, uint32_t via)
{
	struct message m = make(MSG_QUERY);

	m.query.question = question;
	m.query.page = page;
	m.query.via = via;
	memcpy(m.query.target, target, strlen(target));
	return m;
}

static struct message make_result(uint32_t outcome)
{
	struct message m = make(MSG_RESULT);

	m.result.outcome = outcome;
	return m;
}

static struct message make_item(uint32_t kind, const char *name, uint32_t value, uint32_t flags)
{
	struct message m = make_result(MSG_OUT_OK);

	m.result.n_items = 1;
	m.result.items[0].kind = kind;
	m.result.items[0].value = value;
	m.result.items[0].flags = flags;
	memcpy(m.result.items[0].name, name, strlen(name));
	return m;
}

static struct message make_event(uint32_t kind, uint32_t value)
{
	struct message m = make(MSG_EVENT);

	m.event.kind = kind;
	m.event.value = value;
	return m;
}

#define GOOD(...)                                   \
	do {                                        \
		struct message good_ = __VA_ARGS__; \
		CHECK(message_is_valid(&good_));    \
	} while (0)
#define BAD(...)                                   \
	do {                                       \
		struct message bad_ = __VA_ARGS__; \
		CHECK(!message_is_valid(&bad_));   \
	} while (0)

static void id_and_kind(void)
{
	struct message m = make_query(MSG_Q_PING, "", 0, 0);

	GOOD(m);
	m.id = UINT32_MAX;
	GOOD(m);
	m.id = 0;
	BAD(m);
	BAD(make(MSG_NONE));
	BAD(make(MSG_KIND_MAX + 1));
	BAD(make(UINT32_MAX));
}

static void prepare(void)
{
	GOOD(make_prepare(MSG_OP_SWITCH, "host", 0, 0));
	GOOD(make_prepare(MSG_OP_SWITCH, NAME_63, 0, 0));
	BAD(make_prepare(MSG_OP_SWITCH, "", 0, 0));
	BAD(make_prepare(MSG_OP_SWITCH, "../host", 0, 0));
	BAD(make_prepare(MSG_OP_SWITCH, "-x", 0, 0));
	BAD(make_prepare(MSG_OP_SWITCH, "host", 1, 0));
	BAD(make_prepare(MSG_OP_SWITCH, "host", 0, 1));
	GOOD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0, MSG_VIA_STANDARD));
	GOOD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0xffff, MSG_VIA_LG));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0x10000, 0));
	GOOD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 1, MSG_VIA_SIGNAL));
	GOOD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0xffff, 0xe0));
	GOOD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0, 0xff));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 2, MSG_VIA_SIGNAL));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0x10000, 0xe0));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0, MSG_VIA_SIGNAL + 1));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 4, 0xdf));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 4, 0xd6)); /* power */
	BAD(make_prepare(MSG_OP_DDC_WRITE, "0123456789abcdef", 0, 0x100));
	BAD(make_prepare(MSG_OP_DDC_WRITE, "", 0x0f, 0));
	for (uint32_t op = MSG_OP_HOST_SHUTDOWN; op <= MSG_OP_GUEST_SHUTDOWN; op += 2) {
		GOOD(make_prepare(op, "", 0, 0));
		BAD(make_prepare(op, "host", 0, 0));
		BAD(make_prepare(op, "", 1, 0));
		BAD(make_prepare(op, "", 0, 1));
	}
	BAD(make_prepare(MSG_OP_NONE, "", 0, 0));
	BAD(make_prepare(MSG_OP_MAX + 1, "", 0, 0));
	BAD(make_prepare(UINT32_MAX, "", 0, 0));
}

static void ticket_commit_pending(void)
{
	struct message m = make(MSG_TICKET);

	BAD(m);
	m.ticket.ttl_ms = 1;
	GOOD(m);
	m.ticket.ttl_ms = 3000;
	GOOD(m);
	m.ticket.ttl_ms = 3001;
	BAD(m);
	GOOD(make(MSG_COMMIT));
	m = make(MSG_PENDING);
	BAD(m);
	m.pending.expires_ms = 1;
	GOOD(m);
	m.pending.expires_ms = 60000;
	GOOD(m);
	m.pending.expires_ms = 60001;
	BAD(m);
}

static void query(void)
{
	for (uint32_t q = MSG_Q_STATUS; q <= MSG_Q_DDC_DETECT; q++) {
		GOOD(make_query(q, "", 0, 0));
		GOOD(make_query(q, "", 255, 0));
		BAD(make_query(q, "", 256, 0));
		BAD(make_query(q, "host", 0, 0));
		BAD(make_query(q, "", 0, 1));
	}
	GOOD(make_query(MSG_Q_PING, "", 0, 0));
	BAD(make_query(MSG_Q_PING, "x", 0, 0));
	BAD(make_query(MSG_Q_PING, "", 1, 0));
	BAD(make_query(MSG_Q_PING, "", 0, 1));
	GOOD(make_query(MSG_Q_DDC_READ, "0123456789abcdef", 0, MSG_VIA_LG));
	GOOD(make_query(MSG_Q_DDC_READ, "0123456789abcdef", 0, 0xe2));
	BAD(make_query(MSG_Q_DDC_READ, "0123456789abcdef", 0, MSG_VIA_SIGNAL + 1));
	BAD(make_query(MSG_Q_DDC_READ, "0123456789abcdef", 1, 0));
	BAD(make_query(MSG_Q_DDC_READ, "", 0, 0));
	BAD(make_query(MSG_Q_NONE, "", 0, 0));
	BAD(make_query(MSG_Q_MAX + 1, "", 0, 0));
}

static void result(void)
{
	struct message m = make_result(MSG_OUT_OK);

	for (uint32_t o = 0; o < 128; o++) {
		m.result.outcome = o;
		CHECK_EQ(message_is_valid(&m), o >= MSG_OUT_OK && o <= MSG_OUT_AMBIGUOUS);
	}
	m = make_result(MSG_OUT_OK);
	m.result.value = UINT32_MAX;
	m.result.next_page = 255;
	GOOD(m);
	m.result.next_page = 256;
	BAD(m);
	m.result.next_page = 0;
	m.result.n_items = MSG_MAX_ITEMS + 1;
	BAD(m);
	m.result.n_items = UINT32_MAX;
	BAD(m);
}

static void items(void)
{
	struct message m = make_item(MSG_ITEM_MONITOR, "0123456789abcdef", 0xffff, 7);

	GOOD(m);
	m.result.n_items = 2; /* the second is all zeros */
	BAD(m);
	GOOD(make_item(MSG_ITEM_MACHINE, "zorg", UINT32_MAX, 15));
	BAD(make_item(MSG_ITEM_MACHINE, "zorg", 0, 16));
	BAD(make_item(MSG_ITEM_MONITOR, "zorg", 0, 8));
	BAD(make_item(MSG_ITEM_MONITOR, "zorg", 0x10000, 0));
	BAD(make_item(MSG_ITEM_NONE, "zorg", 0, 0));
	BAD(make_item(MSG_ITEM_MONITOR + 1, "zorg", 0, 0));
	BAD(make_item(MSG_ITEM_MACHINE, "", 0, 0));
	for (uint32_t kind = MSG_ITEM_MACHINE; kind <= MSG_ITEM_MONITOR; kind++) {
		m = make_item(kind, "zorg", 0, 0);
		m.result.items[0].gpu = 0x10de2204;
		CHECK_EQ(message_is_valid(&m), kind == MSG_ITEM_MONITOR);
		m.result.items[0].board = UINT32_MAX;
		CHECK_EQ(message_is_valid(&m), kind == MSG_ITEM_MONITOR);
		m.result.items[0].gpu = 0xffff; /* no vendor */
		BAD(m);
		m.result.items[0].gpu = 0; /* a board of nothing */
		BAD(m);
	}
	BAD(make_item(MSG_ITEM_MACHINE, "a b", 0, 0));
	m = make_item(MSG_ITEM_MACHINE, "zorg", 0, 0);
	m.result.items[0].label[0] = '\n';
	BAD(m);
}

static void event(void)
{
	GOOD(make_event(MSG_EV_SHUTDOWN_SCHEDULED, UINT32_MAX));
	GOOD(make_event(MSG_EV_SHUTDOWN_CANCELLED, 0));
	BAD(make_event(MSG_EV_SHUTDOWN_CANCELLED, 1));
	GOOD(make_event(MSG_EV_MONITORS_CHANGED, 0));
	BAD(make_event(MSG_EV_MONITORS_CHANGED, 1));
	BAD(make_event(MSG_EV_NONE, 0));
	BAD(make_event(MSG_EV_MAX + 1, 0));
}

/* Each string array of a message, filled to the brim: not terminated, so not valid. */
static void unterminated_strings(void)
{
	struct message m = make_prepare(MSG_OP_SWITCH, "", 0, 0);

	memset(m.prepare.target, 'x', sizeof(m.prepare.target));
	BAD(m);
	m.prepare.target[MSG_NAME_SIZE - 1] = '\0';
	GOOD(m);
	m = make_query(MSG_Q_DDC_READ, "", 0, 0);
	memset(m.query.target, 'x', sizeof(m.query.target));
	BAD(m);
	m.query.target[MSG_NAME_SIZE - 1] = '\0';
	GOOD(m);
	m = make_item(MSG_ITEM_MACHINE, "", 0, 0);
	memset(m.result.items[0].name, 'x', sizeof(m.result.items[0].name));
	BAD(m);
	m.result.items[0].name[MSG_NAME_SIZE - 1] = '\0';
	GOOD(m);
	memset(m.result.items[0].label, ' ', sizeof(m.result.items[0].label));
	BAD(m);
	m.result.items[0].label[MSG_LABEL_SIZE - 1] = '\0';
	GOOD(m);
	memset(m.result.detail, '~', sizeof(m.result.detail));
	BAD(m);
	m.result.detail[MSG_DETAIL_SIZE - 1] = '\0';
	GOOD(m);
}

/* Memory that ends with the array: under AddressSanitizer a check that reads on is seen. */
static void nothing_is_read_beyond_the_struct(void)
{
	struct msg_prepare *p = calloc(1, sizeof(*p));
	struct msg_query *q = calloc(1, sizeof(*q));
	bool taken;

	CHECK(p && q);
	p->operation = MSG_OP_SWITCH;
	memset(p->target, 'x', sizeof(p->target));
	q->question = MSG_Q_DDC_READ;
	memset(q->target, 'x', sizeof(q->target));
	taken = msg_prepare_is_valid(p) || msg_query_is_valid(q);
	free(p);
	free(q);
	CHECK(!taken);
}

static void a_seventeenth_item_is_not_looked_for(void)
{
	struct {
		struct msg_result r;
		struct msg_item beyond;
	} page;

	memset(&page, 0, sizeof(page));
	msg_result_init(&page.r, MSG_OUT_OK, "");
	while (msg_result_add(&page.r, MSG_ITEM_MACHINE, "zorg", "", 0, 0))
		;
	page.beyond = page.r.items[0];
	CHECK(msg_result_is_valid(&page.r));
	page.r.n_items++;
	CHECK(!msg_result_is_valid(&page.r));
}

static void every_byte_in_a_text(void)
{
	struct message m = make_result(MSG_OUT_OK);

	for (unsigned int c = 1; c < 256; c++) {
		bool plain = c >= 0x20 && c <= 0x7e;

		m.result.detail[0] = (char)c;
		CHECK_EQ(message_is_valid(&m), plain);
	}
}

static void result_texts_are_made_printable(void)
{
	struct msg_result r;
	char longest[400];

	memset(&r, 0x55, sizeof(r));
	r.n_items = 3;
	msg_result_init(&r, MSG_OUT_DENIED, "rule 30-user.policy:4");
	CHECK_EQ(r.outcome, MSG_OUT_DENIED);
	CHECK_STR(r.detail, "rule 30-user.policy:4");
	CHECK_EQ(r.n_items, 3); /* nothing else is touched */
	msg_result_init(&r, MSG_OUT_OK, NULL);
	CHECK_STR(r.detail, "");
	msg_result_init(&r, MSG_OUT_OK, "a\nb\033[2J");
	CHECK_STR(r.detail, "a\\x0ab\\x1b[2J");
	memset(longest, '\033', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(&r, 0, sizeof(r));
	msg_result_init(&r, MSG_OUT_OK, longest);
	CHECK(msg_result_is_valid(&r));
}

static void result_items_are_made_valid(void)
{
	static const char *const names[][2] = { { "zorg-1.2_x", "zorg-1.2_x" }, { NULL, "_" },
		{ "", "_" }, { "../x y", "_._x_y" }, { "-rf", "_rf" }, { "a-.b", "a-.b" },
		{ "caf\xc3\xa9", "caf__" }, { NAME_63 "4", NAME_63 } };
	struct msg_result r;

	memset(&r, 0, sizeof(r));
	msg_result_init(&r, MSG_OUT_OK, "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		r.n_items = 0;
		CHECK(msg_result_add(&r, MSG_ITEM_MACHINE, names[i][0], names[i][0], 1, 2));
		CHECK(msg_result_is_valid(&r));
		CHECK_STR(r.items[0].name, names[i][1]);
	}
}

static void a_page_is_full_at_sixteen(void)
{
	struct msg_result r;

	memset(&r, 0, sizeof(r));
	msg_result_init(&r, MSG_OUT_OK, "");
	for (unsigned int i = 0; i < MSG_MAX_ITEMS; i++)
		CHECK(msg_result_add(&r, MSG_ITEM_MONITOR, "m", "l", i, 0));
	CHECK(!msg_result_add(&r, MSG_ITEM_MONITOR, "m", "l", 99, 0));
	CHECK_EQ(r.n_items, MSG_MAX_ITEMS);
	CHECK_EQ(r.items[15].value, 15);
	CHECK(msg_result_is_valid(&r));
	r.n_items = UINT32_MAX;
	CHECK(!msg_result_add(&r, MSG_ITEM_MONITOR, "m", "l", 99, 0));
}

static void words(void)
{
	CHECK_STR(msg_operation_name(MSG_OP_SWITCH), "switch");
	CHECK_STR(msg_operation_name(MSG_OP_HOST_SHUTDOWN), "host.shutdown");
	CHECK_STR(msg_operation_name(MSG_OP_DDC_WRITE), "ddc.write");
	CHECK_STR(msg_operation_name(MSG_OP_GUEST_SHUTDOWN), "guest.shutdown");
	CHECK_STR(msg_operation_name(99), "?");
	CHECK_STR(msg_question_name(MSG_Q_TARGETS), "guest.list");
	CHECK_STR(msg_question_name(MSG_Q_DDC_DETECT), "ddc.read");
	CHECK_STR(msg_question_name(MSG_Q_DDC_READ), "ddc.read");
	CHECK_STR(msg_question_name(0), "?");
	for (uint32_t o = MSG_OUT_OK; o <= MSG_OUT_WIRE_MAX; o++)
		CHECK(strcmp(msg_outcome_name(o), "?"));
	for (uint32_t o = MSG_OUT_UNKNOWN; o <= MSG_OUT_NOT_PAIRED; o++)
		CHECK(strcmp(msg_outcome_name(o), "?"));
	CHECK_STR(msg_outcome_name(MSG_OUT_NONE), "?");
	CHECK_STR(msg_outcome_name(MSG_OUT_WIRE_MAX + 1), "?");
}

/* A guest may say what it likes; what nobody knows proves nothing. */
static void screens(void)
{
	for (uint32_t v = 0; v <= MSG_SCREEN_MAX; v++)
		CHECK_EQ(msg_screen_of(v), v);
	CHECK_EQ(msg_screen_of(MSG_SCREEN_MAX + 1), MSG_SCREEN_NOT_KNOWN);
	CHECK_EQ(msg_screen_of(0x10002), MSG_SCREEN_NOT_KNOWN);
	CHECK_EQ(msg_screen_of(UINT32_MAX), MSG_SCREEN_NOT_KNOWN);
}

TEST_MAIN({ "id_and_kind", id_and_kind }, { "prepare", prepare },
	{ "ticket_commit_pending", ticket_commit_pending }, { "query", query },
	{ "result", result }, { "items", items }, { "event", event },
	{ "unterminated_strings", unterminated_strings },
	{ "nothing_is_read_beyond_the_struct", nothing_is_read_beyond_the_struct },
	{ "a_seventeenth_item_is_not_looked_for", a_seventeenth_item_is_not_looked_for },
	{ "every_byte_in_a_text", every_byte_in_a_text },
	{ "result_texts_are_made_printable", result_texts_are_made_printable },
	{ "result_items_are_made_valid", result_items_are_made_valid },
	{ "a_page_is_full_at_sixteen", a_page_is_full_at_sixteen }, { "words", words },
	{ "screens", screens });
