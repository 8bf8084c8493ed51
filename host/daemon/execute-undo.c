// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way back: steps in reverse, each undone by whoever can. What was begun and may have had
 * its effect (no answer came in time) is undone as well, and then may fail.
 */
#include "host/daemon/execute-internal.h"

#include <string.h>

#define UNDO_ROUNDS 9 /* the slowest monitor seen is deaf for 8 s after a write */

static void undo_next(struct execution *x);
static void undo_step(struct execution *x);

static void undone(struct execution *x, const char *state, const char *detail)
{
	execute_report(x, state, detail);
	x->tried[x->at] = x->done[x->at] = false;
	execute_later(x, 0, undo_next);
}

static void on_undone(struct execution *x, int error, int32_t value, const char *detail)
{
	(void)value;
	if (error && (x->done[x->at] || x->late[x->at]))
		x->undo_failed = true;
	undone(x, error ? "failed" : "undone", detail);
}

/* --- monitors
 * ------------------------------------------------------------------------------------- */

/*
 * The newly shown side is heard best, then who wrote it, then whom the GPU went back to, and last
 * who has it now: another guest, if that was to stop for the target and did not.
 */
static int undo_writer(const struct execution *x, const struct step *s)
{
	const struct world_monitor *m = &x->monitors[s->monitor];

	if (m->command[0])
		return WORLD_HOST;
	switch (x->undo_try) {
	case 0: return x->plan.target;
	case 1: return s->actor;
	case 2: return WORLD_HOST;
	default: return world_gpu_owner(x->ops->world(x->ctx), m->inputs[s->input].gpu);
	}
}

static int count_undo_writers(const struct execution *x, const struct step *s)
{
	int owner = world_gpu_owner(
		x->ops->world(x->ctx), x->monitors[s->monitor].inputs[s->input].gpu);

	return owner == x->plan.target || owner == s->actor || owner == WORLD_HOST ? 3 : 4;
}

static void on_written_back(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = &x->plan.steps[x->at];

	x->undo_left = x->undo_left || error != -ESRCH;
	if (!error) /* what it reads as was not asked */
		x->ops->on_shown(x->ctx, s->monitor, s->undo_input, INPUT_NOT_READ, WRITER_UNKNOWN);
	if (error && x->undo_try + 1 < count_undo_writers(x, s)) {
		x->undo_try++;
		execute_later(x, 0, undo_step);
		return;
	}
	/* while somebody is left to try: monitors are deaf while they obey the write before */
	if (error && x->done[x->at] && x->undo_left && x->undo_rounds + 1 < UNDO_ROUNDS) {
		x->undo_rounds++;
		x->undo_try = 0;
		execute_later(x, x->ops->next_read_ms, undo_step);
		return;
	}
	on_undone(x, error, value, detail);
}

static void write_back(struct execution *x, const struct step *s)
{
	const struct world_monitor *m = &x->monitors[s->monitor];
	int writer = undo_writer(x, s);

	if (execute_is_gone(x, writer))
		on_written_back(x, -ESRCH, -1, "that guest is no more");
	else
		x->ops->write(x->ctx, x, writer, m, m->sources[s->undo_input].write, s->limit_ms,
			on_written_back);
}

static void on_picture_back(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = execute_step(x);

	if (!error && s->undo_input >= 0)
		x->ops->on_shown(x->ctx, s->monitor, s->undo_input, INPUT_NOT_READ, WRITER_UNKNOWN);
	on_undone(x, error, value, detail);
}

static void picture_back(struct execution *x, const struct step *s)
{
	if (execute_is_gone(x, s->actor))
		undone(x, "undone", "that guest is no more");
	else
		x->ops->write(x->ctx, x, s->actor, &x->monitors[s->monitor], s->kind == STEP_DARK,
			s->limit_ms, on_picture_back);
}

/* --- machines
 * ------------------------------------------------------------------------------------- */

/* It had the seat: go on when its agent answers, or when it does not. */
static void on_back(struct execution *x, int error, int32_t value, const char *detail)
{
	(void)error;
	on_undone(x, 0, value, detail);
}

