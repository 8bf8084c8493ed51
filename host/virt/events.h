// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt's many events about domains, boiled down to what the book of domains must know. */
#ifndef VA_VIRT_EVENTS_H
#define VA_VIRT_EVENTS_H

#include "host/virt/ipc.h"

#include <libvirt/libvirt.h>
#include <stdbool.h>

#define EVENTS_MAX 8 /* registrations */

enum events_kind {
	EVENTS_CHANGED, /* ask again */
	EVENTS_STARTED, /* runs, with a new XML */
	EVENTS_STOPPED,
	EVENTS_PAUSED,
	EVENTS_RESUMED,
	EVENTS_RESET, /* goes on, but what ran in it is not what ran before */
	EVENTS_PORT,  /* a port was opened or closed in the guest */
};

struct events_event {
	enum events_kind kind;
	char uuid[VIRT_UUID_SIZE];
	char name[256];
	bool reset; /* any kind: sessions with the guest must end, too */
	bool open;  /* PORT */
	/* PORT: QEMU's id of the port; "" when libvirt has already said that it is ours */
	char alias[64];
};

typedef void events_fn(const struct events_event *e, void *userdata);

struct events {
	virConnectPtr conn;
	events_fn *on_event;
	void *userdata;
	int any[EVENTS_MAX]; /* callback ids, -1: none */
	int qemu;
	bool ports; /* the guest's opening and closing of ports is reported */
};

/*
 * Registers for everything the connection has; libvirt's loop (virloop.h) must run. The struct
 * must stay where it is until events_done(). Blocks for a round trip each. 0, or a negative errno
 * when not even lifecycle events can be had (then nothing is registered); ports tells about those.
 */
int events_init(struct events *e, virConnectPtr conn, events_fn *on_event, void *userdata);
void events_done(struct events *e);

/* "id" and "open" of a VSERPORT_CHANGE's details. False if they are not there. */
bool events_parse_vserport(const char *details, char *ret_alias, size_t size, bool *ret_open);

#endif
