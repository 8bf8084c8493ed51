// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The worker's own side: receive a request, send a reply or an event. For blocking workers
 * (va-ddc) as for those with a loop of their own (va-virt, va-link).
 */
#ifndef VA_WORKER_CHILD_H
#define VA_WORKER_CHILD_H

#include "common/worker/worker.h"

/*
 * One request into buf[size]; ret_fd may be NULL (a descriptor that came along is closed).
 * Positive: its size. 0: the daemon has gone, leave. Negative errno; -EAGAIN with nonblock and
 * nothing there; -EBADMSG: smaller than a head or larger than buf.
 */
ssize_t child_receive(void *buf, size_t size, int *ret_fd, bool nonblock);

/* Sends a message; fd -1 or one that rides along. Waits for room. 0 or negative errno. */
int child_send(const void *msg, size_t size, int fd);

/* True if descriptor 3 is a SEQPACKET socket: the program was started as a worker. */
bool child_is_worker(void);

#endif
