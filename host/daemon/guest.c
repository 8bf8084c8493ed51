// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The registry of guests and the life of their channels.
 *
 * A guest is known because libvirt has a domain with our channel, or because a file in guests.d
 * names it. It gets a va-link as soon as it is known, and that gets a channel whenever there is
 * one to be had: libvirt's through va-virt, a plain QEMU's by connecting to its socket.
 */
#include "host/daemon/guest.h"

#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

struct guest *guest_find(struct hostd *h, const char *name)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && !strcmp(h->guests[i]->name, name))
			return h->guests[i];
	return NULL;
}

struct guest *guest_find_uuid(struct hostd *h, const char *uuid)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && !strcmp(h->guests[i]->uuid, uuid))
			return h->guests[i];
	return NULL;
}

/* A switch under way knows its machines by their slots: another one must not step in there. */
static bool slot_is_free(const struct hostd *h, int slot, const char *name)
{
	const char *before = h->machines[slot].name;

	return !h->guests[slot] && (!seat_is_busy(h) || !before[0] || !strcmp(before, name));
}

struct guest *guest_get(struct hostd *h, const char *name)
{
	struct guest *g = guest_find(h, name);
	int slot = 1;

	if (g)
		return g;
	while (slot < HOSTD_MAX_MACHINES && !slot_is_free(h, slot, name))
		slot++;
	if (slot == HOSTD_MAX_MACHINES)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->h = h;
	g->slot = slot;
	g->backoff_usec = GUEST_BACKOFF_MIN_USEC;
	g->conf = config_find_guest(h->config, name);
	snprintf(g->name, sizeof(g->name), "%s", name);
	h->guests[slot] = g;
	hostd_world_changed(h);
	return g;
}

void guest_remove(struct guest *g)
{
	struct hostd *h = g->h;

	seat_machine_lost(h, g->slot);
	handover_forget(h, NULL, g);
	guest_link_stop(g);
	keys_free(g);
	free(g->rates);
	free(g->key_trouble);
	free(g->hostdevs);
	sd_event_source_disable_unref(g->retry);
	h->guests[g->slot] = NULL;
	hostd_world_changed(h);
	free(g);
}

bool guest_is_running(const struct guest *g)
{
	if (g->uuid[0])
		return g->virt_state == VIRT_STATE_RUNNING;
	return g->connected;
}

bool guest_has_channel(const struct guest *g)
{
	if (g->conf && g->conf->channel[0])
		return true;
	return g->uuid[0] && (g->virt_flags & VIRT_FLAG_CHANNEL);
}

enum world_state guest_world_state(const struct guest *g)
{
	enum world_state off = handover_awaits(g) ? WORLD_STARTING : WORLD_OFF;

	if (!g->uuid[0])
		return g->connected ? WORLD_RUNNING : off;
	switch (g->virt_state) {
	case VIRT_STATE_RUNNING: return WORLD_RUNNING;
	case VIRT_STATE_PAUSED: return WORLD_PAUSED;
	case VIRT_STATE_STOPPING: return WORLD_STOPPING;
	default: return off;
	}
}

/* A GPU of this machine, or what a monitor's input names as one. */
static bool is_gpu(const struct hostd *h, const char *pci)
{
	const struct config *c = h->config;

	for (int i = 0; i < h->n_gpus; i++)
		if (!strcmp(h->gpus[i], pci))
			return true;
	for (int m = 0; m < c->n_monitors; m++)
		for (int i = 0; i < c->monitors[m].n_inputs; i++)
			if (!strcmp(c->monitors[m].inputs[i].gpu, pci))
				return true;
	return false;
}

static void add_gpu(struct guest *g, const char *pci)
{
	for (int i = 0; i < g->n_gpus; i++)
		if (!strcmp(g->gpus[i], pci))
			return;
	if (g->n_gpus < WORLD_MAX_GPUS)
		snprintf(g->gpus[g->n_gpus++], WORLD_PCI_SIZE, "%s", pci);
}

static void collect_gpus(struct guest *g)
{
	g->n_gpus = 0;
	for (int i = 0; i < g->n_hostdevs; i++)
		if (is_gpu(g->h, g->hostdevs[i]))
			add_gpu(g, g->hostdevs[i]);
	for (int i = 0; g->conf && i < g->conf->n_gpus; i++)
		add_gpu(g, g->conf->gpus[i]);
}

void guest_update(struct guest *g)
{
	bool wanted = guest_has_channel(g);

	collect_gpus(g);
	if (g->virt_state != VIRT_STATE_OFF)
		g->arrives_until_ms = 0; /* it has arrived */
	hostd_world_changed(g->h);
	if (wanted && !g->link) {
		int r = guest_link_start(g);

		if (r < 0)
			log_error("guest %s: cannot start its va-link: %s", g->name, strerror(-r));
	} else if (!wanted && g->link) {
		guest_link_stop(g);
	}
	if (g->uuid[0] ? !guest_is_running(g) : !wanted)
		seat_machine_lost(g->h, g->slot);
	else
		guest_connect(g);
}

/* --- the channel --------------------------------------------------------------------------------
 */

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct guest *g = userdata;

	(void)s;
	(void)usec;
	g->retry = sd_event_source_disable_unref(g->retry);
	guest_connect(g);
	return 0;
}

static void retry_later(struct guest *g, uint64_t at_least_usec)
{
	uint64_t wait = g->backoff_usec > at_least_usec ? g->backoff_usec : at_least_usec;

	g->backoff_usec *= 2;
	if (g->backoff_usec > GUEST_BACKOFF_MAX_USEC)
		g->backoff_usec = GUEST_BACKOFF_MAX_USEC;
	sd_event_source_disable_unref(g->retry);
	g->retry = NULL;
	if (sd_event_add_time_relative(
		    g->h->event, &g->retry, CLOCK_BOOTTIME, wait, wait / 10, on_retry, g) < 0)
		log_error("guest %s: no timer for its channel; say \"va-host reload\"", g->name);
}

