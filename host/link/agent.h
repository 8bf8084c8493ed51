// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The inside of the va-link program, cut into: main.c (start, jail), loop.c (poll, the channel's
 * bytes and the clock), orders.c (what va-hostd says), reports.c (what va-hostd is told).
 */
#ifndef VA_HOST_LINK_AGENT_H
#define VA_HOST_LINK_AGENT_H

#include "host/link/budget.h"
#include "host/link/ipc.h"

struct agent {
	struct link *link; /* sodium_malloc(); link_init() by the first RECORD */
	bool ready;
	int channel; /* -1: none */
	struct budget budget;
	bool closing;        /* the channel was closed, which is still to be said */
	uint32_t backoff_ms; /* with closing: how long to stay away */
	uint32_t told_state;
	struct link_ipc msg; /* the one message being read or written; wiped after use */
};

/* CLOCK_BOOTTIME in milliseconds. */
uint64_t agent_now_ms(void);

/*
 * Serves until va-hostd leaves (0) or an error that makes it impossible (negative errno, with
 * *ret_what naming what was tried). Allocates nothing after the first order.
 */
int agent_run(struct agent *a, const char **ret_what);

/* Carries out the order in a->msg; fd: -1, or what came with it, taken. */
int agent_obey(struct agent *a, int fd);

/*
 * Writes what the link has to say. 1: all written, or the pipe is full; 0: the pipe has no other
 * end any more.
 */
int agent_write_channel(struct agent *a);

/* Closes the channel; agent_report() says so. backoff_ms: how long to stay away. */
void agent_close_channel(struct agent *a, uint32_t backoff_ms);

/*
 * Tells all that happened in the link since the last call, then that the channel was closed, or
 * the state if it changed.
 */
int agent_report(struct agent *a);
/* The order with this tag could not be taken. */
int agent_report_refused(struct agent *a, uint64_t tag, enum va_err error);
int agent_report_code(struct agent *a, const char *code);

#endif
