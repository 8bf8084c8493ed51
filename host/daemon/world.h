// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The world as plain data: machines, GPUs by their owner, monitors and their inputs, who holds
 * the seat. It is derived at every change from the configuration, libvirt, the sessions and the
 * monitors, never loaded from a file. Machine 0 is the host. Pure.
 */
#ifndef VA_HOSTD_WORLD_H
#define VA_HOSTD_WORLD_H

#include "common/base/escape.h"
#include "common/ddc/edid.h"
#include "common/ddc/input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_HOST         0
#define WORLD_NOBODY       (-1)
#define WORLD_MAX_MONITORS 8
#define WORLD_MAX_INPUTS   8
#define WORLD_MAX_GPUS     8 /* of one machine */
#define WORLD_PCI_SIZE     20

struct world_input {
	char name[NAME_MAX_LEN + 1]; /* "dp1": the user's word for it */
	char gpu[WORLD_PCI_SIZE];    /* the GPU at the other end of the cable */
};

struct world_monitor {
	char name[NAME_MAX_LEN + 1];
	char key[MONITOR_KEY_SIZE];
	char connector[32]; /* on the host, tells twins apart; or "" */
	uint32_t via;       /* enum msg_via: how its input is written */
	bool unreadable;    /* configured: reads of it lie, do not ask */
	struct world_input inputs[WORLD_MAX_INPUTS];
	struct input_source sources[WORLD_MAX_INPUTS]; /* of inputs: what to write, what is read */
	int n_inputs;
	int shown; /* index into inputs, -1 not known */
};

struct world_machine {
	char name[NAME_MAX_LEN + 1];
	bool running; /* the host always is */
	bool paused;  /* does not run, but its GPUs are still its own */
	bool session; /* its agent answers; the host's always does */
	bool known;   /* false: an empty slot */
	char gpus[WORLD_MAX_GPUS][WORLD_PCI_SIZE]; /* for guests: what it gets while it runs */
	int n_gpus;
};

struct world {
	struct world_machine *machines; /* [0] is the host; borrowed */
	int n_machines;
	struct world_monitor monitors[WORLD_MAX_MONITORS];
	int n_monitors;
	int holder; /* index into machines */
};

/* The index of the machine called name, WORLD_NOBODY if there is none. */
int world_find(const struct world *w, const char *name);

bool world_has_gpu(const struct world_machine *m, const char *gpu);

/*
 * Who owns the GPU now: the running or paused guest that has it, else the host. Where the
 * definitions of several running guests name one GPU the first wins (libvirt refuses to start the
 * second).
 */
int world_gpu_owner(const struct world *w, const char *gpu);

/*
 * The input of the monitor at which machine can be seen, -1 if it is not cabled to it. The host
 * is seen at a GPU of its own rather than at one that it has only while a guest is off.
 */
int world_input_of(const struct world *w, const struct world_monitor *m, int machine);

/* Whether the seat could ever go there; otherwise *ret_why names the reason (static text). */
bool world_is_target(const struct world *w, int machine, const char **ret_why);

#endif
