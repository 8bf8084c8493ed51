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

bool world_has_gpu(const struct world_machine *m, const char *gpu)
{
	for (int i = 0; i < m->n_gpus; i++)
		if (!strcmp(m->gpus[i], gpu))
			return true;
	return false;
}

int world_gpu_owner(const struct world *w, const char *gpu)
{
	for (int i = 1; i < w->n_machines; i++)
		if (w->machines[i].known && (w->machines[i].running || w->machines[i].paused) &&
			world_has_gpu(&w->machines[i], gpu))
			return i;
	return WORLD_HOST;
}

/* Some guest's definition names it, whether that runs or not. */
static bool is_lent(const struct world *w, const char *gpu)
{
	for (int i = 1; i < w->n_machines; i++)
		if (w->machines[i].known && world_has_gpu(&w->machines[i], gpu))
			return true;
	return false;
}

int world_input_of(const struct world *w, const struct world_monitor *m, int machine)
{
	int found = -1;

	for (int i = 0; i < m->n_inputs; i++) {
		if (world_gpu_owner(w, m->inputs[i].gpu) != machine)
			continue;
		if (machine != WORLD_HOST || !is_lent(w, m->inputs[i].gpu))
			return i;
		found = found < 0 ? i : found;
	}
	return found;
}

bool world_is_target(const struct world *w, int machine, const char **ret_why)
{
	const struct world_machine *m = &w->machines[machine];

	*ret_why = NULL;
	if (w->n_monitors == 0)
		*ret_why = "no monitor is configured (see va-host.conf(5))";
	else if (!m->running)
		*ret_why = "it is not running";
	else
		for (int i = 0; i < w->n_monitors; i++)
			if (world_input_of(w, &w->monitors[i], machine) >= 0)
				return true;
	if (!*ret_why)
		*ret_why = machine == WORLD_HOST
				   ? "running guests own every GPU that is cabled to a monitor"
				   : "none of its GPUs is cabled to a configured monitor";
	return false;
}
