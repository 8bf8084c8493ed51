// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The executor's tickets; see ticket.h.
 *
 * Theory of operation: a box holds the one ticket that may be outstanding. Whatever is tried with
 * a COMMIT, the box is empty afterwards: a good ticket is spent, and anything else shows a peer
 * that is confused or worse, whose prepared request must not act either. What to do lies in the
 * box since PREPARE and is never read from the COMMIT. PROTOCOL.md 7.3. Pure.
 */
#include "common/link/ticket.h"

#include <sodium.h>
#include <string.h>

static uint32_t ttl_of(const struct msg_prepare *p)
{
	return p->operation == MSG_OP_DDC_WRITE ? TICKET_TTL_DDC_MS : TICKET_TTL_MS;
}

void ticket_issue(struct ticket_box *box, uint64_t session, const struct msg_prepare *prepared,
	const uint8_t random[MSG_TICKET_SIZE], uint64_t now_ms, struct msg_ticket *ret)
{
	uint32_t ttl_ms = ttl_of(prepared);

	box->live = true;
	box->session = session;
	box->expires_ms = now_ms + ttl_ms;
	box->prepared = *prepared;
	memcpy(box->ticket, random, sizeof(box->ticket));
	memcpy(ret->ticket, random, sizeof(ret->ticket));
	ret->ttl_ms = ttl_ms;
}

bool ticket_is_outstanding(const struct ticket_box *box, uint64_t now_ms)
{
	return box->live && now_ms < box->expires_ms;
}

bool ticket_spend(struct ticket_box *box, uint64_t session, const struct msg_commit *untrusted_c,
	uint64_t now_ms, struct msg_prepare *ret)
{
	bool good = ticket_is_outstanding(box, now_ms) && box->session == session &&
		    sodium_memcmp(box->ticket, untrusted_c->ticket, sizeof(box->ticket)) == 0;

	if (good)
		*ret = box->prepared;
	else
		memset(ret, 0, sizeof(*ret));
	ticket_wipe(box);
	return good;
}

void ticket_wipe(struct ticket_box *box)
{
	sodium_memzero(box, sizeof(*box));
}
