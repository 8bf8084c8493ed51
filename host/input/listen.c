// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * Waits for the daemon and for keyboards, and hands key events to the chord reader. Keyboards are
 * read, not grabbed: what is typed goes to the host's desktop as well, and this process forgets
 * it at once. A keyboard that is pulled out, or given to a guest, ends its descriptor; the daemon
 * is told, and hands over the next one.
 */
#include "host/input/listen.h"

#include "common/worker/child.h"
#include "host/input/ipc.h"

#include <linux/input.h>
#include <poll.h>
#include <string.h>

#define BATCH 64

struct listener {
	struct chord_reader reader;
	struct pollfd fds[EVDEV_MAX_NODES + 1]; /* [0] is the daemon */
	uint32_t nodes[EVDEV_MAX_NODES + 1];
	nfds_t n;
};

static int tell(uint32_t op, uint32_t node, uint32_t action)
{
	struct evdev_event e = { .head.op = op, .node = node, .action = action };

	return child_send(&e, sizeof(e), -1);
}

static int drop_node(struct listener *l, nfds_t i)
{
	uint32_t node = l->nodes[i];

	close(l->fds[i].fd);
	l->n--;
	l->fds[i] = l->fds[l->n];
	l->nodes[i] = l->nodes[l->n];
	chord_reader_forget(&l->reader);
	return tell(EVDEV_EV_GONE, node, CHORD_NOTHING);
}

static int take_event(struct listener *l, uint32_t node, const struct input_event *e)
{
	uint64_t usec = (uint64_t)e->input_event_sec * 1000000u + (uint64_t)e->input_event_usec;
	uint32_t action;

	if (e->type == EV_SYN && e->code == SYN_DROPPED)
		chord_reader_forget(&l->reader);
	if (e->type != EV_KEY)
		return 0;
	action = chord_reader_feed(&l->reader, e->code, e->value, usec);
	return action ? tell(EVDEV_EV_CHORD, node, action) : 0;
}

static int read_node(struct listener *l, nfds_t i)
{
	struct input_event events[BATCH];
	ssize_t n = read(l->fds[i].fd, events, sizeof(events));
	int r = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < (ssize_t)sizeof(events[0]))
		return drop_node(l, i);
	for (size_t k = 0; r == 0 && k < (size_t)n / sizeof(events[0]); k++)
		r = take_event(l, l->nodes[i], &events[k]);
	explicit_bzero(events, sizeof(events));
	return r;
}

static int add_node(struct listener *l, const struct evdev_node *m, int fd)
{
	if (fd < 0)
		return -EPROTO;
	if (l->n > EVDEV_MAX_NODES) {
		close(fd);
		return tell(EVDEV_EV_GONE, m->node, CHORD_NOTHING);
	}
	l->fds[l->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	l->nodes[l->n++] = m->node;
	return 0;
}

/* 1: the daemon has gone. */
static int take_order(struct listener *l)
{
	union {
		struct worker_head head;
		struct evdev_chords chords;
		struct evdev_node node;
	} m;
	int fd = -1;
	ssize_t n = child_receive(&m, sizeof(m), &fd, true);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return n == 0 ? 1 : (int)n;
	if (m.head.op == EVDEV_NODE && n == (ssize_t)sizeof(m.node))
		return add_node(l, &m.node, fd);
	cleanup_closep(&fd);
	if (m.head.op != EVDEV_CHORDS || n != (ssize_t)sizeof(m.chords))
		return -EPROTO;
	chord_reader_init(&l->reader, m.chords.chords, m.chords.n);
	return 0;
}

int listen_main(void)
{
	static struct listener l;
	int r = 0;

	l.fds[0] = (struct pollfd){ .fd = WORKER_FD, .events = POLLIN };
	l.n = 1;
	while (r == 0) {
		if (poll(l.fds, l.n, -1) < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		/* backwards: one that goes is replaced by the last */
		for (nfds_t i = l.n - 1; r == 0 && i > 0; i--)
			if (l.fds[i].revents)
				r = read_node(&l, i);
		if (r == 0 && l.fds[0].revents)
			r = take_order(&l);
	}
	return r < 0 ? r : 0;
}
