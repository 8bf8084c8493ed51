// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walking a plan: a fake monitor and fake machines answer at once. Every step is made to fail in
 * turn, and the outcome is the monitors' truth: all at the target, or all back.
 */
#include "common/link/message.h"
#include "host/daemon/execute.h"
#include "tests/unit/test.h"

/* What the two fake monitors show, and what the next acts do. */
static struct rig {
	sd_event *event;
	struct world world;
	struct world_machine machines[2];
	uint16_t shown[2];
	int acts, fail_at;          /* the act (counted from 1) that fails; 0 none */
	int drop_writes;            /* that many writes are acknowledged and ignored */
	bool unreadable, deaf_push; /* host's writes fail */
	bool dark[2];               /* machine sends no picture to monitors that follow one */
	int writes, reads;
	int destroyed; /* how often alpha was */
	/* what alpha says of its screen, the first n_first times and then */
	enum msg_screen first, then;
	int n_first, asked, pinged;
	bool silent; /* it does not answer the first n_first times */
	enum exit_code code;
	bool moved, done;
	char text[256];
} rig;

static int monitor_of(const struct world_monitor *m)
{
	return m->name[4] - '0';
}

/* A monitor that follows a picture leaves its input when there is none, for one where there is. */
static void show_picture(int machine, bool lit)
{
	rig.dark[machine] = !lit;
	for (int m = 0; m < rig.world.n_monitors; m++) {
		int shown = rig.shown[m] == 0x11;

		if (rig.world.monitors[m].via == MSG_VIA_SIGNAL && rig.dark[shown] &&
			!rig.dark[!shown])
			rig.shown[m] = shown ? 0x0f : 0x11;
	}
}

static void fake_write(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done)
{
	(void)ctx;
	(void)limit_ms;
	rig.acts++;
	rig.writes++;
	if (rig.acts == rig.fail_at || (rig.deaf_push && machine == WORLD_HOST)) {
		done(x, -ECOMM, -1, "it does not acknowledge");
		return;
	}
	if (m->via == MSG_VIA_SIGNAL)
		show_picture(machine, value);
	else if (rig.drop_writes)
		rig.drop_writes--;
	else
		rig.shown[monitor_of(m)] = value;
	done(x, 0, -1, "");
}

static void fake_read(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint32_t limit_ms, execute_act_fn *done)
{
	(void)ctx;
	(void)machine;
	(void)limit_ms;
	rig.reads++;
	if (rig.unreadable)
		done(x, -ECOMM, -1, "it answers with null messages");
	else
		done(x, 0, rig.shown[monitor_of(m)], "");
}

/* libvirt starts it; who asked for that dies before it can say so, and the world is slow. */
static void fake_start(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	(void)ctx;
	(void)machine;
	(void)limit_ms;
	done(x, -ETIMEDOUT, -1, "no answer");
}

static void fake_stop(void *ctx, struct execution *x, int machine, enum step_how how,
	uint32_t limit_ms, execute_act_fn *done)
{
	(void)ctx;
	(void)machine;
	(void)limit_ms;
	rig.destroyed += how == STOP_FORCE;
	done(x, 0, -1, "");
}

static void fake_ping(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	(void)ctx;
	(void)machine;
	(void)limit_ms;
	rig.pinged++;
	done(x, 0, -1, "");
}

static void fake_screen(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	bool first = rig.asked++ < rig.n_first;

	(void)ctx;
	(void)machine;
	(void)limit_ms;
	if (first && rig.silent)
		done(x, -ENOTCONN, -1, "its agent does not answer");
	else
		done(x, 0, (int32_t)(first ? rig.first : rig.then), "");
}

static void fake_step(void *ctx, int n, const struct step *s, const char *state, unsigned int ms,
	const char *detail)
{
	(void)ctx;
	(void)n;
	(void)s;
	(void)state;
	(void)ms;
	(void)detail;
}

static void fake_shown(void *ctx, int monitor, int input, int32_t value, enum world_writer by)
{
	(void)ctx;
	(void)by;
	(void)input;
	(void)monitor;
	(void)value;
}

static void fake_done(
	void *ctx, struct execution *x, enum exit_code code, bool moved, const char *text)
{
	(void)ctx;
	rig.code = code;
	rig.moved = moved;
	rig.done = true;
	snprintf(rig.text, sizeof(rig.text), "%s", text);
	execute_free(x);
	sd_event_exit(rig.event, 0);
}

