// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a daemon and its worker say to each other: requests, each with its deadline, replies and
 * events; see worker.h. Nothing that a worker sends is believed before its size is checked and,
 * for a reply, its request found; the first message that fails this ends the worker.
 */
#include "common/worker/internal.h"
#include "common/worker/ipc.h"

#include <string.h>
#include <sys/socket.h>

static void call_end(struct call *c, enum worker_fate fate, const void *msg, size_t size, int fd)
{
	struct call ended = *c;

	c->id = 0; /* first: the callback may need the place */
	ended.reply(fate, msg, size, fd, ended.userdata);
}

void calls_end(struct worker *w, enum worker_fate fate)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->calls); i++)
		if (w->calls[i].id != 0)
			call_end(&w->calls[i], fate, NULL, 0, -1);
}

static void deadlines_arm(struct worker *w, uint64_t at)
{
	w->deadlines_at = at;
	if (at == UINT64_MAX) {
		sd_event_source_set_enabled(w->deadlines, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(w->deadlines, at);
	sd_event_source_set_enabled(w->deadlines, SD_EVENT_ONESHOT);
}

/*
 * Armed once for the earliest and left so when that one is answered in time: a system call less
 * for each request, for one wake-up too many after the last.
 */
int calls_on_deadline(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct worker *w = userdata;
	uint64_t now = worker_now_usec(), next = UINT64_MAX;

	(void)s;
	(void)usec;
	worker_hold(w);
	/* if it was this process that slept, the answers are there */
	calls_read(w, CALLS_READ_BUDGET);
	for (size_t i = 0; i < ARRAY_SIZE(w->calls); i++) {
		struct call *c = &w->calls[i];

		if (c->id == 0 || c->deadline_usec > now)
			continue;
		worker_kill(w);
		call_end(c, WORKER_LATE, NULL, 0, -1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(w->calls); i++)
		if (w->calls[i].id != 0 && w->calls[i].deadline_usec < next)
			next = w->calls[i].deadline_usec;
	if (!w->freed)
		deadlines_arm(w, next);
	worker_release(w);
	return 0;
}

static int post(struct worker *w, uint32_t id, void *msg, size_t size, int fd)
{
	struct worker_head head;
	int r;

	if (size < sizeof(head) || size > WORKER_MSG_MAX)
		return -EINVAL;
	if (w->state != RUNNING)
		return -ESRCH;
	memcpy(&head, msg, sizeof(head));
	head.id = id;
	memcpy(msg, &head, sizeof(head));
	r = ipc_send(w->sock, msg, size, fd, MSG_DONTWAIT);
	/* it is about to be found dead */
	return r == -EPIPE || r == -ECONNRESET ? -ESRCH : r;
}

int worker_send(struct worker *w, void *msg, size_t size, int fd)
{
	return post(w, 0, msg, size, fd);
}

int worker_call(struct worker *w, void *msg, size_t size, int fd, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata)
{
	struct call *c = NULL;
	uint64_t now;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(w->calls) && !c; i++)
		if (w->calls[i].id == 0)
			c = &w->calls[i];
	if (!c)
		return -EBUSY;
	if (++w->last_id == 0)
		w->last_id = 1;
	r = post(w, w->last_id, msg, size, fd);
	if (r < 0)
		return r;
	now = worker_now_usec();
	*c = (struct call){
		.id = w->last_id,
		.deadline_usec = limit_usec < UINT64_MAX - now ? now + limit_usec : UINT64_MAX - 1,
		.reply = reply,
		.userdata = userdata,
	};
	if (c->deadline_usec < w->deadlines_at)
		deadlines_arm(w, c->deadline_usec);
	return 0;
}

/* False: it broke the rules. Takes fd. */
static bool take(struct worker *w, const void *untrusted_msg, size_t size, int fd)
{
	struct worker_head head;

	if (size < w->spec.min_size || size > w->spec.max_size)
		goto broken;
	memcpy(&head, untrusted_msg, sizeof(head));
	if (head.id == 0) {
		if (w->spec.on_event)
			w->spec.on_event(w, untrusted_msg, size, fd, w->spec.userdata);
		else
			cleanup_closep(&fd);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(w->calls); i++)
		if (w->calls[i].id == head.id) {
			call_end(&w->calls[i], WORKER_REPLIED, untrusted_msg, size, fd);
			return true;
		}
broken:
	cleanup_closep(&fd);
	return false;
}

void calls_read(struct worker *w, unsigned int budget)
{
	_Alignas(max_align_t) unsigned char buf[WORKER_MSG_MAX];

	worker_hold(w);
	while (budget-- > 0 && w->state == RUNNING && !w->freed) {
		int fd;
		ssize_t n = ipc_receive(w->sock, buf, sizeof(buf), &fd, MSG_DONTWAIT);

		if (n == -EAGAIN)
			break;
		/* 0: it closed its socket. If it is leaving by itself, killing changes nothing. */
		if (n <= 0 || !take(w, buf, (size_t)n, fd))
			worker_kill(w);
	}
	worker_release(w);
}
