// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hotkeys: which keyboards the host has now, handed to va-input, and what to do when it hears one
 * (hostd.h has the doors).
 *
 * Theory of operation: the nodes of input devices are looked through whenever sd-device says that
 * one came or went; those that have a key of a hotkey are opened here, as root, and handed over.
 * A keyboard that a guest has is no input device of the host: what is pressed there is the
 * guest's. va-input is trusted with keyboards, not with decisions: all that it can cause is a
 * switch that the keyboard's owner could ask for anyway.
 */
#include "common/base/log.h"
#include "host/daemon/inputs-internal.h"
#include "host/daemon/uinput.h"
#include "common/input/ipc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-device.h>

struct hotkey {
	struct hostd *h;
	struct worker *worker;
	sd_device_monitor *monitor;
	sd_event_source *rescan;
	bool has[EVDEV_NUMBER_MAX]; /* by the number of eventN */
};

/* --- keyboards -----------------------------------------------------------------------------------
 */

/* "word word word", the last one has keys 0 to 63: sysfs prints unsigned longs. */
static bool key_is_in(const char *text, unsigned int key)
{
	const char *s = text + strlen(text);

	for (unsigned int skip = key / (8 * sizeof(long));; skip--) {
		while (s > text && s[-1] != ' ')
			s--;
		if (skip == 0)
			return strtoul(s, NULL, 16) >> key % (8 * sizeof(long)) & 1;
		if (s == text)
			return false;
		s--;
	}
}

static bool has_hotkeys(const struct hotkey *k, const char *name)
{
	const struct config_hotkeys *c = &k->h->config->hotkeys;
	char path[PATH_MAX], text[1024];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/class/input/%s/device/capabilities/key",
		    k->h->sysfs ? k->h->sysfs : "/sys", name) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < c->n; i++)
		for (int m = 0; m < c->list[i].n_keys; m++)
			if (key_is_in(text, c->list[i].keys[m]))
				return true;
	return false;
}

/* The USB device that the node is of: a part of its path is "/3-1.4/3-1.4:1.0/". */
static bool is_of_device(const struct hotkey *k, const char *name, const char *usb)
{
	char path[PATH_MAX], part[96];
	CLEANUP(free) char *real = NULL;

	if (snprintf(path, sizeof(path), "%s/class/input/%s", k->h->sysfs ? k->h->sysfs : "/sys",
		    name) >= (int)sizeof(path) ||
		snprintf(part, sizeof(part), "/%s/%s:", usb, usb) >= (int)sizeof(part))
		return false;
	real = realpath(path, NULL);
	return real && strstr(real, part);
}

/* One that guests may share, or a virtual device, which is a guest's. */
static bool is_shareable(const struct hotkey *k, const char *name)
{
	const struct inputs *s = k->h->inputs;

	for (int i = 0; s && k->h->shares && i < s->n; i++)
		if (s->list[i].present && is_of_device(k, name, s->list[i].usb.path))
			return true;
	return false;
}

