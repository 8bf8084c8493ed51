// SPDX-License-Identifier: GPL-2.0-or-later
/* The worker's own side; see child.h. No state: everything is in descriptor 3. */
#include "common/worker/child.h"

#include "common/worker/ipc.h"

#include <poll.h>
#include <sys/socket.h>

ssize_t child_receive(void *buf, size_t size, int *ret_fd, bool nonblock)
{
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if (ret_fd)
		*ret_fd = -1;
	do {
		struct pollfd p = { .fd = WORKER_FD, .events = POLLIN };

		n = ipc_receive(WORKER_FD, buf, size, &fd, nonblock ? MSG_DONTWAIT : 0);
		/* the program may have made the descriptor non-blocking for its own loop */
		if (n == -EAGAIN && !nonblock && poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	} while (n == -EAGAIN && !nonblock);
	/* a daemon that was killed with something of ours unread: gone all the same */
	if (n == -ECONNRESET)
		return 0;
	if (n <= 0)
		return n;
	if ((size_t)n < sizeof(struct worker_head))
		return -EBADMSG;
	if (ret_fd)
		*ret_fd = TAKE_FD(fd);
	return n;
}

int child_send(const void *msg, size_t size, int fd)
{
	for (;;) {
		struct pollfd p = { .fd = WORKER_FD, .events = POLLOUT };
		int r = ipc_send(WORKER_FD, msg, size, fd, 0);

		if (r != -EAGAIN)
			return r;
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	}
}

bool child_is_worker(void)
{
	socklen_t len = sizeof(int);
	int type;

	return getsockopt(WORKER_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET;
}
