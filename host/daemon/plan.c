// SPDX-License-Identifier: GPL-2.0-or-later
/* How the seat moves; see plan.h. Pure. */
#include "host/daemon/plan.h"

#include "common/ddc/ipc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHECK_LIMIT_MS 10000u /* the slowest monitor seen takes 8 s to answer after a switch */
#define WRITE_LIMIT_MS ((uint32_t)(DDC_LIMIT_SET_USEC / 1000))

__attribute__((format(printf, 3, 4))) static void refuse(
	struct plan *p, enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	p->refusal = code;
	p->n_steps = 0;
	va_start(ap, fmt);
	vsnprintf(p->reason, sizeof(p->reason), fmt, ap);
	va_end(ap);
}

static void add(struct plan *p, enum step_kind kind, int actor, int monitor, int input, int undo,
	bool only_if_failed)
{
	p->steps[p->n_steps++] = (struct step){
		.kind = kind,
		.only_if_failed = only_if_failed,
		.actor = actor,
		.monitor = monitor,
		.input = input,
		.undo_input = undo,
		.limit_ms = kind == STEP_CHECK   ? CHECK_LIMIT_MS
			    : kind == STEP_WRITE ? WRITE_LIMIT_MS
						 : 0,
	};
}

static bool can_act(const struct world *w, int machine)
{
	return machine >= 0 && w->machines[machine].running && w->machines[machine].session;
}

/* The writer that is seen now: the owner of the shown input, or of the holder's if unknown. */
static int shown_side(const struct world *w, const struct world_monitor *m, int *ret_input)
{
	int input = m->shown >= 0 ? m->shown : world_input_of(w, m, w->holder);

	*ret_input = input;
	return input >= 0 ? world_gpu_owner(w, m->inputs[input].gpu) : WORLD_NOBODY;
}

static bool plan_monitor(const struct world *w, struct plan *p, int monitor, bool force)
{
	const struct world_monitor *m = &w->monitors[monitor];
	int input = world_input_of(w, m, p->target), before, pusher;
	bool pull = can_act(w, p->target);

	if (input < 0)
		return true;
	pusher = shown_side(w, m, &before);
	if (pusher == p->target) {
		/* it is on show already; writing again only blanks the screen */
		if (!force && m->shown == input)
			return true;
		pusher = WORLD_NOBODY;
	}
	if (pusher >= 0 && can_act(w, pusher))
		add(p, STEP_WRITE, pusher, monitor, input, before, false);
	else
		pusher = WORLD_NOBODY;
	if (pull)
		add(p, STEP_WRITE, p->target, monitor, input, before, pusher >= 0);
	else if (pusher < 0)
		return false;
	if (!m->unreadable)
		add(p, STEP_CHECK, pull ? p->target : pusher, monitor, input, -1, false);
	return true;
}

static bool may_go_there(const struct world *w, const struct intent *i, struct plan *p)
{
	const char *why;

	p->target = world_find(w, i->target);
	if (p->target < 0) {
		refuse(p, EXIT_CODE_REFUSED, "there is no machine called %s (va-host list)",
			escape(i->target));
		return false;
	}
	if (!world_is_target(w, p->target, &why)) {
		refuse(p, EXIT_CODE_REFUSED, "%s cannot have the seat: %s", i->target, why);
		return false;
	}
	if (!w->machines[p->target].session && !i->force) {
		refuse(p, EXIT_CODE_NOT_CONNECTED,
			"no session with %s: start va-guestd in it, or say --force", i->target);
		return false;
	}
	return true;
}

void plan_switch(const struct world *w, const struct intent *i, struct plan *ret)
{
	*ret = (struct plan){ .target = WORLD_NOBODY };
	if (!may_go_there(w, i, ret))
		return;
	for (int k = 0; k < w->n_monitors; k++)
		if (!plan_monitor(w, ret, k, i->force)) {
			refuse(ret, EXIT_CODE_NOT_CONNECTED,
				"nobody can switch monitor %s: no session with the machine it "
				"shows nor with %s",
				w->monitors[k].name, i->target);
			return;
		}
	if (ret->n_steps == 0 && w->holder == ret->target) {
		snprintf(ret->reason, sizeof(ret->reason), "%s has the seat already", i->target);
		return;
	}
	add(ret, STEP_SEAT, WORLD_HOST, 0, -1, -1, false);
}

void step_describe(const struct world *w, const struct step *s, char *out, size_t size)
{
	const struct world_monitor *m = &w->monitors[s->monitor];
	const char *actor = w->machines[s->actor].name;

	switch (s->kind) {
	case STEP_WRITE:
		snprintf(out, size, "%s writes input %s (0x%02x) to monitor %s%s", actor,
			m->inputs[s->input].name, m->sources[s->input].write, m->name,
			s->only_if_failed ? ", if that failed" : "");
		break;
	case STEP_CHECK:
		snprintf(out, size, "%s reads monitor %s until it shows %s", actor, m->name,
			m->inputs[s->input].name);
		break;
	case STEP_SEAT: snprintf(out, size, "the seat changes hands"); break;
	}
}

void step_describe_undo(const struct world *w, const struct step *s, char *out, size_t size)
{
	const struct world_monitor *m = &w->monitors[s->monitor];

	if (s->kind == STEP_WRITE && s->undo_input >= 0)
		snprintf(out, size, "write input %s (0x%02x)", m->inputs[s->undo_input].name,
			m->sources[s->undo_input].write);
	else
		snprintf(out, size, "-");
}
