// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's side of the control socket. Never blocks: a slow client's replies wait in a
 * bounded queue, and a client that goes over a limit of control.h is dropped.
 */
#ifndef VA_CONTROL_SERVER_H
#define VA_CONTROL_SERVER_H

#include "common/base/cleanup.h"
#include "common/control/control.h"

#include <json-c/json.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct control_server;
struct control_client; /* one connection; lives until its result is sent or it leaves */

/* Called once per connection with a valid request; answer now or later, until on_gone. */
typedef void control_request_fn(
	struct control_client *c, const struct control_request *r, void *userdata);
/* The client left before its result: forget it. */
typedef void control_gone_fn(struct control_client *c, void *userdata);

/*
 * Listens on path (replacing a stale socket), 0660, group gid ((gid_t)-1: leave), or takes the
 * already listening fd of socket activation when listen_fd >= 0 (then path may be NULL).
 */
int control_server_new(struct control_server **ret, sd_event *event, const char *path, gid_t gid,
	int listen_fd, control_request_fn *on_request, control_gone_fn *on_gone, void *userdata);
void control_server_free(struct control_server *s);
DEFINE_CLEANUP(control_server, control_server_free);

uid_t control_client_uid(const struct control_client *c);
/* True for root and for the daemon's own user: may pair, rekey, shut down, answer. */
bool control_client_is_privileged(const struct control_client *c);
/* Bytes that wait for it to read them. */
size_t control_client_queued(const struct control_client *c);
/* The caller's mark on the connection. */
void control_client_set_data(struct control_client *c, void *data);
void *control_client_data(const struct control_client *c);

/* Sends one object, and takes it (json_object_put). type: the object's "type", added here. */
void control_send(struct control_client *c, const char *type, json_object *taken);
void control_progress(struct control_client *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The last object; c is invalid after it. extra: NULL, or members to add, taken. */
void control_finish(struct control_client *c, enum exit_code code, json_object *extra,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