void guest_connect(struct guest *g)
{
	int fd;

	if (g->connected || g->connecting || g->retry || !worker_is_running(g->link))
		return;
	if (g->conf && g->conf->channel[0]) {
		g->connecting = true;
		fd = guest_socket_connect(g);
		guest_channel_arrived(g, fd, fd < 0 ? strerror(-fd) : "");
	} else if (g->uuid[0] && g->virt_state != VIRT_STATE_OFF) {
		g->connecting = true;
		fd = virt_connect(g);
		if (fd < 0)
			guest_channel_arrived(g, fd, strerror(-fd));
	}
}

void guest_channel_arrived(struct guest *g, int fd, const char *why)
{
	g->connecting = false;
	if (fd < 0) {
		if (g->channel_error != fd)
			log_debug("guest %s: no channel: %s", g->name, why);
		g->channel_error = fd;
		retry_later(g, 0);
		if (!guest_is_running(g)) /* it went while its va-link was being replaced */
			seat_machine_lost(g->h, g->slot);
		return;
	}
	g->channel_error = 0;
	g->connected = true;
	g->heard = false;
	guest_link_channel(g, fd);
	hostd_world_changed(g->h);
}

void guest_channel_lost(struct guest *g, uint64_t at_least_usec)
{
	g->connected = false;
	g->state = LINK_NO_PEER;
	hostd_world_changed(g->h);
	seat_machine_lost(g->h, g->slot);
	if (guest_has_channel(g))
		retry_later(g, at_least_usec);
}

/* --- texts
 * ------------------------------------------------------------------------------------------ */

const char *guest_state_name(const struct guest *g)
{
	static const char *const names[] = {
		[VIRT_STATE_OFF] = "off",
		[VIRT_STATE_RUNNING] = "running",
		[VIRT_STATE_PAUSED] = "paused",
		[VIRT_STATE_STOPPING] = "stopping",
	};

	if (handover_awaits(g) && guest_world_state(g) == WORLD_STARTING)
		return "starting";
	if (!g->uuid[0])
		return g->connected ? "running" : "unknown";
	return g->virt_state <= VIRT_STATE_MAX ? names[g->virt_state] : "unknown";
}

const char *guest_session_name(const struct guest *g)
{
	if (!guest_has_channel(g) || !g->connected)
		return "none";
	switch (g->state) {
	case LINK_UP: return "up";
	case LINK_WAITING: return "waiting";
	case LINK_UNPAIRED: return "unpaired";
	case LINK_NO_PEER: return "no-peer";
	}
	return "none";
}

static const char *hint_text(enum link_hint hint)
{
	switch (hint) {
	case LINK_HINT_VERSION:
		return "its agent speaks another version of the protocol: update one side";
	case LINK_HINT_UNKNOWN_KEY:
	case LINK_HINT_FOREIGN_KEY:
		return "it was reinstalled, cloned or restored: pair it again (va-host pair)";
	case LINK_HINT_UNPAIRED:
	case LINK_HINT_PEER_WANTS_PAIRING: return "it has no keys: needs pairing (va-host pair)";
	case LINK_HINT_BUSY: return "its agent is busy and says to come back";
	case LINK_HINT_PAIRING_CLOSED:
		return "it tried to pair and no window is open (va-host pair)";
	case LINK_HINT_PAIRING_FAILED:
		return "pairing failed: the code was wrong, or somebody is in between";
	case LINK_HINT_KEY_MISMATCH:
		return "five handshakes in a row did not verify: its keys are not ours (va-host "
		       "pair)";
	case LINK_HINT_NOISE:
		return "it floods the channel with bytes that are no frames: left alone for a "
		       "while";
	case LINK_HINT_NONE: break;
	}
	return NULL;
}

const char *guest_hint_text(const struct guest *g)
{
	const char *text;

	if (!guest_has_channel(g))
		return "no channel org.virtaid.0 in its definition (see virt-aid(7))";
	if (g->uuid[0] && g->virt_state == VIRT_STATE_OFF)
		return NULL;
	if (g->channel_error == -EAGAIN)
		return "another program holds its channel's socket";
	if (g->channel_error == -EACCES || g->channel_error == -EPERM)
		return "no permission to connect to its channel's socket";
	if (g->state == LINK_UP)
		return NULL;
	if (g->key_trouble)
		return g->key_trouble;
	if (g->hint == LINK_HINT_NOISE) /* and left it alone */
		return hint_text(g->hint);
	if (!g->connected)
		return g->uuid[0] ? "its channel is not open yet"
				  : "its channel's socket is not there: is it running?";
	text = hint_text(g->hint);
	if (text)
		return text;
	if (!g->paired)
		return "not paired (va-host pair)";
	if (!g->heard)
		return "nobody answers on its channel: va-guestd does not run in it, or another "
		       "program holds the channel's socket";
	return "its agent does not answer any more: is va-guestd running in it?";
}

const char *guest_outcome_words(uint32_t outcome)
{
	switch (outcome) {
	case MSG_OUT_UNKNOWN: return "no answer came: it may or may not have happened";
	case MSG_OUT_NOT_SENT: return "its agent does not answer; nothing was done";
	case MSG_OUT_NOT_CONNECTED: return "not connected; nothing was done";
	case MSG_OUT_NOT_PAIRED: return "not paired (va-host pair)";
	default: return msg_outcome_name(outcome);
	}
}
