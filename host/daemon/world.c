// SPDX-License-Identifier: GPL-2.0-or-later
/* Questions put to the world; see world.h. */
#include "host/daemon/world.h"

#include <string.h>

int world_find(const struct world *w, const char *name)
{
	for (int i = 0; i < w->n_machines; i++)
		if (w->machines[i].known && !strcmp(w->machines[i].name, name))
			return i;
	return WORLD_NOBODY;
}

bool world_has(const struct world_machine *m, const char *pci)
{
	for (int i = 0; i < m->n_gpus; i++)
		if (!strcmp(m->gpus[i], pci))
			return true;
	for (int i = 0; i < m->n_hostdevs; i++)
		if (!strcmp(m->hostdevs[i], pci))
			return true;
	return false;
}

bool world_conflicts(
	const struct world_machine *a, const struct world_machine *b, const char **ret_pci)
{
	for (int i = 0; i < a->n_gpus + a->n_hostdevs; i++) {
		*ret_pci = i < a->n_gpus ? a->gpus[i] : a->hostdevs[i - a->n_gpus];
		if (world_has(b, *ret_pci))
			return true;
	}
	return false;
}

int world_gpu_owner(const struct world *w, const char *gpu)
{
	for (int i = 1; i < w->n_machines; i++)
		if (world_is_up(&w->machines[i]) && world_has(&w->machines[i], gpu))
			return i;
	return WORLD_HOST;
}

bool world_is_lent(const struct world *w, const char *gpu)
{
	for (int i = 1; i < w->n_machines; i++)
		if (w->machines[i].known && world_has(&w->machines[i], gpu))
			return true;
	return false;
}

int world_rank_input(const struct world *w, const struct world_monitor *m, int input, int machine)
{
	const char *gpu = m->inputs[input].gpu;

	if (machine != WORLD_HOST)
		return input == m->shown;
	if (!strcmp(gpu, w->primary_gpu))
		return 2;
	return !world_is_lent(w, gpu);
}

int world_input_of(const struct world *w, const struct world_monitor *m, int machine)
{
	int best = -1, found = -1;

	for (int i = 0; i < m->n_inputs; i++) {
		int rank = world_rank_input(w, m, i, machine);

		if (rank > best && world_gpu_owner(w, m->inputs[i].gpu) == machine) {
			best = rank;
			found = i;
		}
	}
	return found;
}

bool world_has_screen(const struct world *w, int machine)
{
	const struct world_machine *g = &w->machines[machine];

	if (machine == WORLD_HOST && w->n_monitors == 0)
		return true;
	if (w->n_monitors == 0)
		return g->n_gpus > 0;
	for (int i = 0; i < w->n_monitors; i++)
		for (int k = 0; k < w->monitors[i].n_inputs; k++) {
			const char *gpu = w->monitors[i].inputs[k].gpu;

			if (machine == WORLD_HOST ? world_gpu_owner(w, gpu) == WORLD_HOST
						  : world_has(g, gpu))
				return true;
		}
	return false;
}

static const char *why_not_host(const struct world *w)
{
	if (w->primary_gpu[0] && world_gpu_owner(w, w->primary_gpu) != WORLD_HOST)
		return "a guest has the primary GPU; shut it down first (or see primary-gpu in "
		       "va-host.conf(5))";
	if (!world_has_screen(w, WORLD_HOST))
		return "running guests own every GPU that is cabled to a monitor";
	return NULL;
}

static const char *why_not_guest(const struct world *w, int machine)
{
	const struct world_machine *m = &w->machines[machine];

	if (!world_has_screen(w, machine))
		return m->n_gpus
			       ? "none of its GPUs is cabled to a known monitor (va-host monitors)"
			       : "it has no GPU, as far as is known (see va-host.conf(5))";
	switch (m->state) {
	case WORLD_RUNNING: return NULL;
	case WORLD_OFF:
		return m->startable ? NULL : "it is not running, and cannot be started from here";
	case WORLD_STARTING: return "it is just starting; try again when it runs";
	case WORLD_PAUSED: return "it is paused; resume it first";
	case WORLD_STOPPING: return "it is shutting down; try again when it is off";
	}
	return "its state is not known";
}

bool world_is_target(const struct world *w, int machine, const char **ret_why)
{
	*ret_why = machine == WORLD_HOST ? why_not_host(w) : why_not_guest(w, machine);
	return *ret_why == NULL;
}

const char *world_state_name(enum world_state state)
{
	static const char *const names[] = {
		[WORLD_OFF] = "off",
		[WORLD_STARTING] = "starting",
		[WORLD_RUNNING] = "running",
		[WORLD_PAUSED] = "paused",
		[WORLD_STOPPING] = "stopping",
	};

	return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}