static const struct world *fake_world(void *ctx)
{
	(void)ctx;
	return &rig.world;
}

static const struct execute_ops ops = {
	.world = fake_world,
	.write = fake_write,
	.read = fake_read,
	.start = fake_start,
	.stop = fake_stop,
	.ping = fake_ping,
	.screen = fake_screen,
	.on_step = fake_step,
	.on_shown = fake_shown,
	.on_done = fake_done,
	.first_read_ms = 1,
	.next_read_ms = 1,
	.next_screen_ms = 1,
};

static void make_rig(int n_monitors)
{
	memset(&rig, 0, sizeof(rig));
	rig.world.machines = rig.machines;
	rig.world.n_machines = 2;
	rig.world.n_monitors = n_monitors;
	for (int i = 0; i < 2; i++) {
		rig.machines[i].known = rig.machines[i].session = true;
		rig.machines[i].state = WORLD_RUNNING;
		snprintf(rig.machines[i].name, sizeof(rig.machines[i].name), "%s",
			i ? "alpha" : "host");
	}
	snprintf(rig.machines[1].gpus[0], WORLD_PCI_SIZE, "0000:02:00.0");
	rig.machines[1].n_gpus = 1;
	for (int m = 0; m < n_monitors; m++) {
		struct world_monitor *mon = &rig.world.monitors[m];

		snprintf(mon->name, sizeof(mon->name), "desk%d", m);
		mon->n_inputs = 2;
		mon->shown = 0;
		rig.shown[m] = 0x0f;
		for (int i = 0; i < 2; i++) {
			mon->sources[i].write = (uint16_t)(0x0f + 2 * i);
			mon->sources[i].read = i == 0 ? 0x0f : INPUT_NOT_READ;
			snprintf(mon->inputs[i].gpu, WORLD_PCI_SIZE, "0000:0%d:00.0", i + 1);
		}
	}
}

static void run_it(bool force)
{
	struct intent i = { .target = "alpha", .force = force };
	struct plan plan;
	struct execution *x;

	plan_switch(&rig.world, &i, &plan);
	for (int n = 0; n < plan.n_steps; n++)
		if (plan.steps[n].kind == STEP_CHECK || plan.steps[n].kind == STEP_CONFIRM)
			plan.steps[n].limit_ms = 60; /* the clock is real here */
	sd_event_new(&rig.event);
	if (execute_new(&x, rig.event, &rig.world, &plan, &ops, NULL) == 0)
		sd_event_loop(rig.event);
	rig.event = sd_event_unref(rig.event);
}

static void run(void)
{
	run_it(false);
}

static void all_goes_well(void)
{
	make_rig(2);
	run();
	CHECK(rig.done && rig.moved);
	CHECK_EQ(rig.code, EXIT_CODE_OK);
	CHECK(rig.shown[0] == 0x11 && rig.shown[1] == 0x11);
	CHECK_EQ(rig.writes, 2);
}

static void a_deaf_push_is_pulled(void)
{
	make_rig(1);
	rig.deaf_push = true;
	run();
	CHECK_EQ(rig.code, EXIT_CODE_OK);
	CHECK_EQ(rig.shown[0], 0x11);
	CHECK_EQ(rig.writes, 2);
}

/* Each act of the way fails once; the pull that follows a failed push may still succeed. */
static void any_failure_leaves_no_half_switch(void)
{
	for (int fail = 1; fail <= 6; fail++) {
		make_rig(2);
		rig.fail_at = fail;
		run();
		CHECK(rig.done);
		CHECK(rig.shown[0] == rig.shown[1]);
		CHECK_EQ(rig.shown[0], rig.moved ? 0x11 : 0x0f);
		CHECK(rig.moved == (rig.code == EXIT_CODE_OK));
	}
}

static void both_sides_deaf_is_undone(void)
{
	make_rig(2);
	rig.machines[1].session = true;
	rig.fail_at = 3; /* second monitor: push fails ... */
	rig.deaf_push = false;
	run();
	CHECK(rig.moved); /* ... and the pull saves it */
	make_rig(2);
	rig.deaf_push = true;
	rig.fail_at = 4; /* host deaf on both, the guest on the second */
	run();
	CHECK_EQ(rig.code, EXIT_CODE_FAILED);
	CHECK(rig.shown[0] == 0x0f && rig.shown[1] == 0x0f);
	CHECK(strstr(rig.text, "back where it was") != NULL);
}