static void on_runs_again(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = execute_step(x);

	if (error || !x->ops->world(x->ctx)->machines[s->machine].agent)
		on_undone(x, error, value, detail);
	else
		execute_wait(x, execute_has_session, s->machine, 2 * s->limit_ms, on_back);
}

static void on_started_again(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = execute_step(x);

	if (error)
		on_undone(x, error, value, detail);
	else
		execute_wait(x, execute_is_running, s->machine, s->limit_ms, on_runs_again);
}

static void start_again(struct execution *x, const struct step *s)
{
	const struct world_machine *m = &x->ops->world(x->ctx)->machines[s->machine];

	if (execute_is_gone(x, s->machine))
		on_undone(x, -ENOENT, -1, "it is no more");
	else if (m->state == WORLD_OFF)
		x->ops->start(x->ctx, x, s->machine, s->limit_ms, on_started_again);
	else
		undone(x, "undone", "it runs");
}

static void on_off_again(struct execution *x, int error, int32_t value, const char *detail)
{
	if (error && x->undo_try == 0) {
		x->undo_try = 1;
		x->step_began_ms = execute_now_ms();
		execute_later(x, 0, undo_step);
		return;
	}
	on_undone(x, error, value, detail);
}

static void on_stop_asked_again(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = execute_step(x);

	if (error)
		on_off_again(x, error, value, detail);
	else
		execute_wait(x, execute_is_off, s->machine, s->limit_ms, on_off_again);
}

/* Its agent may still power it off; one that never answered is destroyed. */
static void stop_again(struct execution *x, const struct step *s)
{
	const struct world *w = x->ops->world(x->ctx);
	bool asks = x->undo_try == 0 && w->machines[s->machine].session;

	if (execute_is_off(w, s->machine) && !x->late[x->at])
		undone(x, "undone", "it is off");
	else
		x->ops->stop(x->ctx, x, s->machine, asks ? STOP_AGENT : STOP_FORCE, s->limit_ms,
			on_stop_asked_again);
}

/* --- devices
 * -------------------------------------------------------------------------------------- */

static void give_back(struct execution *x, const struct step *s)
{
	if (execute_is_off(x->ops->world(x->ctx), s->machine))
		on_undone(x, -ESHUTDOWN, -1, "it is off");
	else
		x->ops->attach(x->ctx, x, s->device, s->machine, s->limit_ms, on_undone);
}

static void take_back(struct execution *x, const struct step *s)
{
	if (execute_is_off(x->ops->world(x->ctx), s->machine))
		undone(x, "undone", "it is off");
	else
		x->ops->detach(x->ctx, x, s->device, s->machine, s->limit_ms, on_undone);
}

/* ----------------------------------------------------------------------------------------------------
 */

static void undo_step(struct execution *x)
{
	const struct step *s = execute_step(x);

	switch (s->kind) {
	case STEP_WRITE: write_back(x, s); break;
	case STEP_LIGHT:
	case STEP_DARK: picture_back(x, s); break;
	case STEP_STOP: start_again(x, s); break;
	case STEP_START: stop_again(x, s); break;
	case STEP_DETACH: give_back(x, s); break;
	case STEP_ATTACH: take_back(x, s); break;
	default: undone(x, "undone", ""); break;
	}
}

static bool needs_undoing(const struct execution *x, int n)
{
	const struct step *s = &x->plan.steps[n];

	if (s->kind == STEP_WRITE)
		return x->tried[n] && s->undo_input >= 0;
	return x->tried[n] && s->undo;
}

static void undo_next(struct execution *x)
{
	if (x->at >= x->plan.n_steps)
		x->at = x->plan.n_steps - 1;
	while (x->at >= 0 && !needs_undoing(x, x->at))
		x->at--;
	if (x->at < 0) {
		x->at = 0;
		execute_finish(x);
		return;
	}
	x->step_began_ms = execute_now_ms();
	x->undo_try = x->undo_rounds = 0;
	x->undo_left = false;
	if (x->ops->before)
		x->ops->before(x->ctx, x->at, execute_step(x), true);
	undo_step(x);
}

void execute_undo_begin(struct execution *x)
{
	x->undoing = true;
	undo_next(x);
}
