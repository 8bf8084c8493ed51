// SPDX-License-Identifier: GPL-2.0-or-later
/* /etc/virt-aid/gpu.conf (va-gpu(8)): what the owner of the machine may decide. */
#ifndef VA_GPU_OPTIONS_H
#define VA_GPU_OPTIONS_H

#include "host/gpu/init.h"

#include "common/base/conf.h"

#define OPTIONS_FILE "/etc/virt-aid/gpu.conf"

enum options_holders {
	OPTIONS_REFUSE, /* a process that is nobody's service or session stays, the start fails */
	OPTIONS_TERM,   /* it is asked to end */
	OPTIONS_KILL,   /* and ended, if it does not */
};

struct options {
	enum options_holders holders;
	bool apu;  /* take a processor's own graphics although that is known to hang */
	bool keep; /* the session stays: its compositor is told to let go of the card */
	bool tell; /* ask va-hostd to move the monitors first */
	char dm[INIT_SERVICE_SIZE]; /* "": found by itself */
};

/* No file: the defaults. -EINVAL with the report, one error a line. */
int options_read(const struct machine *m, struct options *ret, struct conf_report *report);

/* The same; the report's first line in m->why. */
int options_load(struct machine *m, struct options *ret);

#endif
