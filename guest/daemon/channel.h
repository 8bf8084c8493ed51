// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The secure channel as the daemon sees it: the port's bytes, the link's state and the clock,
 * joined. What happens comes as link events; whoever called link_*() on channel_link() calls
 * channel_pump() after it.
 */
#ifndef VA_GUEST_CHANNEL_H
#define VA_GUEST_CHANNEL_H

#include "common/base/cleanup.h"
#include "common/link/link.h"
#include "guest/daemon/port.h"

struct channel;

struct channel_ops {
	/* ev, and what it points to, is good until the next call on the link */
	void (*on_event)(const struct link_event *ev, void *userdata);
	/* the port, or the link's state, may have changed */
	void (*on_change)(void *userdata);
	/* the clock jumped: the session was ended; forget what was prepared in it */
	void (*on_jump)(void *userdata);
	void (*on_trouble)(int error, const char *path, void *userdata);
};

/* record: NULL if unpaired; copied. ops is copied. Negative errno. */
int channel_new(struct channel **ret, sd_event *event, const char *port_path,
	const struct keyrec *record, const struct channel_ops *ops, void *userdata);
void channel_free(struct channel *c);
DEFINE_CLEANUP(channel, channel_free);

struct link *channel_link(struct channel *c);
enum port_state channel_port_state(const struct channel *c);
/* Writes, tells what happened, sets the timer. Safe to call from within on_event. */
void channel_pump(struct channel *c);

#endif
