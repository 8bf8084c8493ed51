// SPDX-License-Identifier: GPL-2.0-or-later
/* The plan of a switch, case by case; test-plan-worlds.c goes through all small worlds. */
#include "common/link/message.h"
#include "host/daemon/plan.h"
#include "tests/unit/test.h"

static struct world_machine machines[3];
static struct world w;

static void gpu(char *out, int n)
{
	snprintf(out, WORLD_PCI_SIZE, "0000:0%d:00.0", n);
}

/* GPU 1 is the host's, 2 alpha's, 3 beta's */
static void make_world(int n_monitors)
{
	static const char *const names[] = { "host", "alpha", "beta" };

	memset(&w, 0, sizeof(w));
	memset(machines, 0, sizeof(machines));
	w.machines = machines;
	w.n_machines = 3;
	for (int i = 0; i < 3; i++) {
		machines[i].known = machines[i].session = true;
		machines[i].state = WORLD_RUNNING;
		snprintf(machines[i].name, sizeof(machines[i].name), "%s", names[i]);
		if (i > 0) {
			gpu(machines[i].gpus[0], i + 1);
			machines[i].n_gpus = 1;
		}
	}
	w.n_monitors = n_monitors;
	for (int m = 0; m < n_monitors; m++) {
		struct world_monitor *mon = &w.monitors[m];

		snprintf(mon->name, sizeof(mon->name), "desk%d", m);
		mon->n_inputs = 3;
		mon->shown = -1;
		for (int i = 0; i < 3; i++) {
			snprintf(mon->inputs[i].name, sizeof(mon->inputs[i].name), "in%d", i);
			mon->sources[i].write = (uint16_t)(0x0f + i);
			mon->sources[i].read = INPUT_NOT_READ;
			gpu(mon->inputs[i].gpu, i + 1);
		}
	}
}

static struct plan plan_to(const char *target, bool force)
{
	struct intent i = { .target = target, .force = force };
	struct plan p;

	plan_switch(&w, &i, &p);
	return p;
}

static void the_shown_side_pushes(void)
{
	struct plan p;

	make_world(1);
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK_EQ(p.n_steps, 5);
	CHECK(p.steps[0].kind == STEP_WRITE && p.steps[0].actor == WORLD_HOST);
	CHECK(p.steps[0].input == 1 && p.steps[0].undo_input == 0);
	CHECK(p.steps[1].kind == STEP_WRITE && p.steps[1].actor == 2 && p.steps[1].only_if_failed);
	CHECK(p.steps[2].kind == STEP_WRITE && p.steps[2].actor == 1 && p.steps[2].only_if_failed);
	CHECK(p.steps[3].kind == STEP_CHECK && p.steps[3].actor == 1);
	CHECK(p.steps[4].kind == STEP_SEAT);
}

static void between_two_guests_the_holder_pushes(void)
{
	struct plan p;

	make_world(1);
	w.holder = 1;
	p = plan_to("beta", false);
	CHECK_EQ(p.steps[0].actor, 1);
	CHECK_EQ(p.steps[0].input, 2);
	CHECK_EQ(p.steps[0].undo_input, 1);
	CHECK(p.steps[1].actor == WORLD_HOST && p.steps[1].only_if_failed);
}

/* ... but for the host, if it has a cable: some monitors listen everywhere */
static void a_dead_holder_leaves_the_host_and_the_pull(void)
{
	struct plan p;

	make_world(1);
	w.holder = 1;
	machines[1].session = false;
	p = plan_to("beta", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK(p.steps[0].actor == WORLD_HOST && !p.steps[0].only_if_failed);
	CHECK(p.steps[1].actor == 2 && p.steps[1].only_if_failed);
	w.deaf_host = true;
	p = plan_to("beta", false);
	CHECK(p.steps[0].kind == STEP_WRITE && p.steps[0].actor == 2 && !p.steps[0].only_if_failed);
}

static void a_target_must_be_alive(void)
{
	struct plan p;

	make_world(1);
	machines[1].session = false;
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_NOT_CONNECTED);
	CHECK(strstr(p.reason, "alpha") != NULL);
	p = plan_to("alpha", true);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK(p.steps[0].actor == WORLD_HOST && p.steps[2].kind == STEP_CHECK);
	machines[1].state = WORLD_OFF;
	p = plan_to("alpha", true);
	CHECK_EQ(p.refusal, EXIT_CODE_REFUSED);
}

