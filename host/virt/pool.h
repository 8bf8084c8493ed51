// SPDX-License-Identifier: GPL-2.0-or-later
/* The watcher's fetchers: as many as there are questions that hang, up to a limit. */
#ifndef VA_VIRT_POOL_H
#define VA_VIRT_POOL_H

#include "common/base/cleanup.h"
#include "host/virt/fetch.h"

#include <systemd/sd-event.h>

/*
 * libvirtd serves a client's call with one of twenty threads, which stays with the call even when
 * the client is gone. So the pool is smaller than that, and is not quick to give up.
 */
#define POOL_MAX 8

struct pool;

/*
 * uuid: of the question. error: m->error, or -ETIMEDOUT (the fetcher was killed), -EPIPE (it
 * died); then m is NULL.
 */
typedef void pool_answer_fn(
	const char *uuid, int error, const struct fetch_message *m, void *userdata);

struct pool_spec {
	const char *uri; /* copied */
	void (*on_listed)(const struct describe *d, void *userdata);
	void (*on_idle)(void *userdata); /* a fetcher is free (again): ask more */
	void *userdata;
};

int pool_new(struct pool **ret, sd_event *event, const struct pool_spec *spec);
void pool_free(struct pool *p); /* no callbacks any more */
DEFINE_CLEANUP(pool, pool_free);

/*
 * Has a fetcher ask; m is copied. -EAGAIN: all are busy, or on their way up; wait for on_idle.
 * answer is called exactly once, later, unless the pool is freed or reset before.
 */
int pool_ask(struct pool *p, const struct fetch_message *m, uint64_t limit_usec,
	pool_answer_fn *answer, void *userdata);

/* False if pool_ask() would certainly say -EAGAIN. */
bool pool_has_room(const struct pool *p);

/* Kills all fetchers and forgets their questions without a callback. */
void pool_reset(struct pool *p);
/* Lets go of all fetchers but one, if none is busy. */
void pool_shrink(struct pool *p);

#endif
