// SPDX-License-Identifier: GPL-2.0-or-later
/* What a process belongs to: a service, a user's unit, a session. */
#ifndef VA_GPU_BELONGS_H
#define VA_GPU_BELONGS_H

#include "host/gpu/holders.h"

/* Fills kind, unit, session and comes_back from the rest of *h. */
void belongs_to(struct machine *m, enum init_kind init, const char *dm, struct holder *h);

/* Exposed for tests: the same from the text of /proc/PID/cgroup alone; sessions unresolved. */
void belongs_parse_cgroup(const char *text, const char *dm, struct holder *h);

#endif