static void refusals_name_the_thing(void)
{
	struct plan p;

	make_world(1);
	p = plan_to("gamma", false);
	CHECK_EQ(p.refusal, EXIT_CODE_REFUSED);
	CHECK(strstr(p.reason, "gamma") != NULL);
	p = plan_to("\033[2J", false);
	CHECK(strchr(p.reason, '\033') == NULL);
	machines[1].n_gpus = 0;
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_REFUSED);
	CHECK(strstr(p.reason, "GPU") != NULL);
}

static void the_host_without_a_gpu_is_no_target(void)
{
	struct plan p;

	make_world(1);
	gpu(machines[1].gpus[machines[1].n_gpus++], 1);
	w.holder = 1;
	p = plan_to("host", false);
	CHECK_EQ(p.refusal, EXIT_CODE_REFUSED);
	CHECK(strstr(p.reason, "own every GPU") != NULL);
}

static void nothing_to_do_is_said(void)
{
	struct plan p;

	make_world(1);
	w.holder = 1;
	w.monitors[0].shown = 1;
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK_EQ(p.n_steps, 0);
	CHECK(strstr(p.reason, "already") != NULL);
	p = plan_to("alpha", true);
	CHECK(p.n_steps > 0);
}

static void that_no_monitor_is_known_is_said(void)
{
	struct plan p;

	make_world(0);
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK_EQ(p.n_steps, 1); /* the seat's */
	CHECK_STR(p.reason, "no monitor is switched: none is known (va-host monitors)");
	w.deaf_host = true; /* ddc = no: it is meant */
	p = plan_to("alpha", false);
	CHECK_STR(p.reason, "");
	make_world(1);
	p = plan_to("alpha", false);
	CHECK_STR(p.reason, "");
}

static void an_unreadable_monitor_is_not_read(void)
{
	struct plan p;

	make_world(1);
	w.monitors[0].unreadable = true;
	p = plan_to("alpha", false);
	for (int i = 0; i < p.n_steps; i++)
		CHECK(p.steps[i].kind != STEP_CHECK);
}

/* Whoever is shown, and deaf though all wires may be; a guest is not even asked early. */
static void a_command_is_the_hosts(void)
{
	struct plan p;

	make_world(1);
	w.deaf_host = true;
	w.holder = 1;
	w.monitors[0].shown = 1;
	snprintf(w.monitors[0].command, sizeof(w.monitors[0].command), "/bin/switch");
	p = plan_to("beta", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK(p.steps[0].kind == STEP_WRITE && p.steps[0].actor == WORLD_HOST);
	CHECK(p.steps[0].input == 2 && p.steps[0].undo_input == 1);
	CHECK(p.steps[1].kind == STEP_CHECK && p.steps[1].actor == 2);
}

/* Better at once than at the keyboard's step; one that is unplugged is nobody's. */
static void a_guest_that_cannot_have_keyboards(void)
{
	struct plan p;

	make_world(1);
	w.n_devices = 1;
	w.devices[0].keyboard = true;
	snprintf(w.devices[0].name, sizeof(w.devices[0].name), "keys");
	w.fixed_keyboard = true;
	machines[1].no_devices = true;
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_REFUSED);
	CHECK_EQ(p.n_steps, 0);
	CHECK(strstr(p.reason, "keys") && strstr(p.reason, "input = evdev"));
	CHECK_EQ(plan_to("beta", false).refusal, EXIT_CODE_OK);
	w.devices[0].holder = WORLD_NOBODY;
	CHECK_EQ(plan_to("alpha", false).refusal, EXIT_CODE_OK);
}

