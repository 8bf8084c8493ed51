// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one array of sockets, listening and connected, and one poll over all of
 * them with the earliest deadline of the model, of the "wait" commands and of a hang as its time
 * limit. While the wires hang they are simply not polled. Nothing else in the program does I/O
 * but what a socket's own handler does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "tests/sim/monitor/session.h"
#include "tests/sim/monitor/server.h"
#include "tests/sim/monitor/wire.h"

enum { MAX_SOCKETS = 64, FDS_PER_SOCKET = 2 };

struct server_socket {
	bool used, listening;
	enum server_kind kind;
	int fd, port;
	char path[108]; /* of a listening one */
	struct plain *plain;
	struct vhost *vhost;
	struct session *session;
};

struct server {
	struct sim_monitor *monitor;
	struct server_socket sockets[MAX_SOCKETS];
	bool quit;
};

uint64_t server_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

struct server *server_new(struct sim_monitor *m)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s)
		s->monitor = m;
	return s;
}

static void drop(struct server_socket *socket)
{
	if (!socket->used)
		return;
	plain_free(socket->plain);
	vhost_free(socket->vhost);
	session_free(socket->session);
	if (socket->listening) {
		close(socket->fd);
		unlink(socket->path);
	}
	*socket = (struct server_socket){ .used = false };
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (int i = 0; i < MAX_SOCKETS; i++)
		drop(&s->sockets[i]);
	free(s);
}

static struct server_socket *free_slot(struct server *s)
{
	for (int i = 0; i < MAX_SOCKETS; i++)
		if (!s->sockets[i].used)
			return &s->sockets[i];
	return NULL;
}

int server_listen(struct server *s, enum server_kind kind, int port, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct server_socket *slot = free_slot(s);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!slot || strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 16) < 0)
		return -errno;
	*slot = (struct server_socket){
		.used = true, .listening = true, .kind = kind, .fd = TAKE_FD(fd), .port = port
	};
	memcpy(slot->path, addr.sun_path, sizeof(slot->path));
	return 0;
}

static int transfer(void *ctx, int port, uint8_t addr, bool is_read, uint8_t *buf, size_t size)
{
	struct server *s = ctx;

	return monitor_i2c(s->monitor, server_now(), port, addr, is_read, buf, size);
}

static void take_connection(struct server *s, const struct server_socket *from)
{
	CLEANUP_FD int fd = accept4(from->fd, NULL, NULL, SOCK_CLOEXEC);
	struct server_socket *slot = free_slot(s);
	struct wire wire = { from->port, transfer, s };

	if (fd < 0 || !slot)
		return;
	*slot = (struct server_socket){ .kind = from->kind, .fd = fd, .port = from->port };
	if (from->kind == SERVER_PLAIN)
		slot->plain = plain_new(fd, &wire);
	else if (from->kind == SERVER_VHOST)
		slot->vhost = vhost_new(fd, &wire);
	else
		slot->session = session_new(fd, s->monitor);
	slot->used = slot->plain || slot->vhost || slot->session;
	if (slot->used)
		(void)TAKE_FD(fd);
}

static void handle(struct server *s, struct server_socket *socket, short events, short kicked)
{
	int err = 0;

	if (socket->listening) {
		if (events)
			take_connection(s, socket);
		return;
	}
	if (kicked)
		vhost_kick(socket->vhost);
	if (!events && !socket->session)
		return;
	if (socket->plain)
		err = plain_handle(socket->plain);
	else if (socket->vhost)
		err = vhost_handle(socket->vhost);
	else
		err = session_handle(socket->session, server_now(), events != 0);
	if (err == SESSION_QUIT)
		s->quit = true;
	if (err < 0)
		drop(socket);
}

/* Milliseconds until something is due, -1: nothing is. */
static int time_limit(const struct server *s, uint64_t now)
{
	uint64_t at = monitor_deadline(s->monitor), left;

	if (s->monitor->hang_until > now && s->monitor->hang_until < at)
		at = s->monitor->hang_until;
	for (int i = 0; i < MAX_SOCKETS; i++) {
		const struct session *session = s->sockets[i].session;

		if (session && session_deadline(session) < at)
			at = session_deadline(session);
	}
	if (at == SIM_NEVER)
		return -1;
	left = at > now ? (at - now + 999) / 1000 : 0;
	return left < 3600000 ? (int)left : 3600000;
}

/* Fills two entries a socket: its own, and a vhost's kick. */
static void fill(const struct server *s, bool hangs, struct pollfd *ret)
{
	for (int i = 0; i < MAX_SOCKETS; i++, ret += FDS_PER_SOCKET) {
		const struct server_socket *socket = &s->sockets[i];
		bool held = (hangs && socket->plain) ||
			    (socket->session && !session_reads(socket->session));

		ret[0] = (struct pollfd){ socket->used && !held ? socket->fd : -1, POLLIN, 0 };
		ret[1] = (struct pollfd){ -1, POLLIN, 0 };
		if (socket->vhost && !hangs)
			ret[1].fd = vhost_kick_fd(socket->vhost);
	}
}

int server_run(struct server *s, int stop_fd)
{
	struct pollfd fds[FDS_PER_SOCKET * MAX_SOCKETS + 1];

	while (!s->quit) {
		uint64_t now = server_now();

		fill(s, s->monitor->hang_until > now, fds);
		fds[FDS_PER_SOCKET * MAX_SOCKETS] = (struct pollfd){ stop_fd, POLLIN, 0 };
		if (poll(fds, ARRAY_SIZE(fds), time_limit(s, now)) < 0 && errno != EINTR)
			return -errno;
		if (fds[FDS_PER_SOCKET * MAX_SOCKETS].revents)
			return 0;
		monitor_tick(s->monitor, server_now());
		for (int i = 0; i < MAX_SOCKETS; i++) {
			struct server_socket *socket = &s->sockets[i];
			const struct pollfd *f = &fds[FDS_PER_SOCKET * i];

			/* a slot filled in this round has not been polled yet */
			if (socket->used && (f->fd == socket->fd || !f->revents))
				handle(s, socket, f->revents, f[1].revents);
		}
	}
	return 0;
}
