// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walk along a plan; see execute.h.
 *
 * State: step i of the plan, or, once undoing, step i counted downwards. Each act ends in one
 * callback, which decides what comes next; nothing else moves the state but the check's timer.
 */
#include "host/daemon/execute.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REWRITES_MAX     2 /* each repeat blanks the screen on some monitors */
#define UNDO_TRIES       9 /* the slowest monitor seen is deaf for 8 s after a write */
#define SAME_OTHER_READS 3 /* that many answers of another input make it a fact */

struct execution {
	sd_event *event;
	sd_event_source *timer;
	const struct execute_ops *ops;
	void *ctx;
	struct plan plan;
	struct world_monitor monitors[WORLD_MAX_MONITORS];
	int at; /* step */
	int undo_tries;
	bool undo_alone;          /* the first side is gone */
	bool undoing, undo_other; /* undo_other: the second side tries the same undo */
	bool last_write_ok;
	bool done[PLAN_MAX_STEPS];
	bool unconfirmed, undo_failed;
	uint64_t step_began_ms;
	/* of the check under way */
	int writer; /* the step whose write is being checked */
	int rewrites, others;
	char text[PLAN_TEXT_SIZE];
};

static void step_begin(struct execution *x);
static void undo_next(struct execution *x);
static void check_read(struct execution *x);

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct step *step_at(struct execution *x)
{
	return &x->plan.steps[x->at];
}

static void report(struct execution *x, const char *state, const char *detail)
{
	x->ops->on_step(x->ctx, x->at, step_at(x), state,
		(unsigned int)(now_ms() - x->step_began_ms), detail);
}

static void finish(struct execution *x)
{
	bool moved = !x->undoing;
	enum exit_code code = x->undoing       ? EXIT_CODE_FAILED
			      : x->unconfirmed ? EXIT_CODE_UNCONFIRMED
					       : EXIT_CODE_OK;

	if (x->undoing)
		snprintf(x->text + strlen(x->text), sizeof(x->text) - strlen(x->text), "; %s",
			x->undo_failed ? "and it could not all be undone: see va-host monitors"
				       : "everything is back where it was");
	x->ops->on_done(x->ctx, x, code, moved, x->text);
}

static int on_deferred(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct execution *x = userdata;

	(void)s;
	(void)usec;
	if (x->undoing)
		undo_next(x);
	else if (x->at >= x->plan.n_steps)
		finish(x);
	else if (step_at(x)->kind == STEP_CHECK && x->step_began_ms)
		check_read(x);
	else
		step_begin(x);
	return 0;
}

/* Come back in ms; 0: from the loop, so that no callback runs deep in another's stack. */
static void later(struct execution *x, uint32_t ms)
{
	x->timer = sd_event_source_unref(x->timer);
	if (sd_event_add_time_relative(x->event, &x->timer, CLOCK_BOOTTIME, ms * 1000ull,
		    ms ? 10000 : 1, on_deferred, x) < 0)
		on_deferred(NULL, 0, x);
}

static void next_step(struct execution *x)
{
	x->at++;
	x->step_began_ms = 0;
	later(x, 0);
}

static void fail(struct execution *x, const char *detail)
{
	const struct world_monitor *m = &x->monitors[step_at(x)->monitor];

	report(x, "failed", detail);
	snprintf(x->text, sizeof(x->text), "monitor %s: %s", m->name,
		detail[0] ? detail : "it did not obey");
	x->undoing = true;
	x->undo_other = false;
	later(x, 0);
}

static bool alternative_follows(const struct execution *x)
{
	return x->at + 1 < x->plan.n_steps && x->plan.steps[x->at + 1].only_if_failed;
}

static void on_written(struct execution *x, int error, int32_t value, const char *detail)
{
	const struct world_monitor *m = &x->monitors[step_at(x)->monitor];

	(void)value;
	x->last_write_ok = error == 0;
	if (error == 0 && m->unreadable && !x->unconfirmed) {
		x->unconfirmed = true; /* no check will follow */
		snprintf(x->text, sizeof(x->text), "sent, not confirmed: monitor %s cannot be read",
			m->name);
	}
	/* without an answer it may have happened: to be undone, too */
	x->done[x->at] = error == 0 || error == -ETIMEDOUT;
	if (error == 0) {
		x->writer = x->at;
		report(x, "done", detail);
		next_step(x);
	} else if (alternative_follows(x)) {
		report(x, "failed", detail);
		next_step(x);
	} else {
		fail(x, detail);
	}
}

