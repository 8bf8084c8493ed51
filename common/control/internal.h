// SPDX-License-Identifier: GPL-2.0-or-later
/* What server.c (who may come in) and connection.c (one client's way) share. */
#ifndef VA_CONTROL_INTERNAL_H
#define VA_CONTROL_INTERNAL_H

#include "common/control/server.h"

/* Places that only root and the daemon's own user get: others must not lock them out. */
#define CONTROL_RESERVED 4

struct control_packet {
	struct control_packet *next;
	size_t len;
	char data[];
};

/*
 * ASKING until its request is there, ASKED until the result is queued, LEAVING until the queue
 * is written. In each of them it may be dead as well: then it only waits for the loop to come
 * round and free it, for whoever answers may still hold it.
 */
enum control_state { CONTROL_ASKING, CONTROL_ASKED, CONTROL_LEAVING };

struct control_client {
	struct control_server *server;
	enum control_state state;
	bool dead;
	int fd;
	uid_t uid;
	sd_event_source *io;
	sd_event_source *patience; /* ASKING: for the request; LEAVING: for the queue */
	sd_event_source *burial;   /* dead: frees it from the loop */
	struct control_packet *head, **tail;
	size_t queued; /* bytes */
	void *data;
};

struct control_server {
	sd_event *event;
	int fd;
	char *path; /* ours to unlink, or NULL */
	sd_event_source *io;
	sd_event_source *pause; /* after running out of descriptors */
	control_request_fn *on_request;
	control_gone_fn *on_gone;
	void *userdata;
	struct control_client *clients[CONTROL_CLIENTS];
};

/* Takes over fd. Negative errno and fd closed where it cannot. */
int control_client_new(struct control_client **ret, struct control_server *s, int fd, uid_t uid);
/* Closes and forgets; tells on_gone where the caller had the request and gave no result. */
void control_client_free(struct control_client *c);

#endif
