// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * The watcher holds one libvirt connection, for events only, and makes no call on it that waits
 * for a domain; those go to fetchers (pool.h), and what comes back goes through the book (book.h)
 * to the daemon. So one domain that hangs in its hook delays nobody else's news.
 *
 *	down: ask a fetcher whether libvirt is there, with back-off
 *	up:   open the own connection, register, list, ask about each; then follow events
 *	lost: the close callback says so; everything of the old connection goes, and down again
 *
 * A fetcher tries first because opening a connection to a daemon that hangs would block here.
 * The book stays: the sockets of running guests outlive libvirtd, and VIRT_CONNECT still works.
 */
#include "host/virt/watch.h"

#include "common/base/log.h"
#include "common/worker/child.h"
#include "host/virt/book.h"
#include "host/virt/channel.h"
#include "host/virt/pool.h"
#include "host/virt/virloop.h"
#include "host/virt/virterr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define USEC_PER_SEC     1000000ull
#define BACKOFF_MIN_USEC (USEC_PER_SEC / 2)
#define BACKOFF_MAX_USEC (10 * USEC_PER_SEC)
#define OPEN_LIMIT_USEC  (15 * USEC_PER_SEC)
#define ASK_LIMIT_USEC   (600 * USEC_PER_SEC) /* a hook may take that long */
#define EXPIRE_USEC      (3 * USEC_PER_SEC)
#define RETRY_USEC       (2 * USEC_PER_SEC)
#define SHRINK_USEC      (10 * USEC_PER_SEC)
#define KEEPALIVE_SEC    5
#define KEEPALIVE_COUNT  3

struct watch {
	sd_event *event;
	const char *uri;
	struct book *book;
	struct pool *pool;
	virConnectPtr conn; /* NULL: down */
	struct events events;
	bool opening, list_wanted;
	uint64_t backoff_usec;
	sd_event_source *reconnect, *lost, *expire, *retry, *shrink;
	char told_detail[160]; /* of the last "down" */
	bool told_down;
};

static void watch_pump(struct watch *w);

