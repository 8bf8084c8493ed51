// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may come in through the control socket; see server.h. One client is one connection with
 * one request; connection.c takes it from there.
 */
#include "common/control/internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define BACKLOG    16
#define PAUSE_USEC 1000000ull

static const char busy[] = "{\"type\":\"result\",\"result\":\"busy\",\"exit\":8,"
			   "\"text\":\"too many commands at once: try again\"}";

/* --- the socket ------------------------------------------------------------------------------- */

static int address_of(const char *path, struct sockaddr_un *ret)
{
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, len + 1);
	return 0;
}

/* Removes a socket that nobody listens on any more. -EADDRINUSE: somebody does, or no socket. */
static int remove_stale(const struct sockaddr_un *address)
{
	CLEANUP_FD int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Closed to all until it belongs to the group: nobody can slip in between. */
static int listen_on(const char *path, gid_t gid)
{
	struct sockaddr_un address;
	CLEANUP_FD int fd = -1;
	mode_t mask;
	int r = address_of(path, &address);

	if (r == 0)
		r = remove_stale(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return r;
	if ((gid != (gid_t)-1 && lchown(path, (uid_t)-1, gid) < 0) || chmod(path, 0660) < 0 ||
		listen(fd, BACKLOG) < 0) {
		r = -errno;
		unlink(path);
		return r;
	}
	return TAKE_FD(fd);
}

/* --- coming in -------------------------------------------------------------------------------- */

/* A free place for this user, or NULL: the house is full, for all or for this one. */
static struct control_client **place_for(struct control_server *s, uid_t uid)
{
	bool privileged = uid == 0 || uid == geteuid();
	struct control_client **place = NULL;
	size_t all = 0, own = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (!s->clients[i]) {
			place = place ? place : &s->clients[i];
			continue;
		}
		all++;
		own += s->clients[i]->uid == uid;
	}
	if (!privileged && (own >= CONTROL_PER_UID || all >= CONTROL_CLIENTS - CONTROL_RESERVED))
		return NULL;
	return place;
}

static void turn_away(int fd)
{
	char drop[sizeof(struct control_request) + 1];

	(void)!send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* closing with something unread would cost the client our answer */
	(void)!recv(fd, drop, sizeof(drop), MSG_DONTWAIT);
	close(fd);
}

static int on_pause_over(sd_event_source *src, uint64_t usec, void *userdata)
{
	struct control_server *s = userdata;

	(void)src;
	(void)usec;
	sd_event_source_set_enabled(s->io, SD_EVENT_ON);
	return 0;
}

/* Out of descriptors or memory: the connection stays in the backlog, the loop must not spin. */
static void server_pause(struct control_server *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
	sd_event_source_set_time(s->pause,
		(uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u + PAUSE_USEC);
	sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT);
}

static int on_connection(sd_event_source *src, int listener, uint32_t events, void *userdata)
{
	struct control_server *s = userdata;
	struct control_client **place;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)src;
	(void)events;
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			server_pause(s);
		return 0;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		close(fd);
		return 0;
	}
	place = place_for(s, peer.uid);
	if (!place)
		turn_away(fd);
	else if (control_client_new(place, s, fd, peer.uid) < 0)
		*place = NULL;
	return 0;
}

/* --- from beginning to end -------------------------------------------------------------------- */

int control_server_new(struct control_server **ret, sd_event *event, const char *path, gid_t gid,
	int listen_fd, control_request_fn *on_request, control_gone_fn *on_gone, void *userdata)
{
	CLEANUP_FN(control_server) struct control_server *s = calloc(1, sizeof(*s));
	int r;

	*ret = NULL;
	if (!s)
		return -ENOMEM;
	s->event = sd_event_ref(event);
	s->on_request = on_request;
	s->on_gone = on_gone;
	s->userdata = userdata;
	s->fd = listen_fd;
	if (listen_fd < 0) {
		s->fd = listen_on(path, gid);
		if (s->fd < 0)
			return s->fd;
		s->path = strdup(path);
		if (!s->path) {
			unlink(path);
			return -ENOMEM;
		}
	}
	r = sd_event_add_io(event, &s->io, s->fd, EPOLLIN, on_connection, s);
	if (r >= 0)
		r = sd_event_add_time(event, &s->pause, CLOCK_MONOTONIC, 0, 1, on_pause_over, s);
	if (r < 0)
		return r;
	sd_event_source_set_enabled(s->pause, SD_EVENT_OFF);
	*ret = TAKE(s);
	return 0;
}

void control_server_free(struct control_server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control_client_free(s->clients[i]);
	sd_event_source_disable_unref(s->io);
	sd_event_source_disable_unref(s->pause);
	if (s->path)
		unlink(s->path);
	free(s->path);
	cleanup_closep(&s->fd);
	sd_event_unref(s->event);
	free(s);
}
