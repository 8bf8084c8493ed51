// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A helper process and how a daemon talks to it. A library that blocks, hangs or asserts lives
 * in a process of its own; the daemon sends it one fixed struct per request over SOCK_SEQPACKET,
 * each with a deadline, and gets one fixed struct per reply. A worker that misses a deadline,
 * sends a struct of the wrong size, or dies is killed, and started again with back-off (0, 1, 2,
 * 4 ... 30 s) unless it was a one-shot.
 *
 * Every message starts with struct worker_head. A message with an id answers that request; id 0
 * is an event of the worker's own. Descriptors may ride along, one per message.
 *
 * The worker's side (worker_child.h) has the socket as descriptor 3, /dev/null as 0 and 1, the
 * daemon's stderr as 2, a clean environment and nothing else open.
 */
#ifndef VA_WORKER_WORKER_H
#define VA_WORKER_WORKER_H

#include "common/base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#define WORKER_FD      3
#define WORKER_MSG_MAX 8192 /* bytes of one message */
#define WORKER_CALLS   64   /* requests under way at once, per worker */

struct worker_head {
	uint32_t op; /* the room's own enum */
	uint32_t id; /* of the request; 0: event */
};

struct worker;

/* Why a request ended without its reply. */
enum worker_fate {
	WORKER_REPLIED = 0,
	WORKER_LATE,    /* deadline missed; the worker was killed */
	WORKER_DIED,    /* it exited, or broke the rules and was killed, meanwhile */
	WORKER_STOPPED, /* worker_free() */
};

/* msg is NULL and size 0 unless fate is WORKER_REPLIED. fd: -1, or the callee's to close. */
typedef void worker_reply_fn(
	enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata);
typedef void worker_event_fn(
	struct worker *w, const void *msg, size_t size, int fd, void *userdata);
/* status as of waitpid(); will_restart_usec: 0 at once, UINT64_MAX never. NULL msg is fine. */
typedef void worker_exit_fn(
	struct worker *w, int status, uint64_t will_restart_usec, void *userdata);
/* It runs (first time or again): send what it must know first. */
typedef void worker_started_fn(struct worker *w, void *userdata);

struct worker_spec {
	const char *name;          /* for logs, copied */
	const char *const *argv;   /* argv[0] is an absolute path; copied */
	const char *const *env;    /* copied; NULL: PATH and LANG=C only */
	size_t min_size, max_size; /* bytes of a message from the worker; others break the rules */
	bool one_shot;             /* started once, no restart */
	bool drop;                 /* run as uid/gid below (ignored when not root) */
	uid_t uid;
	gid_t gid;
	const int *keep_fds; /* handed over as 4, 5, ...; owned by the caller */
	size_t n_keep_fds;
	worker_event_fn *on_event;
	worker_exit_fn *on_exit;
	worker_started_fn *on_started;
	void *userdata;
};

/* Starts it. Negative errno where it cannot even be tried. */
int worker_new(struct worker **ret, sd_event *event, const struct worker_spec *spec);
/* Kills it (SIGKILL) and reaps it; outstanding requests end with WORKER_STOPPED. NULL is fine. */
void worker_free(struct worker *w);
DEFINE_CLEANUP(worker, worker_free);

/*
 * Sends msg[size] (head.id is filled in) with fd (or -1, stays the caller's), and calls reply
 * exactly once, never before this returns. limit_usec: from now. -EBUSY: WORKER_CALLS under way;
 * -ESRCH: not running now; -EAGAIN: its socket is full.
 */
int worker_call(struct worker *w, void *msg, size_t size, int fd, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata);
/* The same without an answer (id 0). */
int worker_send(struct worker *w, void *msg, size_t size, int fd);

/*
 * Ends this process and starts another at once (say, the set of GPUs changed). What was sent to
 * it before it may still do: it finds the end of its socket then, and is killed if it is still
 * there after a second.
 */
void worker_replace(struct worker *w);
/* It broke a rule that only the caller knows: as if it had broken one of ours, with back-off. */
void worker_reject(struct worker *w);
/* Of no worker at all (NULL): it does not run. */
pid_t worker_pid(const struct worker *w); /* 0: not running */
bool worker_is_running(const struct worker *w);
unsigned int worker_restarts(const struct worker *w);

#endif
