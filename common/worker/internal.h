// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What worker.c (a worker's life) and calls.c (what it and the daemon say to each other) share.
 *
 * Callbacks may call anything of worker.h, worker_free() included. Whoever calls one holds the
 * struct with worker_hold() and looks at worker_release(): false means that it is gone.
 */
#ifndef VA_WORKER_INTERNAL_H
#define VA_WORKER_INTERNAL_H

#include "common/worker/worker.h"

#define CALLS_READ_BUDGET 16 /* messages per wake-up: a flood must not starve the loop */

enum worker_state { WAITING, RUNNING, DYING };

struct call {
	uint32_t id; /* 0: free */
	uint64_t deadline_usec;
	worker_reply_fn *reply;
	void *userdata;
};

struct worker {
	sd_event *event;
	struct worker_spec spec; /* with copies of what it points to */
	enum worker_state state;
	pid_t pid;
	int pidfd, sock;
	sd_event_source *on_sock, *on_pidfd;
	sd_event_source *deadlines; /* the earliest of calls[], or armed for one that is gone */
	sd_event_source *clock;     /* DYING: patience; WAITING: restart; else off */
	uint64_t deadlines_at;      /* UINT64_MAX: not armed */
	uint64_t started_usec;
	uint64_t backoff_usec; /* of the next restart */
	unsigned int restarts;
	bool replacing;
	bool asked; /* DYING: it was asked to leave, and not yet killed */
	uint32_t last_id;
	unsigned int holders;
	bool freed;
	struct call calls[WORKER_CALLS];
};

/* worker.c */
uint64_t worker_now_usec(void);
void worker_hold(struct worker *w);
bool worker_release(struct worker *w);
/* RUNNING to DYING; nothing in any other state. Calls nothing back. */
void worker_kill(struct worker *w);

/* calls.c */
/* Ends all requests under way; the worker is not running, so no new ones come in meanwhile. */
void calls_end(struct worker *w, enum worker_fate fate);
/* Takes up to budget messages from the worker; kills it if one breaks the rules. May free w. */
void calls_read(struct worker *w, unsigned int budget);
int calls_on_deadline(sd_event_source *s, uint64_t usec, void *userdata);

#endif
