// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Steps about machines and devices. Stopping and starting have two parts: somebody is asked, and
 * then the world is watched until it is so, within the step's one limit.
 */
#include "host/daemon/execute-internal.h"

#include "common/link/message.h"

#include <string.h>

#define ANSWER_MS 1000u /* an agent that lives is quicker */

bool execute_is_gone(const struct execution *x, int machine)
{
	return !x->ops->world(x->ctx)->machines[machine].known;
}

int execute_is_off(const struct world *w, int machine)
{
	return !world_is_up(&w->machines[machine]);
}

int execute_is_running(const struct world *w, int machine)
{
	if (!w->machines[machine].known)
		return -ENOENT;
	return world_is_running(&w->machines[machine]);
}

int execute_has_session(const struct world *w, int machine)
{
	if (!w->machines[machine].known)
		return -ENOENT;
	if (!world_is_up(&w->machines[machine]))
		return -ESHUTDOWN;
	return world_is_running(&w->machines[machine]) && w->machines[machine].session;
}

static const char *error_text(int error)
{
	switch (error) {
	case 0: return "";
	case -ENOENT: return "it is no more";
	case -ESHUTDOWN: return "it went off";
	default: return "not within the limit";
	}
}

static void wait_over(struct execution *x, int error)
{
	execute_act_fn *done = x->cond_done;

	x->cond = NULL;
	x->timer = sd_event_source_disable_unref(x->timer);
	done(x, error, -1, error_text(error));
}

static void wait_look(struct execution *x)
{
	int r = x->cond(x->ops->world(x->ctx), x->cond_machine);

	if (r)
		wait_over(x, r < 0 ? r : 0);
}

static void wait_late(struct execution *x)
{
	uint64_t now = execute_now_ms();

	wait_look(x);
	if (x->cond && now >= x->cond_until_ms)
		wait_over(x, -ETIMEDOUT);
	else if (x->cond)
		execute_later(x, (uint32_t)(x->cond_until_ms - now), wait_late);
}

void execute_wait(struct execution *x, execute_cond_fn *cond, int machine, uint32_t limit_ms,
	execute_act_fn *done)
{
	x->cond = cond;
	x->cond_machine = machine;
	x->cond_done = done;
	x->cond_until_ms = x->step_began_ms + limit_ms;
	execute_later(x, 0, wait_late); /* from the loop, as all that goes on */
}

void execute_poke(struct execution *x)
{
	if (x && x->cond && !x->over && x->cond(x->ops->world(x->ctx), x->cond_machine))
		execute_later(x, 0, wait_late);
}

/* --- the steps
 * -------------------------------------------------------------------------------------- */

/* A machine that was told to go may be off before it has answered. */
static void on_stop_asked(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = execute_step(x);

	if (error && error != -ETIMEDOUT)
		execute_step_over(x, error, value, detail);
	else
		execute_wait(x, execute_is_off, s->machine, s->limit_ms, execute_step_over);
}

static void on_start_asked(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct step *s = execute_step(x);

	if (error)
		execute_step_over(x, error, value, detail);
	else
		execute_wait(x, execute_is_running, s->machine, s->limit_ms, execute_step_over);
}

static void confirm_ask(struct execution *x);

/* What is left of the step's limit, in ms. */
static uint32_t time_left(struct execution *x)
{
	uint64_t took = execute_now_ms() - x->step_began_ms;
	uint32_t limit = execute_step(x)->limit_ms;

	return took < limit ? limit - (uint32_t)took : 0;
}

/* An agent that is just being replaced has the rest of the limit. */
static void on_confirmed(struct execution *x, int error, int32_t value, const char *detail)
{
	if (error && time_left(x))
		execute_later(x, x->ops->next_read_ms, confirm_ask);
	else
		execute_step_over(x, error, value, detail);
}

/* So has a desktop that hears of its monitor just now. */
static void on_screen(struct execution *x, int error, int32_t value, const char *detail)
{
	x->dark = !error && (value == MSG_SCREEN_DARK || value == MSG_SCREEN_UNPLUGGED);
	if (!x->dark)
		on_confirmed(x, error, value, detail);
	else if (time_left(x))
		execute_later(x, x->ops->next_screen_ms, confirm_ask);
	else
		execute_fail(x, value == MSG_SCREEN_DARK
					? "its screen is dark: no output of its graphics card is on"
					: "its screen is dark: its graphics card sees no monitor");
}

static void confirm_ask(struct execution *x)
{
	const struct step *s = execute_step(x);
	uint32_t left = time_left(x);

	/* the last question may come at the end of the limit, and gets its answer all the same */
	if (left < ANSWER_MS)
		left = ANSWER_MS;
	if (execute_is_gone(x, s->machine))
		execute_fail(x, "that guest is no more");
	else if (s->screen)
		x->ops->screen(x->ctx, x, s->machine, left, on_screen);
	else
		x->ops->ping(x->ctx, x, s->machine, left, on_confirmed);
}

static void stop_begin(struct execution *x)
{
	const struct step *s = execute_step(x);

	if (s->how == STOP_AWAIT || execute_is_off(x->ops->world(x->ctx), s->machine))
		on_stop_asked(x, 0, -1, "");
	else
		x->ops->stop(x->ctx, x, s->machine, s->how, s->limit_ms, on_stop_asked);
}

void execute_machine_begin(struct execution *x)
{
	const struct step *s = execute_step(x);

	if (s->kind != STEP_STOP && s->kind != STEP_DETACH && execute_is_gone(x, s->machine)) {
		execute_fail(x, "that guest is no more");
		return;
	}
	switch (s->kind) {
	case STEP_STOP: stop_begin(x); break;
	case STEP_START: x->ops->start(x->ctx, x, s->machine, s->limit_ms, on_start_asked); break;
	case STEP_SESSION:
		execute_wait(x, execute_has_session, s->machine, s->limit_ms, execute_step_over);
		break;
	case STEP_DETACH:
		/* with the machine went what it held */
		if (execute_is_off(x->ops->world(x->ctx), s->machine))
			execute_step_over(x, 0, -1, "it is off");
		else
			x->ops->detach(
				x->ctx, x, s->device, s->machine, s->limit_ms, execute_step_over);
		break;
	case STEP_ATTACH:
		x->ops->attach(x->ctx, x, s->device, s->machine, s->limit_ms, execute_step_over);
		break;
	case STEP_CONFIRM:
		x->dark = false;
		confirm_ask(x);
		break;
	default: execute_fail(x, "not a step that is known"); break;
	}
}
