// SPDX-License-Identifier: GPL-2.0-or-later
/* "va-host inputs": what moves with the seat, and what is on the USB bus besides. */
#include "host/daemon/commands.h"
#include "host/daemon/inputs-internal.h"
#include "host/daemon/uinput.h"

#include <stdio.h>

static void add_str(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static const char *kind_name(bool keyboard, bool pointer)
{
	return keyboard && pointer ? "keyboard+mouse"
	       : keyboard          ? "keyboard"
	       : pointer           ? "mouse"
				   : "other";
}

static void add_id(json_object *o, uint16_t vendor, uint16_t product)
{
	char id[16];

	snprintf(id, sizeof(id), "%04x:%04x", vendor, product);
	add_str(o, "id", id);
}

json_object *show_input(struct hostd *h, int device)
{
	const struct world *w = hostd_world(h);
	const struct world_device *d = &w->devices[device];
	const struct input *in = &h->inputs->list[device];
	json_object *o = json_object_new_object();

	add_str(o, "name", d->name);
	add_str(o, "holder", d->holder >= 0 ? w->machines[d->holder].name : NULL);
	add_str(o, "kind", kind_name(d->keyboard, d->pointer));
	add_str(o, "port", in->present ? in->usb.path : NULL);
	if (in->present)
		add_id(o, in->usb.vendor, in->usb.product);
	else
		add_str(o, "note", in->problem);
	if (in->present && d->keyboard && d->pointer)
		add_str(o, "note", "one device: keyboard and mouse move together");
	return o;
}

/* Which input means it, by place on the bus. */
static const char *input_at(const struct hostd *h, const struct usb_device *u)
{
	for (int i = 0; h->inputs && i < h->inputs->n; i++)
		if (h->inputs->list[i].present && h->inputs->list[i].usb.bus == u->bus &&
			h->inputs->list[i].usb.device == u->device)
			return h->config->inputs.list[i].name;
	return NULL;
}

static json_object *show_usb(struct hostd *h, const struct usb_device *u)
{
	json_object *o = json_object_new_object();
	const struct guest *g = inputs_holder(h, u->bus, u->device);

	add_str(o, "port", u->path);
	add_str(o, "place", u->place);
	add_id(o, u->vendor, u->product);
	add_str(o, "serial", escape(u->serial));
	add_str(o, "kind", u->hub ? "hub" : kind_name(u->keyboard, u->pointer));
	add_str(o, "holder", g ? g->name : "host");
	add_str(o, "input", input_at(h, u));
	add_str(o, "label", escape(u->label));
	return o;
}

/* A guest with input = evdev, and what its definition needs for it. */
static json_object *show_sharing(struct hostd *h, const struct guest *g)
{
	json_object *o = json_object_new_object();
	char device[NAME_MAX_LEN + 40], xml[sizeof(device) + 96];

	snprintf(device, sizeof(device), "/dev/input/by-id/" UINPUT_PREFIX "%s", g->name);
	snprintf(xml, sizeof(xml),
		"<input type='evdev'><source dev='%s' grab='all' "
		"grabToggle='ctrl-scrolllock'/></input>",
		device);
	add_str(o, "name", g->name);
	add_str(o, "device", device);
	add_str(o, "state", inputs_share_state(h, g));
	add_str(o, "xml", xml);
	return o;
}

void command_inputs(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	CLEANUP(free) struct usb_device *seen = calloc(USB_MAX_DEVICES, sizeof(*seen));
	int n = seen ? usb_scan(h->sysfs ? h->sysfs : "/sys", seen, USB_MAX_DEVICES) : -ENOMEM;

	(void)g;
	(void)r;
	for (int i = 0; i < hostd_world(h)->n_devices; i++)
		control_send(c, "input", show_input(h, i));
	for (int i = 0; i < n; i++)
		control_send(c, "usb", show_usb(h, &seen[i]));
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && inputs_guest_shares(h->guests[i]))
			control_send(c, "sharing", show_sharing(h, h->guests[i]));
	control_finish(c, n < 0 ? EXIT_CODE_FAILED : EXIT_CODE_OK, NULL, "%s",
		n < 0    ? "the USB bus cannot be read"
		: n == 0 ? "there is no USB device"
			 : "");
}
