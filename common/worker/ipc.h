// SPDX-License-Identifier: GPL-2.0-or-later
/* One message, and at most one descriptor, over a SEQPACKET socket. Both sides of a worker. */
#ifndef VA_WORKER_IPC_H
#define VA_WORKER_IPC_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Receives one message into buf[size]. Its size, 0 at the end of the stream, or negative errno;
 * -EBADMSG where it was larger than buf or carried more than one descriptor. *ret_fd: the one
 * that came along, O_CLOEXEC and the caller's to close, or -1. flags: of recvmsg(2).
 */
ssize_t ipc_receive(int sock, void *buf, size_t size, int *ret_fd, int flags);

/* Sends a message, with fd unless it is -1. 0 or negative errno. flags: of sendmsg(2). */
int ipc_send(int sock, const void *msg, size_t size, int fd, int flags);

#endif
