// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's end of the pipe; see port.h.
 *
 * Theory of operation: on every edge the port is read dry, PORT_BURST bytes at a time so that a
 * flood cannot keep the loop from its other work. An unplugged or missing device is awaited by
 * inotify on the nearest directory that exists; a device that is there but cannot be opened
 * (another process holds it, udev has not set its group yet) and a socket are tried again by a
 * timer, with back-off.
 */
#include "guest/daemon/port.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PORT_READ       4096 /* the driver gives no more in one read() */
#define PORT_BURST      (64u * 1024u)
#define SOCKET_RETRY_MS 100u
#define DEVICE_RETRY_MS 1000u
#define RETRY_MAX_MS    30000u

struct port {
	sd_event *event;
	char *path;
	bool is_socket;
	struct port_ops ops;
	void *userdata;
	int fd;
	bool wants_out; /* an edge is to come when there is room */
	enum port_state state;
	enum port_state told;
	int last_error;
	unsigned int retry_ms;
	sd_event_source *io, *watch, *retry, *soon;
};

static int try_open(struct port *p);
static void lose(struct port *p, int error);

/*
 * The driver wakes for each buffer that the host has taken, too: once a message. That is of use
 * only while there is no room, and while no host is there, whose coming shows as room alone.
 */
static void want_out(struct port *p, bool on)
{
	uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET;

	if (p->wants_out == on || !p->io)
		return;
	if (sd_event_source_set_io_events(p->io, on ? events | EPOLLOUT : events) >= 0)
		p->wants_out = on;
}

static void set_state(struct port *p, enum port_state state)
{
	p->state = state;
	if (state == PORT_CLOSED)
		want_out(p, true);
	if (state == p->told)
		return;
	p->told = state;
	p->ops.on_state(state, p->userdata);
}

