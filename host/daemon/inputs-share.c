// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sharing keyboards and mice with guests that have "input = evdev": instead of giving the USB
 * device away, va-input grabs it and passes its events on to a virtual device, which the guest's
 * definition names (libvirt formatdomain, <input type='evdev'>).
 *
 * Theory of operation: QEMU opens the virtual device when the guest starts, and never again. So
 * devices are made when va-hostd starts, and their descriptors are kept by systemd (sd_notify(3),
 * FDSTORE=1) over our own end, however that comes. Before a keyboard goes to a guest, it is made
 * sure that QEMU has the virtual device for itself: otherwise what is typed would go to the
 * host's console. Whatever ends va-input gives all keyboards back to the host; a guest that goes
 * off loses them at once.
 */
#include "common/base/log.h"
#include "host/daemon/inputs-internal.h"
#include "host/daemon/uinput.h"
#include "common/input/ipc.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define FD_NAME      "evdev-" /* and the guest's name, in systemd's store */
#define RELEASE_USEC 2000000ull

struct share {
	char guest[NAME_MAX_LEN + 1]; /* "": free. Its index is va-input's number for it. */
	int fd;                       /* of the virtual device; -1: none */
	int error;                    /* why none */
};

struct shares {
	struct share list[EVDEV_MAX_SINKS];
	bool lost; /* no room for another guest, said once */
};

/* A route on its way; the input may be freed meanwhile. */
struct share_call {
	struct input *in; /* NULL: nobody wants to know */
	share_done_fn *done;
	bool given;
	char guest[NAME_MAX_LEN + 1];
};

/* --- virtual devices -----------------------------------------------------------------------------
 */

bool inputs_guest_shares(const struct guest *g)
{
	return g->conf && g->conf->input == CONFIG_INPUT_EVDEV;
}

bool inputs_anybody_shares(const struct hostd *h)
{
	for (int i = 0; i < h->config->n_guests; i++)
		if (h->config->guests[i].input == CONFIG_INPUT_EVDEV)
			return true;
	return false;
}

static struct share *find_share(struct hostd *h, const char *guest)
{
	for (size_t i = 0; h->shares && i < EVDEV_MAX_SINKS; i++)
		if (!strcmp(h->shares->list[i].guest, guest))
			return &h->shares->list[i];
	return NULL;
}

static void keep(const char *guest, int fd)
{
	char text[NAME_MAX_LEN + 32];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" FD_NAME "%s", guest);
	(void)sd_pid_notify_with_fds(0, 0, text, &fd, 1); /* without systemd: nobody keeps it */
}

static struct share *add_share(struct hostd *h, const char *guest)
{
	struct share *s = find_share(h, guest);

	if (s)
		return s;
	s = find_share(h, "");
	if (s) {
		*s = (struct share){ .fd = -1 };
		snprintf(s->guest, sizeof(s->guest), "%s", guest);
	} else if (!h->shares->lost) {
		log_error(
			"guest %s: more than %d guests with input = evdev", guest, EVDEV_MAX_SINKS);
		h->shares->lost = true;
	}
	return s;
}

static void make_device(struct hostd *h, struct share *s)
{
	s->fd = uinput_make(h->dev ? h->dev : "/dev", s->guest);
	s->error = s->fd < 0 ? s->fd : 0;
	if (s->fd >= 0) {
		keep(s->guest, s->fd);
		return;
	}
	s->fd = -1;
	log_error("guest %s: no virtual keyboard can be made: %s%s", s->guest, strerror(-s->error),
		s->error == -ENOENT || s->error == -ENODEV ? "; say \"modprobe uinput\"" : "");
}

void inputs_share_keep(struct hostd *h, const char *fd_name, int fd)
{
	struct share *s = NULL;

	if (!h->shares)
		h->shares = calloc(1, sizeof(*h->shares));
	if (h->shares && !strncmp(fd_name, FD_NAME, strlen(FD_NAME)) &&
		name_is_valid(fd_name + strlen(FD_NAME)))
		s = add_share(h, fd_name + strlen(FD_NAME));
	if (s && s->fd < 0) {
		s->fd = fd;
		uinput_release_all(fd); /* the va-input before us may have been killed */
	} else {
		close(fd);
	}
}

void inputs_share_take_conf(struct hostd *h)
{
	if (!h->shares && inputs_anybody_shares(h))
		h->shares = calloc(1, sizeof(*h->shares));
	/* one that is not wanted any more stays: QEMU may have it open */
	for (int i = 0; h->shares && i < h->config->n_guests; i++) {
		const struct config_guest *g = &h->config->guests[i];
		struct share *s = g->input == CONFIG_INPUT_EVDEV ? add_share(h, g->name) : NULL;

		if (s && s->fd < 0)
			make_device(h, s);
	}
}

void inputs_share_hand_over(struct hostd *h, struct worker *w)
{
	for (uint32_t i = 0; h->shares && i < EVDEV_MAX_SINKS; i++) {
		struct evdev_node m = { .head.op = EVDEV_SINK, .node = i };

		if (h->shares->list[i].guest[0] && h->shares->list[i].fd >= 0)
			(void)worker_send(w, &m, sizeof(m), h->shares->list[i].fd);
	}
}

