// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One end of the secure channel: frames, handshake, records, pairing, calls. Sans-I/O: bytes
 * and the time go in, bytes, events and the next deadline come out. The same object serves
 * va-link (host role) and va-guestd (guest role).
 *
 *	link_init(l, &config, now);
 *	link_connected(l, now) / link_disconnected(l, now)	the pipe has a peer, or none
 *	link_input(l, bytes, n, now)				what was read
 *	link_output(l, &p, &n); link_sent(l, n)			what is to be written
 *	link_deadline(l) -> call link_tick(l, now) then
 *	while (link_next(l, &ev)) ...				what happened
 *
 * now is milliseconds of a clock that never goes back and counts suspend (CLOCK_BOOTTIME).
 * One struct link is one allocation of fixed size and allocates nothing itself; put it into
 * sodium_malloc() memory. PROTOCOL.md names every rule that is kept here.
 */
#ifndef VA_LINK_LINK_H
#define VA_LINK_LINK_H

#include "common/link/err.h"
#include "common/link/keyrec.h"
#include "common/link/message.h"

enum link_role { LINK_HOST = 1, LINK_GUEST = 2 };

/* What a session, or the lack of one, looks like from outside. */
enum link_state {
	LINK_NO_PEER = 0, /* nobody at the other end of the pipe */
	LINK_UNPAIRED,    /* somebody is, but there are no keys */
	LINK_WAITING,     /* keys, no session */
	LINK_UP,          /* session */
};

/* Why the peer, as far as an unauthenticated hint can be believed, does not talk to us. */
enum link_hint {
	LINK_HINT_NONE = 0,
	LINK_HINT_VERSION = 1,            /* REJECT 1 */
	LINK_HINT_UNKNOWN_KEY = 2,        /* REJECT 2: reinstalled or cloned; pair again */
	LINK_HINT_UNPAIRED = 3,           /* REJECT 3 */
	LINK_HINT_BUSY = 4,               /* REJECT 4 */
	LINK_HINT_PAIRING_CLOSED = 5,     /* REJECT 5 */
	LINK_HINT_PAIRING_FAILED = 6,     /* REJECT 6 */
	LINK_HINT_KEY_MISMATCH = 7,       /* own: five handshakes in a row failed to verify */
	LINK_HINT_NOISE = 8,              /* own: more than 64 undecodable frames in 10 s */
	LINK_HINT_PEER_WANTS_PAIRING = 9, /* own: HELLO with the unpaired flag */
	LINK_HINT_FOREIGN_KEY = 10,       /* own: HELLO names a key this record does not know */
};

enum link_event_kind {
	LINK_EV_NONE = 0,
	LINK_EV_UP,      /* session: number of the new session; requests may flow. A session that
			    is renewed, or replaced by a peer that was restarted, gives the next
			    UP without a DOWN: what was asked under the old number is void */
	LINK_EV_DOWN,    /* session: number of the one that ended; all outstanding calls were
			    answered with events of their own before this one */
	LINK_EV_REQUEST, /* message: PREPARE, COMMIT or QUERY, valid, to be answered by link_reply
			  */
	LINK_EV_NOTICE,  /* message: EVENT, valid */
	LINK_EV_PENDING, /* tag, message: PENDING; a person is being asked */
	LINK_EV_ANSWER,  /* tag, message: RESULT; the call is over. Outcomes above WIRE_MAX are
			    this side's own conclusions */
	LINK_EV_HINT,    /* hint; at most one a minute of a kind */
	LINK_EV_STORE,   /* record: write it durably, then link_stored(). Until then the link
			    waits where the protocol says "store first" */
	LINK_EV_PAIRED,  /* pairing is complete (after its STORE); words: fingerprint */
	LINK_EV_PAIR_ATTEMPT, /* host: an attempt was spent; attempts: how many are left */
	LINK_EV_PAIR_FAILED,  /* the run, or the window (attempts == 0), is over; hint says why */
	LINK_EV_RESET_PIPE,   /* host: too much noise; close and come back in backoff_ms */
};

struct link_event {
	enum link_event_kind kind;
	uint64_t session;
	uint64_t tag;
	enum link_hint hint;
	unsigned int attempts;
	uint32_t backoff_ms;
	char words[48]; /* four words and three hyphens */
	/* valid until the next call on this link; record is secret */
	const struct message *message;
	const struct keyrec *record;
};

struct link_config {
	enum link_role role;
	const struct keyrec *record; /* NULL: unpaired. Copied. */
	/* seam for tests: fills n random bytes; NULL: libsodium's randombytes_buf() */
	void (*random)(void *buf, size_t n, void *userdata);
	void *random_userdata;
};

struct link;

size_t link_size(void); /* bytes to allocate */
enum va_err link_init(struct link *l, const struct link_config *config, uint64_t now_ms);
void link_wipe(struct link *l); /* zeroes it; the caller frees the memory */

