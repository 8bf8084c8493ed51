// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plan of a switch: table cases, and every small world. In all worlds of one host, two
 * guests and two monitors with up to three inputs: whoever writes is alive, the writer that is
 * shown comes first, the seat is the last step, and a refusal has a reason.
 */
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
		machines[i].known = machines[i].running = machines[i].session = true;
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
	CHECK_EQ(p.n_steps, 4);
	CHECK(p.steps[0].kind == STEP_WRITE && p.steps[0].actor == WORLD_HOST);
	CHECK(p.steps[0].input == 1 && p.steps[0].undo_input == 0);
	CHECK(p.steps[1].kind == STEP_WRITE && p.steps[1].actor == 1 && p.steps[1].only_if_failed);
	CHECK(p.steps[2].kind == STEP_CHECK && p.steps[2].actor == 1);
	CHECK(p.steps[3].kind == STEP_SEAT);
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
}

static void a_dead_holder_leaves_only_the_pull(void)
{
	struct plan p;

	make_world(1);
	w.holder = 1;
	machines[1].session = false;
	p = plan_to("beta", false);
	CHECK_EQ(p.refusal, EXIT_CODE_OK);
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
	CHECK(p.steps[0].actor == WORLD_HOST && p.steps[1].kind == STEP_CHECK);
	machines[1].running = false;
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
	make_world(0);
	p = plan_to("alpha", false);
	CHECK(strstr(p.reason, "monitor") != NULL);
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

static void an_unreadable_monitor_is_not_read(void)
{
	struct plan p;

	make_world(1);
	w.monitors[0].unreadable = true;
	p = plan_to("alpha", false);
	for (int i = 0; i < p.n_steps; i++)
		CHECK(p.steps[i].kind != STEP_CHECK);
}

static bool plan_is_sound(const struct plan *p, bool force)
{
	if (p->refusal != EXIT_CODE_OK)
		return p->n_steps == 0 && p->reason[0];
	if (p->n_steps == 0)
		return p->reason[0];
	if (p->steps[p->n_steps - 1].kind != STEP_SEAT)
		return false;
	if (!machines[p->target].session && !force)
		return false;
	for (int i = 0; i < p->n_steps; i++) {
		const struct step *s = &p->steps[i];

		if (s->kind == STEP_SEAT)
			continue;
		if (!machines[s->actor].running || !machines[s->actor].session)
			return false;
		if (world_gpu_owner(&w, w.monitors[s->monitor].inputs[s->input].gpu) != p->target)
			return false;
		if (s->only_if_failed && (i == 0 || p->steps[i - 1].kind != STEP_WRITE))
			return false;
		if (s->kind == STEP_WRITE && s->limit_ms == 0)
			return false;
	}
	return true;
}

static void every_small_world(void)
{
	static const char *const targets[] = { "host", "alpha", "beta" };
	unsigned int worlds = 0, plans = 0;

	for (unsigned int bits = 0; bits < 1u << 10; bits++)
		for (int holder = 0; holder < 3; holder++)
			for (int n = 0; n <= 2; n++) {
				make_world(n);
				w.holder = holder;
				machines[1].running = bits & 1;
				machines[2].running = bits & 2;
				machines[1].session = machines[1].running && bits & 4;
				machines[2].session = machines[2].running && bits & 8;
				machines[1].n_gpus = bits & 16 ? 1 : 0;
				w.monitors[0].n_inputs = bits & 32 ? 2 : 3;
				w.monitors[0].shown = bits & 64 ? holder : -1;
				w.monitors[1].shown = bits & 128 ? 0 : -1;
				w.monitors[0].unreadable = bits & 256;
				if (bits & 512) /* alpha has the host's GPU */
					gpu(machines[1].gpus[0], 1);
				worlds++;
				for (int t = 0; t < 6; t++) {
					struct plan p = plan_to(targets[t % 3], t >= 3);

					plans++;
					CHECK(plan_is_sound(&p, t >= 3));
				}
			}
	printf("     %u worlds, %u plans\n", worlds, plans);
	CHECK(plans > 10000);
}

TEST_MAIN({ "the_shown_side_pushes", the_shown_side_pushes },
	{ "between_two_guests_the_holder_pushes", between_two_guests_the_holder_pushes },
	{ "a_dead_holder_leaves_only_the_pull", a_dead_holder_leaves_only_the_pull },
	{ "a_target_must_be_alive", a_target_must_be_alive },
	{ "refusals_name_the_thing", refusals_name_the_thing },
	{ "the_host_without_a_gpu_is_no_target", the_host_without_a_gpu_is_no_target },
	{ "nothing_to_do_is_said", nothing_to_do_is_said },
	{ "an_unreadable_monitor_is_not_read", an_unreadable_monitor_is_not_read },
	{ "every_small_world", every_small_world });
