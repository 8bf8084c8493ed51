// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * libvirt asks for watches on descriptors and for timeouts, each known by a number. Each becomes
 * one sd-event source. Two rules of libvirt shape the rest: the same descriptor may be watched
 * twice, which epoll refuses, so each watch has a duplicate; and what belongs to a watch must not
 * be freed from inside the call that removes it (libvirt holds locks then), so the removed ones
 * wait on a list that a deferred source empties.
 */
#include "host/virt/virloop.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct item {
	struct item *next;
	int number;
	bool removed;
	int fd, dup; /* -1 both: a timeout */
	int ms;      /* of a timeout; -1: off */
	sd_event_source *source;
	virEventHandleCallback on_handle;
	virEventTimeoutCallback on_timeout;
	void *opaque;
	virFreeCallback free_opaque;
};

static sd_event *loop;
static sd_event_source *sweeper;
static struct item *items;
static int last_number;

static struct item *item_find(int number)
{
	for (struct item *i = items; i; i = i->next)
		if (i->number == number && !i->removed)
			return i;
	return NULL;
}

static void item_free(struct item *i)
{
	sd_event_source_disable_unref(i->source);
	cleanup_closep(&i->dup);
	if (i->free_opaque)
		i->free_opaque(i->opaque);
	free(i);
}

/* The deferred source: frees what was removed. A free callback may remove more. */
static int sweep(sd_event_source *s, void *userdata)
{
	struct item **p = &items;

	(void)s, (void)userdata;
	while (*p) {
		struct item *i = *p;

		if (!i->removed) {
			p = &i->next;
			continue;
		}
		*p = i->next;
		item_free(i);
		p = &items; /* the list may have changed under our feet */
	}
	return 0;
}

static int item_remove(int number)
{
	struct item *i = item_find(number);

	if (!i)
		return -1;
	i->removed = true;
	i->source = sd_event_source_disable_unref(i->source);
	cleanup_closep(&i->dup);
	i->dup = -1;
	sd_event_source_set_enabled(sweeper, SD_EVENT_ONESHOT);
	return 0;
}

static int item_add(struct item *i)
{
	i->number = ++last_number;
	i->next = items;
	items = i;
	return i->number;
}

static uint32_t epoll_events(int events)
{
	return (events & VIR_EVENT_HANDLE_READABLE ? (uint32_t)EPOLLIN : 0) |
	       (events & VIR_EVENT_HANDLE_WRITABLE ? (uint32_t)EPOLLOUT : 0);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct item *i = userdata;
	int events = 0;

	(void)s, (void)fd;
	if (i->removed)
		return 0;
	if (revents & EPOLLIN)
		events |= VIR_EVENT_HANDLE_READABLE;
	if (revents & EPOLLOUT)
		events |= VIR_EVENT_HANDLE_WRITABLE;
	if (revents & EPOLLERR)
		events |= VIR_EVENT_HANDLE_ERROR;
	if (revents & EPOLLHUP)
		events |= VIR_EVENT_HANDLE_HANGUP;
	i->on_handle(i->number, i->fd, events, i->opaque);
	return 0;
}

static int handle_add(
	int fd, int events, virEventHandleCallback cb, void *opaque, virFreeCallback ff)
{
	struct item *i = calloc(1, sizeof(*i));

	if (!i)
		return -1;
	i->fd = fd;
	i->dup = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	i->on_handle = cb;
	i->opaque = opaque;
	if (i->dup < 0 ||
		sd_event_add_io(loop, &i->source, i->dup, epoll_events(events), on_io, i) < 0) {
		item_free(i); /* libvirt keeps opaque when this fails: free_opaque is not set yet */
		return -1;
	}
	i->free_opaque = ff;
	return item_add(i);
}

static void handle_update(int number, int events)
{
	struct item *i = item_find(number);

	if (i && i->on_handle)
		sd_event_source_set_io_events(i->source, epoll_events(events));
}

static void timeout_arm(struct item *i)
{
	if (i->ms < 0) {
		sd_event_source_set_enabled(i->source, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time_relative(i->source, (uint64_t)i->ms * 1000);
	sd_event_source_set_enabled(i->source, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct item *i = userdata;

	(void)s, (void)usec;
	if (i->removed)
		return 0;
	timeout_arm(i); /* first: the callback may change or remove it */
	i->on_timeout(i->number, i->opaque);
	return 0;
}

static int timeout_add(int ms, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff)
{
	struct item *i = calloc(1, sizeof(*i));

	if (!i)
		return -1;
	i->fd = i->dup = -1;
	i->ms = ms;
	i->on_timeout = cb;
	i->opaque = opaque;
	if (sd_event_add_time(loop, &i->source, CLOCK_MONOTONIC, UINT64_MAX, 1000, on_time, i) <
		0) {
		item_free(i);
		return -1;
	}
	i->free_opaque = ff;
	timeout_arm(i);
	return item_add(i);
}

static void timeout_update(int number, int ms)
{
	struct item *i = item_find(number);

	if (!i || !i->on_timeout)
		return;
	i->ms = ms;
	timeout_arm(i);
}

void virloop_done(void)
{
	sweep(NULL, NULL);
	sweeper = sd_event_source_disable_unref(sweeper);
	loop = sd_event_unref(loop);
}

int virloop_init(sd_event *event)
{
	static bool registered;
	int r;

	virloop_done();
	loop = sd_event_ref(event);
	r = sd_event_add_defer(loop, &sweeper, sweep, NULL);
	if (r < 0) {
		virloop_done();
		return r;
	}
	sd_event_source_set_enabled(sweeper, SD_EVENT_OFF);
	if (!registered)
		virEventRegisterImpl(handle_add, handle_update, item_remove, timeout_add,
			timeout_update, item_remove);
	registered = true;
	return 0;
}
