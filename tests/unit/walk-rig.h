// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who acts when a plan is walked in a test: a small world that does what it is told, but for one
 * fault, which is at the k-th act. An act is whatever a step waits for: a write, a read, a stop,
 * a start, a session that comes, a device that moves, a ping.
 */
#ifndef VA_TEST_WALK_RIG_H
#define VA_TEST_WALK_RIG_H

#include "common/link/message.h"
#include "host/daemon/execute.h"
#include "tests/unit/fake-clock.h"
#include "tests/unit/walk-view.h"

enum fault {
	REFUSED,       /* at once, and nothing happened */
	ANSWER_LOST,   /* it happened, and nobody says so */
	IGNORED,       /* it is accepted and nothing happens; a read lies */
	STAYS_REFUSED, /* the same, and whenever it is tried again */
	STAYS_IGNORED,
	N_FAULTS
};

enum act { ACT_WRITE, ACT_READ, ACT_STOP, ACT_START, ACT_SESSION, ACT_MOVE, ACT_PING };

static struct walk_rig {
	struct world w;
	struct world_machine machines[SEAT_GUESTS + 1];
	int first[SEAT_MONITORS]; /* what they showed */
	bool deaf;                /* monitors hear the side that they show, and nobody else */
	int acts, fail_at;
	enum fault fault;
	enum act hit; /* what the fault hit, and whose */
	int hit_whose, hit_where;
	bool over, moved;
	enum exit_code code;
	bool conflict;  /* two machines had one device, or a machine that is off got one */
	bool no_return; /* a keyboard went on to whom nobody hears */
	char text[EXECUTE_TEXT_SIZE + 64];
} rig;

static bool is_hit(enum act act, int whose, int where)
{
	rig.acts++;
	if (rig.acts == rig.fail_at) {
		rig.hit = act;
		rig.hit_whose = whose;
		rig.hit_where = where;
		return true;
	}
	return rig.fail_at && rig.acts > rig.fail_at && rig.fault >= STAYS_REFUSED &&
	       rig.hit == act && rig.hit_whose == whose && rig.hit_where == where;
}

/* True: the act is to have its effect. *ret_error: what is answered. */
static bool happens(enum act act, int whose, int where, int *ret_error)
{
	*ret_error = 0;
	if (!is_hit(act, whose, where))
		return true;
	if (rig.fault == REFUSED || rig.fault == STAYS_REFUSED)
		*ret_error = -ECOMM;
	if (rig.fault == ANSWER_LOST)
		*ret_error = -ETIMEDOUT;
	return rig.fault == ANSWER_LOST;
}

static int rig_monitor(const struct world_monitor *m)
{
	return m->name[4] - '0';
}

static bool is_heard(int machine, const struct world_monitor *m)
{
	return !rig.deaf || world_gpu_owner(&rig.w, m->inputs[m->shown].gpu) == machine;
}

static void fake_write(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done)
{
	struct world_monitor *mon = &rig.w.monitors[rig_monitor(m)];
	int error = -ENOTCONN;

	(void)ctx;
	(void)limit_ms;
	if (rig.machines[machine].session && !is_heard(machine, mon))
		error = -ECOMM;
	else if (rig.machines[machine].session && happens(ACT_WRITE, rig_monitor(m), 0, &error)) {
		for (int i = 0; i < mon->n_inputs; i++)
			if (mon->sources[i].write == value)
				mon->shown = i;
	}
	done(x, error, -1, "");
}

static void fake_read(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint32_t limit_ms, execute_act_fn *done)
{
	const struct world_monitor *mon = &rig.w.monitors[rig_monitor(m)];
	int error, shown = mon->shown, first = rig.first[rig_monitor(m)];

	(void)ctx;
	(void)machine;
	(void)limit_ms;
	if (!happens(ACT_READ, rig_monitor(m), 0, &error) && !error)
		shown = shown != first ? first : (shown + 1) % mon->n_inputs;
	done(x, error, error ? -1 : mon->sources[shown].read, "");
}

