// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seat's arbiter against machines that go, answers that come late, and a monitor that is
 * deaf: whoever has the seat in the end exists, and what was begun ends.
 */
#include "tests/unit/hostd-desk.h"
#include "tests/unit/test.h"

static struct {
	int n;
	enum exit_code code;
	char text[200];
} done;

static void on_done(void *userdata, enum exit_code code, const char *text)
{
	(void)userdata;
	done.n++;
	done.code = code;
	snprintf(done.text, sizeof(done.text), "%s", text);
}

static void switch_to(const char *name)
{
	struct intent i = { .target = name };
	struct seat_request r = { .done = on_done, .userdata = &done };

	memset(&done, 0, sizeof(done));
	seat_switch(&fake_h, &i, "a test", &r);
	fake_turn(0);
}

/* Host to alpha: the host writes, alpha reads. */
static void give_to_alpha(void)
{
	switch_to("alpha");
	fake_ddc_answers(DDC_OK, 0);
	fake_turn(300);
	guest_acts(alpha, MSG_OUT_OK, 0x10);
}

static void switches(void)
{
	fake_desk();
	fake_ddc();
	up(alpha, 1);
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	give_to_alpha();
	CHECK_EQ(done.n, 1);
	CHECK_EQ(done.code, EXIT_CODE_OK);
	CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
	fake_end();
}

/* To alpha, which answers the last question like that. */
static void give_and_look(enum msg_outcome how, uint32_t value)
{
	fake_desk();
	fake_config.confirm_limit_s = 15;
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	if (last(alpha, LINK_OP_QUERY)->message.query.question == MSG_Q_STATUS && !done.n)
		guest_acts(alpha, how, value);
}

static void the_target_says_what_its_screen_shows(void)
{
	static const struct {
		enum msg_outcome how;
		uint32_t value;
	} good[] = { { MSG_OUT_OK, MSG_SCREEN_LIT }, { MSG_OUT_OK, MSG_SCREEN_NOT_KNOWN },
		{ MSG_OUT_OK, MSG_SCREEN_MAX + 1 }, { MSG_OUT_OK, 0x10002 },
		{ MSG_OUT_UNSUPPORTED, 0 }, { MSG_OUT_DENIED, MSG_SCREEN_DARK } };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		give_and_look(good[i].how, good[i].value);
		CHECK_EQ(done.n, 1);
		CHECK_EQ(done.code, EXIT_CODE_OK);
		CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
		fake_end();
	}
	give_and_look(MSG_OUT_OK, MSG_SCREEN_DARK);
	CHECK(done.n == 0 && !alpha->calls[0].tag);
	fake_turn(600); /* asked again */
	CHECK(guest_acts(alpha, MSG_OUT_BUSY, 0));
	CHECK_EQ(done.n, 0);
	fake_turn(1100);
	CHECK(guest_acts(alpha, MSG_OUT_OK, MSG_SCREEN_LIT));
	CHECK_EQ(done.code, EXIT_CODE_OK);
	CHECK_EQ(done.n, 1);
	fake_end();
}

static void late_answer_of_an_older_switch(void)
{
	worker_reply_fn *reply;
	void *userdata;
	struct ddc_reply r = { .status = DDC_OK };

	fake_desk();
	fake_ddc();
	up(alpha, 1);
	switch_to("alpha");
	/* the host's write is under way when that switch is thrown away ... */
	reply = TAKE(fake_h.ddc->reply);
	userdata = fake_h.ddc->userdata;
	CHECK(reply != NULL);
	seat_free(&fake_h);
	/* ... and the next one waits for a write of its own; malloc gives it the same address */
	switch_to("alpha");
	CHECK(seat_is_busy(&fake_h));
	reply(WORKER_REPLIED, &r, sizeof(r), -1, userdata);
	fake_turn(300);
	CHECK(!alpha->calls[0].tag); /* not taken for the new one's: alpha is not asked to read */
	fake_ddc_answers(DDC_OK, 0);
	fake_turn(300);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0x10));
	CHECK_EQ(done.code, EXIT_CODE_OK);
	fake_end();
}

static void slot_of_a_switch_is_not_given_away(void)
{
	struct guest *gamma;
	int slot;

	fake_desk();
	fake_ddc();
	up(beta, 1);
	slot = beta->slot;
	switch_to("beta");
	fake_ddc_answers(DDC_OK, 0);
	guest_remove(beta);
	gamma = fake_guest("gamma", 2);
	CHECK(gamma->slot != slot);
	up(gamma, 1);
	fake_turn(300);
	CHECK(!gamma->calls[0].tag);        /* what was meant for beta */
	CHECK(fake_ddc_answers(DDC_OK, 0)); /* the host writes its own input back */
	fake_turn(0);
	CHECK_EQ(done.code, EXIT_CODE_FAILED);
	CHECK_EQ(fake_guest("delta", 3)->slot, slot); /* free again */
	fake_end();
}

