// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The world as plain data: machines and the PCI devices they hold or would hold, monitors and
 * their inputs, keyboards and mice, who holds the seat. It is derived at every change from the
 * configuration, libvirt, the sessions, the monitors and the USB bus, never loaded from a file.
 * Machine 0 is the host. Pure.
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
#define WORLD_MAX_GPUS     8  /* of one machine */
#define WORLD_MAX_HOSTDEVS 32 /* of one machine */
#define WORLD_MAX_DEVICES  16 /* keyboards and mice */
#define WORLD_PCI_SIZE     20
#define WORLD_COMMAND_SIZE 256

struct world_input {
	char name[NAME_MAX_LEN + 1]; /* "dp1": the user's word for it */
	char gpu[WORLD_PCI_SIZE];    /* the GPU at the other end of the cable */
};

/* Who wrote the input source when it was last seen to work, as a part in the switch. */
enum world_writer {
	WRITER_UNKNOWN = 0,
	WRITER_SHOWN,  /* the side that was shown */
	WRITER_HOST,   /* the host, though not shown */
	WRITER_OTHER,  /* a guest with a cable, though not shown */
	WRITER_TARGET, /* the side that wanted to be shown */
};

struct world_monitor {
	char name[NAME_MAX_LEN + 1];
	char key[MONITOR_KEY_SIZE];
	char connector[32]; /* on the host, tells twins apart; or "" */
	uint32_t via;       /* enum msg_via: how its input is written */
	bool unreadable;    /* configured: reads of it lie, do not ask */
	uint32_t settle_ms; /* after a write, until it is read; 0: the usual */
	uint32_t writes;    /* at most, while it shows something else; 0: the usual */
	/* what switches it in place of DDC, on the host: path and arguments with blanks; or "" */
	char command[WORLD_COMMAND_SIZE];
	bool found; /* not configured: found by looking (cables.c) */
	struct world_input inputs[WORLD_MAX_INPUTS];
	struct input_source sources[WORLD_MAX_INPUTS]; /* of inputs: what to write, what is read */
	int n_inputs;
	int shown;                /* index into inputs, -1 not known */
	enum world_writer worked; /* remembered, tried first */
};

enum world_state {
	WORLD_OFF = 0,
	WORLD_STARTING,
	WORLD_RUNNING,
	WORLD_PAUSED,
	WORLD_STOPPING,
};

/* What becomes of a guest that holds what the switch's target needs. */
enum world_conflict {
	WORLD_SHUT_DOWN = 0, /* asked to shut down; if it does not, the switch fails */
	WORLD_REFUSE,        /* it stays, and the switch is refused */
	WORLD_FORCE,         /* asked to shut down; if it does not, it is destroyed */
};

struct world_machine {
	char name[NAME_MAX_LEN + 1];
	bool known;             /* false: an empty slot */
	enum world_state state; /* of the host always RUNNING */
	bool session;           /* its agent answers; the host's always does */
	bool agent;             /* an answer is to be expected of it: it has a channel and keys */
	bool startable;         /* libvirt keeps its definition: it can be started when off */
	bool no_devices;        /* keyboards and mice cannot be given to it: not libvirt's */
	enum world_conflict on_conflict;
	uint32_t stop_limit_ms, start_limit_ms; /* 0: the usual */
	/* of guests: what it has while it is not off, by its definition */
	char gpus[WORLD_MAX_GPUS][WORLD_PCI_SIZE];
	int n_gpus;
	char hostdevs[WORLD_MAX_HOSTDEVS][WORLD_PCI_SIZE]; /* all else; may repeat gpus */
	int n_hostdevs;
};

/* A keyboard or a mouse that moves with the seat; one USB device, which may be both. */
struct world_device {
	char name[NAME_MAX_LEN + 1];
	int holder; /* machine, WORLD_HOST, or WORLD_NOBODY: unplugged */
	bool keyboard, pointer;
};

struct world {
	struct world_machine *machines; /* [0] is the host; borrowed */
	int n_machines;
	struct world_monitor monitors[WORLD_MAX_MONITORS];
	int n_monitors;
	struct world_device devices[WORLD_MAX_DEVICES];
	int n_devices;
	bool fixed_keyboard; /* the host has a keyboard that never moves, or hears a hotkey */
	bool deaf_host;      /* the host itself cannot speak to monitors */
	char primary_gpu[WORLD_PCI_SIZE]; /* what the host's own screen needs; "" not known */
	uint32_t confirm_ms; /* how long a target has to confirm that it lives; 0: not asked */
	int holder;          /* index into machines */
};

/* The index of the machine called name, WORLD_NOBODY if there is none. */
int world_find(const struct world *w, const char *name);

static inline bool world_is_running(const struct world_machine *m)
{
	return m->known && m->state == WORLD_RUNNING;
}

/* It holds its devices: everything but off. */
static inline bool world_is_up(const struct world_machine *m)
{
	return m->known && m->state != WORLD_OFF;
}

/* Its definition has this PCI device (never true for the host). */
bool world_has(const struct world_machine *m, const char *pci);
/* Two definitions share a PCI device; *ret_pci names one (borrowed). */
bool world_conflicts(
	const struct world_machine *a, const struct world_machine *b, const char **ret_pci);

/*
 * Who owns the PCI device now: the guest that is up and has it, else the host. Where the
 * definitions of several such guests name it the first wins (libvirt refuses the second).
 */
int world_gpu_owner(const struct world *w, const char *gpu);

/* Some guest's definition names it, whether that guest is up or not. */
bool world_is_lent(const struct world *w, const char *gpu);

/*
 * How good an input would be to see machine at, from 0 up, if the machine has the GPU there. For
 * a guest the one that is shown is the best. For the host its primary GPU is, then a GPU of its
 * own, and last one that it has only while a guest is off: what is shown says little, for a lost
 * guest's GPU comes to the host as well.
 */
int world_rank_input(const struct world *w, const struct world_monitor *m, int input, int machine);
/* The best input of the monitor to see machine at; -1 if it is not cabled to it. */
int world_input_of(const struct world *w, const struct world_monitor *m, int machine);

/* It has a GPU that is cabled to a configured monitor, or any GPU where none is configured. */
bool world_has_screen(const struct world *w, int machine);

/* Whether the seat could ever go there; otherwise *ret_why names the reason (static text). */
bool world_is_target(const struct world *w, int machine, const char **ret_why);

const char *world_state_name(enum world_state state);

#endif
