// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's own DDC worker: kept warm, asked once at its start what is there, replaced when it
 * misses a deadline. What it read becomes what the world knows of each monitor.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

#define GUEST_READ_MS 10000u

const char *ddc_status_text(uint32_t status)
{
	static const char *const texts[] = {
		[DDC_OK] = "done",
		[DDC_NO_MONITOR] = "no such monitor on a bus of this machine",
		[DDC_AMBIGUOUS] = "several monitors have this identity; name the connector",
		[DDC_NO_ANSWER] = "the monitor does not answer on this cable",
		[DDC_REFUSED] = "the monitor does not acknowledge on this cable",
		[DDC_NO_ACCESS] = "no access to /dev/i2c-*; is module i2c-dev loaded?",
		[DDC_FORBIDDEN] = "this value is not written to a monitor",
		[DDC_BROKEN] = "libddcutil failed",
		[DDC_NO_RIGHT] = "no right to end the picture; see via = signal, va-host.conf(5)",
	};

	return status <= DDC_STATUS_MAX ? texts[status] : texts[DDC_BROKEN];
}

int monitors_ask(struct hostd *h, struct ddc_request *r, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata)
{
	if (!worker_is_running(h->ddc))
		return -ENOTCONN;
	return worker_call(h->ddc, r, sizeof(*r), -1, limit_usec, reply, userdata);
}

bool monitors_display_is_valid(const struct ddc_display *d)
{
	return strnlen(d->key, sizeof(d->key)) == sizeof(d->key) - 1 &&
	       memchr(d->connector, 0, sizeof(d->connector)) && memchr(d->pci, 0, sizeof(d->pci)) &&
	       memchr(d->id.name, 0, sizeof(d->id.name)) &&
	       memchr(d->id.maker, 0, sizeof(d->id.maker)) &&
	       memchr(d->id.serial_str, 0, sizeof(d->id.serial_str)) && d->input <= 0xffff;
}

void monitors_learn(struct hostd *h, int monitor, int input, int32_t value)
{
	h->shown[monitor] = input;
	if (input >= 0 && value != INPUT_NOT_READ)
		h->learned[monitor][input] = value;
	hostd_world_changed(h);
}

void monitors_forget_one(struct hostd *h, int monitor)
{
	h->shown[monitor] = -1;
	h->worked[monitor] = WRITER_UNKNOWN;
	for (int i = 0; i < WORLD_MAX_INPUTS; i++)
		h->learned[monitor][i] = INPUT_NOT_READ;
	hostd_world_changed(h);
}

void monitors_forget(struct hostd *h)
{
	for (int m = 0; m < WORLD_MAX_MONITORS; m++)
		monitors_forget_one(h, m);
}

/* Twins are told apart by their connectors: "DP-1" or "card0-DP-1". */
static bool is_display(const struct world_monitor *m, const struct ddc_display *d)
{
	const char *dash = strchr(d->connector, '-');

	return !strcmp(d->key, m->key) &&
	       (!m->connector[0] || !strcmp(m->connector, d->connector) ||
		       (dash && !strcmp(m->connector, dash + 1)));
}

/* What the host reads tells which input is shown, and what that one reads as. */
static void learn_shown(struct hostd *h)
{
	const struct config *c = h->config;

	for (int m = 0; m < c->n_monitors; m++)
		for (int i = 0; i < h->n_displays; i++) {
			const struct world_monitor *mon = &c->monitors[m];
			const struct ddc_display *d = &h->displays[i];

			if (is_display(mon, d) && d->input >= 0 && !mon->unreadable)
				monitors_learn(h, m,
					input_find(mon->sources, (size_t)mon->n_inputs, d->input),
					d->input);
		}
}

static void take_displays(struct hostd *h, const struct ddc_reply *r)
{
	if (r->status != DDC_OK)
		log_error("monitors: the host finds none: %s", ddc_status_text(r->status));
	h->n_displays = 0;
	for (uint32_t i = 0; i < r->n_displays; i++)
		if (monitors_display_is_valid(&r->displays[i]))
			h->displays[h->n_displays++] = r->displays[i];
	log_info("monitors: the host sees %d, in %u ms", h->n_displays, r->took_ms);
	learn_shown(h);
}

