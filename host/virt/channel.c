// SPDX-License-Identifier: GPL-2.0-or-later
/* Connecting to a channel's socket; see channel.h. */
#include "host/virt/channel.h"

#include "common/base/cleanup.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int channel_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = -1;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		return TAKE_FD(fd);
	switch (errno) {
	case EAGAIN: return -EBUSY;
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED: return -ENOTCONN;
	default: return -errno;
	}
}