/* The target's picture comes first, the shown one ends last; a third one might be chosen. */
static void a_picture_moves_a_monitor(void)
{
	struct plan p;

	make_world(1);
	w.monitors[0].via = MSG_VIA_SIGNAL;
	w.monitors[0].shown = 0;
	p = plan_to("alpha", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK_EQ(p.n_steps, 5);
	CHECK(p.steps[0].kind == STEP_LIGHT && p.steps[0].actor == 1 && p.steps[0].undo);
	CHECK(p.steps[1].kind == STEP_DARK && p.steps[1].actor == 2);
	CHECK(p.steps[1].may_fail && !p.steps[1].undo);
	CHECK(p.steps[2].kind == STEP_DARK && p.steps[2].actor == WORLD_HOST);
	CHECK(!p.steps[2].may_fail && p.steps[2].undo && p.steps[2].undo_input == 0);
	CHECK(p.steps[3].kind == STEP_CHECK && p.steps[3].actor == 1);
	w.monitors[0].unreadable = true;
	p = plan_to("alpha", false);
	CHECK_EQ(p.n_steps, 4);
}

/* Nobody can end the picture that is shown: the monitor would stay; a rescue tries all the same. */
static void a_picture_that_nobody_can_end_is_a_refusal(void)
{
	struct intent rescue = { .target = "host", .rescue = true };
	struct plan p;

	make_world(1);
	w.monitors[0].via = MSG_VIA_SIGNAL;
	w.monitors[0].shown = w.holder = 1;
	machines[1].session = false;
	p = plan_to("beta", false);
	CHECK_EQ(p.refusal, EXIT_CODE_NOT_CONNECTED);
	plan_switch(&w, &rescue, &p);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
	CHECK(p.steps[0].kind == STEP_LIGHT && p.steps[0].actor == WORLD_HOST);
	/* the picture of one that is off has ended with it */
	machines[1].state = WORLD_OFF;
	p = plan_to("beta", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
}

static const struct step *confirmation(const struct plan *p)
{
	for (int i = 0; i < p->n_steps; i++)
		if (p->steps[i].kind == STEP_CONFIRM)
			return &p->steps[i];
	return NULL;
}

/* Where a monitor is to show the target, and nobody insists. */
static void a_screen_is_looked_at_where_it_is_to_be_seen(void)
{
	char text[PLAN_TEXT_SIZE];
	struct plan p;

	make_world(1);
	w.confirm_ms = 1000;
	p = plan_to("alpha", false);
	CHECK(confirmation(&p) && confirmation(&p)->screen);
	CHECK(p.steps[p.n_steps - 2].kind == STEP_CONFIRM); /* the last but the seat */
	step_describe(&w, confirmation(&p), text, sizeof(text));
	CHECK_STR(text, "alpha confirms that it lives, and that its screen is on");
	p = plan_to("alpha", true);
	CHECK(confirmation(&p) && !confirmation(&p)->screen);
	step_describe(&w, confirmation(&p), text, sizeof(text));
	CHECK_STR(text, "alpha confirms that it lives");
	w.monitors[0].unreadable = true;
	p = plan_to("alpha", false);
	CHECK(confirmation(&p)->screen);
	/* not cabled to alpha */
	w.monitors[0].n_inputs = 1;
	p = plan_to("alpha", false);
	CHECK(!confirmation(&p) || !confirmation(&p)->screen);
	make_world(0);
	w.confirm_ms = 1000;
	p = plan_to("alpha", false);
	CHECK(confirmation(&p) && !confirmation(&p)->screen);
	p = plan_to("host", false);
	CHECK(!confirmation(&p));
}

TEST_MAIN({ "the_shown_side_pushes", the_shown_side_pushes },
	{ "between_two_guests_the_holder_pushes", between_two_guests_the_holder_pushes },
	{ "a_dead_holder_leaves_the_host_and_the_pull",
		a_dead_holder_leaves_the_host_and_the_pull },
	{ "a_target_must_be_alive", a_target_must_be_alive },
	{ "refusals_name_the_thing", refusals_name_the_thing },
	{ "the_host_without_a_gpu_is_no_target", the_host_without_a_gpu_is_no_target },
	{ "nothing_to_do_is_said", nothing_to_do_is_said },
	{ "that_no_monitor_is_known_is_said", that_no_monitor_is_known_is_said },
	{ "an_unreadable_monitor_is_not_read", an_unreadable_monitor_is_not_read },
	{ "a_command_is_the_hosts", a_command_is_the_hosts },
	{ "a_guest_that_cannot_have_keyboards", a_guest_that_cannot_have_keyboards },
	{ "a_picture_moves_a_monitor", a_picture_moves_a_monitor },
	{ "a_picture_that_nobody_can_end_is_a_refusal",
		a_picture_that_nobody_can_end_is_a_refusal },
	{ "a_screen_is_looked_at_where_it_is_to_be_seen",
		a_screen_is_looked_at_where_it_is_to_be_seen });
