// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's state as JSON objects; see commands.h. */
#include "host/daemon/commands.h"

#include <stdio.h>
#include <string.h>

static void add_str(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static void add_bool(json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static void add_int(json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

json_object *show_host(struct hostd *h)
{
	const struct world *w = hostd_world(h);
	json_object *o = json_object_new_object(), *sub = json_object_new_object();
	const char *by = "";
	char text[CONFIG_ERROR_SIZE];
	int in_s = power_scheduled_in(h, &by);

	add_str(o, "version", VA_VERSION);
	add_str(o, "holder", w->machines[w->holder].name);
	add_bool(o, "switching", seat_is_busy(h));
	add_bool(o, "recovering", h->recovery != NULL);
	add_str(sub, "uri", h->config->libvirt);
	add_bool(sub, "up", h->virt_up);
	add_str(sub, "detail", escape_str(h->virt_detail, text, sizeof(text)));
	json_object_object_add(o, "libvirt", sub);
	sub = json_object_new_object();
	add_bool(sub, "ok", !policy_is_broken(h->policy));
	add_str(sub, "text", escape_str(h->policy_error, text, sizeof(text)));
	json_object_object_add(o, "policy", sub);
	sub = NULL;
	if (in_s >= 0) {
		sub = json_object_new_object();
		add_int(sub, "in_s", in_s);
		add_str(sub, "by", by);
	}
	json_object_object_add(o, "shutdown", sub);
	return o;
}

json_object *show_guest(struct hostd *h, const struct guest *g)
{
	const struct world *w = hostd_world(h);
	json_object *o = json_object_new_object(), *gpus = json_object_new_array();
	const char *why, *hint = guest_hint_text(g);

	add_str(o, "name", g->name);
	if (g->uuid[0])
		add_str(o, "uuid", g->uuid);
	add_str(o, "state", guest_state_name(g));
	add_str(o, "channel",
		!guest_has_channel(g) ? "none"
		: g->connected        ? "connected"
				      : "closed");
	add_str(o, "session", guest_session_name(g));
	if (hint)
		add_str(o, "hint", hint);
	add_bool(o, "holder", w->holder == g->slot);
	add_bool(o, "paired", g->paired);
	add_bool(o, "pairing", g->pairing != NULL);
	for (int i = 0; i < g->n_gpus; i++)
		json_object_array_add(gpus, json_object_new_string(g->gpus[i]));
	json_object_object_add(o, "gpus", gpus);
	add_bool(o, "target", world_is_target(w, g->slot, &why));
	if (why)
		add_str(o, "why_not", why);
	add_int(o, "restarts", worker_restarts(g->link));
	return o;
}

/* What looking does not bear out; nothing where there is none. */
static void add_contradictions(struct hostd *h, int monitor, json_object *o)
{
	struct learned_clash clashes[LEARNED_MAX_CLASHES];
	int n = cables_clashes(h, monitor, clashes);
	json_object *all = n > 0 ? json_object_new_array() : NULL;

	for (int i = 0; i < n; i++) {
		json_object *one = json_object_new_object();

		add_str(one, "text", clashes[i].text);
		add_str(one, "line", clashes[i].line);
		json_object_array_add(all, one);
	}
	if (all)
		json_object_object_add(o, "contradictions", all);
}

json_object *show_monitor(struct hostd *h, int monitor)
{
	const struct world *w = hostd_world(h);
	const struct world_monitor *m = &w->monitors[monitor];
	json_object *o = json_object_new_object(), *inputs = json_object_new_array();

	add_str(o, "name", m->name);
	add_str(o, "key", m->key);
	add_str(o, "shown", m->shown >= 0 ? m->inputs[m->shown].name : NULL);
	for (int i = 0; i < m->n_inputs; i++) {
		json_object *in = json_object_new_object();

		add_str(in, "name", m->inputs[i].name);
		add_int(in, "value", m->sources[i].write);
		add_str(in, "gpu", m->inputs[i].gpu);
		add_str(in, "machine", w->machines[world_gpu_owner(w, m->inputs[i].gpu)].name);
		json_object_array_add(inputs, in);
	}
	json_object_object_add(o, "inputs", inputs);
	add_contradictions(h, monitor, o);
	return o;
}

static json_object *display(const char *key, const char *model, const char *connector,
	const char *pci, int32_t input, bool answers, bool twin)
{
	json_object *o = json_object_new_object();

	add_str(o, "key", key);
	add_str(o, "model", model);
	add_str(o, "connector", connector);
	add_str(o, "pci", pci);
	json_object_object_add(o, "input", input >= 0 ? json_object_new_int(input) : NULL);
	add_bool(o, "answers", answers);
	add_bool(o, "twin", twin);
	return o;
}

json_object *show_display(const struct ddc_display *d)
{
	char model[64];

	snprintf(model, sizeof(model), "%s %s%s%s", d->id.maker,
		d->id.name[0] ? d->id.name : "(no name)", d->id.serial_str[0] ? " " : "",
		d->id.serial_str);
	return display(d->key, escape(model), escape(d->connector), escape(d->pci), d->input,
		d->answers, d->twin);
}

json_object *show_section(const char *key, const char *connector, const struct world_monitor *m,
	const struct learned_missing *missing)
{
	json_object *o = json_object_new_object();
	char text[LEARNED_SECTION_SIZE];

	learned_section(key, escape(connector), m, missing, text);
	add_str(o, "key", key);
	add_str(o, "text", text);
	add_bool(o, "complete", m && m->n_inputs > 1);
	return o;
}

json_object *show_item(const struct msg_item *i)
{
	int32_t input = i->flags & MSG_MONITOR_READABLE ? (int32_t)(i->value & 0xffff) : -1;

	return display(i->name, escape(i->label), "", "", input, !(i->flags & MSG_MONITOR_SILENT),
		i->flags & MSG_MONITOR_TWIN);
}

json_object *show_step(const struct world *w, int n, const struct step *s)
{
	json_object *o = json_object_new_object();
	char text[PLAN_TEXT_SIZE];

	add_int(o, "n", n + 1);
	add_str(o, "actor", w->machines[s->actor].name);
	step_describe(w, s, text, sizeof(text));
	add_str(o, "text", text);
	add_int(o, "limit_ms", s->limit_ms);
	step_describe_undo(w, s, text, sizeof(text));
	add_str(o, "undo", text);
	add_str(o, "when", s->only_if_failed ? "if-failed" : "always");
	return o;
}

json_object *show_step_taken(const struct world *w, int n, const struct step *s, const char *state,
	unsigned int ms, const char *detail)
{
	json_object *o = show_step(w, n, s);
	char text[EXECUTE_TEXT_SIZE];

	add_str(o, "state", state);
	add_int(o, "ms", ms);
	add_str(o, "detail", escape_str(detail, text, sizeof(text)));
	return o;
}

json_object *show_request(const struct guest *g, const struct msg_prepare *p)
{
	json_object *o = json_object_new_object();

	add_str(o, "guest", g->name);
	add_str(o, "operation", msg_operation_name(p->operation));
	add_str(o, "target", escape(p->target));
	add_int(o, "uid", p->claimed_uid);
	return o;
}

json_object *show_question(const struct guest *g)
{
	json_object *o = show_request(g, &g->question.prepare);
	uint64_t at = 0;

	if (g->question.limit)
		sd_event_source_get_time(g->question.limit, &at);
	add_int(o, "id", g->question.number);
	add_int(o, "expires_s",
		at / 1000 > hostd_now_ms() ? (int64_t)(at / 1000 - hostd_now_ms()) / 1000 : 0);
	return o;
}
