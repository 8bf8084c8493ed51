// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest claims, out of its definition or named by hand. */
#ifndef VA_GPU_INTAKE_H
#define VA_GPU_INTAKE_H

#include "host/gpu/plan.h"

/*
 * Reads a definition from fd until its end, for the limit of such things at most. *ret is the
 * caller's to free, *ret_len at most the limit of a definition plus one. 0, -ETIMEDOUT or another
 * errno.
 */
int intake_read(struct machine *m, int fd, char **ret, size_t *ret_len);

/* -EINVAL, ... with the parser's words in m->why; ret_guest: the name in it, may be "". */
int intake_xml(
	struct machine *m, const char *xml, size_t len, struct claim *ret, char ret_guest[256]);

/* Adds a device by its address; -EINVAL, -E2BIG. */
int intake_add(struct machine *m, struct claim *c, const char *untrusted_addr, bool managed);

#endif