static void fake_stop(void *ctx, struct execution *x, int machine, enum step_how how,
	uint32_t limit_ms, execute_act_fn *done)
{
	int error;

	(void)ctx;
	(void)how;
	(void)limit_ms;
	if (happens(ACT_STOP, machine, 0, &error)) {
		rig.machines[machine].state = WORLD_OFF;
		rig.machines[machine].session = false;
		for (int i = 0; i < rig.w.n_devices; i++)
			if (rig.w.devices[i].holder == machine)
				rig.w.devices[i].holder = WORLD_HOST;
	}
	done(x, error, -1, "");
}

static bool is_undoing(const struct execution *x)
{
	int of;
	bool undoing;

	execute_at(x, &of, &undoing);
	return undoing;
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
	if (happens(ACT_START, machine, 0, &error)) {
		rig.machines[machine].state = WORLD_RUNNING;
		/* on the way there, a step waits for it */
		rig.machines[machine].session = is_undoing(x);
	}
	done(x, error, -1, "");
}

static void fake_move(struct execution *x, int device, int from, int to, execute_act_fn *done)
{
	struct world_device *d = &rig.w.devices[device];
	int error;

	if (happens(ACT_MOVE, device, to, &error)) {
		rig.conflict = rig.conflict || !world_is_up(&rig.machines[to]) ||
			       (d->holder != from && d->holder != to);
		rig.no_return = rig.no_return ||
				(d->keyboard && !rig.machines[to].session && !is_undoing(x));
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
	if (!happens(ACT_PING, machine, 0, &error) && !error)
		error = -ETIMEDOUT; /* a question that is ignored */
	done(x, rig.machines[machine].session ? error : -ENOTCONN, -1, "");
}

/* One that ignores what it was asked stays dark for a moment. */
static void fake_screen(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	bool lit;
	int error;

	(void)ctx;
	(void)limit_ms;
	lit = happens(ACT_PING, machine, 0, &error);
	done(x, rig.machines[machine].session ? error : -ENOTCONN,
		lit ? MSG_SCREEN_LIT : MSG_SCREEN_DARK, "");
}

static const struct world *fake_world(void *ctx)
{
	(void)ctx;
	return &rig.w;
}

static void fake_before(void *ctx, int n, const struct step *s, bool undoing)
{
	int error;

	(void)ctx;
	(void)n;
	if (s->kind == STEP_SESSION && !undoing && happens(ACT_SESSION, s->machine, 0, &error))
		rig.machines[s->machine].session = true;
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

static const struct execute_ops rig_ops = {
	.write = fake_write,
	.read = fake_read,
	.stop = fake_stop,
	.start = fake_start,
	.attach = fake_attach,
	.detach = fake_detach,
	.ping = fake_ping,
	.screen = fake_screen,
	.world = fake_world,
	.before = fake_before,
	.on_step = fake_step,
	.on_shown = fake_shown,
	.on_done = fake_done,
	.first_read_ms = 200,
	.next_read_ms = 1000,
	.next_screen_ms = 500,
};

/*
 * Walks p from that world, of which rig.w is a copy. fail_at: the act with the fault, counted
 * from 1; 0: none. False: it came to no end.
 */
static bool rig_walk(
	const struct world *before, const struct plan *p, int fail_at, enum fault fault)
{
	struct execution *x;

	memset(&rig.acts, 0, sizeof(rig) - offsetof(struct walk_rig, acts));
	memset(&fake_clock, 0, sizeof(fake_clock));
	rig.w = *before;
	memcpy(rig.machines, before->machines,
		sizeof(*before->machines) * (size_t)before->n_machines);
	rig.w.machines = rig.machines;
	for (int i = 0; i < rig.w.n_monitors; i++)
		rig.w.monitors[i].shown = rig.first[i] = walk_shown(before, &before->monitors[i]);
	rig.fail_at = fail_at;
	rig.fault = fault;
	if (execute_new(&x, NULL, &rig.w, p, &rig_ops, NULL) < 0)
		return false;
	while (!rig.over && fake_clock_run())
		;
	execute_free(x);
	return rig.over;
}

#endif
