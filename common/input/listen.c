// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * Waits for the daemon and for keyboards and mice, and hands key events to the chord reader. They
 * are read, not grabbed: what is typed goes to the host's desktop as well, and this process
 * forgets it at once. What a guest has by sharing is grabbed, and its events are written to that
 * guest's virtual device; hotkeys are heard all the same, and are not passed on. However this
 * process ends, the kernel ends its grabs. A keyboard that is pulled out, or given to a guest as
 * a device, ends its descriptor; the daemon is told, and hands over the next one.
 */
#include "common/input/listen.h"

#include "common/worker/child.h"
#include "common/input/route.h"

#include <poll.h>
#include <string.h>

#define BATCH 64

struct listener {
	struct chord_reader reader;
	struct routes routes;
	struct pollfd fds[EVDEV_MAX_NODES + 1]; /* [0] is the daemon, others as in routes */
};

static int tell(uint32_t op, uint32_t node, uint32_t action)
{
	struct evdev_event e = { .head.op = op, .node = node, .action = action };

	return child_send(&e, sizeof(e), -1);
}

static int drop_node(struct listener *l, size_t i)
{
	uint32_t node = l->routes.numbers[i];
	int r = routes_remove(&l->routes, i);

	chord_reader_forget(&l->reader);
	return r < 0 ? r : tell(EVDEV_EV_GONE, node, CHORD_NOTHING);
}

/* A mouse's buttons are part of no hotkey, and do not disturb one. */
static bool is_button(const struct input_event *e)
{
	return e->code >= BTN_MISC && e->code < KEY_OK;
}

static int take_event(struct listener *l, size_t i, const struct input_event *e)
{
	uint64_t usec = (uint64_t)e->input_event_sec * 1000000u + (uint64_t)e->input_event_usec;
	uint32_t action = CHORD_NOTHING;
	int r;

	if (e->type == EV_SYN && e->code == SYN_DROPPED)
		chord_reader_forget(&l->reader);
	if (e->type == EV_KEY && !is_button(e))
		action = chord_reader_feed(&l->reader, e->code, e->value, usec);
	r = routes_feed(&l->routes, i, e, action != CHORD_NOTHING);
	return r == 0 && action ? tell(EVDEV_EV_CHORD, l->routes.numbers[i], action) : r;
}

static int read_node(struct listener *l, size_t i)
{
	struct input_event events[BATCH];
	ssize_t n = read(l->routes.fds[i], events, sizeof(events));
	int r = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < (ssize_t)sizeof(events[0]))
		return drop_node(l, i);
	for (size_t k = 0; r == 0 && k < (size_t)n / sizeof(events[0]); k++)
		r = take_event(l, i, &events[k]);
	explicit_bzero(events, sizeof(events));
	return r;
}

static int add_node(struct listener *l, const struct evdev_node *m, int fd)
{
	if (fd < 0)
		return -EPROTO;
	if (routes_add(&l->routes, m->node, fd) == 0)
		return 0;
	close(fd);
	return tell(EVDEV_EV_GONE, m->node, CHORD_NOTHING);
}

/* 1: the daemon has gone. */
static int take_order(struct listener *l)
{
	union {
		struct worker_head head;
		struct evdev_chords chords;
		struct evdev_node node;
		struct evdev_route route;
	} m;
	int fd = -1;
	ssize_t n = child_receive(&m, sizeof(m), &fd, true);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return n == 0 ? 1 : (int)n;
	if (m.head.op == EVDEV_NODE && n == (ssize_t)sizeof(m.node))
		return add_node(l, &m.node, fd);
	if (m.head.op == EVDEV_SINK && n == (ssize_t)sizeof(m.node))
		return routes_sink(&l->routes, m.node.node, fd);
	cleanup_closep(&fd);
	if (m.head.op == EVDEV_ROUTE && n == (ssize_t)sizeof(m.route))
		return routes_order(&l->routes, &m.route);
	if (m.head.op != EVDEV_CHORDS || n != (ssize_t)sizeof(m.chords))
		return -EPROTO;
	chord_reader_init(&l->reader, m.chords.chords, m.chords.n);
	return 0;
}

static nfds_t poll_set(struct listener *l)
{
	l->fds[0] = (struct pollfd){ .fd = WORKER_FD, .events = POLLIN };
	for (size_t i = 0; i < l->routes.n; i++)
		l->fds[i + 1] = (struct pollfd){ .fd = l->routes.fds[i], .events = POLLIN };
	return l->routes.n + 1;
}

int listen_main(void)
{
	static struct listener l;
	int r = 0;

	while (r == 0) {
		nfds_t n = poll_set(&l);

		if (poll(l.fds, n, -1) < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		/* backwards: one that goes is replaced by the last */
		for (size_t i = n - 1; r == 0 && i > 0; i--)
			if (l.fds[i].revents)
				r = read_node(&l, i - 1);
		if (r == 0)
			r = routes_look(&l.routes);
		if (r == 0 && l.fds[0].revents)
			r = take_order(&l);
	}
	return r < 0 ? r : 0;
}
