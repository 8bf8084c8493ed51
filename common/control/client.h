// SPDX-License-Identifier: GPL-2.0-or-later
/* The command's side of the control socket. Blocking; for short-lived programs. */
#ifndef VA_CONTROL_CLIENT_H
#define VA_CONTROL_CLIENT_H

#include "common/control/control.h"

#include <json-c/json.h>

/* Called for every object before the result; borrowed. */
typedef void control_object_fn(const char *type, json_object *o, void *userdata);

/*
 * Sends the request to the daemon at path and reads until the result, which *ret_result then
 * holds (the caller's to json_object_put; NULL without one). Returns its exit code.
 * EXIT_CODE_NOT_CONNECTED: no daemon there (ret_result NULL, errno says why).
 * EXIT_CODE_UNKNOWN: the daemon went away, or limit_ms passed, before the result.
 */
enum exit_code control_ask(const char *path, struct control_request *r, unsigned int limit_ms,
	control_object_fn *on_object, void *userdata, json_object **ret_result);

#endif
