// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: va-gpu tells of a guest that is about to be given a card that the host's
 * own session is on, and of one whose card is back. libvirt waits for va-gpu meanwhile, so
 * nothing here asks libvirt for anything, and the answer comes within va-gpu's patience.
 *
 * Before: the monitors that show the host are pushed to the guest's input, blind, while the
 * host's side of the wire is still there. The guest is not up and may have no agent at all; the
 * seat stays with the host until its agent answers, and then follows by an ordinary switch.
 * This happens beside the arbiter, not through it: the switch under way may be the very one that
 * has the guest started. A push that leads to nothing (the start failed, the guest went off, the
 * switch gave up) is taken back.
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#include <stdio.h>
#include <string.h>

#define PUSH_LIMIT_USEC 4000000ull /* of va-gpu's five seconds */
#define ARRIVAL_MS      180000u    /* from the hook until it runs */

struct handover {
	struct hostd *h;
	struct control_client *client; /* NULL: it has left */
	struct guest *guest;           /* NULL: it is no more */
	int waiting, failed, pushed;
};

/* One monitor of one handover. */
struct push {
	struct handover *of;
	int monitor, input;
};

static void finish(struct handover *o)
{
	struct control_client *c = o->client;
	struct hostd *h = o->h;
	int failed = o->failed, pushed = o->pushed;

	h->handover = NULL;
	free(o);
	if (!h->execution)
		seat_after_switch(h);
	if (!c)
		return;
	if (failed)
		control_finish(c, EXIT_CODE_FAILED, NULL,
			"%d of %d monitors did not obey; the guest starts all the same", failed,
			failed + pushed);
	else if (pushed)
		control_finish(c, EXIT_CODE_UNCONFIRMED, NULL,
			"sent to %d monitors; the seat follows when the guest answers", pushed);
	else
		control_finish(c, EXIT_CODE_OK, NULL, "no monitor has to move");
}

static void pushed(struct push *p, bool good, const char *why)
{
	struct handover *o = p->of;
	const char *name = o->h->config->monitors[p->monitor].name;

	if (good) {
		log_info("monitor %s: pushed to the guest that starts", name);
		monitors_learn(o->h, p->monitor, p->input, INPUT_NOT_READ);
		o->pushed++;
	} else {
		log_warn("monitor %s: not pushed to the guest that starts: %s", name, why);
		o->failed++;
	}
	free(p);
	if (--o->waiting == 0)
		finish(o);
}

static void on_pushed(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	const struct ddc_reply *r = msg;

	(void)size;
	if (fd >= 0)
		close(fd);
	if (fate == WORKER_REPLIED)
		pushed(userdata, r->status == DDC_OK, ddc_status_text(r->status));
	else
		pushed(userdata, false, "no answer in time");
}

static void on_command_pushed(void *userdata, int error, const char *detail)
{
	pushed(userdata, error == 0, detail);
}

static void push(struct handover *o, int monitor, int input)
{
	const struct world_monitor *m = &hostd_world(o->h)->monitors[monitor];
	struct ddc_request r = {
		.head.op = DDC_SET, .via = m->via, .value = m->sources[input].write
	};
	struct push *p = calloc(1, sizeof(*p));

	snprintf(r.key, sizeof(r.key), "%s", m->key);
	snprintf(r.connector, sizeof(r.connector), "%s", m->connector);
	if (p)
		*p = (struct push){ .of = o, .monitor = monitor, .input = input };
	if (p && m->command[0]) {
		o->waiting++;
		monitor_command(o->h, m, m->sources[input].write,
			(uint32_t)(PUSH_LIMIT_USEC / 1000), on_command_pushed, p);
		return;
	}
	if (p && monitors_ask(o->h, &r, PUSH_LIMIT_USEC, on_pushed, p) == 0) {
		o->waiting++;
		return;
	}
	free(p);
	o->failed++;
}

/* The input to push a monitor to that shows the host, or -1. */
static int input_for(const struct world *w, const struct world_monitor *m, int machine)
{
	const struct world_machine *g = &w->machines[machine];
	int found = -1;

	if (m->n_inputs < 2 ||
		(m->shown >= 0 &&
			(world_has(g, m->inputs[m->shown].gpu) ||
				world_gpu_owner(w, m->inputs[m->shown].gpu) != WORLD_HOST)))
		return -1;
	for (int i = m->n_inputs; i-- > 0;)
		if (world_has(g, m->inputs[i].gpu))
			found = i;
	return found;
}

static void push_all(struct handover *o)
{
	const struct world *w = hostd_world(o->h);
	int inputs[WORLD_MAX_MONITORS], n = w->n_monitors;

	for (int i = 0; i < n; i++)
		inputs[i] = input_for(w, &w->monitors[i], o->guest->slot);
	for (int i = 0; i < n; i++)
		/* a picture ends by itself with the graphics card that sends it */
		if (inputs[i] >= 0 && w->monitors[i].via != MSG_VIA_SIGNAL)
			push(o, i, inputs[i]);
}

