// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See route.h. Why a grab waits for all keys to be up: the kernel does not tell the host's
 * desktop that a key was released while somebody else has the keyboard, so one that is down at
 * that moment would be down there, and repeat, until it is pressed again.
 */
#include "common/input/route.h"

#include "common/worker/child.h"

#include <string.h>
#include <sys/ioctl.h>

#define BATCH 64

static int answer(const struct evdev_route *order, int error)
{
	struct evdev_event e = { .head = order->head, .error = error };

	return child_send(&e, sizeof(e), -1);
}

static int send_events(struct routes *r, uint32_t sink, const struct input_event *e, size_t n)
{
	size_t size = n * sizeof(*e);
	ssize_t k;

	if (sink >= EVDEV_MAX_SINKS || !r->sinks[sink])
		return 0;
	do
		k = write(r->sinks[sink], e, size);
	while (k < 0 && errno == EINTR);
	return k == (ssize_t)size ? 0 : k < 0 ? -errno : -EIO;
}

static int release(struct routes *r, size_t i)
{
	struct input_event e[BATCH];
	int error = 0;
	size_t n;

	while (error == 0 && (n = relay_release(r->relay, r->n, i, e, BATCH)) > 0)
		error = send_events(r, r->relay[i].sink, e, n);
	return error;
}

/* Back to the host. */
static int let_go(struct routes *r, size_t i)
{
	int error;

	if (r->relay[i].sink == RELAY_NO_SINK)
		return 0;
	error = release(r, i);
	r->relay[i].sink = RELAY_NO_SINK;
	(void)ioctl(r->fds[i], EVIOCGRAB, 0); /* one that was pulled out is nobody's */
	return error;
}

/* What is down on it now; a node that is no input device (tests) says nothing. */
static void look_at_keys(struct routes *r, size_t i)
{
	uint8_t down[RELAY_KEY_BYTES] = { 0 };

	if (ioctl(r->fds[i], EVIOCGKEY(sizeof(down)), down) >= 0)
		memcpy(r->relay[i].down, down, sizeof(down));
}

int routes_add(struct routes *r, uint32_t number, int fd)
{
	if (r->n == EVDEV_MAX_NODES)
		return -ENOSPC;
	r->fds[r->n] = fd;
	r->numbers[r->n] = number;
	r->relay[r->n] = (struct relay_node){ .sink = RELAY_NO_SINK };
	look_at_keys(r, r->n++);
	return 0;
}

int routes_remove(struct routes *r, size_t i)
{
	int error = let_go(r, i);

	close(r->fds[i]);
	r->n--;
	r->fds[i] = r->fds[r->n];
	r->numbers[i] = r->numbers[r->n];
	r->relay[i] = r->relay[r->n];
	return error;
}

int routes_sink(struct routes *r, uint32_t number, int fd)
{
	if (fd < 0 || number >= EVDEV_MAX_SINKS || r->sinks[number])
		return -EPROTO;
	r->sinks[number] = fd;
	return 0;
}

int routes_feed(struct routes *r, size_t i, const struct input_event *e, bool hotkey)
{
	struct input_event out;
	uint32_t sink = r->relay[i].sink;
	int error = 0;

	if (e->type == EV_SYN && e->code == SYN_DROPPED)
		error = release(r, i);
	if (hotkey && sink != RELAY_NO_SINK) {
		for (size_t k = 0; error == 0 && k < r->n; k++)
			if (r->relay[k].sink == sink)
				error = release(r, k);
		r->relay[i].down[e->code / 8] |= (uint8_t)(1u << e->code % 8);
		return error;
	}
	if (error == 0 && relay_feed(r->relay, r->n, i, e, &out))
		error = send_events(r, sink, &out, 1);
	if (e->type == EV_SYN && e->code == SYN_DROPPED)
		look_at_keys(r, i);
	return error;
}

/* --- changing hands ------------------------------------------------------------------------------
 */

static size_t find_node(const struct routes *r, uint32_t number)
{
	size_t i = 0;

	while (i < r->n && r->numbers[i] != number)
		i++;
	return i;
}

static int let_all_go(struct routes *r, const struct evdev_route *o, size_t n)
{
	int error = 0;

	for (size_t k = 0; k < n; k++) {
		size_t i = find_node(r, o->nodes[k]);

		if (i < r->n && error == 0)
			error = let_go(r, i);
	}
	return error;
}

/* What came before the grab went to the host, and is not for the guest. */
static void drain(struct routes *r, size_t i)
{
	struct input_event e[BATCH];

	for (int k = 0; k < 64 && read(r->fds[i], e, sizeof(e)) > 0; k++)
		;
	explicit_bzero(e, sizeof(e));
	look_at_keys(r, i);
}

/* 1: keys are down still. */
static int grab(struct routes *r, const struct evdev_route *o)
{
	for (size_t k = 0; k < o->n; k++) {
		size_t i = find_node(r, o->nodes[k]);

		if (i == r->n)
			return -ENODEV;
		if (!relay_is_idle(&r->relay[i]))
			return 1;
	}
	for (size_t k = 0; k < o->n; k++) {
		size_t i = find_node(r, o->nodes[k]);

		if (ioctl(r->fds[i], EVIOCGRAB, 1) < 0)
			return -errno;
		r->relay[i].sink = o->sink;
		drain(r, i);
		if (!relay_is_idle(&r->relay[i])) /* it was quicker than we */
			return 1;
	}
	return 0;
}

static int try_order(struct routes *r, struct evdev_route *o)
{
	struct evdev_route copy = *o;
	int error = o->sink == RELAY_NO_SINK ? 0 : grab(r, o);

	if (error != 0) {
		int gone = let_all_go(r, o, o->n);

		if (gone < 0 || error > 0)
			return gone;
	}
	o->head.op = 0;
	return answer(&copy, error);
}

static bool overlap(const struct evdev_route *a, const struct evdev_route *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (a->nodes[i] == b->nodes[k])
				return true;
	return false;
}

int routes_order(struct routes *r, const struct evdev_route *order)
{
	struct evdev_route *place = NULL;
	int error = 0;

	if (order->n > EVDEV_ROUTE_NODES ||
		(order->sink != RELAY_NO_SINK &&
			(order->sink >= EVDEV_MAX_SINKS || !r->sinks[order->sink])))
		return -EPROTO;
	for (size_t i = 0; error == 0 && i < ROUTE_WAITING; i++) {
		struct evdev_route *w = &r->waiting[i];

		if (w->head.op && overlap(w, order)) {
			w->head.op = 0;
			error = answer(w, -ECANCELED);
		}
		if (!w->head.op)
			place = w;
	}
	if (error == 0)
		error = let_all_go(r, order, order->n);
	if (error < 0)
		return error;
	if (!place)
		return answer(order, -EBUSY);
	*place = *order;
	return try_order(r, place);
}

int routes_look(struct routes *r)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < ROUTE_WAITING; i++)
		if (r->waiting[i].head.op)
			error = try_order(r, &r->waiting[i]);
	return error;
}