static void arm(sd_event_source *s, uint64_t usec)
{
	sd_event_source_set_time_relative(s, usec);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* --- to the daemon ---------------------------------------------------------------------------- */

static void send_or_leave(struct watch *w, const void *msg, size_t size, int fd)
{
	if (child_send(msg, size, fd) < 0)
		sd_event_exit(w->event, 0);
}

static void tell_connection(struct watch *w, enum virt_op op, const char *detail)
{
	struct virt_connection c = { .head = { .op = op }, .up = w->conn != NULL };

	if (!c.up && w->told_down && !strcmp(w->told_detail, detail))
		return;
	w->told_down = !c.up;
	(void)snprintf(w->told_detail, sizeof(w->told_detail), "%s", detail);
	(void)snprintf(c.uri, sizeof(c.uri), "%s", w->uri);
	(void)snprintf(c.detail, sizeof(c.detail), "%s", detail);
	if (!c.up)
		log_warn("no connection to libvirt at %s: %s; trying again", w->uri, detail);
	send_or_leave(w, &c, sizeof(c), -1);
}

static void on_tell(enum virt_op op, const struct virt_domain *domain, void *userdata)
{
	struct watch *w = userdata;
	struct virt_domain d;

	if (!domain) {
		tell_connection(w, op, "");
		return;
	}
	d = *domain;
	d.head = (struct worker_head){ .op = op };
	send_or_leave(w, &d, sizeof(d), -1);
}

/* --- from the daemon -------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(
	struct virt_reply *reply, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reply->detail, sizeof(reply->detail), fmt, ap);
	va_end(ap);
	return error;
}

/* A descriptor, or a negative errno and why. */
static int connect_domain(struct watch *w, const char *uuid, struct virt_reply *reply)
{
	const struct describe *d = book_find(w->book, uuid);
	int fd;

	if (!d)
		return refuse(reply, -ENOENT, "libvirt has no such domain");
	reply->flags = d->domain.flags;
	if (d->domain.state == VIRT_STATE_OFF)
		return refuse(reply, -ENOTCONN, "it is not running");
	if (!(d->domain.flags & VIRT_FLAG_CHANNEL))
		return refuse(reply, -ENOPROTOOPT, "it has no channel %s", DOMXML_CHANNEL);
	if (!d->channel_path[0])
		return refuse(reply, -EAGAIN, "its channel has no socket yet");
	fd = channel_connect(d->channel_path);
	switch (fd) {
	case -EBUSY: return refuse(reply, fd, "someone else holds the channel");
	case -EACCES: return refuse(reply, fd, "no right to %.150s", escape(d->channel_path));
	case -ENOTCONN:
		book_doubt(w->book, uuid);
		return refuse(reply, fd, "nobody listens on %.150s", escape(d->channel_path));
	default: break;
	}
	if (fd < 0)
		return refuse(reply, fd, "%s", strerror(-fd));
	return fd;
}

static void answer_request(struct watch *w, struct virt_request *r)
{
	struct virt_reply reply = { .head = r->head };
	CLEANUP_FD int fd = -1;
	int got;

	r->uuid[sizeof(r->uuid) - 1] = '\0';
	got = r->head.op == VIRT_CONNECT ? connect_domain(w, r->uuid, &reply) : -EOPNOTSUPP;
	if (got < 0)
		reply.error = got;
	else
		fd = got;
	send_or_leave(w, &reply, sizeof(reply), fd);
	watch_pump(w); /* a stale path wants a new one */
}

static int on_core(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct watch *w = userdata;
	struct virt_request r;
	ssize_t n;

	(void)s, (void)fd, (void)revents;
	while ((n = child_receive(&r, sizeof(r), NULL, true)) > 0) {
		if (n != (ssize_t)sizeof(r))
			return sd_event_exit(w->event, 1);
		answer_request(w, &r);
	}
	if (n == 0)
		return sd_event_exit(w->event, 0);
	return n == -EAGAIN ? 0 : sd_event_exit(w->event, 1);
}

/* --- questions -------------------------------------------------------------------------------- */

static void on_answer(const char *uuid, int error, const struct fetch_message *m, void *userdata)
{
	struct watch *w = userdata;

	if (error < 0 && error != -ENOENT) {
		log_debug("domain %s: %s", uuid, m ? m->detail : strerror(-error));
		if (describe_is_usable(error))
			log_warn("the definition of domain %s cannot be read: %s; it is treated "
				 "as one without a channel and devices",
				escape(m->known.domain.name), m->detail);
		else
			arm(w->retry, RETRY_USEC);
	}
	book_answer(w->book, uuid, error, m ? &m->known : NULL);
}

static void on_list_end(const char *uuid, int error, const struct fetch_message *m, void *userdata)
{
	struct watch *w = userdata;

	(void)uuid;
	if (error < 0) {
		log_debug("listing domains: %s", m ? m->detail : strerror(-error));
		w->list_wanted = true;
		arm(w->retry, RETRY_USEC);
		return;
	}
	arm(w->expire, EXPIRE_USEC);
	book_list_end(w->book);
}

static void on_listed(const struct describe *d, void *userdata)
{
	struct watch *w = userdata;

	if (book_listed(w->book, d) < 0)
		log_warn("too many domains; %s is left out", escape(d->domain.name));
}

static void watch_pump(struct watch *w)
{
	struct fetch_message m = { .head = { .op = FETCH_LIST } };
	const char *uuid;

	if (!w->conn)
		return;
	if (w->list_wanted && pool_ask(w->pool, &m, ASK_LIMIT_USEC, on_list_end, w) == 0)
		w->list_wanted = false;
	m.head.op = FETCH_ASK;
	while (pool_has_room(w->pool) && (uuid = book_next(w->book))) {
		(void)snprintf(m.known.domain.uuid, sizeof(m.known.domain.uuid), "%s", uuid);
		if (pool_ask(w->pool, &m, ASK_LIMIT_USEC, on_answer, w) < 0) {
			book_answer(w->book, uuid, -EAGAIN, NULL);
			arm(w->retry, RETRY_USEC);
			return;
		}
	}
}

static void on_idle(void *userdata)
{
	struct watch *w = userdata;

	watch_pump(w);
	arm(w->shrink, SHRINK_USEC);
}

static int on_shrink(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct watch *w = userdata;

	(void)s, (void)usec;
	pool_shrink(w->pool);
	return 0;
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct watch *w = userdata;

	(void)s, (void)usec;
	(void)book_retry(w->book);
	watch_pump(w);
	return 0;
}

static int on_expire(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct watch *w = userdata;

	(void)s, (void)usec;
	book_list_expire(w->book);
	return 0;
}

/* --- the connection --------------------------------------------------------------------------- */

static void on_domain_event(const struct events_event *e, void *userdata)
{
	struct watch *w = userdata;

	if (book_event(w->book, e) < 0)
		log_warn("too many domains; %s is left out", escape(e->name));
	watch_pump(w);
}

/* From inside libvirt: only a note, the rest is done from the loop. */
static void on_close(virConnectPtr conn, int reason, void *userdata)
{
	struct watch *w = userdata;

	(void)conn, (void)reason;
	sd_event_source_set_enabled(w->lost, SD_EVENT_ONESHOT);
}

static void watch_down(struct watch *w, const char *detail)
{
	if (w->conn) {
		events_done(&w->events);
		virConnectUnregisterCloseCallback(w->conn, on_close);
		virConnectClose(w->conn);
		w->conn = NULL;
	}
	w->opening = w->list_wanted = false;
	pool_reset(w->pool);
	book_forget_questions(w->book);
	sd_event_source_set_enabled(w->lost, SD_EVENT_OFF);
	sd_event_source_set_enabled(w->expire, SD_EVENT_OFF);
	sd_event_source_set_enabled(w->retry, SD_EVENT_OFF);
	tell_connection(w, VIRT_EV_CONNECTION, detail);
	arm(w->reconnect, w->backoff_usec);
	w->backoff_usec *= 2;
	if (w->backoff_usec > BACKOFF_MAX_USEC)
		w->backoff_usec = BACKOFF_MAX_USEC;
}

static int on_lost(sd_event_source *s, void *userdata)
{
	(void)s;
	watch_down(userdata, "libvirt closed the connection");
	return 0;
}

static void watch_up(struct watch *w)
{
	char detail[160];

	w->conn = virConnectOpen(w->uri);
	if (!w->conn || events_init(&w->events, w->conn, on_domain_event, w) < 0) {
		(void)virterr_take(detail, sizeof(detail));
		watch_down(w, detail);
		return;
	}
	/* neither is there for drivers inside the process, which cannot be lost either */
	(void)virConnectSetKeepAlive(w->conn, KEEPALIVE_SEC, KEEPALIVE_COUNT);
	(void)virConnectRegisterCloseCallback(w->conn, on_close, w, NULL);
	w->backoff_usec = BACKOFF_MIN_USEC;
	if (w->told_down)
		log_info("connected to libvirt at %s", w->uri);
	tell_connection(w, VIRT_EV_CONNECTION,
		w->events.ports ? "" : "no events of ports; their state is read on start only");
	book_list_begin(w->book);
	w->list_wanted = true;
	watch_pump(w);
}

static void on_opened(const char *uuid, int error, const struct fetch_message *m, void *userdata)
{
	struct watch *w = userdata;

	(void)uuid;
	w->opening = false;
	if (error < 0)
		watch_down(w, m ? m->detail : "it does not answer");
	else
		watch_up(w);
}

static int on_reconnect(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct fetch_message m = { .head = { .op = FETCH_OPEN } };
	struct watch *w = userdata;

	(void)s, (void)usec;
	if (w->conn || w->opening)
		return 0;
	w->opening = pool_ask(w->pool, &m, OPEN_LIMIT_USEC, on_opened, w) == 0;
	if (!w->opening)
		watch_down(w, "no process can be started to ask");
	return 0;
}

/* --- its life --------------------------------------------------------------------------------- */

static int add_timer(struct watch *w, sd_event_source **ret, sd_event_time_handler_t fn)
{
	int r = sd_event_add_time(w->event, ret, CLOCK_MONOTONIC, UINT64_MAX, 10000, fn, w);

	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int watch_init(struct watch *w)
{
	const struct pool_spec spec = {
		.uri = w->uri,
		.on_listed = on_listed,
		.on_idle = on_idle,
		.userdata = w,
	};
	int r;

	w->book = book_new(on_tell, w);
	if (!w->book)
		return -ENOMEM;
	if ((r = sd_event_new(&w->event)) < 0 || (r = virloop_init(w->event)) < 0 ||
		(r = pool_new(&w->pool, w->event, &spec)) < 0 ||
		(r = add_timer(w, &w->reconnect, on_reconnect)) < 0 ||
		(r = add_timer(w, &w->expire, on_expire)) < 0 ||
		(r = add_timer(w, &w->retry, on_retry)) < 0 ||
		(r = add_timer(w, &w->shrink, on_shrink)) < 0 ||
		(r = sd_event_add_defer(w->event, &w->lost, on_lost, w)) < 0 ||
		(r = sd_event_source_set_enabled(w->lost, SD_EVENT_OFF)) < 0)
		return r;
	w->backoff_usec = BACKOFF_MIN_USEC;
	arm(w->reconnect, 0);
	return sd_event_add_io(w->event, NULL, WORKER_FD, EPOLLIN, on_core, w);
}

static void watch_done(struct watch *w)
{
	pool_free(w->pool);
	if (w->conn) {
		events_done(&w->events);
		virConnectUnregisterCloseCallback(w->conn, on_close);
		virConnectClose(w->conn);
	}
	book_free(w->book);
	sd_event_source_unref(w->reconnect);
	sd_event_source_unref(w->expire);
	sd_event_source_unref(w->retry);
	sd_event_source_unref(w->shrink);
	sd_event_source_unref(w->lost);
	virloop_done();
	sd_event_unref(w->event);
}

int watch_main(const char *uri)
{
	struct watch w = { .uri = uri };
	int r = watch_init(&w);

	if (r >= 0)
		r = sd_event_loop(w.event);
	if (r < 0)
		log_error("watching libvirt at %s: %s", uri, strerror(-r));
	watch_done(&w);
	return r < 0 ? 1 : r;
}
