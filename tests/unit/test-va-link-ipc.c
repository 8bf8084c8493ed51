// SPDX-License-Identifier: GPL-2.0-or-later
/* What va-hostd accepts from a va-link, and the reading budget. */
#include "common/base/cleanup.h"
#include "host/link/budget.h"
#include "host/link/ipc.h"
#include "tests/unit/test.h"

static struct link_ipc m;

static bool valid(void)
{
	return link_ipc_is_valid(&m, sizeof(m));
}

static void start(enum link_op op)
{
	memset(&m, 0, sizeof(m));
	m.head.op = (uint32_t)op;
}

static void start_event(enum link_event_kind kind)
{
	start(LINK_OP_EVENT);
	m.event = (uint32_t)kind;
	m.session = 1;
	m.tag = 1;
	m.message.id = 1;
}

static void start_result(uint32_t outcome)
{
	start_event(LINK_EV_ANSWER);
	m.message.kind = MSG_RESULT;
	m.message.result.outcome = outcome;
}

static void common_fields(void)
{
	start(LINK_OP_RESET);
	CHECK(valid());
	CHECK(!link_ipc_is_valid(&m, sizeof(m) - 1) && !link_ipc_is_valid(&m, sizeof(m) + 1));
	m.head.id = 7;
	CHECK(!valid());
	for (uint32_t op = 0; op < 64; op++) {
		start((enum link_op)op);
		if (op == 0 || (op > LINK_OP_HOLD && op < LINK_OP_EVENT) || op > LINK_OP_REFUSED)
			CHECK(!valid());
	}
	start(LINK_OP_RESET);
	m.state = LINK_UP + 1;
	CHECK(!valid());
	start(LINK_OP_RESET);
	memset(m.words, 'a', sizeof(m.words));
	CHECK(!valid());
	start(LINK_OP_RESET);
	m.ok = 2;
	CHECK(!valid());
	start(LINK_OP_RESET);
	m.attempts = PAIR_ATTEMPTS + 1;
	CHECK(!valid());
}

static void records(void)
{
	start(LINK_OP_RECORD);
	CHECK(valid()); /* none */
	m.ok = 1;
	CHECK(!valid());
	strcpy(m.record.guest, "zorg");
	m.record.cur.epoch = 3;
	CHECK(valid());
	m.record.next.epoch = 3;
	CHECK(!valid());
	m.record.next.epoch = 4;
	CHECK(valid());
	memset(m.record.guest, 'z', sizeof(m.record.guest));
	CHECK(!valid());
	start_event(LINK_EV_STORE);
	strcpy(m.record.guest, "../x");
	m.record.cur.epoch = 1;
	CHECK(!valid());
	strcpy(m.record.guest, "zorg");
	CHECK(valid());
}

static void requests_of_the_guest(void)
{
	start_event(LINK_EV_REQUEST);
	CHECK(!valid());
	m.message.kind = MSG_PREPARE;
	m.message.prepare.operation = MSG_OP_SWITCH;
	m.message.prepare.claimed_uid = 1000;
	strcpy(m.message.prepare.target, "debby");
	CHECK(valid());
	m.session = 0;
	CHECK(!valid());
	m.session = 1;
	strcpy(m.message.prepare.target, "de bby");
	CHECK(!valid());
	memset(m.message.prepare.target, 'a', MSG_NAME_SIZE);
	CHECK(!valid());
	strcpy(m.message.prepare.target, "debby");
	m.message.prepare.operation = MSG_OP_MAX + 1;
	CHECK(!valid());
	/* a guest never asks with these */
	start_event(LINK_EV_REQUEST);
	m.message.kind = MSG_TICKET;
	m.message.ticket.ttl_ms = 1000;
	CHECK(!valid());
}

static void answers(void)
{
	start_result(MSG_OUT_OK);
	CHECK(valid());
	m.tag = 0;
	CHECK(!valid());
	start_result(MSG_OUT_NOT_PAIRED);
	CHECK(valid());
	start_result(MSG_OUT_NOT_PAIRED + 1);
	CHECK(!valid());
	start_result(MSG_OUT_WIRE_MAX + 1);
	CHECK(!valid());
	start_result(MSG_OUT_OK);
	m.message.result.n_items = MSG_MAX_ITEMS + 1;
	CHECK(!valid());
	start_result(MSG_OUT_OK);
	memset(m.message.result.detail, 'x', MSG_DETAIL_SIZE);
	CHECK(!valid());
	/* own conclusions are no requests' answers on the wire */
	start(LINK_OP_REPLY);
	m.session = 1;
	m.message.id = 1;
	m.message.kind = MSG_RESULT;
	m.message.result.outcome = MSG_OUT_UNKNOWN;
	CHECK(!valid());
	m.message.result.outcome = MSG_OUT_DENIED;
	CHECK(valid());
}

static void words(void)
{
	start(LINK_OP_PAIR_CODE);
	CHECK(!valid());
	strcpy(m.words, "K7Q4-2M9X");
	CHECK(valid());
	strcpy(m.words, "K7Q4-2M9XX");
	CHECK(!valid());
	strcpy(m.words, "K7Q4\033[2J");
	CHECK(!valid());
	start_event(LINK_EV_PAIRED);
	strcpy(m.words, "lobo-kami-rude-tofu");
	CHECK(valid());
	strcpy(m.words, "lobo\nkami");
	CHECK(!valid());
	start(LINK_OP_PAIR);
	m.value = PAIR_WINDOW_MS;
	m.value2 = PAIR_TOKEN;
	strcpy(m.words, "zorg");
	CHECK(valid());
	m.value2 = PAIR_CODE + 1;
	CHECK(!valid());
	m.value2 = PAIR_CODE;
	m.value = 0;
	CHECK(!valid());
}

static void budget(void)
{
	struct budget b;
	uint64_t now = 1000, taken = 0;

	budget_init(&b, now);
	for (; now < 11000; now++) {
		size_t n = budget_have(&b, now);

		CHECK(n <= BUDGET_WAKE && (n == 0 || n >= BUDGET_LEAST));
		CHECK_EQ(n == 0, budget_wait_ms(&b) > 0);
		budget_spend(&b, n);
		taken += n;
	}
	/* ten seconds' worth and the depth of the bucket */
	CHECK(taken <= 11u * BUDGET_RATE && taken >= 10u * BUDGET_RATE);
	budget_init(&b, 0);
	budget_spend(&b, BUDGET_RATE);
	CHECK_EQ(budget_have(&b, 0), 0);
	CHECK(budget_have(&b, budget_wait_ms(&b)) >= BUDGET_LEAST);
	CHECK_EQ(budget_have(&b, UINT64_MAX), BUDGET_WAKE);
	/* a clock that went back gives nothing, and takes nothing */
	budget_spend(&b, BUDGET_RATE);
	CHECK_EQ(budget_have(&b, 5), 0);
}

TEST_MAIN({ "common_fields", common_fields }, { "records", records },
	{ "requests_of_the_guest", requests_of_the_guest }, { "answers", answers },
	{ "words", words }, { "budget", budget });
