// SPDX-License-Identifier: GPL-2.0-or-later
/* A monitor is read until it shows what it should, or does not; see execute.h. */
#include "host/daemon/execute-internal.h"

#include <stdio.h>

#define WRITES_MAX       3 /* each repeat blanks the screen on some monitors */
#define SAME_OTHER_READS 3 /* that many answers of another input make it a fact */

static void check_read(struct execution *x);

static void on_rewritten(struct execution *x, int error, int32_t value, const char *detail)
{
	(void)value;
	(void)detail;
	if (!error)
		x->tried[x->writer] = x->done[x->writer] = true;
	execute_later(x, x->ops->next_read_ms, check_read);
}

static bool writes_there(const struct execution *x, int n, int monitor)
{
	return n >= 0 && x->plan.steps[n].kind == STEP_WRITE && x->plan.steps[n].monitor == monitor;
}

/* The next of those who can write to this monitor, and round again. */
static int next_writer(const struct execution *x, int monitor)
{
	int first = x->at, n = x->writer + 1;

	while (writes_there(x, first - 1, monitor))
		first--;
	return n > first && n < x->at && writes_there(x, n, monitor) ? n : first;
}

static void rewrite(struct execution *x)
{
	const struct step *s = execute_step(x), *w;
	const struct world_monitor *m = &x->monitors[s->monitor];

	x->rewrites++;
	x->others = 0;
	x->writer = next_writer(x, s->monitor);
	w = &x->plan.steps[x->writer];
	if (execute_is_gone(x, w->actor))
		execute_later(x, x->ops->next_read_ms, check_read);
	else
		x->ops->write(x->ctx, x, w->actor, m, m->sources[s->input].write, w->limit_ms,
			on_rewritten);
}

static int writes_max(const struct world_monitor *m)
{
	return m->writes ? (int)m->writes : WRITES_MAX;
}

void execute_unconfirmed(struct execution *x, const char *detail)
{
	if (!x->text[0])
		snprintf(x->text, sizeof(x->text), "sent, not confirmed: monitor %s %s",
			x->monitors[execute_step(x)->monitor].name, detail);
	x->unconfirmed = true;
}

static void on_read(struct execution *x, int error, int32_t value, const char *detail)
{
	struct step *s = execute_step(x);
	const struct world_monitor *m = &x->monitors[s->monitor];
	bool late = execute_now_ms() - x->step_began_ms >= s->limit_ms;
	enum input_verdict v = input_judge(
		m->sources, (size_t)m->n_inputs, (size_t)s->input, error ? INPUT_NOT_READ : value);

	if (v == INPUT_SHOWN) {
		x->ops->on_shown(x->ctx, s->monitor, s->input, value,
			x->writer >= 0 ? x->plan.steps[x->writer].writer : WRITER_UNKNOWN);
		execute_step_over(x, 0, value, "");
		return;
	}
	if (error == -ESRCH) {
		execute_fail(x, detail); /* nobody would see the picture */
		return;
	}
	x->others = v == INPUT_OTHER ? x->others + 1 : 0;
	if (x->others >= SAME_OTHER_READS && x->rewrites + 1 < writes_max(m) && !late &&
		x->writer >= 0)
		rewrite(x);
	else if (!late)
		execute_later(x, x->ops->next_read_ms, check_read);
	else if (v == INPUT_OTHER)
		execute_fail(x, "it acknowledged the write and still shows another input");
	else {
		execute_unconfirmed(x, error ? detail : "does not say which input it shows");
		execute_step_over(x, 0, -1, "sent, not confirmed");
	}
}

static void check_read(struct execution *x)
{
	const struct step *s = execute_step(x);

	if (execute_is_gone(x, s->actor))
		execute_fail(x, "that guest is no more");
	else
		x->ops->read(x->ctx, x, s->actor, &x->monitors[s->monitor], s->limit_ms, on_read);
}

void execute_check_begin(struct execution *x)
{
	const struct world_monitor *m = &x->monitors[execute_step(x)->monitor];

	x->rewrites = x->others = 0;
	execute_later(x, m->settle_ms ? m->settle_ms : x->ops->first_read_ms, check_read);
}