static void holder_removed_during_a_switch(void)
{
	fake_desk();
	fake_ddc();
	up(alpha, 1);
	up(beta, 1);
	give_to_alpha();
	switch_to("beta");
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0)); /* alpha pushes, and goes */
	guest_remove(alpha);
	fake_turn(300);
	guest_remove(beta); /* the target as well */
	fake_turn(0);
	for (int i = 0; i < 20 && seat_is_busy(&fake_h); i++) {
		fake_ddc_answers(DDC_OK, 0x0f);
		fake_turn(250);
	}
	CHECK(!seat_is_busy(&fake_h));
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	CHECK_EQ(fake_h.world.monitors[0].shown, 0);
	fake_end();
}

static void committed_switch_holds_and_lets_go(void)
{
	struct msg_ticket t;

	fake_desk();
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	prepare(alpha, 5, MSG_OP_SWITCH, "host");
	t = last(alpha, LINK_OP_REPLY)->message.ticket;
	commit(alpha, 6, &t);
	fake_turn(0);
	CHECK(seat_is_busy(&fake_h) && is_held(alpha));
	up(alpha, 2); /* it was renewed all the same: nobody is left to tell, and nothing is held */
	CHECK(!is_held(alpha) && seat_is_busy(&fake_h));
	fake_end();
}

static void home_after_the_switch(void)
{
	struct seat_request r = { .done = on_done, .userdata = &done };

	fake_desk();
	fake_ddc();
	up(alpha, 1);
	switch_to("alpha");
	seat_go_home(&fake_h, &r);
	fake_ddc_answers(DDC_OK, 0);
	fake_turn(300);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0x10));
	CHECK_EQ(done.n, 1);
	CHECK(seat_is_busy(&fake_h));
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0)); /* alpha pushes */
	fake_turn(300);
	CHECK(fake_ddc_answers(DDC_OK, 0x0f));
	fake_turn(0);
	CHECK_EQ(done.n, 2);
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	seat_go_home(&fake_h, &r);
	CHECK_EQ(done.n, 3); /* where it is already */
	fake_end();
}

/* Deaf from what it was doing, it does not obey at first. */
static void lost_seat_comes_home_in_the_end(void)
{
	fake_desk();
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	guest_remove(alpha);
	fake_turn(0);
	CHECK(fake_ddc_answers(DDC_REFUSED, 0));
	fake_turn(0);
	CHECK(!seat_is_busy(&fake_h));
	CHECK_EQ(hostd_world(&fake_h)->holder, WORLD_HOST);
	fake_turn(2200);
	CHECK(fake_ddc_answers(DDC_OK, 0));
	fake_turn(300);
	CHECK(fake_ddc_answers(DDC_OK, 0x0f));
	fake_turn(0);
	CHECK(!seat_is_busy(&fake_h) && !fake_h.give_again);
	CHECK_EQ(fake_h.shown[0], 0);
	fake_end();
}

/* A monitor of which the host cannot tell what it shows: the guest that comes is asked. */
static void guest_tells_what_is_shown(void)
{
	fake_desk();
	monitors_forget(&fake_h);
	fake_config.ddc = true;
	CHECK_EQ(monitors_start(&fake_h), 0);
	up(alpha, 1);
	CHECK(!alpha->calls[0].tag); /* not before the host has looked */
	fake_ddc_answers(DDC_OK, 0);
	CHECK(alpha->calls[0].tag != 0);
	CHECK_EQ(last(alpha, LINK_OP_QUERY)->message.query.question, MSG_Q_DDC_READ);
	CHECK(guest_acts(alpha, MSG_OUT_OK, 0x10));
	CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
	fake_end();
}

static void undone_where_no_answer_came(void)
{
	fake_desk();
	fake_ddc();
	up(alpha, 1);
	give_to_alpha();
	switch_to("host");
	CHECK(guest_acts(alpha, MSG_OUT_UNKNOWN, 0)); /* it may have written */
	CHECK_EQ(fake_h.ddc->request.value, 0x0f);    /* the host pulls, and fails */
	CHECK(fake_ddc_answers(DDC_REFUSED, 0));
	fake_turn(0);
	CHECK(fake_h.ddc->reply && fake_h.ddc->request.value == 0x10); /* alpha's is written back */
	CHECK(fake_ddc_answers(DDC_OK, 0));
	fake_turn(0);
	CHECK_EQ(done.code, EXIT_CODE_FAILED);
	CHECK_EQ(hostd_world(&fake_h)->holder, alpha->slot);
	fake_end();
}

TEST_MAIN({ "switches", switches },
	{ "the_target_says_what_its_screen_shows", the_target_says_what_its_screen_shows },
	{ "late_answer_of_an_older_switch", late_answer_of_an_older_switch },
	{ "slot_of_a_switch_is_not_given_away", slot_of_a_switch_is_not_given_away },
	{ "holder_removed_during_a_switch", holder_removed_during_a_switch },
	{ "committed_switch_holds_and_lets_go", committed_switch_holds_and_lets_go },
	{ "home_after_the_switch", home_after_the_switch },
	{ "lost_seat_comes_home_in_the_end", lost_seat_comes_home_in_the_end },
	{ "guest_tells_what_is_shown", guest_tells_what_is_shown },
	{ "undone_where_no_answer_came", undone_where_no_answer_came });