/* One burst. 1: more is waiting; 0: dry; negative errno: the device has gone. */
static int drain(struct port *p)
{
	uint8_t buf[PORT_READ];
	size_t done = 0;

	while (done < PORT_BURST) {
		ssize_t n = read(p->fd, buf, sizeof(buf));

		if (n > 0) {
			done += (size_t)n;
			set_state(p, PORT_OPEN);
			p->ops.on_data(buf, (size_t)n, p->userdata);
			if (p->fd < 0)
				return 0;
		} else if (n == 0) {
			if (p->is_socket)
				return -EPIPE;
			set_state(p, PORT_CLOSED);
			return 0;
		} else if (errno == EAGAIN) {
			set_state(p, PORT_OPEN);
			return 0;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 1;
}

static void serve(struct port *p)
{
	int r = drain(p);

	if (r < 0) {
		lose(p, -r);
		return;
	}
	/* before it writes: where it finds no room, port_write() wants to be told again */
	if (p->state == PORT_OPEN)
		want_out(p, false);
	if (p->fd >= 0)
		p->ops.on_ready(p->userdata);
	if (r > 0)
		sd_event_source_set_enabled(p->soon, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	(void)s;
	(void)fd;
	(void)revents; /* HUP comes with stale data too: only read() knows */
	serve(userdata);
	return 0;
}

static int on_soon(sd_event_source *s, void *userdata)
{
	struct port *p = userdata;

	(void)s;
	if (p->fd >= 0)
		serve(p);
	return 0;
}

/* --- waiting for the device ----------------------------------------------------------------- */

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	try_open(userdata);
	return 0;
}

static int on_watch(sd_event_source *s, const struct inotify_event *ev, void *userdata)
{
	(void)s;
	(void)ev;
	try_open(userdata);
	return 0;
}

/* Watches the nearest existing directory above the path. */
static int watch_directory(struct port *p)
{
	CLEANUP(free) char *dir = strdup(p->path);
	int r = -ENOENT;

	if (!dir)
		return -ENOMEM;
	p->watch = sd_event_source_disable_unref(p->watch);
	while (r == -ENOENT) {
		char *slash = strrchr(dir, '/');

		if (!slash)
			return -EINVAL;
		*(slash == dir ? slash + 1 : slash) = '\0';
		r = sd_event_add_inotify(p->event, &p->watch, dir,
			IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR, on_watch, p);
		if (slash == dir)
			break;
	}
	return r;
}

static int try_again_later(struct port *p)
{
	uint64_t wait = (uint64_t)p->retry_ms * 1000u;
	int r;

	p->retry_ms = p->retry_ms * 2 < RETRY_MAX_MS ? p->retry_ms * 2 : RETRY_MAX_MS;
	r = sd_event_source_set_time_relative(p->retry, wait);
	return r < 0 ? r : sd_event_source_set_enabled(p->retry, SD_EVENT_ONESHOT);
}

static int await(struct port *p, int error)
{
	int r = 0;

	if (error != p->last_error) {
		p->last_error = error;
		p->ops.on_trouble(error, p->path, p->userdata);
	}
	if (p->is_socket)
		return try_again_later(p);
	r = watch_directory(p);
	/* present but not for us (yet), or come before the watch was: no event may follow */
	if (r < 0 || error != ENOENT || access(p->path, F_OK) == 0)
		r = try_again_later(p);
	return r;
}

static void lose(struct port *p, int error)
{
	p->io = sd_event_source_disable_unref(p->io);
	sd_event_source_set_enabled(p->soon, SD_EVENT_OFF);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->retry_ms = p->is_socket ? SOCKET_RETRY_MS : DEVICE_RETRY_MS;
	set_state(p, PORT_ABSENT);
	await(p, error == ENODEV || error == EPIPE ? ENOENT : error);
}

/* --- opening -------------------------------------------------------------------------------- */

static int open_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = -1;
	size_t n = strlen(path);

	if (n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, n + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static int watch_fd(struct port *p, int fd)
{
	int r = sd_event_add_io(
		p->event, &p->io, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_io, p);

	if (r < 0)
		return r;
	p->fd = fd;
	p->wants_out = true;
	p->last_error = 0;
	p->watch = sd_event_source_disable_unref(p->watch);
	sd_event_source_set_enabled(p->retry, SD_EVENT_OFF);
	/* its state now may not come as an edge */
	return sd_event_source_set_enabled(p->soon, SD_EVENT_ONESHOT);
}

static int try_open(struct port *p)
{
	CLEANUP_FD int fd = -1;
	int r;

	if (p->fd >= 0)
		return 0;
	fd = p->is_socket ? open_socket(p->path) : open_device(p->path);
	if (fd < 0)
		return await(p, -fd);
	r = watch_fd(p, fd);
	if (r < 0)
		return await(p, -r);
	fd = -1;
	return 0;
}

int port_new(struct port **ret, sd_event *event, const char *path, const struct port_ops *ops,
	void *userdata)
{
	CLEANUP_FN(port) struct port *p = calloc(1, sizeof(*p));
	bool is_socket = strncmp(path, "unix:", 5) == 0;
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct port){
		.event = sd_event_ref(event),
		.path = strdup(is_socket ? path + 5 : path),
		.is_socket = is_socket,
		.ops = *ops,
		.userdata = userdata,
		.fd = -1,
		.retry_ms = is_socket ? SOCKET_RETRY_MS : DEVICE_RETRY_MS,
	};
	if (!p->path)
		return -ENOMEM;
	r = sd_event_add_defer(event, &p->soon, on_soon, p);
	if (r >= 0)
		r = sd_event_source_set_enabled(p->soon, SD_EVENT_OFF);
	if (r >= 0) /* due at once: the first try comes from the loop, like all that follow */
		r = sd_event_add_time_relative(
			event, &p->retry, CLOCK_MONOTONIC, 0, 0, on_retry, p);
	if (r < 0)
		return r;
	*ret = TAKE(p);
	return 0;
}

void port_free(struct port *p)
{
	if (!p)
		return;
	sd_event_source_disable_unref(p->io);
	sd_event_source_disable_unref(p->watch);
	sd_event_source_disable_unref(p->retry);
	sd_event_source_disable_unref(p->soon);
	if (p->fd >= 0)
		close(p->fd);
	sd_event_unref(p->event);
	free(p->path);
	free(p);
}

ssize_t port_write(struct port *p, const uint8_t *bytes, size_t n)
{
	ssize_t w;

	if (p->fd < 0)
		return 0;
	do
		w = p->is_socket ? send(p->fd, bytes, n, MSG_NOSIGNAL) : write(p->fd, bytes, n);
	while (w < 0 && errno == EINTR);
	if (w < 0 && errno != EAGAIN)
		return -errno;
	if (w < (ssize_t)n)
		want_out(p, true);
	return w < 0 ? 0 : w;
}

enum port_state port_get_state(const struct port *p)
{
	return p->state;
}
