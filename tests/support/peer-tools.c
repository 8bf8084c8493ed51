// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/peer.h"

#include <stdlib.h>
#include <string.h>

/* --- copies --------------------------------------------------------------------------------- */
struct world_copy {
	struct world w;
	uint8_t *host, *guest, *to_guest, *to_host;
};

static uint8_t *copy_of(const void *p, size_t n)
{
	uint8_t *copy = malloc(n + 1);

	memcpy(copy, p, n);
	return copy;
}

struct world_copy *world_save(const struct world *w)
{
	struct world_copy *c = calloc(1, sizeof(*c));

	c->w = *w;
	c->host = copy_of(w->host.l, link_size());
	c->guest = copy_of(w->guest.l, link_size());
	c->to_guest = copy_of(w->to_guest.bytes + w->to_guest.head, w->to_guest.len);
	c->to_host = copy_of(w->to_host.bytes + w->to_host.head, w->to_host.len);
	return c;
}

static void restore_pipe(struct pipe *p, const uint8_t *bytes)
{
	p->head = 0;
	memcpy(p->bytes, bytes, p->len);
}

void world_restore(struct world *w, const struct world_copy *c)
{
	*w = c->w;
	memcpy(w->host.l, c->host, link_size());
	memcpy(w->guest.l, c->guest, link_size());
	restore_pipe(&w->to_guest, c->to_guest);
	restore_pipe(&w->to_host, c->to_host);
}

void world_copy_free(struct world_copy *c)
{
	free(c->host);
	free(c->guest);
	free(c->to_guest);
	free(c->to_host);
	free(c);
}

/* --- a recorder in the pipe ----------------------------------------------------------------- */
static bool record(struct world *w, struct peer *to, const uint8_t *bytes, size_t n)
{
	struct recorder *r = w->tap_data;

	if (to != r->to || n < 3 || n > sizeof(r->frame) || bytes[2] != r->type)
		return true;
	memcpy(r->frame, bytes, n);
	r->n = n;
	return r->seen++ >= r->lose;
}

void world_tap(struct world *w, struct recorder *r, uint8_t type, struct peer *to)
{
	memset(r, 0, sizeof(*r));
	r->type = type;
	r->to = to;
	w->to_guest.chunk = w->to_host.chunk = 0;
	w->tap = record;
	w->tap_data = r;
}

struct world *world_up(uint64_t seed)
{
	struct world *w = world_new(seed, true);

	world_connect(w);
	world_settle(w);
	return w;
}
