// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One direction of a virtio-serial port as the tests need it: a queue of bytes that may be
 * stopped, cut, shortened and polluted in the ways the real one does it.
 */
#ifndef VA_TEST_PIPE_H
#define VA_TEST_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPE_SIZE 1048576u

struct pipe {
	uint8_t *bytes; /* PIPE_SIZE of them */
	size_t head, len;
	bool stopped; /* nothing comes out; what is written waits */
	bool full;    /* takes nothing */
	bool sink;    /* what is written is accepted and lost */
	size_t chunk; /* bytes of one read, at most; 0: one frame at a time */
};

void pipe_init(struct pipe *p);
void pipe_done(struct pipe *p);
/* Takes up to n bytes; fewer where it is full. */
size_t pipe_write(struct pipe *p, const uint8_t *bytes, size_t n);
/* The next read: at most chunk bytes, 0 where stopped or empty. Good until the next write. */
size_t pipe_read(struct pipe *p, const uint8_t **ret);
void pipe_drop_front(struct pipe *p, size_t n);
void pipe_drop_back(struct pipe *p, size_t n);
void pipe_put_front(struct pipe *p, const uint8_t *bytes, size_t n);

#endif