static void on_rewritten(struct execution *x, int error, int32_t value, const char *detail)
{
	(void)error;
	(void)value;
	(void)detail;
	later(x, x->ops->next_read_ms);
}

static void check_over(struct execution *x, bool confirmed, const char *detail)
{
	x->unconfirmed = x->unconfirmed || !confirmed;
	if (!confirmed && !x->text[0])
		snprintf(x->text, sizeof(x->text), "sent, not confirmed: monitor %s %s",
			x->monitors[step_at(x)->monitor].name, detail);
	report(x, "done", confirmed ? detail : "sent, not confirmed");
	next_step(x);
}

static void on_read(struct execution *x, int error, int32_t value, const char *detail)
{
	struct step *s = step_at(x);
	const struct world_monitor *m = &x->monitors[s->monitor];
	bool late = now_ms() - x->step_began_ms >= s->limit_ms;
	enum input_verdict v = input_judge(
		m->sources, (size_t)m->n_inputs, (size_t)s->input, error ? INPUT_NOT_READ : value);

	if (v == INPUT_SHOWN) {
		x->ops->on_shown(x->ctx, s->monitor, s->input, value);
		check_over(x, true, "");
		return;
	}
	if (error == -ESRCH) {
		fail(x, detail); /* nobody would see the picture */
		return;
	}
	x->others = v == INPUT_OTHER ? x->others + 1 : 0;
	if (x->others >= SAME_OTHER_READS && x->rewrites < REWRITES_MAX && !late) {
		const struct step *w = &x->plan.steps[x->writer];

		x->rewrites++;
		x->others = 0;
		x->ops->write(x->ctx, x, w->actor, m, m->sources[s->input].write, w->limit_ms,
			on_rewritten);
	} else if (!late) {
		later(x, x->ops->next_read_ms);
	} else if (v == INPUT_OTHER) {
		fail(x, "it acknowledged the write and still shows another input");
	} else {
		check_over(x, false, error ? detail : "does not say which input it shows");
	}
}

static void check_read(struct execution *x)
{
	const struct step *s = step_at(x);

	x->ops->read(x->ctx, x, s->actor, &x->monitors[s->monitor], s->limit_ms, on_read);
}

static void step_begin(struct execution *x)
{
	struct step *s = step_at(x);
	const struct world_monitor *m = &x->monitors[s->monitor];

	x->step_began_ms = now_ms();
	if (s->only_if_failed && x->last_write_ok) {
		report(x, "skipped", "");
		next_step(x);
		return;
	}
	switch (s->kind) {
	case STEP_WRITE:
		x->ops->write(x->ctx, x, s->actor, m, m->sources[s->input].write, s->limit_ms,
			on_written);
		break;
	case STEP_CHECK:
		x->rewrites = x->others = 0;
		later(x, x->ops->first_read_ms);
		break;
	case STEP_SEAT:
		report(x, "done", "");
		next_step(x);
		break;
	}
}

static void on_undone(struct execution *x, int error, int32_t value, const char *detail)
{
	(void)value;
	if (error && !x->undo_other) {
		x->undo_alone = error == -ESRCH;
		x->undo_other = true; /* the side that wrote it may still be heard */
		later(x, 0);
		return;
	}
	/* while somebody is left to try: monitors are deaf while they obey the write before */
	if (error && (error != -ESRCH || !x->undo_alone) && ++x->undo_tries < UNDO_TRIES) {
		x->undo_other = false;
		later(x, x->ops->next_read_ms);
		return;
	}
	x->undo_failed = x->undo_failed || error;
	report(x, error ? "failed" : "undone", detail);
	x->done[x->at] = false;
	x->undo_tries = 0;
	x->undo_other = false;
	later(x, 0);
}

/* The newly shown side writes the old input back; if it cannot, the side that wrote first. */
static void undo_next(struct execution *x)
{
	struct step *s;
	const struct world_monitor *m;

	if (x->at >= x->plan.n_steps)
		x->at = x->plan.n_steps - 1;
	while (x->at >= 0 && (!x->done[x->at] || step_at(x)->undo_input < 0))
		x->at--;
	if (x->at < 0) {
		finish(x);
		return;
	}
	s = step_at(x);
	m = &x->monitors[s->monitor];
	if (x->undo_tries == 0 && !x->undo_other)
		x->step_began_ms = now_ms();
	x->ops->write(x->ctx, x, x->undo_other ? s->actor : x->plan.target, m,
		m->sources[s->undo_input].write, s->limit_ms, on_undone);
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
	memcpy(x->monitors, w->monitors, sizeof(x->monitors));
	later(x, 0);
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
