// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The executor's half of PREPARE, TICKET, COMMIT: one outstanding ticket per peer, bound to the
 * session it was issued in and to the whole of the prepared request; single use, 3 s at most on
 * the executor's own clock. What is committed is what was prepared, whatever the peer says later.
 * PROTOCOL.md 7.3. Pure: the caller gives the random bytes and the time.
 */
#ifndef VA_LINK_TICKET_H
#define VA_LINK_TICKET_H

#include "common/link/message.h"

#define TICKET_TTL_MS     3000u
#define TICKET_TTL_DDC_MS 2000u

struct ticket_box {
	bool live;
	uint64_t session;    /* the caller's number of the session */
	uint64_t expires_ms; /* first moment it is no longer good, CLOCK_BOOTTIME */
	uint8_t ticket[MSG_TICKET_SIZE];
	struct msg_prepare prepared;
};

/*
 * Issues a ticket for the request, replacing (and so killing) an outstanding one.
 * random: 16 fresh bytes. ret receives what to send.
 */
void ticket_issue(struct ticket_box *box, uint64_t session, const struct msg_prepare *prepared,
	const uint8_t random[MSG_TICKET_SIZE], uint64_t now_ms, struct msg_ticket *ret);

/*
 * Spends it: true, with the prepared request in ret, exactly once and only within its time and
 * session. A wrong ticket also kills the outstanding one: an honest peer never sends one.
 */
bool ticket_spend(struct ticket_box *box, uint64_t session, const struct msg_commit *untrusted_c,
	uint64_t now_ms, struct msg_prepare *ret);

/* The session ended, the machine was paused, rewound or stopped: nothing prepared may act. */
void ticket_wipe(struct ticket_box *box);

bool ticket_is_outstanding(const struct ticket_box *box, uint64_t now_ms);

#endif
