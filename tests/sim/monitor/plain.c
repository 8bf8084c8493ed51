// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: bytes of requests gather in a buffer; each request that is whole is
 * carried out and answered at once. A client that does not read its answers is dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sim/monitor/wire.h"

enum { HEAD = 4, DATA_MAX = 4096 };

struct plain {
	int fd;
	struct wire wire;
	size_t len;
	uint8_t buf[HEAD + DATA_MAX];
};

struct plain *plain_new(int fd, const struct wire *wire)
{
	struct plain *p = calloc(1, sizeof(*p));

	if (p) {
		p->fd = fd;
		p->wire = *wire;
	}
	return p;
}

void plain_free(struct plain *p)
{
	if (!p)
		return;
	close(p->fd);
	free(p);
}

/* Size of the first request in the buffer once it is whole, 0 before, negative: nonsense. */
static ssize_t request_size(const struct plain *p)
{
	size_t size;

	if (p->len < HEAD)
		return 0;
	size = (size_t)(p->buf[2] | p->buf[3] << 8);
	if (size > DATA_MAX)
		return -EMSGSIZE;
	if (p->buf[1])
		return HEAD;
	return p->len < HEAD + size ? 0 : (ssize_t)(HEAD + size);
}

static int answer(struct plain *p)
{
	uint8_t reply[1 + DATA_MAX];
	size_t size = (size_t)(p->buf[2] | p->buf[3] << 8), out = 1;
	bool is_read = p->buf[1];

	if (!is_read)
		memcpy(reply + 1, p->buf + HEAD, size);
	reply[0] = p->wire.transfer(p->wire.ctx, p->wire.port, p->buf[0], is_read, reply + 1, size)
			   ? 1
			   : 0;
	if (is_read && !reply[0])
		out += size;
	return send(p->fd, reply, out, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)out ? 0 : -EPIPE;
}

int plain_handle(struct plain *p)
{
	ssize_t n = recv(p->fd, p->buf + p->len, sizeof(p->buf) - p->len, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	p->len += (size_t)n;
	while ((n = request_size(p)) > 0) {
		if (answer(p) < 0)
			return -EPIPE;
		p->len -= (size_t)n;
		memmove(p->buf, p->buf + n, p->len);
	}
	return n < 0 ? (int)n : 0;
}
