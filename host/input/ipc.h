// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What va-hostd and va-input say to each other (common/worker). va-input is handed the keyboards
 * that the host itself has, one descriptor a message, and says when a hotkey was pressed; never
 * which keys.
 */
#ifndef VA_INPUT_IPC_H
#define VA_INPUT_IPC_H

#include "common/worker/worker.h"
#include "host/input/chord.h"

#define EVDEV_MAX_NODES 64

enum evdev_op {
	/* core -> va-input, without answers (id 0) */
	EVDEV_CHORDS = 1, /* struct evdev_chords: once, first */
	EVDEV_NODE = 2,   /* struct evdev_node, with a descriptor open for reading */
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
	uint32_t node; /* the core's number for it */
};

struct evdev_event {
	struct worker_head head;
	uint32_t node, action; /* enum chord_action */
};

#endif
