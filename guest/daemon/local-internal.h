// SPDX-License-Identifier: GPL-2.0-or-later
/* One request of a local client, shared by local.c (dispatch), local-host.c (questions to the
 * host) and local-ddc.c (this machine's own monitors). */
#ifndef VA_GUEST_LOCAL_INTERNAL_H
#define VA_GUEST_LOCAL_INTERNAL_H

#include "guest/daemon/local.h"

#define LOCAL_PING_MAX  10000u
#define LOCAL_PING_SHOW 100u /* above, only the sum is told */

struct ask {
	struct ask *next;
	struct local *local;
	struct control_client *client; /* NULL: it left; the answer has nowhere to go */
	struct control_request request;
	uint64_t tag; /* of the call or query under way; 0: none */
	uint32_t page;
	uint32_t *round_usec; /* ping: one a round */
	uint32_t rounds;
	uint64_t sent_usec;
};

struct local {
	struct local_deps deps;
	struct control_server *server;
	struct ask *asks;
	uint64_t last_tag;
	uint64_t shutdown_at_ms; /* the host said so; 0: no */
};

/* Ends the request: its last object, then it is gone. extra as in control_finish(), taken. */
void ask_finish(struct ask *a, enum exit_code code, json_object *extra, const char *text);
/* The same with an outcome; detail "" for the outcome's own words. */
void ask_finish_outcome(struct ask *a, uint32_t outcome, const char *detail, json_object *extra);

/* local-host.c */
void ask_host(struct ask *a);
void ask_host_answered(struct ask *a, const struct msg_result *r);
/* local-ddc.c */
void ask_ddc(struct ask *a);

#endif
