// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fetcher: "va-virt fetch URI", a worker of the watcher, with a libvirt connection of its own,
 * that asks one question at a time. It may block in libvirt for as long as it takes; the watcher
 * has several.
 */
#ifndef VA_VIRT_FETCH_H
#define VA_VIRT_FETCH_H

#include "host/virt/describe.h"

enum fetch_op {
	FETCH_OPEN = 1, /* is there a libvirt? */
	FETCH_LIST,     /* FETCH_EV_LISTED for each domain, then the reply */
	FETCH_ASK,      /* about known.domain.uuid */
	FETCH_EV_LISTED,
};

/* Request, reply and event alike. */
struct fetch_message {
	struct worker_head head;
	int32_t error; /* reply: 0 or a negative errno of describe_domain() */
	struct describe known;
	char detail[160];
};

/* The program; returns its exit status. */
int fetch_main(const char *uri);

#endif
