// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/pipe.h"

#include <stdlib.h>
#include <string.h>

void pipe_init(struct pipe *p)
{
	memset(p, 0, sizeof(*p));
	p->bytes = calloc(1, PIPE_SIZE);
	p->chunk = 4096;
}

void pipe_done(struct pipe *p)
{
	free(p->bytes);
	memset(p, 0, sizeof(*p));
}

static void to_front(struct pipe *p)
{
	memmove(p->bytes, p->bytes + p->head, p->len);
	p->head = 0;
}

size_t pipe_write(struct pipe *p, const uint8_t *bytes, size_t n)
{
	if (p->full)
		return 0;
	if (p->sink)
		return n;
	if (n > PIPE_SIZE - p->len)
		n = PIPE_SIZE - p->len;
	if (n > PIPE_SIZE - p->len - p->head)
		to_front(p);
	memcpy(p->bytes + p->head + p->len, bytes, n);
	p->len += n;
	return n;
}

/* Bytes up to and with the zero that ends the first frame. */
static size_t first_frame(const struct pipe *p)
{
	const uint8_t *b = p->bytes + p->head;
	size_t n = 0;

	while (n < p->len && !b[n])
		n++;
	while (n < p->len && b[n])
		n++;
	return n < p->len ? n + 1 : n;
}

size_t pipe_read(struct pipe *p, const uint8_t **ret)
{
	size_t most = p->chunk ? p->chunk : first_frame(p);
	size_t n = p->len < most ? p->len : most;

	if (p->stopped)
		return 0;
	*ret = p->bytes + p->head;
	p->head += n;
	p->len -= n;
	return n;
}

void pipe_drop_front(struct pipe *p, size_t n)
{
	if (n > p->len)
		n = p->len;
	p->head += n;
	p->len -= n;
}

void pipe_drop_back(struct pipe *p, size_t n)
{
	p->len -= n > p->len ? p->len : n;
}

void pipe_put_front(struct pipe *p, const uint8_t *bytes, size_t n)
{
	if (n > PIPE_SIZE - p->len)
		return;
	memmove(p->bytes + n, p->bytes + p->head, p->len);
	p->head = 0;
	memcpy(p->bytes, bytes, n);
	p->len += n;
}
