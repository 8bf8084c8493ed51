// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What libvirt says, through va-virt. A domain becomes a guest under its own name, or under the
 * name of the file in guests.d whose "domain =" names it; a domain whose name is no name of ours
 * (blanks, slashes) needs such a file.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

static bool domain_is_valid(const struct virt_domain *d)
{
	if (!memchr(d->uuid, 0, sizeof(d->uuid)) || !memchr(d->name, 0, sizeof(d->name)))
		return false;
	if (!d->uuid[0] || !d->name[0] || d->state > VIRT_STATE_MAX ||
		d->n_hostdevs > ARRAY_SIZE(d->hostdevs) || d->n_usb > ARRAY_SIZE(d->usb))
		return false;
	for (uint32_t i = 0; i < d->n_hostdevs; i++)
		if (!memchr(d->hostdevs[i], 0, sizeof(d->hostdevs[i])))
			return false;
	return true;
}

static void take_hostdevs(struct guest *g, const struct virt_domain *d)
{
	free(TAKE(g->hostdevs));
	g->n_hostdevs = 0;
	if (d->n_hostdevs == 0)
		return;
	g->hostdevs = calloc(d->n_hostdevs, sizeof(*g->hostdevs));
	if (!g->hostdevs) {
		log_error("guest %s: its GPUs are not known: out of memory", g->name);
		return;
	}
	g->n_hostdevs = (int)d->n_hostdevs;
	memcpy(g->hostdevs, d->hostdevs, d->n_hostdevs * sizeof(*g->hostdevs));
}

/* Undefined, or not there any more when the connection came back. */
static void on_gone(struct guest *g)
{
	if (!g->conf) {
		guest_remove(g);
		return;
	}
	seat_machine_lost(g->h, g->slot);
	g->uuid[0] = '\0';
	g->virt_state = VIRT_STATE_OFF;
	g->virt_flags = 0;
	g->n_hostdevs = 0;
	g->n_usb = 0;
	guest_update(g);
}

/* Every domain has been told: what was not is gone. */
static void on_synced(struct hostd *h)
{
	h->virt_synced = true;
	hostd_world_changed(h);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++) {
		struct guest *g = h->guests[i];

		if (g && g->uuid[0] && !g->virt_told) {
			log_info("guest %s: libvirt does not know it any more", g->name);
			on_gone(g);
		}
	}
	seat_libvirt_back(h);
}

static void expect_all(struct hostd *h)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			h->guests[i]->virt_told = false;
}

/* By a domain that is there as far as is known. */
static bool is_taken(struct hostd *h, const char *name)
{
	const struct guest *g = guest_find(h, name);

	return g && g->uuid[0] && g->virt_told;
}

static void on_domain(struct hostd *h, const struct virt_domain *d)
{
	const struct config_guest *conf = config_find_domain(h->config, d->name);
	const char *name = conf ? conf->name : d->name;
	struct guest *g = guest_find_uuid(h, d->uuid);
	uint32_t before;

	if (!name_is_valid(name) || !strcmp(name, "host")) {
		log_warn("libvirt's domain \"%s\" needs a name of ours: make a file in guests.d "
			 "with \"domain = %s\"",
			escape(d->name), escape(d->name));
		return;
	}
	if (!g && is_taken(h, name)) {
		log_warn("libvirt's domain \"%s\" is left out: another one is guest %s already",
			escape(d->name), name);
		return;
	}
	if (g && strcmp(g->name, name)) { /* renamed */
		guest_remove(g);
		g = NULL;
	}
	if (!g)
		g = guest_get(h, name);
	if (!g) {
		log_error("no room for guest %s: %d are known already", name, CONFIG_MAX_GUESTS);
		return;
	}
	before = g->virt_state;
	snprintf(g->uuid, sizeof(g->uuid), "%s", d->uuid);
	g->virt_state = d->state;
	g->virt_flags = d->flags;
	g->virt_told = true;
	take_hostdevs(g, d);
	g->n_usb = d->state == VIRT_STATE_OFF ? 0 : d->n_usb;
	memcpy(g->usb, d->usb, sizeof(g->usb));
	if (before == VIRT_STATE_OFF && d->state != VIRT_STATE_OFF) {
		/* a new start has a new socket: look at once, whatever the back-off was */
		g->retry = sd_event_source_disable_unref(g->retry);
		g->backoff_usec = GUEST_BACKOFF_MIN_USEC;
	}
	guest_update(g);
	inputs_refresh(h);
}

