// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keyboards, mice and whatever else on USB moves with the seat; the doors are in hostd.h.
 *
 * Theory of operation: sysfs says what is plugged in, the live XML of the guests (virt.c) who has
 * it; nothing else is believed, and nothing kept but what cannot be seen twice: what a device is
 * (while a guest has it, its HID parts are not there) and that it has just been plugged in.
 * sd-device says when to look again: at "bind", when the kernel is done with a device, not at
 * "add". Devices are not found by polling, but are looked up once more before each move.
 */
#include "host/daemon/inputs-internal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

/* --- who has it
 * ----------------------------------------------------------------------------------- */

bool inputs_guest_has(const struct guest *g, uint16_t bus, uint16_t device)
{
	for (uint32_t i = 0; i < g->n_usb; i++)
		if (g->usb[i].bus == bus && g->usb[i].device == device)
			return true;
	return false;
}

bool inputs_may_have(const struct guest *g)
{
	return g->uuid[0] || inputs_guest_shares(g);
}

struct guest *inputs_holder(struct hostd *h, uint16_t bus, uint16_t device)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->n_usb > 0 &&
			inputs_guest_has(h->guests[i], bus, device))
			return h->guests[i];
	for (int i = 0; h->inputs && i < h->inputs->n; i++) {
		const struct input *in = &h->inputs->list[i];

		if (in->shared[0] && in->usb.bus == bus && in->usb.device == device)
			return guest_find(h, in->shared);
	}
	return NULL;
}

void inputs_world(struct hostd *h, struct world *w)
{
	const struct inputs *s = h->inputs;

	w->n_devices = s ? s->n : 0;
	w->fixed_keyboard = s && s->fixed_keyboard;
	for (int i = 0; i < w->n_devices; i++) {
		const struct input *in = &s->list[i];
		const struct guest *g = in->turning ? guest_find(h, in->move.guest)
					: in->present
						? inputs_holder(h, in->usb.bus, in->usb.device)
						: NULL;

		w->devices[i] = (struct world_device){
			.holder = !in->present ? WORLD_NOBODY
				  : g          ? g->slot
					       : WORLD_HOST,
			.keyboard = in->keyboard,
			.pointer = in->pointer,
		};
		memcpy(w->devices[i].name, h->config->inputs.list[i].name,
			sizeof(w->devices[i].name));
	}
}

/* --- what is plugged in
 * --------------------------------------------------------------------------- */

/* The device of this input among those seen; -1 and in->problem. */
static int find_device(struct inputs *s, struct input *in, const int taken[USB_MAX_DEVICES])
{
	const struct config_inputs *c = &s->h->config->inputs;
	int found = usb_match(&c->list[in - s->list], s->seen, (size_t)s->n_seen, in->problem,
		sizeof(in->problem));

	if (found >= 0 && taken[found] >= 0) {
		snprintf(in->problem, sizeof(in->problem), "it is the same device as input %s",
			c->list[taken[found]].name);
		return -1;
	}
	return found < 0 ? -1 : found;
}

static void take_kinds(struct input *in, uint32_t kind)
{
	bool same = in->usb.keyboard || in->usb.pointer;

	if (kind != INPUT_KIND_LOOK) {
		in->keyboard = kind == INPUT_KIND_KEYBOARD || kind == INPUT_KIND_BOTH;
		in->pointer = kind == INPUT_KIND_MOUSE || kind == INPUT_KIND_BOTH;
	} else if (same) {
		in->keyboard |= in->usb.keyboard;
		in->pointer |= in->usb.pointer;
	}
}

static bool is_same_plug(const struct usb_device *a, const struct usb_device *b)
{
	return a->bus == b->bus && a->device == b->device && a->vendor == b->vendor &&
	       a->product == b->product;
}

/* It was pulled out of a guest's hands: its definition must not keep what is not there. */
static void tidy(struct input *in, const struct usb_device *old)
{
	struct guest *g = inputs_holder(in->all->h, old->bus, old->device);
	struct move m = { .usb = { .bus = old->bus, .device = old->device },
		.until_ms = hostd_now_ms() + 10000 };

	if (!g || !g->uuid[0])
		return;
	snprintf(m.guest, sizeof(m.guest), "%s", g->name);
	(void)inputs_move(in, &m); /* busy: it stays there, and harms nobody */
}

