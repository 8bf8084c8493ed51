// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk along a plan; see execute.h and execute-internal.h. */
#include "host/daemon/execute-internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void step_begin(struct execution *x);

uint64_t execute_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct step *execute_step(struct execution *x)
{
	return &x->plan.steps[x->at];
}

void execute_report(struct execution *x, const char *state, const char *detail)
{
	x->ops->on_step(x->ctx, x->at, execute_step(x), state,
		(unsigned int)(execute_now_ms() - x->step_began_ms), detail);
}

static enum exit_code code_of(const struct execution *x)
{
	if (x->undoing || x->failed)
		return EXIT_CODE_FAILED;
	return x->unconfirmed ? EXIT_CODE_UNCONFIRMED : EXIT_CODE_OK;
}

void execute_finish(struct execution *x)
{
	size_t n = strlen(x->text);

	x->over = true;
	if (x->undoing)
		snprintf(x->text + n, sizeof(x->text) - n, "; %s",
			x->undo_failed ? "and it could not all be undone: see va-host status"
				       : "everything is back where it was");
	x->ops->on_done(x->ctx, x, code_of(x), !x->undoing, x->text);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct execution *x = userdata;
	execute_next_fn *next = x->next;

	(void)s;
	(void)usec;
	x->next = NULL;
	if (next)
		next(x);
	return 0;
}

void execute_later(struct execution *x, uint32_t ms, execute_next_fn *next)
{
	x->timer = sd_event_source_disable_unref(x->timer);
	x->next = next;
	if (sd_event_add_time_relative(x->event, &x->timer, CLOCK_BOOTTIME, ms * 1000ull,
		    ms * 10ull + 1, on_timer, x) < 0) /* a hundredth */
		on_timer(NULL, 0, x);
}

void execute_next_step(struct execution *x)
{
	x->at++;
	execute_later(x, 0, step_begin);
}

/* What failed, in the words of who waits for the switch. */
static void describe_failure(struct execution *x, const char *detail)
{
	const struct step *s = execute_step(x);
	const struct world *w = x->ops->world(x->ctx);

	if (step_is_monitors(s->kind)) {
		snprintf(x->text, sizeof(x->text), "monitor %s: %s", x->monitors[s->monitor].name,
			detail[0] ? detail : "it did not obey");
		return;
	}
	if (s->kind == STEP_CONFIRM && x->dark) {
		snprintf(x->text, sizeof(x->text), "%s answers, but %s; --force skips this",
			w->machines[s->machine].name, detail);
		return;
	}
	step_describe(w, s, x->text, sizeof(x->text));
	snprintf(x->text + strlen(x->text), sizeof(x->text) - strlen(x->text), ": %s",
		detail[0] ? detail : "failed");
}

void execute_fail(struct execution *x, const char *detail)
{
	const struct step *s = execute_step(x);
	bool alternative = x->at + 1 < x->plan.n_steps && x->plan.steps[x->at + 1].only_if_failed;

	x->last_ok = false;
	execute_report(x, "failed", detail);
	if (!alternative && !s->may_fail) {
		x->failed = true;
		describe_failure(x, detail);
	}
	if (alternative || s->may_fail || x->plan.best_effort)
		execute_next_step(x);
	else
		execute_later(x, 0, execute_undo_begin);
}

void execute_step_over(struct execution *x, int error, int32_t value, const char *detail)
{
	(void)value;
	if (error) {
		/* what was not acknowledged did not happen; without an answer it may have */
		if (step_is_monitors(execute_step(x)->kind) && error != -ETIMEDOUT)
			x->tried[x->at] = false;
		x->late[x->at] = error == -ETIMEDOUT;
		execute_fail(x, detail[0] ? detail : strerror(-error));
		return;
	}
	x->last_ok = true;
	x->done[x->at] = true;
	if (execute_step(x)->kind == STEP_WRITE)
		x->writer = x->at;
	if (execute_step(x)->kind == STEP_WRITE || execute_step(x)->kind == STEP_DARK)
		if (x->monitors[execute_step(x)->monitor].unreadable)
			execute_unconfirmed(x, "cannot be read"); /* no check will follow */
	execute_report(x, "done", detail);
	execute_next_step(x);
}

static void write_begin(struct execution *x)
{
	const struct step *s = execute_step(x);
	const struct world_monitor *m = &x->monitors[s->monitor];

	if (x->writer >= 0 && x->plan.steps[x->writer].monitor != s->monitor)
		x->writer = -1;
	if (execute_is_gone(x, s->actor))
		execute_step_over(x, -ESRCH, -1, "that guest is no more");
	else
		x->ops->write(x->ctx, x, s->actor, m, m->sources[s->input].write, s->limit_ms,
			execute_step_over);
}

static void picture_begin(struct execution *x)
{
	const struct step *s = execute_step(x);

	x->writer = -1;
	if (execute_is_gone(x, s->actor))
		execute_step_over(x, -ESRCH, -1, "that guest is no more");
	else
		x->ops->write(x->ctx, x, s->actor, &x->monitors[s->monitor], s->kind == STEP_LIGHT,
			s->limit_ms, execute_step_over);
}

static void step_begin(struct execution *x)
{
	struct step *s = execute_step(x);

	if (x->at >= x->plan.n_steps) {
		execute_finish(x);
		return;
	}
	x->step_began_ms = execute_now_ms();
	if (s->only_if_failed && x->last_ok) {
		execute_report(x, "skipped", "");
		execute_next_step(x);
		return;
	}
	if (x->ops->before)
		x->ops->before(x->ctx, x->at, s, false);
	x->tried[x->at] = true;
	switch (s->kind) {
	case STEP_WRITE: write_begin(x); break;
	case STEP_CHECK: execute_check_begin(x); break;
	case STEP_LIGHT:
	case STEP_DARK: picture_begin(x); break;
	case STEP_SEAT: execute_step_over(x, 0, -1, ""); break;
	default: execute_machine_begin(x); break;
	}
}

int execute_new(struct execution **ret, sd_event *event, const struct world *w,
	const struct plan *plan, const struct execute_ops *ops, void *ctx)
{
	struct execution *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->event = sd_event_ref(event);
	x->ops = ops;
	x->ctx = ctx;
	x->plan = *plan;
	x->writer = -1;
	memcpy(x->monitors, w->monitors, sizeof(x->monitors));
	execute_later(x, 0, step_begin);
	*ret = x;
	return 0;
}

void execute_free(struct execution *x)
{
	if (!x)
		return;
	sd_event_source_disable_unref(x->timer);
	sd_event_unref(x->event);
	free(x);
}

int execute_target(const struct execution *x)
{
	return x->plan.target;
}

bool execute_left_over(const struct execution *x)
{
	return x->undo_failed;
}

int execute_at(const struct execution *x, int *ret_of, bool *ret_undoing)
{
	*ret_of = x->plan.n_steps;
	*ret_undoing = x->undoing;
	return x->at < x->plan.n_steps ? x->at + 1 : x->plan.n_steps;
}