/* --- what a guest reads
 * ------------------------------------------------------------------------------ */

struct guest_read {
	char key[MONITOR_KEY_SIZE];
};

static void on_guest_read(struct guest *g, const struct msg_result *r, void *userdata)
{
	CLEANUP(free) struct guest_read *q = userdata;
	const struct config *c = g->h->config;

	if (r->outcome != MSG_OUT_OK)
		return;
	for (int m = 0; m < c->n_monitors; m++) {
		const struct world_monitor *mon = &c->monitors[m];
		int32_t value = (int32_t)(r->value & 0xffff);

		/* a switch, or the host's own look, may have told more meanwhile */
		if (!strcmp(mon->key, q->key) && g->h->shown[m] < 0)
			monitors_learn(g->h, m,
				input_find(mon->sources, (size_t)mon->n_inputs, value), value);
	}
}

void monitors_ask_guest(struct guest *g)
{
	const struct world *w = hostd_world(g->h);

	if (worker_is_running(g->h->ddc) && !g->h->detected)
		return; /* the host looks itself first */
	for (int m = 0; m < w->n_monitors; m++) {
		const struct world_monitor *mon = &w->monitors[m];
		struct msg_query q = { .question = MSG_Q_DDC_READ, .via = mon->via };
		struct guest_read *ask;

		if (mon->shown >= 0 || mon->unreadable || world_input_of(w, mon, g->slot) < 0)
			continue;
		ask = calloc(1, sizeof(*ask));
		if (!ask)
			return;
		memcpy(ask->key, mon->key, sizeof(ask->key));
		snprintf(q.target, sizeof(q.target), "%s", mon->key);
		if (guest_query(g, &q, GUEST_READ_MS, on_guest_read, ask) < 0)
			free(ask);
	}
}

static void on_detected(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct hostd *h = userdata;
	const struct ddc_reply *r = msg;

	(void)size;
	if (fd >= 0)
		close(fd);
	if (fate == WORKER_STOPPED)
		return;
	h->detected = true;
	if (fate != WORKER_REPLIED || r->n_displays > DDC_MAX_DISPLAYS)
		log_error("monitors: detection did not end; monitors are not switched by the host");
	else
		take_displays(h, r);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->session)
			monitors_ask_guest(h->guests[i]);
	cables_host_looked(h);
}

void monitors_detect(struct hostd *h)
{
	struct ddc_request r = { .head.op = DDC_DETECT };

	if (monitors_ask(h, &r, DDC_LIMIT_DETECT_USEC, on_detected, h) < 0)
		log_warn("monitors: the DDC worker cannot be asked now");
}

/* --- the worker
 * -------------------------------------------------------------------------------------- */

static void on_started(struct worker *w, void *userdata)
{
	(void)w;
	monitors_detect(userdata);
}

static void on_ended(struct worker *w, int status, uint64_t will_restart_usec, void *userdata)
{
	(void)w;
	(void)userdata;
	log_warn("monitors: the DDC worker ended (status 0x%x), next one in %.1f s",
		(unsigned int)status, (double)will_restart_usec / 1e6);
}

int monitors_start(struct hostd *h)
{
	char path[PATH_MAX];
	const char *argv[] = { path, NULL };
	struct worker_spec spec = {
		.name = "va-ddc",
		.argv = argv,
		.min_size = sizeof(struct ddc_reply),
		.max_size = sizeof(struct ddc_reply),
		.on_exit = on_ended,
		.on_started = on_started,
		.userdata = h,
	};

	if (!h->config->ddc)
		return 0;
	if (!hostd_path(path, sizeof(path), h->libexec, NULL, "va-ddc", ""))
		return -ENAMETOOLONG;
	return worker_new(&h->ddc, h->event, &spec);
}

void monitors_stop(struct hostd *h)
{
	worker_free(TAKE(h->ddc));
	h->n_displays = 0;
}