static void a_dropped_write_is_repeated(void)
{
	make_rig(1);
	rig.drop_writes = 1;
	run();
	CHECK_EQ(rig.code, EXIT_CODE_OK);
	CHECK_EQ(rig.shown[0], 0x11);
	CHECK_EQ(rig.writes, 2);
}

static void a_monitor_has_retries_of_its_own(void)
{
	make_rig(1);
	rig.drop_writes = 1;
	rig.world.monitors[0].writes = 1; /* "retries = 0" */
	run();
	CHECK_EQ(rig.code, EXIT_CODE_FAILED);
	CHECK_EQ(rig.shown[0], 0x0f);
	make_rig(1);
	rig.drop_writes = 4;
	rig.world.monitors[0].writes = 5;
	run();
	CHECK_EQ(rig.code, EXIT_CODE_OK);
	CHECK_EQ(rig.writes, 5);
}

static void make_pictures(void)
{
	make_rig(2);
	rig.world.monitors[0].via = rig.world.monitors[1].via = MSG_VIA_SIGNAL;
}

/* The second monitor hears of no write: what it shows is what it is sent. */
static void pictures_move_monitors(void)
{
	make_pictures();
	run();
	CHECK_EQ(rig.code, EXIT_CODE_OK);
	CHECK(rig.shown[0] == 0x11 && rig.shown[1] == 0x11);
	CHECK(rig.dark[0] && !rig.dark[1]);
	for (int fail = 1; fail <= 4; fail++) {
		make_pictures();
		rig.fail_at = fail;
		run();
		CHECK_EQ(rig.code, EXIT_CODE_FAILED);
		CHECK(!rig.moved && !rig.dark[0]);
		CHECK(rig.shown[0] == 0x0f && rig.shown[1] == 0x0f);
	}
	make_pictures(); /* one that cannot be read: sent, not confirmed */
	rig.world.monitors[0].unreadable = rig.world.monitors[1].unreadable = true;
	run();
	CHECK_EQ(rig.code, EXIT_CODE_UNCONFIRMED);
	CHECK(rig.moved && rig.shown[0] == 0x11 && rig.shown[1] == 0x11);
}

static void a_monitor_that_ignores_every_write_is_a_failure(void)
{
	make_rig(1);
	rig.drop_writes = 100;
	run();
	CHECK_EQ(rig.code, EXIT_CODE_FAILED);
	CHECK(!rig.moved);
	CHECK(rig.writes <= 1 + 2 + 2); /* write, two repeats, undo by both sides at most */
}

static void an_unreadable_one_is_sent_not_confirmed(void)
{
	make_rig(1);
	rig.unreadable = true;
	run();
	CHECK_EQ(rig.code, EXIT_CODE_UNCONFIRMED);
	CHECK(rig.moved);
	CHECK_EQ(rig.writes, 1);
	CHECK(strstr(rig.text, "not confirmed") != NULL);
}

static void a_start_without_an_answer_is_undone(void)
{
	make_rig(1);
	rig.machines[1].state = WORLD_OFF;
	rig.machines[1].session = false;
	rig.machines[1].startable = rig.machines[1].agent = true;
	/* it takes something: else one that was started would keep running */
	snprintf(rig.world.primary_gpu, WORLD_PCI_SIZE, "%s", rig.machines[1].gpus[0]);
	run();
	CHECK(rig.done && !rig.moved);
	CHECK_EQ(rig.destroyed, 1);
	CHECK_EQ(rig.shown[0], 0x0f);
}

/* --- the sign of life ---------------------------------------------------------------------- */

static void make_asked(enum msg_screen first, int n_first, enum msg_screen then)
{
	make_rig(1);
	rig.world.confirm_ms = 60;
	rig.first = first;
	rig.n_first = n_first;
	rig.then = then;
}

static void a_lit_screen_is_asked_for_once(void)
{
	make_asked(MSG_SCREEN_LIT, 1, MSG_SCREEN_DARK);
	run();
	CHECK(rig.moved);
	CHECK(rig.asked == 1 && rig.pinged == 0);
}

