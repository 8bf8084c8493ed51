// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What people and programs of this machine ask of va-guestd, over its control socket. Everybody
 * may ask; the user's number goes to the host as claimed_uid, and the host decides. Pairing,
 * writing to a monitor and re-reading the policy are for root.
 */
#ifndef VA_GUEST_LOCAL_H
#define VA_GUEST_LOCAL_H

#include "common/control/server.h"
#include "guest/daemon/channel.h"
#include "guest/daemon/ddc.h"
#include "guest/daemon/pairing.h"

struct local;

struct local_deps {
	sd_event *event;
	struct channel *channel;
	struct pairing *pairing;
	struct ddc *ddc;   /* NULL: off */
	const char *sysfs; /* where it is mounted */
	void (*reload)(void *userdata);
	void *userdata;
};

/* Listens on path, open to all users. deps is copied, what it points to must live longer. */
int local_new(struct local **ret, const char *path, const struct local_deps *deps);
void local_free(struct local *l);
DEFINE_CLEANUP(local, local_free);

/* Link events: PENDING and ANSWER of what was asked here, and the host's notices. */
void local_take_event(struct local *l, const struct link_event *ev);

#endif
