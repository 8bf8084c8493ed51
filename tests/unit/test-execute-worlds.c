// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walking the plans of small worlds, with a fault at each act in turn: it is refused, or it
 * happens and the answer is lost, or it is accepted and nothing happens. Afterwards monitors,
 * keyboards, mice and machines are all where the plan leads, or all back.
 */
#include "host/daemon/execute.h"
#include "tests/unit/seat-every.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdlib.h>

enum fault { REFUSED, ANSWER_LOST, IGNORED, N_FAULTS };

#define ENSURE(cond)                                                                       \
	do {                                                                               \
		if (!(cond)) {                                                             \
			snprintf(broken, sizeof(broken), "%s (line %d)", #cond, __LINE__); \
			return false;                                                      \
		}                                                                          \
	} while (0)

static char broken[160];

static struct rig {
	sd_event *event;
	struct world w;
	struct world_machine machines[SEAT_GUESTS + 1];
	int acts, fail_at;
	enum fault fault;
	bool over, moved;
	enum exit_code code;
	bool conflict; /* two machines had one device, or a machine that is off got one */
	char text[256];
} rig;

/* True: the act is to have its effect. *ret_error: what is answered. */
static bool happens(int *ret_error)
{
	*ret_error = 0;
	if (++rig.acts != rig.fail_at)
		return true;
	*ret_error = rig.fault == REFUSED ? -ECOMM : rig.fault == ANSWER_LOST ? -ETIMEDOUT : 0;
	return rig.fault == ANSWER_LOST;
}

static void fake_write(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done)
{
	struct world_monitor *mon = &rig.w.monitors[m->name[4] - '0'];
	int error;
	bool heard = machine == WORLD_HOST || rig.machines[machine].session;

	(void)ctx;
	(void)limit_ms;
	if (heard && happens(&error)) {
		for (int i = 0; i < mon->n_inputs; i++)
			if (mon->sources[i].write == value)
				mon->shown = i;
	}
	done(x, heard ? error : -ENOTCONN, -1, "");
}

static void fake_read(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint32_t limit_ms, execute_act_fn *done)
{
	const struct world_monitor *mon = &rig.w.monitors[m->name[4] - '0'];

	(void)ctx;
	(void)machine;
	(void)limit_ms;
	done(x, mon->shown < 0 ? -ECOMM : 0, mon->shown < 0 ? -1 : mon->sources[mon->shown].read,
		"");
}

static void fake_stop(void *ctx, struct execution *x, int machine, enum step_how how,
	uint32_t limit_ms, execute_act_fn *done)
{
	int error;

	(void)ctx;
	(void)how;
	(void)limit_ms;
	if (happens(&error)) {
		rig.machines[machine].state = WORLD_OFF;
		rig.machines[machine].session = false;
		for (int i = 0; i < rig.w.n_devices; i++)
			if (rig.w.devices[i].holder == machine)
				rig.w.devices[i].holder = WORLD_HOST;
	}
	done(x, error, -1, "");
}

static void fake_start(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	const char *pci;
	int error;

	(void)ctx;
	(void)limit_ms;
	for (int i = 1; i < rig.w.n_machines; i++)
		if (i != machine && world_is_up(&rig.machines[i]) &&
			world_conflicts(&rig.machines[i], &rig.machines[machine], &pci))
			rig.conflict = true;
	if (happens(&error)) {
		rig.machines[machine].state = WORLD_RUNNING;
		rig.machines[machine].session = true;
	}
	done(x, error, -1, "");
}

static void fake_move(struct execution *x, int device, int from, int to, execute_act_fn *done)
{
	struct world_device *d = &rig.w.devices[device];
	int error;

	if (happens(&error)) {
		rig.conflict = rig.conflict || !world_is_up(&rig.machines[to]) ||
			       (d->holder != from && d->holder != to);
		d->holder = to;
	} else if (!error) {
		error = -ECOMM; /* libvirt knows whether it did */
	}
	done(x, error, -1, "");
}

static void fake_attach(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done)
{
	(void)ctx;
	(void)limit_ms;
	fake_move(x, device, WORLD_HOST, machine, done);
}

static void fake_detach(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done)
{
	(void)ctx;
	(void)limit_ms;
	fake_move(x, device, machine, WORLD_HOST, done);
}

static void fake_ping(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	int error;

	(void)ctx;
	(void)limit_ms;
	(void)happens(&error);
	done(x, rig.machines[machine].session ? error : -ENOTCONN, -1, "");
}

static const struct world *fake_world(void *ctx)
{
	(void)ctx;
	return &rig.w;
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
	(void)monitor;
	(void)input;
	(void)value;
	(void)by;
}

static void fake_done(
	void *ctx, struct execution *x, enum exit_code code, bool moved, const char *text)
{
	(void)ctx;
	(void)x;
	rig.code = code;
	rig.moved = moved;
	rig.over = true;
	snprintf(rig.text, sizeof(rig.text), "%s", text);
}

static const struct execute_ops ops = {
	.write = fake_write,
	.read = fake_read,
	.stop = fake_stop,
	.start = fake_start,
	.attach = fake_attach,
	.detach = fake_detach,
	.ping = fake_ping,
	.world = fake_world,
	.on_step = fake_step,
	.on_shown = fake_shown,
	.on_done = fake_done,
};

/* --- what must hold afterwards ---------------------------------------------------------------- */

static const struct plan *the_plan;

static bool is_there(void)
{
	int target = the_plan->target;

	for (int i = 0; i < rig.w.n_monitors; i++) {
		const struct world_monitor *m = &rig.w.monitors[i];

		if (m->n_inputs > 1 && world_input_of(&rig.w, m, target) >= 0)
			ENSURE(m->shown >= 0 &&
				world_gpu_owner(&rig.w, m->inputs[m->shown].gpu) == target);
	}
	for (int i = 0; i < rig.w.n_devices; i++) {
		const struct world_device *d = &rig.w.devices[i];

		ENSURE(d->holder == target || d->holder == WORLD_NOBODY ||
			(d->keyboard && !rig.machines[target].session && d->holder == WORLD_HOST));
	}
	return true;
}

static bool is_back(const struct world *before)
{
	for (int i = 0; i < rig.w.n_monitors; i++)
		ENSURE(before->monitors[i].shown < 0 ||
			rig.w.monitors[i].shown == before->monitors[i].shown);
	for (int i = 0; i < rig.w.n_devices; i++)
		ENSURE(rig.w.devices[i].holder == before->devices[i].holder);
	for (int i = 1; i < rig.w.n_machines; i++)
		ENSURE(rig.machines[i].state == before->machines[i].state ||
			(i == the_plan->target && before->machines[i].state == WORLD_OFF));
	return true;
}

static bool outcome_is_right(const struct world *before)
{
	ENSURE(rig.over && !rig.conflict);
	ENSURE(rig.moved == (rig.code == EXIT_CODE_OK || rig.code == EXIT_CODE_UNCONFIRMED));
	return rig.moved ? is_there() : is_back(before);
}

static bool run(const struct world *before, const struct plan *p, int fail_at, enum fault fault)
{
	struct execution *x;
	sd_event *event = rig.event;

	memset(&rig, 0, sizeof(rig));
	rig.event = event;
	rig.w = *before;
	memcpy(rig.machines, before->machines,
		sizeof(*before->machines) * (size_t)before->n_machines);
	rig.w.machines = rig.machines;
	/* what is shown is not always known, but something is */
	for (int i = 0; i < rig.w.n_monitors; i++) {
		struct world_monitor *m = &rig.w.monitors[i];

		if (m->shown < 0 && m->n_inputs > 0)
			m->shown = world_input_of(before, m, before->holder);
		if (m->shown < 0 && m->n_inputs > 0)
			m->shown = 0;
	}
	rig.fail_at = fail_at;
	rig.fault = fault;
	the_plan = p;
	if (execute_new(&x, event, &rig.w, p, &ops, NULL) < 0)
		return false;
	while (!rig.over)
		if (sd_event_run(event, UINT64_MAX) < 0)
			return false;
	execute_free(x);
	return outcome_is_right(before);
}

static uint64_t n_walks, n_back;

static bool walk(const struct world *w, const char *target, bool force, bool wait)
{
	struct intent i = { .target = target, .force = force, .wait = wait };
	static struct plan p;
	bool good;
	int acts;

	plan_switch(w, &i, &p);
	if (p.refusal != EXIT_CODE_OK || p.n_steps == 0)
		return true;
	for (int n = 0; n < p.n_steps; n++) /* the clock is real here */
		p.steps[n].limit_ms =
			p.steps[n].kind == STEP_CONFIRM || p.steps[n].kind == STEP_CHECK ? 1000 : 1;
	good = run(w, &p, 0, REFUSED);
	acts = rig.acts;
	n_walks++;
	for (int k = 1; good && k <= acts; k++)
		for (enum fault f = REFUSED; good && f < N_FAULTS; f++) {
			good = run(w, &p, k, f);
			n_walks++;
			n_back += !rig.moved;
			if (!good)
				printf("     act %d, fault %d, ", k, (int)f);
		}
	if (!good)
		printf("     holder %d to %s%s: %s; %s %s\n", w->holder, target,
			force ? " by force" : "", broken, exit_code_name(rig.code), rig.text);
	for (int n = 0; !good && n < p.n_steps; n++) {
		char text[PLAN_TEXT_SIZE];

		step_describe(w, &p.steps[n], text, sizeof(text));
		printf("     %2d. %s\n", n + 1, text);
	}
	return good;
}

static bool walk_targets(struct seat_world *sw)
{
	for (int t = 0; t < sw->w.n_machines; t++)
		for (int flags = 0; flags < 3; flags++)
			if (!walk(&sw->w, seat_names[t], flags == 1, flags == 2))
				return false;
	return true;
}

static void walk_all(const struct seat_size *s, uint64_t step)
{
	static struct seat_every e;

	n_walks = n_back = 0;
	sd_event_new(&rig.event);
	seat_every(&e, s, step, walk_targets);
	rig.event = sd_event_unref(rig.event);
	printf("     %d guests, %d GPUs, %d monitors, %d devices: %" PRIu64 " worlds, %" PRIu64
	       " walks, %" PRIu64 " went back\n",
		s->guests, s->gpus, s->monitors, s->devices, e.n, n_walks, n_back);
	CHECK(!e.stopped);
	CHECK(n_walks > 1000 && n_back > 100);
}

static void a_fault_at_each_act_of_small_worlds(void)
{
	walk_all(&(struct seat_size){ 2, 2, 1, 2 }, getenv("VA_LONG") ? 1 : 31);
}

static void a_fault_at_each_act_of_larger_worlds(void)
{
	walk_all(&(struct seat_size){ 3, 3, 2, 2 }, getenv("VA_LONG") ? 24007 : 800011);
}

TEST_MAIN({ "a_fault_at_each_act_of_small_worlds", a_fault_at_each_act_of_small_worlds },
	{ "a_fault_at_each_act_of_larger_worlds", a_fault_at_each_act_of_larger_worlds });
