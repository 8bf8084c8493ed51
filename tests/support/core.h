// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A va-hostd in miniature: starts a real va-link, hands it a channel, and answers what the guest
 * asks: any target but "nowhere" may have the seat, a shutdown is scheduled in 15 s, there are
 * two machines.
 */
#ifndef VA_TESTS_CORE_H
#define VA_TESTS_CORE_H

#include "host/link/ipc.h"

#include <sys/types.h>

struct core {
	pid_t pid; /* of the va-link */
	int sock;
	bool refuse_store; /* answer STORE with "failed" */
	/* what came so far */
	uint32_t state;
	uint64_t session;    /* 0: none */
	uint32_t backoff_ms; /* of the last CLOSED */
	unsigned int ups, downs, closed, stores, failures, attempts_left;
	bool has_record, paired;
	struct keyrec record;
	char code[16], words[48];
	uint64_t answered_tag;
	struct msg_result answer;
	unsigned int requests, committed;
	struct msg_prepare prepared;
	uint64_t refused_tag;
	int32_t refused_error;
	bool broken; /* it sent what link_ipc_is_valid() refuses, or died */
};

/* record: NULL for a guest that is not paired. log: see programs.h. False: cannot. */
bool core_start(struct core *c, const struct keyrec *record, const char *log);
void core_stop(struct core *c);

/* An order: op, and whatever the caller set in m. fd: -1, or what goes along (stays open). */
bool core_order(struct core *c, enum link_op op, struct link_ipc *m, int fd);
bool core_channel(struct core *c, int fd);
bool core_pair_code(struct core *c, const char *guest);
bool core_pair_token(struct core *c, const char *guest, const uint8_t token[PAIR_TOKEN_SIZE]);
bool core_query(struct core *c, uint64_t tag, const struct msg_query *q);
bool core_call(struct core *c, uint64_t tag, const struct msg_prepare *p);

/* Takes what va-link says until done(c, userdata) is true or limit_ms is over. */
bool core_pump(struct core *c, bool (*done)(struct core *c, void *userdata), void *userdata,
	unsigned int limit_ms);

#endif
