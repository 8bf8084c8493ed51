// SPDX-License-Identifier: GPL-2.0-or-later
/* Who holds a card: processes with one of its nodes open or mapped, and what they belong to. */
#ifndef VA_GPU_HOLDERS_H
#define VA_GPU_HOLDERS_H

#include "host/gpu/init.h"
#include "host/gpu/nodes.h"

#define HOLDERS_MAX 64

enum holder_kind {
	HOLDER_PROCESS,   /* belongs to nothing that could be stopped instead */
	HOLDER_SERVICE,   /* unit: of the machine */
	HOLDER_USER_UNIT, /* unit: of the user's own systemd */
	HOLDER_GRAPHICAL, /* the display manager, or what it started */
	HOLDER_LOGIN,     /* session: a graphical one that was started from a text console */
	HOLDER_PROTECTED, /* logind, libvirt and their like: let go when the others have */
};

struct holder {
	pid_t pid;
	uint64_t start; /* with pid, names one process for good */
	uid_t uid;
	enum holder_kind kind;
	bool soft;       /* holds nothing but what it lets go by itself */
	bool draws;      /* has the card itself open, not just a way to render on it */
	bool comes_back; /* HOLDER_USER_UNIT: no part of the graphical session */
	char comm[32];
	char unit[INIT_SERVICE_SIZE];
	char session[32];
	char node[NODE_NAME_SIZE]; /* the first that was found */
};

/*
 * Scans all processes but this one. dm: the display manager's service, or "". Their number, the
 * first HOLDERS_MAX; negative errno if processes cannot be listed.
 */
int holders_scan(struct machine *m, const struct nodes *nodes, enum init_kind init, const char *dm,
	struct holder *ret, size_t max);

/* "Xorg (pid 812, alice, /dev/dri/card0)" */
void holder_describe(const struct holder *h, char *ret, size_t size);
const char *holder_kind_name(enum holder_kind kind);

/* The start time of a process, 0 if there is none. */
uint64_t holder_start_time(const struct machine *m, pid_t pid);

#endif
