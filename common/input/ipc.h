// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What va-hostd and va-input say to each other (common/worker). va-input is handed the keyboards
 * and mice that the host itself has, one descriptor a message, and says when a hotkey was
 * pressed; never which keys. Where a guest has them by sharing, it also grabs them and passes
 * their events on to that guest's virtual device, a sink.
 */
#ifndef VA_INPUT_IPC_H
#define VA_INPUT_IPC_H

#include "common/worker/worker.h"
#include "common/input/chord.h"
#include "common/input/relay.h"

#define EVDEV_MAX_NODES   64
#define EVDEV_MAX_SINKS   16
#define EVDEV_ROUTE_NODES 16 /* of one device */

enum evdev_op {
	/* core -> va-input, without answers (id 0) */
	EVDEV_CHORDS = 1, /* struct evdev_chords: once, first */
	EVDEV_NODE = 2,   /* struct evdev_node, with a descriptor open for reading */
	EVDEV_SINK = 3,   /* struct evdev_node, with a uinput descriptor; once for each number */
	/* core -> va-input, answered by struct evdev_event: its error */
	EVDEV_ROUTE = 10, /* struct evdev_route; of the nodes all or none. When no key is down. */
	/* va-input -> core, events */
	EVDEV_EV_CHORD = 20, /* struct evdev_event: its action */
	EVDEV_EV_GONE = 21,  /* struct evdev_event: the node was pulled out and is closed */
};

struct evdev_chords {
	struct worker_head head;
	uint32_t n;
	struct chord chords[CHORD_MAX];
};

struct evdev_node {
	struct worker_head head;
	uint32_t node; /* the core's number for it; of a sink below EVDEV_MAX_SINKS */
};

/* What was asked for some of these nodes before and has not happened ends with -ECANCELED. */
struct evdev_route {
	struct worker_head head;
	uint32_t sink; /* RELAY_NO_SINK: back to the host, at once */
	uint32_t n;
	uint32_t nodes[EVDEV_ROUTE_NODES];
};

struct evdev_event {
	struct worker_head head;
	uint32_t node, action; /* enum chord_action */
	int32_t error;         /* 0, -ENODEV: a node is gone, or -EBUSY: another program has it */
};

#endif
