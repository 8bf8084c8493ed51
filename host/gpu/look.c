// SPDX-License-Identifier: GPL-2.0-or-later
/* See look.h. */
#include "host/gpu/look.h"

#include "host/gpu/show.h"

#include "common/base/cleanup.h"

#include <stdio.h>
#include <string.h>

int look_list(struct machine *m, bool json)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	CLEANUP(free) struct card *c = calloc(1, sizeof(*c));
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);

	if (!c)
		return machine_fail(m, -ENOMEM, "out of memory");
	if (n < 0)
		return machine_fail(
			m, n, "graphics cards cannot be listed: %s", strerrordesc_np(-n));
	for (int i = 0; i < n; i++)
		if (card_read(m, gpus[i].addr, c) == 0)
			show_card_line(c, json, stdout);
	if (n == 0 && !json)
		puts("this machine has no graphics card");
	return 0;
}

static int show_cards(struct machine *m, const struct claim *claim, bool json)
{
	CLEANUP(free) struct card *c = calloc(1, sizeof(*c));
	int found = 0;

	if (!c)
		return machine_fail(m, -ENOMEM, "out of memory");
	for (size_t i = 0; i < claim->n; i++) {
		if (card_read(m, claim->d[i].addr, c) < 0)
			continue;
		show_card(c, json, stdout);
		found++;
	}
	return found ? 0
		     : machine_fail(m, -ENODEV, "there is no graphics card of this machine in it");
}

/* Being refused is an answer, too. */
static int show_plan_of(struct machine *m, const struct claim *claim, bool json)
{
	CLEANUP(free) struct plan *p = calloc(1, sizeof(*p));
	struct options o;
	int r;

	if (!p)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = options_load(m, &o);
	if (r == 0)
		r = plan_make(m, claim, &o, p);
	if (r == 0)
		show_plan(p, json, stdout);
	else if (json)
		show_refusal(m->why, stdout);
	else
		printf("cannot be taken: %s\n", m->why);
	return 0;
}

int look_show(struct machine *m, const struct claim *c, const char *guest, bool json)
{
	char ways[WAYS_MAX][WAY_SIZE], notes[HOOKS_NOTES_MAX][HOOKS_NOTE_SIZE];
	int r = show_cards(m, c, json);

	if (r < 0)
		return r;
	r = show_plan_of(m, c, json);
	if (r < 0)
		return r;
	show_hooks(notes, hooks_look(m, notes), json, stdout);
	show_ways(ways, ways_back(m, c, guest, ways), json, stdout);
	return 0;
}
