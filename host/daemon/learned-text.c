// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was seen of monitors, in words: what contradicts host.conf, and sections for it; see
 * learned.h. Pure.
 */
#include "host/daemon/learned.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- contradictions ------------------------------------------------------------------------- */

struct clashes {
	const struct learned *l;
	const struct world *w;
	const struct world_monitor *m;
	const struct learned_sight *sights;
	int n_sights;
	struct learned_clash *ret;
	int n;
};

static const char *name_of(const struct world *w, int machine)
{
	return machine == WORLD_HOST ? "the host" : w->machines[machine].name;
}

/* NULL: not seen shown there. */
static const struct learned_cable *cable_of(
	const struct learned *l, const char *key, const char *gpu)
{
	for (int i = 0; i < l->n; i++)
		if (!strcmp(l->cables[i].key, key) && !strcmp(l->cables[i].gpu, gpu))
			return &l->cables[i];
	return NULL;
}

static bool is_of(const struct clashes *c, const struct learned_sight *s)
{
	return s->gpu[0] && !s->twin && !strcmp(s->key, c->m->key);
}

static int input_at(const struct world_monitor *m, const char *gpu)
{
	for (int i = 0; i < m->n_inputs; i++)
		if (!strcmp(m->inputs[i].gpu, gpu))
			return i;
	return -1;
}

/* What it read while it showed this card is not what the card's input reads as. */
static void check_value(struct clashes *c, const struct learned_sight *s, int input)
{
	const struct world_monitor *m = c->m;
	const struct learned_cable *cable = cable_of(c->l, m->key, s->gpu);
	const char *name = m->inputs[input].name;
	struct learned_clash *clash;
	char otherwise[64];
	int other;

	if (!cable || m->unreadable)
		return;
	for (int i = 0; i < m->n_inputs; i++) /* one card may have several cables */
		if (!strcmp(m->inputs[i].gpu, s->gpu) &&
			input_matches(&m->sources[i], cable->value))
			return;
	other = input_find(m->sources, (size_t)m->n_inputs, cable->value);
	clash = &c->ret[c->n++];
	snprintf(otherwise, sizeof(otherwise),
		"; if 0x%02x does switch there, add read=0x%02x instead", m->sources[input].write,
		cable->value);
	snprintf(clash->text, sizeof(clash->text),
		"by host.conf it shows %s (%s) as %s (0x%02x), but it reads 0x%02x then%s%s; "
		"host.conf is followed%s",
		name_of(c->w, s->machine), s->gpu, name, m->sources[input].write, cable->value,
		other >= 0 ? ", which is input " : "", other >= 0 ? m->inputs[other].name : "",
		other >= 0 ? "" : otherwise);
	if (other >= 0)
		snprintf(clash->line, sizeof(clash->line), "input.%s = 0x%02x %s",
			m->inputs[other].name, m->sources[other].write, s->gpu);
	else
		snprintf(clash->line, sizeof(clash->line), "input.%s = 0x%02x %s", name,
			cable->value, s->gpu);
}

/* An input whose card this machine has, and at which it does not see the monitor; or -1. */
static int unseen_input(const struct clashes *c, int machine)
{
	for (int i = 0; i < c->m->n_inputs; i++) {
		const char *gpu = c->m->inputs[i].gpu;
		bool seen = world_gpu_owner(c->w, gpu) != machine ||
			    (machine == WORLD_HOST && world_is_lent(c->w, gpu));

		for (int k = 0; k < c->n_sights && !seen; k++)
			seen = !strcmp(c->sights[k].key, c->m->key) &&
			       !strcmp(c->sights[k].gpu, gpu);
		if (!seen)
			return i;
	}
	return -1;
}

/* It is seen at a card that no input names. */
static void check_place(struct clashes *c, const struct learned_sight *s)
{
	const struct world_monitor *m = c->m;
	const struct learned_cable *cable = cable_of(c->l, m->key, s->gpu);
	int input = unseen_input(c, s->machine);
	struct learned_clash *clash = &c->ret[c->n++];
	const char *who = name_of(c->w, s->machine);
	char value[8] = "VALUE", name[NAME_MAX_LEN + 1] = "NAME";

	if (input >= 0) {
		snprintf(clash->text, sizeof(clash->text),
			"by host.conf its input %s is cabled to %s, but %s sees it at %s only; "
			"host.conf is followed",
			m->inputs[input].name, m->inputs[input].gpu, who, s->gpu);
		snprintf(value, sizeof(value), "0x%02x", m->sources[input].write);
		snprintf(name, sizeof(name), "%s", m->inputs[input].name);
	} else
		snprintf(clash->text, sizeof(clash->text),
			"%s sees it at %s, of which host.conf says nothing; host.conf is followed",
			who, s->gpu);
	if (cable)
		snprintf(value, sizeof(value), "0x%02x", cable->value);
	snprintf(clash->line, sizeof(clash->line), "input.%s = %s %s", name, value, s->gpu);
}