static void on_connection(struct hostd *h, const struct virt_connection *c)
{
	char text[sizeof(c->detail)];
	bool up = c->up;

	if (!memchr(c->detail, 0, sizeof(c->detail)))
		return;
	if (up)
		expect_all(h);
	if (up != h->virt_up)
		log_line(up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "libvirt (%s): %s",
			h->config->libvirt,
			up ? "connected" : escape_str(c->detail, text, sizeof(text)));
	h->virt_up = up;
	if (!up)
		h->virt_synced = false;
	hostd_world_changed(h);
	snprintf(h->virt_detail, sizeof(h->virt_detail), "%s", up ? "" : c->detail);
	events_poke(h);
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	struct hostd *h = userdata;
	const struct worker_head *head = msg;
	const struct virt_domain *d = msg;
	struct guest *g;

	(void)w;
	if (fd >= 0)
		close(fd);
	if (head->op == VIRT_EV_SYNCED) {
		on_synced(h);
		return;
	}
	if (head->op == VIRT_EV_CONNECTION) {
		if (size == sizeof(struct virt_connection))
			on_connection(h, msg);
		return;
	}
	if (size != sizeof(*d) || !domain_is_valid(d)) {
		log_error("va-virt sends what is no domain; ignored");
		return;
	}
	if (head->op == VIRT_EV_DOMAIN) {
		on_domain(h, d);
		return;
	}
	g = guest_find_uuid(h, d->uuid);
	if (!g)
		return;
	if (head->op == VIRT_EV_RESET)
		guest_reset_session(g, "its machine was reset, restored or resumed");
	else if (head->op == VIRT_EV_GONE)
		on_gone(g);
}

static void on_ended(struct worker *w, int status, uint64_t will_restart_usec, void *userdata)
{
	struct hostd *h = userdata;

	(void)w;
	h->virt_up = false;
	snprintf(h->virt_detail, sizeof(h->virt_detail), "va-virt ended");
	log_warn("va-virt ended (status 0x%x), next one in %.1f s", (unsigned int)status,
		(double)will_restart_usec / 1e6);
}

int virt_start(struct hostd *h)
{
	char path[PATH_MAX];
	const char *argv[] = { path, "watch", h->config->libvirt, NULL };
	char *env[VIRT_ENV_MAX + 1];
	size_t n;
	struct worker_spec spec = {
		.name = "va-virt",
		.argv = argv,
		.env = (const char *const *)env,
		.min_size = sizeof(struct worker_head),
		.max_size = sizeof(struct virt_domain),
		.on_event = on_event,
		.on_exit = on_ended,
		.userdata = h,
	};
	int r;

	if (!h->config->libvirt[0])
		return 0;
	if (!hostd_path(path, sizeof(path), h->libexec, NULL, "va-virt", ""))
		return -ENAMETOOLONG;
	n = virt_environment(env);
	r = worker_new(&h->virt, h->event, &spec);
	while (n)
		free(env[--n]);
	return r;
}

void virt_stop(struct hostd *h)
{
	worker_free(TAKE(h->virt));
	h->virt_up = false;
}

/* --- the channel
 * ------------------------------------------------------------------------------------ */

struct connecting {
	struct hostd *h;
	char uuid[VIRT_UUID_SIZE];
};

static void on_connected(
	enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	CLEANUP(free) struct connecting *c = userdata;
	const struct virt_reply *r = msg;
	struct guest *g = guest_find_uuid(c->h, c->uuid);
	int error;

	if (!g || c->h->stopping) {
		if (fd >= 0)
			close(fd);
		return;
	}
	error = fate != WORKER_REPLIED || size != sizeof(*r) ? -EIO : r->error;
	if (fd >= 0 && error == 0) {
		guest_channel_arrived(g, fd, "");
		return;
	}
	if (fd >= 0)
		close(fd);
	guest_channel_arrived(g, error ? error : -EIO,
		fate == WORKER_REPLIED && memchr(r->detail, 0, sizeof(r->detail))
			? escape(r->detail)
			: "va-virt did not answer");
}

int virt_connect(struct guest *g)
{
	struct virt_request r = { .head.op = VIRT_CONNECT };
	struct connecting *c;
	int error;

	if (!worker_is_running(g->h->virt))
		return -ENOTCONN;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->h = g->h;
	snprintf(c->uuid, sizeof(c->uuid), "%s", g->uuid);
	snprintf(r.uuid, sizeof(r.uuid), "%s", g->uuid);
	error = worker_call(
		g->h->virt, &r, sizeof(r), -1, VIRT_LIMIT_CONNECT_USEC, on_connected, c);
	if (error < 0)
		free(c);
	return error;
}
