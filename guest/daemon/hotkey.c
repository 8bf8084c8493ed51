// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See hotkey.h.
 *
 * Theory of operation: nodes of input devices are opened here, because va-input may not open
 * anything, and handed over if they have a key of a hotkey. inotify says when one appears, or
 * becomes ours to open (udev sets the group after the kernel has made the node): the service has
 * no network, so udev's own messages do not reach it. A keyboard that the host takes back ends
 * its descriptor. Nothing here wakes up but for a hotkey, or a keyboard that comes or goes.
 */
#include "guest/daemon/hotkey.h"

#include "common/base/log.h"
#include "common/input/ipc.h"
#include "guest/daemon/clock.h"
#include "guest/daemon/words.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#define NODES_MAX       1024u /* eventN: as many as the kernel has minors for */
#define SWITCH_LIMIT_MS 120000u
#define TAG             (1ull << 63) /* not of local.c, which counts from 1 */

struct hotkey {
	sd_event *event;
	struct channel *channel;
	const struct config_hotkeys *keys;
	const char *nodes;
	struct worker *worker;
	sd_event_source *watch;
	uint64_t tag;
	bool has[NODES_MAX];
	bool told; /* that nodes are not ours to open */
};

/* --- keyboards -----------------------------------------------------------------------------------
 */

/* What says nothing of its keys (a test's) may have them. */
static bool has_hotkeys(const struct hotkey *h, int fd)
{
	uint8_t bits[RELAY_KEY_BYTES] = { 0 };

	if (ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(bits)), bits) < 0)
		return errno == ENOTTY;
	for (int i = 0; i < h->keys->n; i++)
		for (int k = 0; k < h->keys->list[i].n_keys; k++) {
			uint16_t key = h->keys->list[i].keys[k];

			if (bits[key / 8] >> key % 8 & 1)
				return true;
		}
	return false;
}

static void not_ours(struct hotkey *h, const char *path)
{
	if (!h->told)
		log_warn("hotkeys: %s is not ours to open; give the service group input and the "
			 "devices (va-guest.conf(5), [hotkey])",
			path);
	h->told = true;
}

static void try_node(struct hotkey *h, unsigned int number)
{
	struct evdev_node m = { .head.op = EVDEV_NODE, .node = number };
	char path[CONF_LINE_MAX];
	CLEANUP_FD int fd = -1;

	if (snprintf(path, sizeof(path), "%s/event%u", h->nodes, number) >= (int)sizeof(path))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		not_ours(h, path);
	else if (fd >= 0 && has_hotkeys(h, fd))
		h->has[number] = worker_send(h->worker, &m, sizeof(m), fd) == 0;
}

static void scan(struct hotkey *h)
{
	DIR *d = worker_is_running(h->worker) ? opendir(h->nodes) : NULL;

	for (struct dirent *e; d && (e = readdir(d));) {
		char *end;
		unsigned long number;

		if (strncmp(e->d_name, "event", 5) != 0)
			continue;
		number = strtoul(e->d_name + 5, &end, 10);
		if (!*end && number < NODES_MAX && !h->has[number])
			try_node(h, (unsigned int)number);
	}
	if (d)
		closedir(d);
}

static int on_node(sd_event_source *s, const struct inotify_event *e, void *userdata)
{
	(void)s;
	(void)e;
	scan(userdata);
	return 0;
}

/* --- what was pressed ----------------------------------------------------------------------------
 */

static void ask(struct hotkey *h, uint32_t action)
{
	static const char *const targets[] = {
		[CHORD_NEXT] = "next", [CHORD_PREV] = "prev", [CHORD_HOST] = "host"
	};
	struct msg_prepare p = { .operation = MSG_OP_SWITCH, .claimed_uid = MSG_UID_NONE };
	enum va_err e;

	if (action >= ARRAY_SIZE(targets) || !targets[action])
		return;
	snprintf(p.target, sizeof(p.target), "%s", targets[action]);
	h->tag = h->tag ? h->tag + 1 : TAG;
	e = link_call(channel_link(h->channel), h->tag, &p, SWITCH_LIMIT_MS, clock_now_ms());
	if (e < 0) {
		log_warn("hotkey: the host cannot be asked for %s now", targets[action]);
		return;
	}
	log_info("hotkey: asking the host for %s", targets[action]);
	channel_pump(h->channel);
}

void hotkey_take_event(struct hotkey *h, const struct link_event *ev)
{
	const struct msg_result *r;

	if (!h || ev->kind != LINK_EV_ANSWER || ev->tag < TAG)
		return;
	r = &ev->message->result;
	if (r->outcome != MSG_OUT_OK)
		log_warn("hotkey: the host: %s", r->detail[0] ? escape(r->detail) : "no");
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	struct hotkey *h = userdata;
	const struct evdev_event *e = msg;

	(void)w;
	(void)size;
	cleanup_closep(&fd);
	if (e->head.op == EVDEV_EV_CHORD) {
		ask(h, e->action);
	} else if (e->head.op == EVDEV_EV_GONE && e->node < NODES_MAX) {
		h->has[e->node] = false;
		scan(h); /* its number may be another keyboard's already */
	}
}

static void on_started(struct worker *w, void *userdata)
{
	struct hotkey *h = userdata;
	struct evdev_chords m = { .head.op = EVDEV_CHORDS, .n = (uint32_t)h->keys->n };

	memcpy(m.chords, h->keys->list, sizeof(m.chords));
	memset(h->has, 0, sizeof(h->has));
	if (worker_send(w, &m, sizeof(m), -1) == 0)
		scan(h);
}

static void on_ended(struct worker *w, int status, uint64_t will_restart_usec, void *userdata)
{
	(void)w;
	(void)userdata;
	log_warn("hotkeys: va-input ended (status 0x%x), next one in %.1f s", (unsigned int)status,
		(double)will_restart_usec / 1e6);
}

/* --- beginning and end ---------------------------------------------------------------------------
 */

int hotkey_new(struct hotkey **ret, sd_event *event, struct channel *channel,
	const struct config_hotkeys *keys, const char *program, const char *nodes)
{
	CLEANUP_FN(hotkey) struct hotkey *h = NULL;
	const char *argv[] = { program, NULL };
	struct worker_spec spec = {
		.name = "va-input",
		.argv = argv,
		.min_size = sizeof(struct evdev_event),
		.max_size = sizeof(struct evdev_event),
		.on_event = on_event,
		.on_exit = on_ended,
		.on_started = on_started,
	};
	int r;

	*ret = NULL;
	if (keys->n == 0)
		return 0;
	h = spec.userdata = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->event = sd_event_ref(event);
	h->channel = channel;
	h->keys = keys;
	h->nodes = nodes;
	r = sd_event_add_inotify(event, &h->watch, nodes,
		IN_CREATE | IN_ATTRIB | IN_MOVED_TO | IN_ONLYDIR, on_node, h);
	if (r < 0)
		log_warn("hotkeys: %s cannot be watched: %s; a keyboard that comes later is not "
			 "heard",
			nodes, strerror(-r));
	r = worker_new(&h->worker, event, &spec);
	if (r < 0)
		return r;
	*ret = TAKE(h);
	return 0;
}

void hotkey_free(struct hotkey *h)
{
	if (!h)
		return;
	worker_free(h->worker);
	sd_event_source_disable_unref(h->watch);
	sd_event_unref(h->event);
	free(h);
}
