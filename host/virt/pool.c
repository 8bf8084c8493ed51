// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * Fixed slots, each a worker (common/worker) or empty, each with at most one question. A question
 * goes to a free fetcher; with none free, a new one is started for it. Fetchers are this same
 * program, started again by /proc/self/exe with what of the environment libvirt's client looks
 * at (a session daemon is found by it).
 */
#include "host/virt/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct pool *pool;
	struct worker *worker;
	bool busy;
	char uuid[VIRT_UUID_SIZE]; /* asked about */
	pool_answer_fn *answer;
	void *userdata;
};

struct pool {
	sd_event *event;
	struct pool_spec spec;
	char *uri;
	char *env[16];
	struct slot slots[POOL_MAX];
};

static const char *const kept_env[] = { "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
	"XDG_CACHE_HOME", "XDG_DATA_HOME", "LIBVIRT_DEFAULT_URI", "LIBVIRT_AUTOSTART" };

static int env_new(char **env)
{
	static const char *const fixed[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (!(env[n++] = strdup(fixed[i])))
			return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(kept_env); i++) {
		const char *value = getenv(kept_env[i]);

		if (value && asprintf(&env[n], "%s=%s", kept_env[i], value) < 0) {
			env[n] = NULL;
			return -ENOMEM;
		}
		n += value != NULL;
	}
	return 0;
}

int pool_new(struct pool **ret, sd_event *event, const struct pool_spec *spec)
{
	struct pool *p = calloc(1, sizeof(*p));

	*ret = NULL;
	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	p->spec = *spec;
	p->uri = strdup(spec->uri);
	for (size_t i = 0; i < POOL_MAX; i++)
		p->slots[i].pool = p;
	if (!p->uri || env_new(p->env) < 0) {
		pool_free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void pool_reset(struct pool *p)
{
	for (size_t i = 0; i < POOL_MAX; i++) {
		struct slot *s = &p->slots[i];

		s->answer = NULL;
		worker_free(TAKE(s->worker));
		s->busy = false;
	}
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pool_reset(p);
	for (size_t i = 0; i < ARRAY_SIZE(p->env); i++)
		free(p->env[i]);
	free(p->uri);
	sd_event_unref(p->event);
	free(p);
}

void pool_shrink(struct pool *p)
{
	struct slot *kept = NULL;

	for (size_t i = 0; i < POOL_MAX; i++)
		if (p->slots[i].busy)
			return;
	for (size_t i = 0; i < POOL_MAX; i++) {
		struct slot *s = &p->slots[i];

		if (!kept && s->worker && worker_is_running(s->worker))
			kept = s;
		else
			worker_free(TAKE(s->worker));
	}
}

static void on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct slot *s = userdata;
	struct pool *p = s->pool;
	pool_answer_fn *answer = s->answer;
	const struct fetch_message *m = msg;

	(void)size;
	cleanup_closep(&fd);
	s->busy = false;
	s->answer = NULL;
	if (!answer)
		return; /* the pool was reset */
	switch (fate) {
	case WORKER_REPLIED: answer(s->uuid, m->error, m, s->userdata); break;
	case WORKER_LATE: answer(s->uuid, -ETIMEDOUT, NULL, s->userdata); break;
	case WORKER_DIED:
	case WORKER_STOPPED: answer(s->uuid, -EPIPE, NULL, s->userdata); break;
	}
	p->spec.on_idle(p->spec.userdata);
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	const struct fetch_message *m = msg;
	struct slot *s = userdata;

	(void)w, (void)size;
	cleanup_closep(&fd);
	if (m->head.op == FETCH_EV_LISTED)
		s->pool->spec.on_listed(&m->known, s->pool->spec.userdata);
}

static void on_started(struct worker *w, void *userdata)
{
	struct slot *s = userdata;

	if (worker_restarts(w) > 0)
		s->pool->spec.on_idle(s->pool->spec.userdata);
}

static int slot_start(struct slot *s)
{
	const char *const argv[] = { "/proc/self/exe", "fetch", s->pool->uri, NULL };
	const struct worker_spec spec = {
		.name = "fetch",
		.argv = argv,
		.env = (const char *const *)s->pool->env,
		.min_size = sizeof(struct fetch_message),
		.max_size = sizeof(struct fetch_message),
		.on_event = on_event,
		.on_started = on_started,
		.userdata = s,
	};

	return worker_new(&s->worker, s->pool->event, &spec);
}

/* A free fetcher that runs, else a new one in an empty slot. */
static struct slot *slot_find(struct pool *p)
{
	struct slot *empty = NULL;

	for (size_t i = 0; i < POOL_MAX; i++) {
		struct slot *s = &p->slots[i];

		if (s->worker && !s->busy && worker_is_running(s->worker))
			return s;
		if (!s->worker && !empty)
			empty = s;
	}
	return empty && slot_start(empty) == 0 ? empty : NULL;
}

bool pool_has_room(const struct pool *p)
{
	for (size_t i = 0; i < POOL_MAX; i++)
		if (!p->slots[i].worker ||
			(!p->slots[i].busy && worker_is_running(p->slots[i].worker)))
			return true;
	return false;
}

int pool_ask(struct pool *p, const struct fetch_message *m, uint64_t limit_usec,
	pool_answer_fn *answer, void *userdata)
{
	struct fetch_message copy = *m;
	struct slot *s = slot_find(p);
	int r;

	if (!s)
		return -EAGAIN;
	s->answer = answer;
	s->userdata = userdata;
	memcpy(s->uuid, copy.known.domain.uuid, sizeof(s->uuid));
	r = worker_call(s->worker, &copy, sizeof(copy), -1, limit_usec, on_reply, s);
	if (r < 0) {
		s->answer = NULL;
		return -EAGAIN;
	}
	s->busy = true;
	return 0;
}