static bool is_virtual(const struct hotkey *k, const char *name)
{
	char path[PATH_MAX], text[sizeof(UINPUT_PREFIX)] = "";
	CLEANUP_FD int fd = -1;

	if (snprintf(path, sizeof(path), "%s/class/input/%s/device/name",
		    k->h->sysfs ? k->h->sysfs : "/sys", name) >= (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1 &&
	       !strcmp(text, UINPUT_PREFIX);
}

static void hand_over(struct hotkey *k, unsigned int number)
{
	struct evdev_node m = { .head.op = EVDEV_NODE, .node = number };
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;

	if (snprintf(path, sizeof(path), "%s/input/event%u", k->h->dev ? k->h->dev : "/dev",
		    number) >= (int)sizeof(path))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		log_warn("hotkeys: cannot open %s: %s", path, strerror(errno));
	else
		k->has[number] = worker_send(k->worker, &m, sizeof(m), fd) == 0;
}

static int is_event_node(const struct dirent *d)
{
	return !strncmp(d->d_name, "event", 5) && strlen(d->d_name) < 10;
}

static void scan(struct hotkey *k)
{
	struct dirent **names = NULL;
	char class[PATH_MAX];
	int n;

	if (!worker_is_running(k->worker) ||
		snprintf(class, sizeof(class), "%s/class/input",
			k->h->sysfs ? k->h->sysfs : "/sys") >= (int)sizeof(class))
		return;
	n = scandir(class, &names, is_event_node, NULL);
	for (int i = 0; i < n; i++) {
		unsigned long number = strtoul(names[i]->d_name + 5, NULL, 10);

		if (number < EVDEV_NUMBER_MAX && !k->has[number] &&
			!is_virtual(k, names[i]->d_name) &&
			(has_hotkeys(k, names[i]->d_name) || is_shareable(k, names[i]->d_name)))
			hand_over(k, (unsigned int)number);
		free(names[i]);
	}
	free(names);
}

static int on_rescan(sd_event_source *s, void *userdata)
{
	(void)s;
	scan(userdata);
	return 0;
}

static int on_device(sd_device_monitor *m, sd_device *device, void *userdata)
{
	struct hotkey *k = userdata;

	(void)m;
	(void)device;
	sd_event_source_set_enabled(k->rescan, SD_EVENT_ONESHOT);
	return 0;
}

/* --- what was pressed
 * ----------------------------------------------------------------------------- */

static void on_done(void *userdata, enum exit_code code, const char *text)
{
	(void)userdata;
	if (code != EXIT_CODE_OK)
		log_warn("hotkey: %s: %s", exit_code_name(code), text);
}

static void act(struct hostd *h, uint32_t action)
{
	static const char *const targets[] = {
		[CHORD_NEXT] = "next", [CHORD_PREV] = "prev", [CHORD_HOST] = "host"
	};
	struct intent i = { .asker = WORLD_HOST };
	const struct seat_request r = { .done = on_done };

	if (action == CHORD_RESCUE) {
		seat_rescue(h, false, &r);
		return;
	}
	if (action < ARRAY_SIZE(targets) && targets[action]) {
		i.target = targets[action];
		seat_switch(h, &i, "a hotkey", &r);
	}
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	struct hotkey *k = userdata;
	const struct evdev_event *e = msg;

	(void)w;
	(void)size;
	cleanup_closep(&fd);
	if (e->head.op == EVDEV_EV_CHORD) {
		act(k->h, e->action);
	} else if (e->head.op == EVDEV_EV_GONE && e->node < EVDEV_NUMBER_MAX) {
		k->has[e->node] = false;
		/* its number may be another keyboard's already */
		sd_event_source_set_enabled(k->rescan, SD_EVENT_ONESHOT);
	}
}

static void on_started(struct worker *w, void *userdata)
{
	struct hotkey *k = userdata;
	const struct config_hotkeys *c = &k->h->config->hotkeys;
	struct evdev_chords m = { .head.op = EVDEV_CHORDS, .n = (uint32_t)c->n };

	memcpy(m.chords, c->list, sizeof(m.chords));
	memset(k->has, 0, sizeof(k->has));
	inputs_share_hand_over(k->h, w);
	if (worker_send(w, &m, sizeof(m), -1) == 0)
		sd_event_source_set_enabled(k->rescan, SD_EVENT_ONESHOT);
}

static void on_ended(struct worker *w, int status, uint64_t will_restart_usec, void *userdata)
{
	(void)w;
	inputs_share_lost(((struct hotkey *)userdata)->h);
	log_warn("va-input ended (status 0x%x), next one in %.1f s", (unsigned int)status,
		(double)will_restart_usec / 1e6);
}

/* --- beginning and end
 * ---------------------------------------------------------------------------- */

static void hotkey_free(struct hotkey *k)
{
	sd_device_monitor_unref(k->monitor);
	worker_free(k->worker);
	sd_event_source_disable_unref(k->rescan);
	free(k);
}

static void follow(struct hotkey *k)
{
	int r = sd_device_monitor_new(&k->monitor);

	if (r >= 0)
		r = sd_device_monitor_filter_add_match_subsystem_devtype(k->monitor, "input", NULL);
	if (r >= 0)
		r = sd_device_monitor_attach_event(k->monitor, k->h->event);
	if (r >= 0)
		r = sd_device_monitor_start(k->monitor, on_device, k);
	if (r < 0)
		log_warn("hotkeys: keyboards cannot be watched: %s; one that comes back is not "
			 "heard",
			strerror(-r));
}

static int start_worker(struct hotkey *k)
{
	char path[PATH_MAX];
	const char *argv[] = { path, NULL };
	const struct worker_spec spec = {
		.name = "va-input",
		.argv = argv,
		.min_size = sizeof(struct evdev_event),
		.max_size = sizeof(struct evdev_event),
		.drop = k->h->link_uid != 0,
		.uid = k->h->link_uid,
		.gid = k->h->link_gid,
		.on_event = on_event,
		.on_exit = on_ended,
		.on_started = on_started,
		.userdata = k,
	};

	if (!hostd_path(path, sizeof(path), k->h->libexec, NULL, "va-input", ""))
		return -ENAMETOOLONG;
	return worker_new(&k->worker, k->h->event, &spec);
}

int hotkey_start(struct hostd *h)
{
	struct hotkey *k;
	int r;

	if (h->config->hotkeys.n == 0 && !inputs_anybody_shares(h))
		return 0;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->h = h;
	r = sd_event_add_defer(h->event, &k->rescan, on_rescan, k);
	if (r >= 0)
		r = sd_event_source_set_enabled(k->rescan, SD_EVENT_OFF);
	if (r >= 0)
		r = start_worker(k);
	if (r < 0) {
		hotkey_free(k);
		return r;
	}
	follow(k);
	h->hotkey = k;
	return 0;
}

int hotkey_route(struct hostd *h, const char *path, uint32_t sink, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata)
{
	struct evdev_route m = { .head.op = EVDEV_ROUTE, .sink = sink };
	struct hotkey *k = h->hotkey;

	if (!k || !worker_is_running(k->worker))
		return -ENOTCONN;
	scan(k);
	for (uint32_t i = 0; i < EVDEV_NUMBER_MAX && m.n < EVDEV_ROUTE_NODES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "event%u", i);
		if (k->has[i] && is_of_device(k, name, path))
			m.nodes[m.n++] = i;
	}
	if (m.n == 0)
		return -ENODEV;
	return worker_call(k->worker, &m, sizeof(m), -1, limit_usec, reply, userdata);
}

void hotkey_stop(struct hostd *h)
{
	struct hotkey *k = TAKE(h->hotkey);

	if (k)
		hotkey_free(k);
}