int learned_clashes(const struct learned *l, const struct world *w, const struct world_monitor *m,
	const struct learned_sight *sights, int n, struct learned_clash ret[LEARNED_MAX_CLASHES])
{
	struct clashes c = { .l = l, .w = w, .m = m, .sights = sights, .n_sights = n, .ret = ret };

	if (m->found)
		return 0;
	memset(ret, 0, sizeof(*ret) * LEARNED_MAX_CLASHES);
	for (int i = 0; i < n && c.n < LEARNED_MAX_CLASHES; i++) {
		int input = input_at(m, sights[i].gpu);

		if (!is_of(&c, &sights[i]))
			continue;
		if (input >= 0)
			check_value(&c, &sights[i], input);
		else
			check_place(&c, &sights[i]);
	}
	return c.n;
}

/* --- sections ------------------------------------------------------------------------------- */

struct text {
	char *out;
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
	size_t room = LEARNED_SECTION_SIZE - t->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->out + t->n, room, fmt, ap);
	va_end(ap);
	t->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* "0000:02:00.0 or 0000:03:00.0": those of the machine that no input has yet */
static void put_cards(struct text *t, const struct world_machine *g, const struct world_monitor *m)
{
	const char *between = "";

	for (int i = 0; i < g->n_gpus; i++)
		if (!m || input_at(m, g->gpus[i]) < 0) {
			put(t, "%s%s", between, g->gpus[i]);
			between = " or ";
		}
	put(t, "%s\n", between[0] ? "" : "PCI-ADDRESS");
}

/* A guest sees it, and nobody knows at which of its cards. */
static void put_unplaced(struct text *t, const struct learned_missing *x, const char *key,
	const struct world_monitor *m)
{
	int shown = learned_who_is_shown(x->sights, x->n_sights, key);

	for (int i = 0; i < x->n_sights; i++) {
		const struct learned_sight *s = &x->sights[i];
		const struct world_machine *g = &x->w->machines[s->machine];

		if (strcmp(s->key, key) || s->gpu[0] || s->twin || s->machine == WORLD_HOST)
			continue;
		put(t, "# %s sees it, too, but %s; add the line with the right one:\n", g->name,
			s->why == -ENOTUNIQ ? "of its graphics cards several may be the one"
					    : "at a graphics card that is none of those it has");
		if (i == shown)
			put(t, "# input.%s = 0x%02x ", g->name, (unsigned int)s->input);
		else
			put(t, "# input.%s = VALUE ", g->name);
		put_cards(t, g, m);
	}
}

static void put_declared(
	struct text *t, const struct learned_missing *x, const struct world_monitor *m)
{
	bool any = false;

	for (int i = 0; i < x->n_declared && i < LEARNED_MAX_HINTS; i++) {
		if (m && input_find(m->sources, (size_t)m->n_inputs, x->declared[i]) >= 0)
			continue;
		if (!any)
			put(t, "# the monitor declares these inputs; a hint, many declare wrong "
			       "ones:\n");
		put(t, "# input.in-%02x = 0x%02x PCI-ADDRESS\n", x->declared[i], x->declared[i]);
		any = true;
	}
}

void learned_section(const char *key, const char *connector, const struct world_monitor *m,
	const struct learned_missing *missing, char out[LEARNED_SECTION_SIZE])
{
	struct text t = { .out = out };

	put(&t, "[monitor seen-%.8s]\nkey = %s\n", key, key);
	if (connector[0])
		put(&t, "connector = %s\n", connector);
	for (int i = 0; m && i < m->n_inputs; i++)
		put(&t, "input.%s = 0x%02x %s\n", m->inputs[i].name, m->sources[i].write,
			m->inputs[i].gpu);
	if (missing)
		put_unplaced(&t, missing, key, m);
	if (m && m->n_inputs > 1)
		return;
	put(&t, "# add for each cable: input.NAME = VALUE PCI-ADDRESS\n");
	if (missing)
		put_declared(&t, missing, m);
}
