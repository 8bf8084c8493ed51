// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of inputs*.c share. */
#ifndef VA_HOSTD_INPUTS_INTERNAL_H
#define VA_HOSTD_INPUTS_INTERNAL_H

#include "host/daemon/hostd.h"
#include "host/daemon/inputs-usb.h"

#include <systemd/sd-device.h>

#define INPUT_WHY_SIZE 192

/* A device on its way: into the guest, or out of it. One at a time for each input. */
struct move {
	bool attach;
	char guest[NAME_MAX_LEN + 1];
	struct virt_usb usb; /* detach of what was pulled out: where it was */
	uint64_t until_ms;
	inputs_done_fn *done; /* NULL: nobody asked, it follows the seat by itself */
	void *userdata;
	bool clearing; /* an attach that first takes it from somebody else */
	char from[NAME_MAX_LEN + 1];
	struct virt_doing *doer; /* not NULL: libvirt is being asked */
};

struct share_call;

struct input {
	struct inputs *all;
	bool present;                  /* exactly one device fits, and is plugged in */
	struct usb_device usb;         /* then, and the last one otherwise */
	char problem[INPUT_WHY_SIZE];  /* why not present */
	bool keyboard, pointer;        /* as last seen: it shows less while a guest has it */
	bool owed;                     /* plugged in while a guest has the seat: shall go there */
	bool fresh;                    /* nobody has decided where it belongs since we started */
	char shared[NAME_MAX_LEN + 1]; /* the guest that has it by sharing; "": none */
	struct share_call *sharing;    /* not NULL: va-input is being asked */
	unsigned int tries;
	bool moving;
	struct move move, next; /* next: asked for meanwhile */
	bool has_next;
	bool unsure;  /* who has it: nobody answered for the last move, which may have happened */
	bool turning; /* a rescue: what is being given away counts as given, and comes back */
	sd_event_source *later; /* the move's next step, from the loop */
	sd_event_source *retry;
};

struct inputs {
	struct hostd *h;
	sd_device_monitor *monitor;
	sd_event_source *rescan;
	bool scanned; /* at least once: from now on a new device was plugged in */
	struct usb_device seen[USB_MAX_DEVICES];
	int n_seen;
	bool fixed_keyboard;
	struct input list[WORLD_MAX_DEVICES];
	int n;
};

/* inputs.c */
void inputs_scan(struct inputs *s);
struct guest *inputs_holder(struct hostd *h, uint16_t bus, uint16_t device);
/* libvirt can give it devices, or it shares them. */
bool inputs_may_have(const struct guest *g);
bool inputs_guest_has(const struct guest *g, uint16_t bus, uint16_t device);

/* inputs-move.c */
int inputs_move_init(struct input *in);
void inputs_move_done(struct input *in); /* ends what is under way with -ECANCELED */
/* At once, or after the one that is under way. -EBUSY: another one waits already. */
int inputs_move(struct input *in, const struct move *m);
/* An attach that is under way is waited for a little, and followed by a detach; a later one is off.
 */
void inputs_turn_round(struct input *in);
/* What is owed is tried, or tried again. */
void inputs_settle(struct input *in);
void inputs_owe(struct input *in); /* that, a little later */

/* inputs-share.c */
bool inputs_guest_shares(const struct guest *g);
/* "ready", "nobody listens", ... */
const char *inputs_share_state(struct hostd *h, const struct guest *g);
bool inputs_anybody_shares(const struct hostd *h);
/*
 * Passes the device's events on to the guest (NULL: to nobody, it is the host's), once no key of
 * it is down. 0, then done is called exactly once, unless inputs_share_drop() comes first; or a
 * negative errno and why.
 */
typedef void share_done_fn(struct input *in, int error, const char *detail);
int inputs_share(struct input *in, const struct guest *to, uint32_t limit_ms, share_done_fn *done,
	char *why, size_t size);
/* It is the host's, whatever is under way. */
void inputs_share_drop(struct input *in);
/* Guests have changed. */
void inputs_share_look(struct inputs *s);

#endif