void inputs_share_stop(struct hostd *h)
{
	struct shares *s = TAKE(h->shares);

	for (size_t i = 0; s && i < EVDEV_MAX_SINKS; i++)
		if (s->list[i].guest[0] && s->list[i].fd >= 0)
			close(s->list[i].fd);
	free(s);
}

/* --- giving and taking ---------------------------------------------------------------------------
 */

static const char *words_of(int error)
{
	switch (error) {
	case 0: return "";
	case -ETIMEDOUT: return "a key of it is held down; let go of it";
	case -EBUSY: return "another program on the host has it for itself";
	case -ENODEV: return "the host has no input device of it; is it a keyboard or a mouse?";
	case -ECANCELED: return "it was called off";
	default: return "va-input did not answer";
	}
}

static void on_routed(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	const struct evdev_event *e = msg;
	struct share_call *c = userdata, end = *c;
	int error = fate == WORKER_REPLIED && size == sizeof(*e) ? e->error
		    : fate == WORKER_LATE                        ? -ETIMEDOUT
								 : -ECOMM;

	free(c);
	cleanup_closep(&fd);
	if (!end.in)
		return;
	end.in->sharing = NULL;
	if (error > 0)
		error = -EIO;
	/* whatever went wrong, va-input has let go of it */
	end.in->shared[0] = '\0';
	if (error == 0 && end.given)
		memcpy(end.in->shared, end.guest, sizeof(end.guest));
	end.done(end.in, error, words_of(error));
}

static int check_device(
	struct hostd *h, const struct guest *g, uint32_t *ret_sink, char *why, size_t size)
{
	struct share *s = find_share(h, g->name);
	int heard;

	if (!s || s->fd < 0) {
		snprintf(why, size, "%s has no virtual keyboard: %s (is uinput there?)", g->name,
			strerror(s ? -s->error : ENODEV));
		return -ENODEV;
	}
	*ret_sink = (uint32_t)(s - h->shares->list);
	heard = uinput_is_heard(s->fd, h->sysfs ? h->sysfs : "/sys", h->dev ? h->dev : "/dev");
	if (heard > 0)
		return 0;
	snprintf(why, size,
		"%s does not listen to /dev/input/by-id/" UINPUT_PREFIX "%s (va-host inputs)",
		g->name, g->name);
	return heard < 0 ? heard : -ENOTCONN;
}

const char *inputs_share_state(struct hostd *h, const struct guest *g)
{
	uint32_t sink;
	char why[INPUT_WHY_SIZE];

	switch (check_device(h, g, &sink, why, sizeof(why))) {
	case 0: return "ready";
	case -ENOTCONN: return "nobody listens";
	default: return "no device (uinput)";
	}
}

int inputs_share(struct input *in, const struct guest *to, uint32_t limit_ms, share_done_fn *done,
	char *why, size_t size)
{
	struct hostd *h = in->all->h;
	uint32_t sink = RELAY_NO_SINK;
	struct share_call *c;
	int r = to ? check_device(h, to, &sink, why, size) : 0;

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c) {
		snprintf(why, size, "out of memory");
		return -ENOMEM;
	}
	*c = (struct share_call){ .in = in, .done = done, .given = to != NULL };
	if (to)
		memcpy(c->guest, to->name, sizeof(c->guest));
	r = hotkey_route(
		h, in->usb.path, sink, to ? limit_ms * 1000ull : RELEASE_USEC, on_routed, c);
	if (r < 0) {
		free(c);
		snprintf(why, size, "%s", words_of(r));
		return r;
	}
	in->sharing = c;
	return 0;
}

static void on_nothing(struct input *in, int error, const char *detail)
{
	(void)in;
	(void)error;
	(void)detail;
}

void inputs_share_drop(struct input *in)
{
	char why[64];

	if (in->sharing)
		in->sharing->in = NULL;
	in->sharing = NULL;
	in->shared[0] = '\0';
	/* also what is asked for and waits for keys to be up */
	if (inputs_share(in, NULL, 0, on_nothing, why, sizeof(why)) == 0) {
		in->sharing->in = NULL;
		in->sharing = NULL;
	}
}

void inputs_share_look(struct inputs *s)
{
	for (int i = 0; i < s->n; i++) {
		struct input *in = &s->list[i];
		const struct guest *g = in->shared[0] ? guest_find(s->h, in->shared) : NULL;

		if (!in->shared[0] || (g && guest_world_state(g) != WORLD_OFF))
			continue;
		log_info("input %s is the host's again: its guest is off",
			s->h->config->inputs.list[i].name);
		inputs_share_drop(in);
		hostd_world_changed(s->h);
	}
}

void inputs_share_lost(struct hostd *h)
{
	for (size_t i = 0; h->shares && i < EVDEV_MAX_SINKS; i++)
		if (h->shares->list[i].guest[0] && h->shares->list[i].fd >= 0)
			uinput_release_all(h->shares->list[i].fd);
	for (int i = 0; h->inputs && i < h->inputs->n; i++) {
		struct input *in = &h->inputs->list[i];

		if (!in->shared[0])
			continue;
		in->shared[0] = '\0';
		in->owed = true; /* to who has the seat */
		in->tries = 0;
		inputs_owe(in);
		hostd_world_changed(h);
	}
}
