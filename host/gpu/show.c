// SPDX-License-Identifier: GPL-2.0-or-later
/* Plans and states for people and programs; see show.h. */
#include "host/gpu/show.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <json-c/json.h>
#include <string.h>

static void put(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(escape(value)));
}

static void put_text(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static json_object *json_of_step(const struct step *s)
{
	json_object *o = json_object_new_object();
	char text[512];

	put_text(o, "kind", step_kind_name(s->kind));
	put(o, "subject", s->subject);
	step_say(s, text, sizeof(text));
	put_text(o, "does", text);
	step_say_undo(s, text, sizeof(text));
	put_text(o, "undoes", text);
	return o;
}

static json_object *json_of_device(const struct plan_device *d)
{
	json_object *o = json_object_new_object();

	put_text(o, "address", d->pci.addr);
	put(o, "driver", d->pci.driver);
	json_object_object_add(o, "gpu", json_object_new_boolean(d->gpu));
	json_object_object_add(o, "boot", json_object_new_boolean(d->boots));
	json_object_object_add(o, "managed", json_object_new_boolean(d->managed));
	json_object_object_add(o, "iommu_group", json_object_new_int(d->pci.group));
	return o;
}

static json_object *json_of_holder(const struct holder *h)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "pid", json_object_new_int(h->pid));
	json_object_object_add(o, "uid", json_object_new_int64(h->uid));
	put(o, "name", h->comm);
	put_text(o, "kind", holder_kind_name(h->kind));
	put(o, "unit", h->unit);
	put(o, "session", h->session);
	put(o, "node", h->node);
	json_object_object_add(o, "soft", json_object_new_boolean(h->soft));
	return o;
}

static void print_json(json_object *o, FILE *to)
{
	(void)fprintf(to, "%s\n",
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void plan_as_json(const struct plan *p, FILE *to)
{
	json_object *o = json_object_new_object(), *devices = json_object_new_array();
	json_object *holders = json_object_new_array(), *steps = json_object_new_array();
	json_object *notes = json_object_new_array();

	for (size_t i = 0; i < p->n_devices; i++)
		json_object_array_add(devices, json_of_device(&p->devices[i]));
	for (size_t i = 0; i < p->n_holders; i++)
		json_object_array_add(holders, json_of_holder(&p->holders[i]));
	for (size_t i = 0; i < p->steps.n; i++)
		json_object_array_add(steps, json_of_step(&p->steps.s[i]));
	for (size_t i = 0; i < p->n_notes; i++)
		json_object_array_add(notes, json_object_new_string(p->notes[i]));
	put_text(o, "type", "plan");
	put_text(o, "init", init_name(p->init));
	put(o, "display_manager", p->dm);
	json_object_object_add(o, "ends_sessions", json_object_new_boolean(p->ends_sessions));
	json_object_object_add(o, "devices", devices);
	json_object_object_add(o, "holders", holders);
	json_object_object_add(o, "steps", steps);
	json_object_object_add(o, "notes", notes);
	print_json(o, to);
}

static void plan_as_text(const struct plan *p, FILE *to)
{
	char text[512];

	if (p->steps.n == 0) {
		(void)fputs("nothing to free: the host uses no graphics card of this guest\n", to);
		return;
	}
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct plan_device *d = &p->devices[i];

		(void)fprintf(to, "device %s: %s, group %d, on %s, %s\n", d->pci.addr,
			d->gpu ? d->boots ? "graphics, the boot GPU" : "graphics" : "other",
			d->pci.group, d->pci.driver[0] ? d->pci.driver : "no driver",
			d->managed ? "given to the guest by libvirt" : "given to vfio-pci here");
	}
	for (size_t i = 0; i < p->n_holders; i++) {
		holder_describe(&p->holders[i], text, sizeof(text));
		(void)fprintf(to, "held by %s\n", text);
	}
	(void)fputs("to take:\n", to);
	for (size_t i = 0; i < p->steps.n; i++) {
		step_say(&p->steps.s[i], text, sizeof(text));
		if (text[0])
			(void)fprintf(to, "  %s\n", text);
	}
	(void)fputs("to return:\n", to);
	for (size_t i = p->steps.n; i-- > 0;) {
		step_say_undo(&p->steps.s[i], text, sizeof(text));
		if (text[0])
			(void)fprintf(to, "  %s\n", text);
	}
	for (size_t i = 0; i < p->n_notes; i++)
		(void)fprintf(to, "note: %s\n", p->notes[i]);
}

void show_plan(const struct plan *p, bool json, FILE *to)
{
	if (json)
		plan_as_json(p, to);
	else
		plan_as_text(p, to);
}

static const char *state_name(const struct journal *j)
{
	if (j->stale)
		return "stale";
	return j->state == JOURNAL_TAKEN       ? "taken"
	       : j->state == JOURNAL_RETURNING ? "returning"
					       : "taking";
}

static json_object *json_of_journal(const struct journal *j)
{
	json_object *o = json_object_new_object(), *steps = json_object_new_array();

	for (size_t i = 0; i < j->steps.n; i++)
		if (j->steps.s[i].state == STEP_BEGUN)
			json_object_array_add(steps, json_of_step(&j->steps.s[i]));
	put(o, "guest", j->guest);
	put_text(o, "state", state_name(j));
	json_object_object_add(o, "steps", steps);
	return o;
}

static void journal_as_text(const struct journal *j, FILE *to)
{
	static const struct {
		const char *state, *hint;
	} hints[] = {
		{ "taken", "the guest may use it" },
		{ "taking",
			"not finished; \"va-gpu recover\" puts it back, unless one is at work" },
		{ "returning", "not all is back; \"va-gpu recover\" tries again" },
		{ "stale", "of before the last boot; \"va-gpu recover\" forgets it" },
	};
	char text[512];

	(void)fprintf(to, "%s: %s", escape(j->guest), state_name(j));
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (!strcmp(hints[i].state, state_name(j)))
			(void)fprintf(to, " (%s)", hints[i].hint);
	(void)fputs("\n", to);
	for (size_t i = j->steps.n; i-- > 0;) {
		step_say_undo(&j->steps.s[i], text, sizeof(text));
		if (j->steps.s[i].state == STEP_BEGUN && text[0])
			(void)fprintf(to, "  will %s\n", text);
	}
}

int show_status(struct machine *m, bool json, FILE *to)
{
	CLEANUP(free)
	char(*guests)[JOURNAL_NAME_SIZE] = calloc(JOURNAL_FILES_MAX, JOURNAL_NAME_SIZE);
	CLEANUP(free) struct journal *j = calloc(1, sizeof(*j));
	json_object *all = NULL;
	int n, r = 0;

	if (!guests || !j)
		return machine_fail(m, -ENOMEM, "out of memory");
	n = journal_list(m, guests, JOURNAL_FILES_MAX);
	if (n < 0)
		return n;
	if (json)
		all = json_object_new_array();
	else if (n == 0)
		(void)fputs("nothing is taken\n", to);
	for (int i = 0; i < n && r == 0; i++) {
		r = journal_read(m, guests[i], j);
		if (r == 0 && json)
			json_object_array_add(all, json_of_journal(j));
		else if (r == 0)
			journal_as_text(j, to);
		journal_close(j);
		if (r == -ENOENT)
			r = 0;
	}
	if (json) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "guests", all);
		print_json(o, to);
	}
	return r;
}
