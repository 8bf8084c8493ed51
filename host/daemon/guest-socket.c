// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The channel's socket of a guest that is not libvirt's. Where it cannot be connected to, its
 * folder is watched, so that a machine that starts is found at once; tries at growing intervals
 * remain for what no watch shows (a folder that is not there, a file system without inotify).
 */
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

static int connect_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path));
	/* EAGAIN: the listen queue is full, somebody else holds the channel */
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int on_change(sd_event_source *s, const struct inotify_event *ev, void *userdata)
{
	struct guest *g = userdata;
	const char *name = g->conf ? strrchr(g->conf->channel, '/') : NULL;

	(void)s;
	if (!name || (ev->len > 0 && strcmp(ev->name, name + 1) != 0))
		return 0;
	/* QEMU makes the file a moment before it listens */
	g->backoff_usec = GUEST_BACKOFF_SOON_USEC;
	g->retry = sd_event_source_disable_unref(g->retry);
	guest_connect(g);
	return 0;
}

static void watch_folder(struct guest *g)
{
	char folder[sizeof(g->conf->channel)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", g->conf->channel);
	slash = strrchr(folder, '/');
	if (g->socket_watch || !slash)
		return;
	slash[slash == folder] = '\0';
	(void)sd_event_add_inotify(g->h->event, &g->socket_watch, folder,
		IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR, on_change, g);
}

int guest_socket_connect(struct guest *g)
{
	int fd = connect_socket(g->conf->channel);

	if (fd < 0) {
		watch_folder(g);
		/* it may have come between the two */
		if (fd == -ENOENT)
			fd = connect_socket(g->conf->channel);
	}
	if (fd >= 0)
		guest_socket_forget(g);
	return fd;
}

void guest_socket_forget(struct guest *g)
{
	g->socket_watch = sd_event_source_disable_unref(g->socket_watch);
}
