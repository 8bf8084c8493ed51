// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What va-hostd and a va-link say to each other (common/worker). One va-link per guest: it holds
 * the channel, the keys and the parser, and nothing else; the kernel tells va-hostd which one
 * speaks. Every struct that comes from a va-link is checked by link_ipc_is_valid() as if the
 * guest itself had written it, for it may have.
 */
#ifndef VA_HOST_LINK_IPC_H
#define VA_HOST_LINK_IPC_H

#include "common/link/link.h"
#include "common/worker/worker.h"

enum link_op {
	/* core -> va-link (id 0, no replies: answers come as events with a tag) */
	LINK_OP_RECORD = 1,        /* first message of all: the key record (or none) */
	LINK_OP_CHANNEL = 2,       /* with a descriptor: the channel's socket; replaces the last */
	LINK_OP_RESET = 3,         /* lifecycle event: end the session */
	LINK_OP_CALL = 4,          /* tag, prepare, limit_ms */
	LINK_OP_QUERY = 5,         /* tag, query, limit_ms */
	LINK_OP_REPLY = 6,         /* session, message */
	LINK_OP_NOTIFY = 7,        /* event */
	LINK_OP_PAIR = 8,          /* mode, secret, window_ms */
	LINK_OP_UNPAIR_WINDOW = 9, /* close the pairing window */
	LINK_OP_STORED = 10,       /* ok */
	LINK_OP_REKEY = 11,
	LINK_OP_HOLD = 12, /* ok: a ticket is outstanding */
	/* va-link -> core */
	LINK_OP_EVENT = 20,     /* event: one struct link_event, flattened */
	LINK_OP_CLOSED = 21,    /* the channel's socket is at its end; bring another */
	LINK_OP_PAIR_CODE = 22, /* code: what to show to the person */
	LINK_OP_REFUSED = 23,   /* tag or 0, error: the link could not take that order */
};

struct link_ipc {
	struct worker_head head;
	uint64_t session;
	uint64_t tag;
	uint32_t event; /* enum link_event_kind */
	uint32_t hint;  /* enum link_hint */
	uint32_t state; /* enum link_state, in every message from a va-link */
	uint32_t attempts;
	uint32_t value; /* limit_ms, window_ms, backoff_ms, pair mode in value2 */
	uint32_t value2;
	int32_t error; /* enum va_err */
	uint32_t ok;
	char words[48]; /* fingerprint words; PAIR_CODE: the code; PAIR: guest's name */
	union {
		struct message message;
		struct keyrec record; /* secret: wipe after use */
		uint8_t secret[PAIR_TOKEN_SIZE];
	};
};

/* True if the struct may be used: sizes, enums, terminated strings, message_is_valid(). */
bool link_ipc_is_valid(const struct link_ipc *untrusted_m, size_t size);

#endif