/* found: an index of seen, -1: not there. */
static void update(struct input *in, int found)
{
	struct inputs *s = in->all;
	struct usb_device old = in->usb;
	bool was = in->present, same;

	in->present = found >= 0;
	same = was && in->present && is_same_plug(&old, &s->seen[found]);
	if (was && !same)
		in->shared[0] = '\0'; /* with the device its sharing ends */
	if (in->present && (!was || !same)) {
		if (old.vendor != s->seen[found].vendor || old.product != s->seen[found].product)
			in->keyboard = in->pointer = false;
		in->owed = s->scanned &&
			   !inputs_holder(s->h, s->seen[found].bus, s->seen[found].device);
		in->tries = 0;
	}
	if (was && !same)
		tidy(in, &old);
	if (in->present)
		in->usb = s->seen[found];
	take_kinds(in, s->h->config->inputs.list[in - s->list].kind);
	if (was != in->present || (in->present && !same))
		hostd_world_changed(s->h);
}

static bool is_fixed_keyboard(const struct inputs *s, int seen)
{
	if (!s->seen[seen].keyboard || s->seen[seen].hub)
		return false;
	for (int i = 0; i < s->n; i++)
		if (s->list[i].present && is_same_plug(&s->list[i].usb, &s->seen[seen]))
			return false;
	return !inputs_holder(s->h, s->seen[seen].bus, s->seen[seen].device);
}

void inputs_scan(struct inputs *s)
{
	const char *sysfs = s->h->sysfs ? s->h->sysfs : "/sys";
	int taken[USB_MAX_DEVICES], n = usb_scan(sysfs, s->seen, USB_MAX_DEVICES);
	bool fixed;

	s->n_seen = n < 0 ? 0 : n;
	memset(taken, -1, sizeof(taken));
	for (int i = 0; i < s->n; i++) {
		int found = find_device(s, &s->list[i], taken);

		if (found >= 0)
			taken[found] = i;
		update(&s->list[i], found);
	}
	s->scanned = true;
	fixed = usb_other_keyboard(sysfs);
	for (int i = 0; i < s->n_seen && !fixed; i++)
		fixed = is_fixed_keyboard(s, i);
	if (fixed != s->fixed_keyboard)
		hostd_world_changed(s->h);
	s->fixed_keyboard = fixed;
}

static int on_rescan(sd_event_source *source, void *userdata)
{
	struct inputs *s = userdata;

	(void)source;
	inputs_scan(s);
	inputs_share_look(s);
	for (int i = 0; i < s->n; i++)
		inputs_settle(&s->list[i]);
	return 0;
}

void inputs_refresh(struct hostd *h)
{
	if (h->inputs)
		sd_event_source_set_enabled(h->inputs->rescan, SD_EVENT_ONESHOT);
}

void inputs_catch_up(struct hostd *h)
{
	if (h->inputs)
		inputs_share_look(h->inputs);
	for (int i = 0; h->inputs && i < h->inputs->n; i++)
		if (h->inputs->list[i].fresh && h->inputs->list[i].owed)
			inputs_settle(&h->inputs->list[i]);
}

static int on_device(sd_device_monitor *m, sd_device *device, void *userdata)
{
	struct inputs *s = userdata;
	sd_device_action_t action;

	(void)m;
	if (sd_device_get_action(device, &action) >= 0 && action != SD_DEVICE_ADD &&
		action != SD_DEVICE_CHANGE)
		inputs_refresh(s->h);
	return 0;
}

/* --- moving
 * --------------------------------------------------------------------------------------- */

