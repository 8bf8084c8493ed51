// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the host may have done here: an input source written (by va-ddc), the machine switched
 * off, monitors looked for, the screens' state told. The executor's half of PREPARE, TICKET,
 * COMMIT. PROTOCOL.md 7.
 */
#ifndef VA_GUEST_EXECUTOR_H
#define VA_GUEST_EXECUTOR_H

#include "guest/daemon/channel.h"
#include "guest/daemon/ddc.h"
#include "guest/daemon/judge.h"
#include "guest/daemon/poweroff.h"

struct executor;

struct executor_deps {
	sd_event *event;
	struct channel *channel;
	struct ddc *ddc; /* NULL: off */
	uint64_t ways;   /* to switch a monitor that the host may have used: quirk_via_bit() */
	struct poweroff *poweroff;
	struct judge *judge;
	const char *sysfs; /* where it is mounted: what the screens show is read there */
};

/* deps is copied; what it points to must live longer. */
int executor_new(struct executor **ret, const struct executor_deps *deps);
void executor_free(struct executor *e);
DEFINE_CLEANUP(executor, executor_free);

/* A LINK_EV_REQUEST. */
void executor_take_request(struct executor *e, const struct link_event *ev);
/* The session ended, or the clock jumped: nothing prepared may act any more. */
void executor_forget(struct executor *e);

#endif
