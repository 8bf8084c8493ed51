// SPDX-License-Identifier: GPL-2.0-or-later
/* va-input's keyboards and mice, and which guest has which: relay.h with its descriptors. */
#ifndef VA_INPUT_ROUTE_H
#define VA_INPUT_ROUTE_H

#include "common/input/ipc.h"

#define ROUTE_WAITING 8

/* All zeros: empty. fds, numbers and relay go together. */
struct routes {
	int fds[EVDEV_MAX_NODES];
	uint32_t numbers[EVDEV_MAX_NODES]; /* the daemon's */
	struct relay_node relay[EVDEV_MAX_NODES];
	size_t n;
	int sinks[EVDEV_MAX_SINKS];                /* 0: none */
	struct evdev_route waiting[ROUTE_WAITING]; /* for keys to be released; op 0: free */
};

/* All return 0, or a negative errno after which there is no going on. */

/* fd becomes theirs. -ENOSPC: no room, fd stays the caller's. */
int routes_add(struct routes *r, uint32_t number, int fd);
/* Node i is gone; the last one takes its place. */
int routes_remove(struct routes *r, size_t i);
/* fd becomes theirs. */
int routes_sink(struct routes *r, uint32_t number, int fd);
/* Event e of node i. hotkey: it completed one: the guest does not see it, and no key down. */
int routes_feed(struct routes *r, size_t i, const struct input_event *e, bool hotkey);
/* Obeys and answers, now or when no key is down any more. */
int routes_order(struct routes *r, const struct evdev_route *order);
/* After events: what waits may go on. */
int routes_look(struct routes *r);

#endif