/* What libvirt calls it; the configuration may call it otherwise. */
static struct guest *find_guest(struct hostd *h, const char *domain)
{
	const struct config_guest *conf = config_find_domain(h->config, domain);

	return guest_find(h, conf ? conf->name : domain);
}

static bool somebody_else_moves(const struct hostd *h, const struct guest *g)
{
	return h->handover || h->rescue || h->recovery || power_is_going_down(h) ||
	       (h->execution && execute_target(h->execution) != g->slot);
}

/* Whoever should have arrived by now is off. */
static int on_overdue(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	hostd_world_changed(userdata);
	return 0;
}

static void begins(struct hostd *h, struct guest *g, struct control_client *c)
{
	struct handover *o;
	bool has_seat = hostd_world(h)->holder == WORLD_HOST;

	g->arrives_until_ms = hostd_now_ms() + ARRIVAL_MS;
	sd_event_add_time_relative(
		h->event, NULL, CLOCK_BOOTTIME, (ARRIVAL_MS + 1) * 1000ull, 100000, on_overdue, h);
	hostd_world_changed(h);
	if (!has_seat) {
		control_finish(c, EXIT_CODE_OK, NULL, "the host does not have the seat");
		return;
	}
	if (somebody_else_moves(h, g)) {
		control_finish(c, EXIT_CODE_BUSY, NULL, "a switch is under way");
		return;
	}
	o = calloc(1, sizeof(*o));
	if (!o) {
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	*o = (struct handover){ .h = h, .client = c, .guest = g, .waiting = 1 };
	h->handover = o;
	/* what is shown no longer tells who holds the seat: the host, until somebody takes it */
	h->holder_moved = true;
	g->expected = true;
	push_all(o);
	if (--o->waiting == 0)
		finish(o);
}

/* The card is back, and with it perhaps other numbers of buses. */
static void ends(struct hostd *h, struct guest *g, struct control_client *c)
{
	g->arrives_until_ms = 0;
	hostd_world_changed(h);
	/* libvirt may say only in a moment that it is off */
	if (hostd_world(h)->holder == WORLD_HOST && !h->machines[g->slot].session)
		g->expected = true;
	if (h->config->ddc)
		monitors_detect(h);
	control_finish(c, EXIT_CODE_OK, NULL, "%s", "");
	handover_look(h);
}

void handover_command(struct hostd *h, const struct control_request *r, struct control_client *c)
{
	struct guest *g = find_guest(h, r->arg);

	if (!g)
		control_finish(c, EXIT_CODE_REFUSED, NULL, "no guest is called %s", escape(r->arg));
	else if (r->value == CONTROL_HANDOVER_BEGINS)
		begins(h, g, c);
	else if (r->value == CONTROL_HANDOVER_ENDS)
		ends(h, g, c);
	else
		control_finish(c, EXIT_CODE_USAGE, NULL, "neither begins nor ends");
}

bool handover_awaits(const struct guest *g)
{
	return g->arrives_until_ms && hostd_now_ms() < g->arrives_until_ms;
}

/* Its agent answers: now all that moves with the seat can follow. */
static void follow(struct hostd *h, struct guest *g)
{
	struct intent i = { .target = g->name, .no_start = true };
	struct seat_request nobody = { 0 };

	g->expected = false;
	seat_switch(h, &i, "its start", &nobody);
}

void handover_look(struct hostd *h)
{
	const struct world *w = hostd_world(h);

	if (h->execution || h->rescue || h->recovery || h->handover || h->stopping)
		return;
	for (int i = 1; i < HOSTD_MAX_MACHINES && !h->execution; i++) {
		struct guest *g = h->guests[i];

		if (!g || !g->expected)
			continue;
		if (world_is_running(&w->machines[i]) && w->machines[i].session) {
			follow(h, g);
		} else if (!world_is_up(&w->machines[i])) {
			g->expected = false;
			log_info("%s did not stay: the monitors come back", g->name);
			seat_bring_back(h, i);
		}
	}
}

void handover_switched(struct hostd *h, int target, bool moved)
{
	struct guest *g =
		target > WORLD_HOST && target < HOSTD_MAX_MACHINES ? h->guests[target] : NULL;

	if (moved) { /* all monitors are where that switch put them */
		for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
			if (h->guests[i])
				h->guests[i]->expected = false;
	} else if (g && g->expected && hostd_world(h)->holder == WORLD_HOST) {
		g->expected = false;
		seat_bring_back(h, target);
	}
}

void handover_forget(struct hostd *h, const void *client, const struct guest *g)
{
	if (h->handover && h->handover->client == client)
		h->handover->client = NULL;
	if (h->handover && g && h->handover->guest == g)
		h->handover->guest = NULL;
}
