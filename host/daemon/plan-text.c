// SPDX-License-Identifier: GPL-2.0-or-later
/* Steps in words; see plan.h. */
#include "host/daemon/plan.h"

#include <stdio.h>

static void describe_stop(const struct step *s, const char *name, char *out, size_t size)
{
	switch (s->how) {
	case STOP_AGENT: snprintf(out, size, "%s powers itself off", name); break;
	case STOP_ACPI:
		snprintf(out, size, "%s is asked to shut down by its power button", name);
		break;
	case STOP_FORCE: snprintf(out, size, "%s is destroyed", name); break;
	case STOP_AWAIT:
		snprintf(out, size, "%s shuts down already: wait until it is off", name);
		break;
	}
}

/* What whoever sits there should know before it moves. */
static const char *warning_of(const struct world *w, int device)
{
	const struct world_device *d = &w->devices[device];
	int others = w->fixed_keyboard;

	for (int i = 0; i < w->n_devices; i++)
		others +=
			i != device && w->devices[i].keyboard && w->devices[i].holder == WORLD_HOST;
	if (d->keyboard && !others && d->holder == WORLD_HOST)
		return d->pointer ? " (the host's only keyboard, and the mouse with it)"
				  : " (the host's only keyboard)";
	return d->keyboard && d->pointer ? " (keyboard and mouse in one)" : "";
}

static void describe(const struct world *w, const struct step *s, char *out, size_t size)
{
	const struct world_monitor *m = &w->monitors[s->monitor];
	const char *name = w->machines[s->machine].name, *actor = w->machines[s->actor].name;
	const char *device = w->devices[s->device].name;

	switch (s->kind) {
	case STEP_WRITE:
		snprintf(out, size, "%s writes input %s (0x%02x) to monitor %s", actor,
			m->inputs[s->input].name, m->sources[s->input].write, m->name);
		break;
	case STEP_CHECK:
		snprintf(out, size, "%s reads monitor %s until it shows %s", actor, m->name,
			m->inputs[s->input].name);
		break;
	case STEP_LIGHT:
		snprintf(out, size, "%s sends monitor %s a picture", actor, m->name);
		break;
	case STEP_DARK:
		snprintf(out, size, "%s ends its picture on monitor %s", actor, m->name);
		break;
	case STEP_STOP: describe_stop(s, name, out, size); break;
	case STEP_START: snprintf(out, size, "%s is started", name); break;
	case STEP_SESSION: snprintf(out, size, "%s comes up and its agent answers", name); break;
	case STEP_DETACH: snprintf(out, size, "%s is taken from %s", device, name); break;
	case STEP_ATTACH:
		snprintf(out, size, "%s%s is given to %s", device, warning_of(w, s->device), name);
		break;
	case STEP_CONFIRM:
		snprintf(out, size, "%s confirms that it lives%s", name,
			s->screen ? ", and that its screen is on" : "");
		break;
	case STEP_SEAT: snprintf(out, size, "the seat changes hands"); break;
	}
}

void step_describe(const struct world *w, const struct step *s, char *out, size_t size)
{
	char text[PLAN_TEXT_SIZE];

	describe(w, s, text, sizeof(text));
	snprintf(out, size, "%s%s", text,
		s->only_if_failed ? ", if that failed"
		: s->may_fail     ? ", if it can"
				  : "");
}

void step_describe_undo(const struct world *w, const struct step *s, char *out, size_t size)
{
	const struct world_monitor *m = &w->monitors[s->monitor];
	const char *name = w->machines[s->machine].name;

	snprintf(out, size, "-");
	if (s->kind == STEP_WRITE && s->undo_input >= 0)
		snprintf(out, size, "write input %s (0x%02x)", m->inputs[s->undo_input].name,
			m->sources[s->undo_input].write);
	if (!s->undo)
		return;
	if (s->kind == STEP_LIGHT || s->kind == STEP_DARK)
		snprintf(out, size, s->kind == STEP_DARK ? "send it again" : "end it");
	else if (s->kind == STEP_STOP)
		snprintf(out, size, "start %s again", name);
	else if (s->kind == STEP_START)
		snprintf(out, size, "stop %s", name);
	else if (s->kind == STEP_DETACH)
		snprintf(out, size, "give %s back to %s", w->devices[s->device].name, name);
	else if (s->kind == STEP_ATTACH)
		snprintf(out, size, "take %s from %s", w->devices[s->device].name, name);
}
