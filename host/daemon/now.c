// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The world as it is now (world.h), put together from the configuration, the guests, and what
 * was last seen of the monitors, whenever somebody asks after a change. And the time.
 */
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t hostd_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool hostd_path(char *out, size_t size, const char *dir, const char *sub, const char *name,
	const char *suffix)
{
	int n = sub ? snprintf(out, size, "%s/%s/%s%s", dir, sub, name, suffix)
		    : snprintf(out, size, "%s/%s%s", dir, name, suffix);

	return n > 0 && (size_t)n < size;
}

void hostd_world_changed(struct hostd *h)
{
	h->world_stale = true;
	events_poke(h);
	if (h->changed)
		sd_event_source_set_enabled(h->changed, SD_EVENT_ONESHOT);
}

static void add_machine(struct hostd *h, const struct guest *g)
{
	struct world_machine *m = &h->machines[g->slot];

	*m = (struct world_machine){
		.known = true,
		.state = guest_world_state(g),
		.session = g->state == LINK_UP,
		.agent = g->paired && guest_has_channel(g),
		.startable = g->uuid[0] && h->virt_up && (g->virt_flags & VIRT_FLAG_PERSISTENT),
		.n_gpus = g->n_gpus,
	};
	memcpy(m->name, g->name, sizeof(m->name));
	memcpy(m->gpus, g->gpus, sizeof(m->gpus));
	for (int i = 0; i < g->n_hostdevs && i < WORLD_MAX_HOSTDEVS; i++)
		memcpy(m->hostdevs[m->n_hostdevs++], g->hostdevs[i], WORLD_PCI_SIZE);
	if (g->conf) {
		/* until libvirt has told of all, nobody knows whether it is libvirt's, too */
		m->no_devices = g->conf->channel[0] && !g->uuid[0] &&
				g->conf->input == CONFIG_INPUT_USB &&
				(!h->config->libvirt[0] || h->virt_synced);
		m->on_conflict = g->conf->on_conflict;
		m->stop_limit_ms = g->conf->stop_limit_s * 1000;
		m->start_limit_ms = g->conf->start_limit_s * 1000;
	}
	h->world.n_machines = g->slot + 1;
}

static void add_monitors(struct hostd *h)
{
	struct world *w = &h->world;

	w->n_monitors = h->config->n_monitors;
	memcpy(w->monitors, h->config->monitors, sizeof(w->monitors));
	for (int i = 0; i < w->n_monitors; i++) {
		struct world_monitor *m = &w->monitors[i];

		m->shown = h->shown[i] < m->n_inputs ? h->shown[i] : -1;
		m->worked = h->worked[i];
		for (int k = 0; k < m->n_inputs; k++) /* the user's word counts more */
			if (m->sources[k].read == INPUT_NOT_READ)
				m->sources[k].read = h->learned[i][k];
	}
}

/*
 * Until a switch said who holds the seat, what is shown does. A guest that has just stopped
 * keeps it: seat_machine_lost() takes it home, and has to find it there.
 */
static void derive_holder(struct hostd *h)
{
	struct world *w = &h->world;
	const struct world_machine *now = &h->machines[w->holder];
	const struct world_monitor *m = &w->monitors[0];
	const char *gpu;
	int owner;

	if (w->n_monitors == 0 || m->shown < 0)
		return;
	gpu = m->inputs[m->shown].gpu;
	owner = world_gpu_owner(w, gpu);
	if (owner != WORLD_HOST || !now->known || !world_has(now, gpu))
		w->holder = owner;
}

const struct world *hostd_world(struct hostd *h)
{
	struct world *w = &h->world;

	if (!h->world_stale)
		return w;
	h->world_stale = false;
	w->machines = h->machines;
	h->machines[WORLD_HOST] =
		(struct world_machine){ .known = true, .state = WORLD_RUNNING, .session = true };
	snprintf(h->machines[WORLD_HOST].name, sizeof(h->machines[WORLD_HOST].name), "host");
	w->n_machines = 1;
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++) {
		h->machines[i].known = false;
		if (h->guests[i])
			add_machine(h, h->guests[i]);
	}
	add_monitors(h);
	inputs_world(h, w);
	w->deaf_host = !h->config->ddc;
	w->confirm_ms = h->config->confirm_limit_s * 1000;
	memcpy(w->primary_gpu, h->primary_gpu, sizeof(w->primary_gpu));
	if (!h->holder_moved)
		derive_holder(h);
	return w;
}
