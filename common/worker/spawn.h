// SPDX-License-Identifier: GPL-2.0-or-later
/* Starting a worker's process. Internal to the room; programs use worker.h. */
#ifndef VA_WORKER_SPAWN_H
#define VA_WORKER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SPAWN_KEEP_MAX  16  /* descriptors handed over beside the socket */
#define SPAWN_EXIT_JAIL 126 /* exit status: limits or ids could not be set */
#define SPAWN_EXIT_EXEC 127 /* exit status: the program could not be run */

struct spawn {
	char *const *argv; /* argv[0] is an absolute path */
	char *const *env;
	const int *keep_fds; /* become 4, 5, ... */
	size_t n_keep_fds;   /* at most SPAWN_KEEP_MAX */
	bool drop;           /* become uid/gid, with no way back */
	uid_t uid;
	gid_t gid;
};

/*
 * Runs it with one end of a new SEQPACKET pair as descriptor 3. *ret_sock: the other end;
 * *ret_pidfd: becomes readable when the process has ended. Both the caller's to close.
 * 0 or negative errno: -ENOENT, -EACCES: no such program, or not ours to run.
 */
int spawn_worker(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, int *ret_sock);

#endif