void link_connected(struct link *l, uint64_t now_ms);
void link_disconnected(struct link *l, uint64_t now_ms);
/* End the session with a word of it, for the keys are about to go (link_wipe()). 5.2. */
void link_leave(struct link *l, uint64_t now_ms);
/* Kill the session: lifecycle event of the guest, clock jump, generation change. 4.7. */
void link_reset(struct link *l, uint64_t now_ms);

void link_input(struct link *l, const uint8_t *bytes, size_t n, uint64_t now_ms);
/* What is to be written next; n = 0: nothing. Points into the link until link_sent(). */
void link_output(struct link *l, const uint8_t **ret_bytes, size_t *ret_n);
void link_sent(struct link *l, size_t n);

#define LINK_NEVER UINT64_MAX
uint64_t link_deadline(const struct link *l); /* LINK_NEVER: no timer needed */
void link_tick(struct link *l, uint64_t now_ms);

bool link_next(struct link *l, struct link_event *ret);

enum link_state link_get_state(const struct link *l);
enum link_hint link_get_hint(const struct link *l); /* the last one, until a session is up */
uint64_t link_last_heard_ms(const struct link *l);  /* 0: never */

/*
 * Ask the other side. At most 4 outstanding, VA_E_LIMIT above; VA_E_STATE without a session.
 * The tag comes back in PENDING and ANSWER. limit_ms: how long the answer may take in all; when
 * it is over the answer is NOT_SENT before COMMIT and UNKNOWN after it. So it is when the session
 * ends. When it is renewed or replaced, a call that has not been committed has had no effect and
 * is asked again in the new session by itself, within its limit (a second PENDING may come); one
 * that was committed is answered UNKNOWN. A renewal waits for calls, so this is rare. Calls are
 * sent in the order they were made, a PREPARE when the one before it has its ticket or its answer.
 * A call that ran out of time counts as outstanding until the other side has answered it.
 * VA_E_RANGE: not valid, limit_ms is 0, or an operation or question of the other role's half.
 */
enum va_err link_call(struct link *l, uint64_t tag, const struct msg_prepare *p, uint32_t limit_ms,
	uint64_t now_ms);
enum va_err link_query(struct link *l, uint64_t tag, const struct msg_query *q, uint32_t limit_ms,
	uint64_t now_ms);
enum va_err link_notify(struct link *l, const struct msg_event *e, uint64_t now_ms);
/*
 * Answer a request of this session: TICKET or PENDING or RESULT for PREPARE, RESULT for COMMIT
 * and QUERY; a PENDING is followed by TICKET or RESULT with the same id. VA_E_STATE where the
 * session is no longer that one, or the request is not there or answered already; VA_E_RANGE where
 * m is not valid or no answer to that kind of request. Requests for the other role's half are
 * answered UNSUPPORTED by the link itself.
 */
enum va_err link_reply(struct link *l, uint64_t session, const struct message *m, uint64_t now_ms);

/* A ticket is outstanding (executor's word): no renewal while it is. 9.3. */
void link_hold_renewal(struct link *l, bool hold);

/* --- pairing ------------------------------------------------------------------------------- */
#define PAIR_CODE_CHARS 8 /* of Crockford base32: 40 bits */
#define PAIR_TOKEN_SIZE 32
#define PAIR_WINDOW_MS  (5u * 60u * 1000u)
#define PAIR_ATTEMPTS   3u

enum pair_mode { PAIR_TOKEN = 1, PAIR_CODE = 2 };

/*
 * Normalises what a person typed (case, hyphens, blanks, O for 0, I and L for 1) into 8 symbols;
 * VA_E_MALFORMED for anything else.
 */
enum va_err pair_code_parse(const char *typed, char ret[PAIR_CODE_CHARS + 1]);
/* A fresh code, for showing as XXXX-XXXX. */
void pair_code_make(struct link *l, char ret[PAIR_CODE_CHARS + 1]);

/*
 * Host: accept pairing runs of this mode for window_ms; token and code windows may be open side
 * by side. guest and guest_id go into the record. Guest: run it now, retrying until window_ms is
 * over. secret: PAIR_TOKEN_SIZE bytes, or PAIR_CODE_CHARS symbols.
 */
enum va_err link_pair_open(struct link *l, enum pair_mode mode, const uint8_t *secret, size_t n,
	const char *guest, uint32_t window_ms, uint64_t now_ms);
void link_pair_close(struct link *l, uint64_t now_ms);
/* The record of LINK_EV_STORE is on the disk (ok), or could not be written. */
void link_stored(struct link *l, bool ok, uint64_t now_ms);

/*
 * Host: start a key roll (KEYROLL): LINK_EV_STORE two or three times, at last with the new keys as
 * the current ones. VA_E_STATE without a session, during another, or while a record is being
 * stored.
 */
enum va_err link_rekey(struct link *l, uint64_t now_ms);

#endif
