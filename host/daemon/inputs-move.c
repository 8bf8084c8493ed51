// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Moving one device between the host and guests, through va-virt.
 *
 * Theory of operation: a move has at most three parts, each answered from the loop: look the
 * device up on the bus as it is now; take it from the guest that has it; give it to the one that
 * shall have it. What libvirt says it has done is noted at once; the live XML, which the watcher
 * tells soon after, is the truth in the end. One move of a device at a time. A device that was
 * plugged in while a guest has the seat goes there by itself, with a few tries, because a device
 * is not always ready when the kernel says so.
 */
#include "common/base/log.h"
#include "host/daemon/inputs-internal.h"

#include <stdio.h>
#include <string.h>

#define FOLLOW_LIMIT_MS 10000u
#define RETRY_USEC      1000000ull
#define TURN_USEC       2000000ull
#define TRIES           5u

static struct hostd *hostd_of(const struct input *in)
{
	return in->all->h;
}

static const char *name_of(const struct input *in)
{
	return hostd_of(in)->config->inputs.list[in - in->all->list].name;
}

static void arm(sd_event_source *s, uint64_t usec)
{
	sd_event_source_set_time_relative(s, usec);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Later, never at once: whoever asks is not called back before it has returned. */
static void move_start(struct input *in, const struct move *m)
{
	in->moving = true;
	in->move = *m;
	sd_event_source_set_enabled(in->later, SD_EVENT_ONESHOT);
}

static void move_end(struct input *in, int error, const char *detail)
{
	struct move end = in->move;

	if (in->turning && !in->has_next) { /* nobody has asked for it back */
		in->next = (struct move){ .until_ms = hostd_now_ms() + FOLLOW_LIMIT_MS };
		memcpy(in->next.guest, end.guest, sizeof(end.guest));
		in->has_next = true;
	}
	in->moving = in->turning = false;
	in->move = (struct move){ 0 };
	if (in->has_next) {
		in->has_next = false;
		move_start(in, &in->next);
	}
	hostd_world_changed(hostd_of(in));
	if (end.done) {
		end.done(end.userdata, error, detail);
		return;
	}
	if (!end.attach) { /* what was pulled out is gone; it may be there again */
		if (in->owed)
			arm(in->retry, 0);
		return;
	}
	if (error == 0) {
		in->owed = false;
	} else if (++in->tries < TRIES) {
		arm(in->retry, RETRY_USEC);
	} else {
		in->owed = false;
		log_warn("input %s was plugged in and cannot follow the seat: %s", name_of(in),
			detail);
	}
}

/* What libvirt has done, before its watcher tells. */
static void note_moved(struct hostd *h, const char *guest, const struct virt_usb *usb, bool has)
{
	struct guest *g = guest_find(h, guest);

	if (!g || inputs_guest_has(g, usb->bus, usb->device) == has)
		return;
	if (has && g->n_usb < ARRAY_SIZE(g->usb)) {
		g->usb[g->n_usb++] = *usb;
		return;
	}
	for (uint32_t i = 0; !has && i < g->n_usb; i++)
		if (g->usb[i].bus == usb->bus && g->usb[i].device == usb->device)
			g->usb[i--] = g->usb[--g->n_usb];
}

static void on_virt_done(void *userdata, int error, const char *detail)
{
	struct input *in = userdata;
	struct move *m = &in->move;
	bool given = m->attach && !m->clearing;

	m->doer = NULL;
	in->unsure = error == -ETIMEDOUT;
	if (error < 0) {
		move_end(in, error, detail);
		return;
	}
	note_moved(hostd_of(in), m->clearing ? m->from : m->guest, &m->usb, given);
	if (m->clearing) {
		m->clearing = false;
		sd_event_source_set_enabled(in->later, SD_EVENT_ONESHOT);
		return;
	}
	log_info("input %s (%04x:%04x at %s): %s", name_of(in), in->usb.vendor, in->usb.product,
		in->usb.path, given ? "given away" : "taken back");
	move_end(in, 0, detail);
}

static void on_shared(struct input *in, int error, const char *detail)
{
	if (error == 0 && in->move.clearing) {
		in->move.clearing = false;
		sd_event_source_set_enabled(in->later, SD_EVENT_ONESHOT);
		return;
	}
	if (error == 0)
		log_info("input %s (%04x:%04x at %s): %s", name_of(in), in->usb.vendor,
			in->usb.product, in->usb.path,
			in->shared[0] ? "shared" : "the host's again");
	move_end(in, error, detail);
}

/* to: NULL: it is the host's again. */
static void ask_share(struct input *in, const struct guest *to)
{
	uint64_t now = hostd_now_ms();
	char why[INPUT_WHY_SIZE] = "the time is over";
	int error = -ETIMEDOUT;

	if (in->move.until_ms > now)
		error = inputs_share(
			in, to, (uint32_t)(in->move.until_ms - now), on_shared, why, sizeof(why));
	if (error < 0)
		move_end(in, error, why);
}

static void ask_virt(struct input *in, uint32_t op, const struct guest *g)
{
	struct virt_request r = { .head.op = op, .usb = in->move.usb };
	uint64_t now = hostd_now_ms();
	int error = -ETIMEDOUT;

	snprintf(r.uuid, sizeof(r.uuid), "%s", g->uuid);
	if (in->move.until_ms > now) {
		r.limit_ms = (uint32_t)(in->move.until_ms - now);
		error = virt_do(hostd_of(in), &r, on_virt_done, in, &in->move.doer);
	}
	if (error < 0)
		move_end(in, error,
			error == -ENOTCONN    ? "there is no libvirt to ask"
			: error == -ETIMEDOUT ? "the time is over"
					      : "va-virt cannot be started");
}

static void step_attach(struct input *in)
{
	struct guest *to = guest_find(hostd_of(in), in->move.guest), *has;
	char text[NAME_MAX_LEN + 48];

	inputs_scan(in->all);
	if (!in->present) {
		move_end(in, strcmp(in->problem, "not plugged in") ? -ENOTUNIQ : -ENODEV,
			in->problem);
		return;
	}
	if (!to || !guest_is_running(to)) {
		snprintf(text, sizeof(text), "%s does not run", to ? to->name : "the guest");
		move_end(in, -EBUSY, text);
		return;
	}
	in->move.usb = (struct virt_usb){ .bus = in->usb.bus,
		.device = in->usb.device,
		.vendor = in->usb.vendor,
		.product = in->usb.product };
	has = inputs_holder(hostd_of(in), in->usb.bus, in->usb.device);
	if (has == to && !in->unsure) {
		move_end(in, 0, "it has the device already");
	} else if (has && has != to) {
		in->move.clearing = true;
		snprintf(in->move.from, sizeof(in->move.from), "%s", has->name);
		if (in->shared[0])
			ask_share(in, NULL);
		else
			ask_virt(in, VIRT_DETACH_USB, has);
	} else if (inputs_guest_shares(to)) {
		ask_share(in, to);
	} else {
		ask_virt(in, VIRT_ATTACH_USB, to);
	}
}

static void step_detach(struct input *in)
{
	struct guest *from = guest_find(hostd_of(in), in->move.guest);

	if (in->shared[0] && !strcmp(in->shared, in->move.guest)) {
		ask_share(in, NULL);
		return;
	}
	if (!in->move.usb.bus)
		in->move.usb = (struct virt_usb){ .bus = in->usb.bus, .device = in->usb.device };
	if (!from || from->virt_state == VIRT_STATE_OFF || !in->move.usb.bus)
		move_end(in, 0, "it does not have the device");
	else
		ask_virt(in, VIRT_DETACH_USB, from);
}

static int on_later(sd_event_source *s, void *userdata)
{
	struct input *in = userdata;

	(void)s;
	if (in->moving && in->move.attach)
		step_attach(in);
	else if (in->moving)
		step_detach(in);
	return 0;
}

int inputs_move(struct input *in, const struct move *m)
{
	if (!in->moving) {
		move_start(in, m);
		return 0;
	}
	if (in->has_next)
		return -EBUSY;
	in->has_next = true;
	in->next = *m;
	return 0;
}

void inputs_turn_round(struct input *in)
{
	struct move waits = in->next;
	bool cancelled = in->has_next && in->next.attach;

	in->owed = false;
	if (cancelled)
		in->has_next = false;
	if (in->moving && in->move.attach) {
		in->turning = true;
		arm(in->retry, TURN_USEC);
		hostd_world_changed(hostd_of(in));
	}
	if (cancelled && waits.done)
		waits.done(waits.userdata, -ECANCELED, "a rescue took its place");
}

/* --- following the seat
 * --------------------------------------------------------------------------- */

/* A keyboard goes by itself only where somebody can send it back from. */
static struct guest *seat_guest(const struct input *in)
{
	struct hostd *h = hostd_of(in);
	const struct world *w = hostd_world(h);
	struct guest *g = w->holder > 0 ? h->guests[w->holder] : NULL;

	if (!g || !inputs_may_have(g) || !guest_is_running(g))
		return NULL;
	if (in->keyboard && g->state != LINK_UP && !w->fixed_keyboard)
		return NULL;
	return g;
}

void inputs_settle(struct input *in)
{
	struct move m = { .attach = true, .until_ms = hostd_now_ms() + FOLLOW_LIMIT_MS };
	struct guest *g;

	if (!in->owed || !in->present || in->moving)
		return;
	if (seat_is_busy(hostd_of(in))) { /* it decides where the seat is */
		arm(in->retry, RETRY_USEC);
		return;
	}
	g = seat_guest(in);
	if (!g || (in->fresh && !inputs_guest_shares(g))) {
		in->owed = in->fresh; /* the seat's holder may not be known yet */
		return;
	}
	snprintf(m.guest, sizeof(m.guest), "%s", g->name);
	log_info("input %s is there; %s has the seat", name_of(in), g->name);
	move_start(in, &m);
}

void inputs_owe(struct input *in)
{
	arm(in->retry, RETRY_USEC);
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct input *in = userdata;

	(void)s;
	(void)usec;
	if (!in->turning) {
		inputs_settle(in);
		return 0;
	}
	/* libvirt hangs; whether it gives the device away in the end is seen before it is taken */
	virt_do_stop(TAKE(in->move.doer));
	if (in->sharing)
		inputs_share_drop(in);
	move_end(in, -ECANCELED, "a rescue took its place");
	return 0;
}

/* --- beginning and end
 * ---------------------------------------------------------------------------- */

int inputs_move_init(struct input *in)
{
	sd_event *event = hostd_of(in)->event;
	int r = sd_event_add_defer(event, &in->later, on_later, in);

	if (r >= 0)
		r = sd_event_add_time(event, &in->retry, CLOCK_MONOTONIC, 0, 1000, on_retry, in);
	if (r < 0)
		return r;
	sd_event_source_set_enabled(in->later, SD_EVENT_OFF);
	sd_event_source_set_enabled(in->retry, SD_EVENT_OFF);
	return 0;
}

void inputs_move_done(struct input *in)
{
	struct move ended[2] = { in->move, in->next };
	bool was[2] = { in->moving, in->has_next };

	in->moving = in->has_next = in->owed = false;
	in->later = sd_event_source_disable_unref(in->later);
	in->retry = sd_event_source_disable_unref(in->retry);
	virt_do_stop(ended[0].doer);
	if (in->sharing || in->shared[0])
		inputs_share_drop(in);
	for (int i = 0; i < 2; i++)
		if (was[i] && ended[i].done)
			ended[i].done(
				ended[i].userdata, -ECANCELED, "the configuration has changed");
}
