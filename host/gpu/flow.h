// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking and giving back as a whole. Whatever goes wrong, what was begun is undone; what cannot
 * be undone stays in the journal, to be tried again.
 */
#ifndef VA_GPU_FLOW_H
#define VA_GPU_FLOW_H

#include "host/gpu/journal.h"
#include "host/gpu/plan.h"

/* Frees what the plan says; the lock is held. On error all is back, or m->why says what is not. */
int flow_take(struct machine *m, const char *guest, struct plan *p, const struct options *o);

/*
 * Gives back what the journal says was begun, and removes it. On error it stays, with what is
 * still to do; m->why is the first thing that failed. -EBUSY: the guest still uses a device, and
 * nothing was done.
 */
int flow_return(struct machine *m, struct journal *j);

/* Undoes all hand-overs that nobody finished; those that were finished stay. */
int flow_recover(struct machine *m);

#endif
