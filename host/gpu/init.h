// SPDX-License-Identifier: GPL-2.0-or-later
/* Services by whichever init system runs the machine: systemd, OpenRC, runit, s6-rc, dinit. */
#ifndef VA_GPU_INIT_H
#define VA_GPU_INIT_H

#include "host/gpu/machine.h"

#define INIT_SERVICE_SIZE 128

enum init_kind {
	INIT_NONE, /* none that we know: services are the user's business */
	INIT_SYSTEMD,
	INIT_OPENRC,
	INIT_RUNIT,
	INIT_S6,
	INIT_DINIT,
	INIT_KINDS,
};

enum init_kind init_detect(const struct machine *m);
const char *init_name(enum init_kind kind);
enum init_kind init_by_name(const char *name); /* INIT_NONE for what is none */

/* [A-Za-z0-9@:._\\-]+, not starting with '-': it becomes an argument and part of a path. */
bool init_service_is_valid(const char *name);

/* 1 it runs, 0 it does not or does not exist, or negative errno. */
int init_is_active(struct machine *m, enum init_kind kind, const char *service);
/* Both verify the result and take what is so already as done. */
int init_stop(struct machine *m, enum init_kind kind, const char *service);
int init_start(struct machine *m, enum init_kind kind, const char *service);

/* The display manager that runs: 1 and its service, or 0. */
int init_display_manager(struct machine *m, enum init_kind kind, char ret[INIT_SERVICE_SIZE]);

#endif
