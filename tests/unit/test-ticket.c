// SPDX-License-Identifier: GPL-2.0-or-later
/* A ticket acts once, in its session, in its time, for what was prepared, or not at all. */
#include "common/link/ticket.h"
#include "tests/unit/test.h"

#define NOW     1000000u
#define SESSION 7u

static const uint8_t random_a[MSG_TICKET_SIZE] = "sixteen bytes A";
static const uint8_t random_b[MSG_TICKET_SIZE] = "sixteen bytes B";
static const struct msg_prepare to_host = {
	.operation = MSG_OP_SWITCH, .claimed_uid = 1000, .target = "host"
};
static const struct msg_prepare ddc = {
	.operation = MSG_OP_DDC_WRITE, .value = 0x0f, .target = "0123456789abcdef"
};

static struct msg_commit issue(
	struct ticket_box *box, const struct msg_prepare *p, const uint8_t *random)
{
	struct msg_ticket t;
	struct msg_commit c;

	ticket_issue(box, SESSION, p, random, NOW, &t);
	memcpy(c.ticket, t.ticket, sizeof(c.ticket));
	return c;
}

static bool all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0 && b[n - 1] == 0)
		n--;
	return n == 0;
}

static void what_was_prepared_comes_back_once(void)
{
	struct ticket_box box = { 0 };
	struct msg_commit c = issue(&box, &to_host, random_a);
	struct msg_prepare got;

	CHECK(ticket_is_outstanding(&box, NOW));
	CHECK(ticket_spend(&box, SESSION, &c, NOW + 1, &got));
	CHECK_MEM(&got, &to_host, sizeof(got));
	CHECK(!ticket_is_outstanding(&box, NOW + 1));
	/* the replay */
	CHECK(!ticket_spend(&box, SESSION, &c, NOW + 1, &got));
	CHECK(all_zero(&got, sizeof(got)));
}

static void what_is_sent(void)
{
	struct ticket_box box = { 0 };
	struct msg_ticket t;

	ticket_issue(&box, SESSION, &to_host, random_a, NOW, &t);
	CHECK_MEM(t.ticket, random_a, sizeof(t.ticket));
	CHECK_EQ(t.ttl_ms, TICKET_TTL_MS);
	ticket_issue(&box, SESSION, &ddc, random_a, NOW, &t);
	CHECK_EQ(t.ttl_ms, TICKET_TTL_DDC_MS);
}

static void expiry(const struct msg_prepare *p, uint32_t ttl_ms)
{
	static const uint64_t starts[] = { 0, 1, NOW, UINT32_MAX - 1000u, UINT64_MAX / 2 };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (int64_t late = -2; late <= 2; late++) {
			uint64_t at = starts[i] + ttl_ms + (uint64_t)late;
			struct ticket_box box = { 0 };
			struct msg_ticket t;
			struct msg_commit c;
			struct msg_prepare got;

			ticket_issue(&box, SESSION, p, random_a, starts[i], &t);
			memcpy(c.ticket, t.ticket, sizeof(c.ticket));
			CHECK_EQ(ticket_is_outstanding(&box, at), late < 0);
			CHECK_EQ(ticket_spend(&box, SESSION, &c, at, &got), late < 0);
			CHECK(!box.live);
		}
}

static void expires_to_the_millisecond(void)
{
	expiry(&to_host, 3000);
	if (!test_failed)
		expiry(&ddc, 2000);
}

static void an_expired_ticket_stays_dead(void)
{
	struct ticket_box box = { 0 };
	struct msg_commit c = issue(&box, &to_host, random_a);
	struct msg_prepare got;

	CHECK(!ticket_spend(&box, SESSION, &c, NOW + TICKET_TTL_MS, &got));
	/* even where the clock were to go back */
	CHECK(!ticket_spend(&box, SESSION, &c, NOW, &got));
}

static void another_session_gets_nothing(void)
{
	struct ticket_box box = { 0 };
	struct msg_commit c = issue(&box, &to_host, random_a);
	struct msg_prepare got;

	CHECK(!ticket_spend(&box, SESSION + 1, &c, NOW, &got));
	CHECK(all_zero(&got, sizeof(got)));
	CHECK(!ticket_spend(&box, SESSION, &c, NOW, &got));
}

static void a_wrong_ticket_kills_the_right_one(void)
{
	for (unsigned int bit = 0; bit < 8 * MSG_TICKET_SIZE; bit++) {
		struct ticket_box box = { 0 };
		struct msg_commit c = issue(&box, &to_host, random_a), wrong = c;
		struct msg_prepare got;

		wrong.ticket[bit / 8] = (uint8_t)(wrong.ticket[bit / 8] ^ (1u << bit % 8));
		CHECK(!ticket_spend(&box, SESSION, &wrong, NOW, &got));
		CHECK(!ticket_is_outstanding(&box, NOW));
		CHECK(!ticket_spend(&box, SESSION, &c, NOW, &got));
	}
}

static void a_new_ticket_kills_the_old_one(void)
{
	struct ticket_box box = { 0 };
	struct msg_commit old = issue(&box, &to_host, random_a);
	struct msg_commit new = issue(&box, &ddc, random_b);
	struct msg_prepare got;

	CHECK(ticket_spend(&box, SESSION, &new, NOW, &got));
	CHECK_MEM(&got, &ddc, sizeof(got));
	CHECK(!ticket_spend(&box, SESSION, &old, NOW, &got));
	new = issue(&box, &ddc, random_b);
	old = new;
	memcpy(old.ticket, random_a, sizeof(old.ticket));
	CHECK(!ticket_spend(&box, SESSION, &old, NOW, &got));
}

static void the_empty_box_has_no_ticket(void)
{
	struct ticket_box box = { 0 };
	struct msg_commit zeros = { 0 };
	struct msg_prepare got;

	/* a ticket of zeros, in session 0, at time 0: all as in the box, but nothing is prepared */
	CHECK(!ticket_is_outstanding(&box, 0));
	CHECK(!ticket_spend(&box, 0, &zeros, 0, &got));
	box.expires_ms = UINT64_MAX;
	CHECK(!ticket_is_outstanding(&box, 0));
	CHECK(!ticket_spend(&box, 0, &zeros, 0, &got));
}

static void wiped_means_nothing_is_left(void)
{
	struct ticket_box box = { 0 };
	struct msg_commit c = issue(&box, &to_host, random_a);
	struct msg_prepare got;

	ticket_wipe(&box);
	CHECK(all_zero(&box, sizeof(box)));
	CHECK(!ticket_spend(&box, SESSION, &c, NOW, &got));
	c = issue(&box, &to_host, random_a);
	CHECK(ticket_spend(&box, SESSION, &c, NOW, &got));
	CHECK(all_zero(&box, sizeof(box)));
}

TEST_MAIN({ "what_was_prepared_comes_back_once", what_was_prepared_comes_back_once },
	{ "what_is_sent", what_is_sent },
	{ "expires_to_the_millisecond", expires_to_the_millisecond },
	{ "an_expired_ticket_stays_dead", an_expired_ticket_stays_dead },
	{ "another_session_gets_nothing", another_session_gets_nothing },
	{ "a_wrong_ticket_kills_the_right_one", a_wrong_ticket_kills_the_right_one },
	{ "a_new_ticket_kills_the_old_one", a_new_ticket_kills_the_old_one },
	{ "the_empty_box_has_no_ticket", the_empty_box_has_no_ticket },
	{ "wiped_means_nothing_is_left", wiped_means_nothing_is_left });