static int move_device(struct hostd *h, int device, int machine, bool attach, uint32_t limit_ms,
	inputs_done_fn *done, void *userdata)
{
	struct inputs *s = h->inputs;
	struct move m = { .attach = attach,
		.until_ms = hostd_now_ms() + limit_ms,
		.done = done,
		.userdata = userdata };
	const struct guest *g;

	if (!s || device < 0 || device >= s->n || machine <= WORLD_HOST ||
		machine >= HOSTD_MAX_MACHINES)
		return -EINVAL;
	g = h->guests[machine];
	if (!g || !inputs_may_have(g))
		return -ENOTCONN; /* not libvirt's */
	snprintf(m.guest, sizeof(m.guest), "%s", g->name);
	s->list[device].owed = s->list[device].fresh = false; /* somebody has decided */
	return inputs_move(&s->list[device], &m);
}

int inputs_attach(struct hostd *h, int device, int machine, uint32_t limit_ms, inputs_done_fn *done,
	void *userdata)
{
	return move_device(h, device, machine, true, limit_ms, done, userdata);
}

int inputs_detach(struct hostd *h, int device, int machine, uint32_t limit_ms, inputs_done_fn *done,
	void *userdata)
{
	return move_device(h, device, machine, false, limit_ms, done, userdata);
}

void inputs_come_home(struct hostd *h)
{
	for (int i = 0; h->inputs && i < h->inputs->n; i++)
		inputs_turn_round(&h->inputs->list[i]);
}

static void on_nobody_waits(void *userdata, int error, const char *detail)
{
	(void)userdata;
	(void)error;
	(void)detail;
}

void inputs_forget(struct hostd *h, const void *userdata)
{
	for (int i = 0; h->inputs && i < h->inputs->n; i++) {
		struct input *in = &h->inputs->list[i];

		if (in->moving && in->move.done && in->move.userdata == userdata)
			in->move.done = on_nobody_waits;
		if (in->has_next && in->next.done && in->next.userdata == userdata)
			in->next.done = on_nobody_waits;
	}
}

/* --- beginning and end
 * ---------------------------------------------------------------------------- */

/* Without it (no udev in a container), devices are found when they are to move. */
static void follow_bus(struct inputs *s)
{
	int r = sd_device_monitor_new(&s->monitor);

	if (r >= 0)
		r = sd_device_monitor_filter_add_match_subsystem_devtype(s->monitor, "usb", NULL);
	if (r >= 0)
		r = sd_device_monitor_attach_event(s->monitor, s->h->event);
	if (r >= 0)
		r = sd_device_monitor_start(s->monitor, on_device, s);
	if (r < 0) {
		log_warn("the USB bus cannot be watched: %s; a device that is plugged in anew is "
			 "found "
			 "at the next switch only",
			strerror(-r));
		s->monitor = sd_device_monitor_unref(s->monitor);
	}
}

static void inputs_free(struct inputs *s)
{
	sd_device_monitor_unref(s->monitor);
	sd_event_source_disable_unref(s->rescan);
	for (int i = 0; i < s->n; i++)
		inputs_move_done(&s->list[i]);
	free(s);
}

int inputs_start(struct hostd *h)
{
	struct inputs *s;
	int r;

	if (h->config->inputs.n == 0)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->h = h;
	r = sd_event_add_defer(h->event, &s->rescan, on_rescan, s);
	for (int i = 0; r >= 0 && i < h->config->inputs.n; i++) {
		s->n = i + 1;
		s->list[i].all = s;
		r = inputs_move_init(&s->list[i]);
	}
	if (r < 0) {
		inputs_free(s);
		return r;
	}
	h->inputs = s;
	follow_bus(s);
	inputs_scan(s);
	/* what was shared came back to the host when the va-hostd before us ended */
	for (int i = 0; i < s->n; i++)
		s->list[i].owed = s->list[i].fresh = inputs_anybody_shares(h);
	for (int i = 0; i < s->n; i++)
		if (!s->list[i].present)
			log_warn(
				"input %s: %s", h->config->inputs.list[i].name, s->list[i].problem);
	hostd_world_changed(h);
	return 0;
}

void inputs_stop(struct hostd *h)
{
	struct inputs *s = TAKE(h->inputs);

	if (s)
		inputs_free(s);
}

void inputs_reload(struct hostd *h)
{
	int r;

	inputs_stop(h);
	r = inputs_start(h);
	if (r < 0)
		log_error("cannot follow keyboards and mice: %s", strerror(-r));
	hostd_world_changed(h);
}
