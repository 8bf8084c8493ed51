// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One monitor served to the world: wires and control sockets in one poll loop. It owns the
 * sockets it is given and the paths it listens on.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "tests/sim/monitor/monitor.h"

enum server_kind {
	SERVER_PLAIN,   /* framed I2C messages */
	SERVER_VHOST,   /* vhost-user back end */
	SERVER_CONTROL, /* text commands */
};

struct server;

/* Serves m, which must live as long. NULL: no memory. */
struct server *server_new(struct sim_monitor *m);
void server_free(struct server *s); /* NULL is fine; removes the sockets */
/* Listens on path, whatever lay there before; port is ignored for CONTROL. Negative errno. */
int server_listen(struct server *s, enum server_kind kind, int port, const char *path);
/* Runs until stop_fd is readable or "quit" comes: 0, or negative errno. */
int server_run(struct server *s, int stop_fd);
/* CLOCK_MONOTONIC in microseconds. */
uint64_t server_now(void);

#endif
