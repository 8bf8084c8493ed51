// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages and descriptors over the worker's socket; see ipc.h. What comes in is not trusted:
 * whatever descriptors the other end attached, all but the one that was announced are closed.
 */
#include "common/worker/ipc.h"

#include "common/base/cleanup.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

union ipc_control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* Closes all descriptors of a message but the first. Their number; the first in *ret_fd. */
static size_t take_descriptors(struct msghdr *mh, int *ret_fd)
{
	size_t found = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		/* padding lets the kernel fit one more than was asked for */
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (found++ == 0)
				*ret_fd = fd;
			else
				close(fd);
		}
	}
	return found;
}

ssize_t ipc_receive(int sock, void *buf, size_t size, int *ret_fd, int flags)
{
	union ipc_control control;
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	CLEANUP_FD int fd = -1;
	size_t n_fds;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(sock, &mh, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	n_fds = take_descriptors(&mh, &fd);
	if (n_fds > 1 || (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return -EBADMSG;
	*ret_fd = TAKE_FD(fd);
	return n;
}

int ipc_send(int sock, const void *msg, size_t size, int fd, int flags)
{
	union ipc_control control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = size };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &mh, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}