static void a_screen_that_lights_up_is_waited_for(void)
{
	for (enum msg_screen s = MSG_SCREEN_DARK; s <= MSG_SCREEN_UNPLUGGED; s++) {
		make_asked(s, 3, MSG_SCREEN_LIT);
		run();
		CHECK(rig.moved);
		CHECK_EQ(rig.code, EXIT_CODE_OK);
		CHECK_EQ(rig.asked, 4);
	}
}

static void a_dark_screen_is_undone(void)
{
	make_asked(MSG_SCREEN_UNPLUGGED, 2, MSG_SCREEN_DARK);
	run();
	CHECK(rig.done && !rig.moved);
	CHECK_EQ(rig.code, EXIT_CODE_FAILED);
	CHECK_EQ(rig.shown[0], 0x0f);
	CHECK(rig.asked > 3);
	CHECK_STR(rig.text, "alpha answers, but its screen is dark: no output of its graphics card "
			    "is on; --force skips this; everything is back where it was");
	make_asked(MSG_SCREEN_LIT, 0, MSG_SCREEN_UNPLUGGED);
	run();
	CHECK(!rig.moved && rig.shown[0] == 0x0f);
	CHECK(strstr(rig.text, "sees no monitor; --force"));
}

/* As of an agent from before the question, or a card that nobody asks. */
static void what_is_not_known_passes(void)
{
	make_asked(MSG_SCREEN_NOT_KNOWN, 1, MSG_SCREEN_DARK);
	run();
	CHECK(rig.moved);
	CHECK_EQ(rig.asked, 1);
}

/* Silence is silence, whatever was said before. */
static void an_agent_that_falls_silent_is_no_dark_screen(void)
{
	make_asked(MSG_SCREEN_DARK, 1000000, MSG_SCREEN_DARK);
	rig.silent = true;
	run();
	CHECK(!rig.moved && rig.shown[0] == 0x0f);
	CHECK(strstr(rig.text, "alpha confirms that it lives") && !strstr(rig.text, "dark"));
	make_asked(MSG_SCREEN_DARK, 3, MSG_SCREEN_LIT);
	rig.silent = true;
	run();
	CHECK(rig.moved);
}

static void nobody_looks_where_no_monitor_moves_or_by_force(void)
{
	make_asked(MSG_SCREEN_DARK, 0, MSG_SCREEN_DARK);
	run_it(true);
	CHECK(rig.moved);
	CHECK(rig.pinged == 1 && rig.asked == 0);
	make_asked(MSG_SCREEN_DARK, 0, MSG_SCREEN_DARK);
	rig.world.n_monitors = 0;
	run();
	CHECK(rig.moved);
	CHECK(rig.pinged == 1 && rig.asked == 0);
}

TEST_MAIN({ "a_start_without_an_answer_is_undone", a_start_without_an_answer_is_undone },
	{ "all_goes_well", all_goes_well }, { "a_deaf_push_is_pulled", a_deaf_push_is_pulled },
	{ "any_failure_leaves_no_half_switch", any_failure_leaves_no_half_switch },
	{ "both_sides_deaf_is_undone", both_sides_deaf_is_undone },
	{ "a_dropped_write_is_repeated", a_dropped_write_is_repeated },
	{ "a_monitor_has_retries_of_its_own", a_monitor_has_retries_of_its_own },
	{ "pictures_move_monitors", pictures_move_monitors },
	{ "a_monitor_that_ignores_every_write_is_a_failure",
		a_monitor_that_ignores_every_write_is_a_failure },
	{ "a_lit_screen_is_asked_for_once", a_lit_screen_is_asked_for_once },
	{ "a_screen_that_lights_up_is_waited_for", a_screen_that_lights_up_is_waited_for },
	{ "a_dark_screen_is_undone", a_dark_screen_is_undone },
	{ "what_is_not_known_passes", what_is_not_known_passes },
	{ "an_agent_that_falls_silent_is_no_dark_screen",
		an_agent_that_falls_silent_is_no_dark_screen },
	{ "nobody_looks_where_no_monitor_moves_or_by_force",
		nobody_looks_where_no_monitor_moves_or_by_force },
	{ "an_unreadable_one_is_sent_not_confirmed", an_unreadable_one_is_sent_not_confirmed });
