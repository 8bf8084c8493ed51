// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the files behind link.h share. One struct link, cut by subject:
 *
 *	link.c		the public face: bytes to frames to handlers, timers, state
 *	link-event.c	what is handed to the caller by link_next(), and key records to be stored
 *	link-wire.c	the queue of bytes to be written, rate limits, REJECT
 *	link-host.c	handshake of the host: SOLICIT, HELLO -> INIT, RESP
 *	link-guest.c	handshake of the guest: HELLO, INIT -> RESP
 *	session.c	a session's life: records, keepalive, renewal, end
 *	calls.c		what this side asks			link-answers.c	what it is asked
 *	pairing.c	codes, windows, what both roles share	pairing-host.c, pairing-guest.c
 *	keyroll.c	replacing the keys inside a session
 *
 * Handlers get bodies whose type and length are right and nothing else. A handler may end the
 * session at any call that sends; whoever goes on afterwards looks at cur.live again.
 */
#ifndef VA_LINK_LINK_INTERNAL_H
#define VA_LINK_LINK_INTERNAL_H

#include "common/link/cobs.h"
#include "common/link/cpace.h"
#include "common/link/link.h"
#include "common/link/noise.h"
#include "common/link/record.h"
#include "common/link/rpc.h"
#include "common/link/ticket.h"

/* --- bodies, PROTOCOL.md 4 and 6 ------------------------------------------------------------ */
enum body_type {
	BODY_HELLO = 0x01,
	BODY_SOLICIT = 0x02,
	BODY_INIT = 0x03,
	BODY_RESP = 0x04,
	BODY_DATA = 0x05,
	BODY_REJECT = 0x06,
	BODY_P_HELLO = 0x11,
	BODY_P_START = 0x12,
	BODY_P_SHARE = 0x13,
	BODY_P_XX1 = 0x14,
	BODY_P_XX2 = 0x15,
	BODY_P_XX3 = 0x16,
	BODY_P_DONE = 0x17,
	BODY_P_ACK = 0x18,
};

#define HELLO_SIZE   28u
#define SOLICIT_SIZE 4u
#define INIT_SIZE    68u
#define RESP_SIZE    60u
#define REJECT_SIZE  4u
#define P_HELLO_SIZE 20u
#define P_START_SIZE 52u
#define P_SHARE_SIZE 36u
#define P_XX1_SIZE   52u
#define P_XX2_SIZE   100u
#define P_XX3_SIZE   120u
#define P_DONE_SIZE  36u
#define P_ACK_SIZE   36u

#define LINK_VERSION        1u
#define HELLO_FLAG_UNPAIRED 0x01u
#define NONCE_SIZE          16u
#define ECHO_SIZE           8u  /* bytes of the nonce that INIT and RESP repeat */
#define INIT_BOUND          20u /* bytes of INIT that go into the prologue */
#define LABEL               "VIRTAID1"
#define LABEL_SIZE          8u
#define PROLOGUE_SIZE       (LABEL_SIZE + KEYREC_ID_SIZE + HELLO_SIZE + INIT_BOUND)

/* --- limits, PROTOCOL.md 9; milliseconds ------------------------------------------------------ */
#define TX_SIZE            16384u
#define HELLO_FIRST_MS     2000u
#define HELLO_MAX_MS       30000u
#define NONCE_LIFE_MS      60000u
#define PEND_MS            3000u
#define SOLICIT_FIRST_MS   2000u
#define SOLICIT_MAX_MS     60000u
#define PEER_QUIET_MS      60000u /* no unasked SOLICIT where nothing came for so long */
#define PER_SECOND_MS      1000u
#define REJECT_MS          10000u
#define UNCONFIRMED_MS     5000u
#define PING_MS            10000u
#define DEAD_MS            25000u
#define SUSPECT_MS         2000u
#define RENEW_MS           (15u * 60u * 1000u)
#define RENEW_RECORDS      65536u
#define HARD_MS            (20u * 60u * 1000u)
#define HOLD_MS            5000u
#define DRAIN_MS           3000u
#define BUCKET_MAX_MS      10000u /* five tokens of */
#define BUCKET_TOKEN_MS    2000u  /* one handshake */
#define NOISE_FRAMES       64u
#define NOISE_WINDOW_MS    10000u
#define RESET_FIRST_MS     5000u
#define RESET_MAX_MS       60000u
#define HINT_MS            60000u
#define MISMATCH_ROW       5u
#define NEXT_KEY_TRIES     3u
#define NEXT_REFUSED_MS    (10u * 60u * 1000u)
#define MAX_CALLS          4u
#define MAX_NOTICES        4u
#define PAIR_PAUSE_MS      2000u
#define PAIR_RUN_MS        15000u
#define PAIR_ACK_MS        60000u
#define PAIR_RESEND_MS     1000u
#define PAIR_RESEND_MAX_MS 8000u

/* A lower one goes first when several are due: what ends keys before what uses them. */
enum link_timer {
	T_DEAD = 0,
	T_HARD,
	T_UNCONFIRMED,
	T_PEND,
	T_CALL, /* MAX_CALLS of them */
	T_CALL_LAST = T_CALL + 3,
	T_PAIR_WINDOW, /* one for each mode */
	T_PAIR_WINDOW_LAST = T_PAIR_WINDOW + 1,
	T_PAIR_RUN,
	T_PAIR_RESEND,
	T_HOLD,
	T_RENEW,
	T_PING,
	T_HELLO,
	T_SOLICIT,
	T_COUNT,
};

struct session {
	bool live;
	bool next_keys; /* made with the record's next key set */
	bool heard;     /* a record of it has opened */
	bool promoted;  /* its keys were handed out to be stored as the current ones */
	uint8_t sid[RECORD_SID_SIZE];
	struct noise_cipher tx, rx;
	uint64_t last_rx_ms;
	uint32_t records;      /* both directions */
	uint32_t id_tx, id_rx; /* of the last request each way */
};

/* One of our requests. */
enum call_state {
	CALL_FREE = 0,
	CALL_QUEUED,    /* PREPARE or QUERY is still to be sent */
	CALL_ASKED,     /* it was; TICKET, PENDING or RESULT may come */
	CALL_TICKET,    /* COMMIT is still to be sent */
	CALL_COMMITTED, /* it was; only RESULT may come */
	CALL_DONE,      /* m is the RESULT, until link_next() has handed it over */
};

struct call {
	enum call_state state;
	bool over;    /* the caller was told the outcome already; the other side owes its answer */
	bool pending; /* PENDING came */
	uint32_t id;
	uint64_t order; /* in which they were begun */
	uint64_t tag;
	uint8_t ticket[MSG_TICKET_SIZE];
	struct message m;
};

/* One of the other side's. */
enum request_state {
	REQUEST_FREE = 0,
	REQUEST_OPEN,  /* the caller's to answer; m is the question until link_next() gave it out */
	REQUEST_REPLY, /* m is an answer that could not be sent yet */
};

struct request {
	enum request_state state;
	uint32_t id;
	uint32_t kind; /* enum msg_kind of the question */
	bool pending;  /* PENDING was the answer so far */
	struct message m;
};

#define EVENT_SLOTS    64u
#define EVENT_RESERVED 24u   /* slots that only answers, ends and stores may take */
#define EVENT_OWN      0xffu /* the message of an ANSWER or PENDING is made from value */

struct event_entry {
	enum link_event_kind kind;
	enum link_hint hint;
	uint64_t session;
	uint64_t tag;
	uint32_t attempts;
	uint32_t value;      /* outcome, expires_ms, back-off, value of a notice */
	uint32_t notice, id; /* of a notice: enum msg_event_kind; number */
	uint8_t slot;        /* of the call, request or notice; or EVENT_OWN */
};

enum store_why {
	STORE_NONE = 0,
	STORE_PAIR,
	STORE_ROLL_BEGIN,    /* host: its half */
	STORE_ROLL_ANSWER,   /* guest: both halves */
	STORE_ROLL_COMPLETE, /* host: both halves */
	STORE_PROMOTE,       /* next has become cur */
};

/* --- handshake ------------------------------------------------------------------------------ */
struct host_state {
	bool pending; /* an INIT is out */
	bool pend_next_keys;
	uint8_t hello[HELLO_SIZE];
	uint8_t init[INIT_SIZE];
	struct noise_handshake hs;
	uint64_t solicit_last_ms;
	uint32_t solicit_backoff_ms;
	uint32_t renew_backoff_ms;
	uint8_t next_tries;
	uint32_t reset_backoff_ms;
};

struct guest_state {
	bool nonce_live;
	uint8_t hello[HELLO_SIZE]; /* the last one sent; its nonce is the current one */
	uint64_t nonce_ms;
	uint64_t hello_last_ms;
	uint32_t hello_backoff_ms;
	uint64_t solicited_ms;          /* of the SOLICIT that is being answered */
	uint64_t next_refused_until_ms; /* the disk would not take the next keys as current */
};

/* --- pairing -------------------------------------------------------------------------------- */
enum pair_step {
	PAIR_IDLE = 0,
	PAIR_HELLO,   /* guest: P_HELLO out			host: P_START out, P_SHARE awaited
		       */
	PAIR_XX1,     /* guest: P_XX1 awaited */
	PAIR_XX2,     /* host: P_XX1 out, P_XX2 awaited */
	PAIR_XX3,     /* guest: P_XX2 out, P_XX3 awaited */
	PAIR_DONE,    /* host: P_XX3 out, P_DONE awaited */
	PAIR_ACK,     /* guest: P_DONE out, P_ACK awaited */
	PAIR_STORING, /* LINK_EV_STORE is out */
	PAIR_OVER,    /* host: paired; P_ACK is repeated when asked for */
};

struct pair_window {
	bool open;
	uint8_t secret[PAIR_TOKEN_SIZE];
	unsigned int attempts; /* host: still to be spent; guest: bad P_XX3 still to be borne */
};

struct pair_run {
	enum pair_step step;
	uint8_t mode;
	bool spent;
	uint8_t hello[P_HELLO_SIZE], start[P_START_SIZE], share[P_SHARE_SIZE];
	uint8_t in[P_XX2_SIZE]; /* host: the body that out answers */
	size_t in_len;
	uint8_t out[2 * (P_XX3_SIZE + 3u)]; /* frames, to be repeated */
	size_t out_len;
	uint32_t resend_ms;
	struct cpace cpace;
	struct noise_handshake hs;
	struct noise_cipher tx, rx;
	uint8_t secret[KEYREC_KEY_SIZE];
	uint8_t guest_id[KEYREC_ID_SIZE];
	uint8_t psk[KEYREC_KEY_SIZE];
	uint8_t peer[KEYREC_KEY_SIZE];
	char words[48];
};

struct pair_state {
	struct pair_window window[2]; /* by mode - 1 */
	struct pair_run run;
	char guest[64];
	char words[48]; /* of the last pairing that succeeded */
	bool paused;
	uint64_t pause_until_ms;
};

struct link {
	enum link_role role;
	void (*random)(void *buf, size_t n, void *userdata);
	void *random_userdata;
	uint64_t now;
	uint64_t timers[T_COUNT];
	bool connected;
	bool muted; /* RESET_PIPE was given out: nothing more is read from this pipe */

	bool paired;
	struct keyrec rec;
	enum store_why store_why;
	struct keyrec store;

	struct frame_reader reader;
	uint8_t tx[TX_SIZE];
	size_t tx_head, tx_len;
	bool heard_any;
	uint64_t last_byte_ms;  /* of the peer, whatever it was */
	uint64_t last_heard_ms; /* authenticated */
	uint64_t bad_since_ms;
	uint32_t bad_frames;
	uint64_t bucket_ms; /* 0 to BUCKET_MAX_MS */
	uint64_t bucket_at_ms;
	uint64_t reject_ms[8]; /* last one sent, by code */
	uint32_t mismatches;

	uint64_t number; /* of the current or last session */
	struct session cur;
	struct session next; /* guest: RESP is out, nothing has come yet */
	bool hold_renewal;   /* the executor's word */
	bool renew_due;
	bool renew_asked; /* SOLICIT (host) or HELLO (guest) of this attempt is out */
	bool holding;     /* no new call is started */

	struct host_state host;
	struct guest_state guest;
	struct pair_state pair;

	struct call calls[MAX_CALLS];
	uint64_t call_order;
	struct request requests[MAX_CALLS];
	struct msg_event notices[MAX_NOTICES]; /* to be sent */
	unsigned int n_notices;

	struct event_entry events[EVENT_SLOTS];
	unsigned int event_head, n_events;
	struct message event_message; /* what the last link_next() points to */
	enum link_hint hint;
	bool hint_given[16];
	uint64_t hint_ms[16];

	uint8_t plain[RECORD_MAX_PADDED]; /* of the record being handled; wiped after it */
	uint8_t body[RECORD_MAX_SIZE];    /* of the frame being built */
	uint8_t encoded[RPC_MAX];         /* message being sealed; wiped after it */
	struct message incoming;          /* likewise */
	struct rpc_arena arena;
};

/* --- link.c --------------------------------------------------------------------------------- */
void link_timer_set(struct link *l, unsigned int timer, uint64_t at_ms);
void link_timer_in(struct link *l, unsigned int timer, uint32_t ms);
/* As link_timer_in(), unless it is due before that anyway. */
void link_timer_soon(struct link *l, unsigned int timer, uint32_t ms);
void link_timer_stop(struct link *l, unsigned int timer);
bool link_timer_is_set(const struct link *l, unsigned int timer);
void link_random(struct link *l, void *buf, size_t n);
/* Accepts long frames exactly while a session could carry them. */
void link_fit_reader(struct link *l);

/* --- link-event.c --------------------------------------------------------------------------- */
/* Queues it; false where there is no room for one that may be left out. */
bool link_event_push(struct link *l, const struct event_entry *e);
void link_event_hint(struct link *l, enum link_hint hint);
void link_event_answer(struct link *l, uint64_t tag, enum msg_outcome outcome);
/* Requests of an ended session are not handed out any more. */
void link_event_drop_requests(struct link *l);
/* Room for what a new call can bring. */
bool link_event_has_room(const struct link *l);
/* Asks the caller to write rec; VA_E_STATE while another is being written. */
enum va_err link_store_begin(struct link *l, enum store_why why, const struct keyrec *rec);

/* --- link-wire.c ---------------------------------------------------------------------------- */
/* Queues a frame; false where it does not fit: nothing was taken. */
bool link_wire_send(struct link *l, const uint8_t *body, size_t n);
/* Queues frames that are encoded already. */
bool link_wire_send_raw(struct link *l, const uint8_t *frames, size_t n);
bool link_wire_has_room(const struct link *l, size_t body);
void link_wire_purge(struct link *l);
void link_wire_reject(struct link *l, enum link_hint code);
/* A frame that is none. More than 64 in 10 s: the pipe is given up. */
void link_wire_count_bad(struct link *l);
/* Takes one handshake's worth out of the bucket. */
bool link_wire_take_token(struct link *l);
/* A handshake whose tag did not verify; five in a row are told to the caller. */
void link_wire_count_mismatch(struct link *l);

/* --- link-host.c, link-guest.c -------------------------------------------------------------- */
void link_prologue(const struct link *l, const uint8_t hello[HELLO_SIZE],
	const uint8_t init[INIT_SIZE], uint8_t ret[PROLOGUE_SIZE]);
enum va_err link_handshake_init(struct link *l, const struct keyset *keys,
	const uint8_t hello[HELLO_SIZE], const uint8_t init[INIT_SIZE], struct noise_handshake *hs);

void link_host_connected(struct link *l);
void link_host_heard(struct link *l);   /* bytes came */
void link_host_solicit(struct link *l); /* now, or when a second is over since the last */
void link_host_on_timer(struct link *l, unsigned int timer);
void link_host_on_hello(struct link *l, const uint8_t *untrusted_b);
void link_host_on_resp(struct link *l, const uint8_t *untrusted_b);
void link_host_forget(struct link *l); /* INIT that is out */

void link_guest_connected(struct link *l);
void link_guest_hello(struct link *l);       /* likewise */
void link_guest_hello_fresh(struct link *l); /* with another nonce */
void link_guest_on_timer(struct link *l, unsigned int timer);
void link_guest_on_solicit(struct link *l, const uint8_t *untrusted_b);
void link_guest_on_init(struct link *l, const uint8_t *untrusted_b);
void link_guest_forget(struct link *l);
void link_guest_slow_down(struct link *l); /* a REJECT came */

/* --- session.c ------------------------------------------------------------------------------ */
/* Makes *s of a handshake that is done; h is wiped. False: it was not. */
bool link_session_make(
	struct link *l, struct session *s, struct noise_handshake *hs, bool next_keys);
/* Makes s the current session and wipes it; the old one, if any, ends without a gap. */
void link_session_install(struct link *l, struct session *s);
/* Ends the current session, answers what is outstanding, and asks for another. */
void link_session_end(struct link *l);
/* The same, telling the other side why first. */
void link_session_close(struct link *l, uint8_t reason);
void link_session_wipe(struct session *s);
/* Nothing may be sent: no session, or not yet in this one. */
bool link_session_may_send(const struct link *l);
/* Seals and queues; false: the session is over. Only where link_session_may_send(). */
bool link_session_seal(struct link *l, enum record_kind kind, const uint8_t *body, size_t n);
void link_session_on_data(struct link *l, const uint8_t *untrusted_b, size_t n);
/* Of another session, as is normal after a restart of either side; a live session does not care. */
void link_session_on_stranger(struct link *l);
void link_session_on_timer(struct link *l, unsigned int timer);
/* Renewal: call it where something changed that it may wait for. */
void link_session_renew(struct link *l);
void link_session_renew_now(struct link *l);

#define CLOSE_PROTOCOL 1u /* the other side broke a rule */
#define CLOSE_AGE      2u
#define CLOSE_KEYS     3u /* the keys are deleted */

/* --- calls.c, link-answers.c ---------------------------------------------------------------- */
/* Sends all that may be sent. */
void link_calls_flush(struct link *l);
/* Another session takes over: what has not been committed is asked again in it. */
void link_calls_carry_over(struct link *l);
/* No other session: everything outstanding is answered. */
void link_calls_end(struct link *l);
bool link_calls_are_idle(const struct link *l);
void link_calls_on_timer(struct link *l, unsigned int i);
/* TICKET, PENDING, RESULT. False: a rule was broken. */
bool link_calls_on_answer(struct link *l, const struct message *m);
bool link_rpc_send(struct link *l, const struct message *m);

void link_answers_flush(struct link *l);
void link_answers_drop(struct link *l);
/* PREPARE, COMMIT, QUERY, EVENT. False: a rule was broken. */
bool link_answers_on_request(struct link *l, const struct message *m);
/* True where an operation or question is for the other end of a link with this role. */
bool link_is_asked_by(enum link_role role, const struct message *m);

/* --- pairing*.c ----------------------------------------------------------------------------- */
void link_pair_on_timer(struct link *l, unsigned int timer);
void link_pair_run_end(struct link *l); /* wipes the run */
void link_pair_disconnected(struct link *l);
void link_pair_connected(struct link *l);
void link_pair_on_reject(struct link *l, enum link_hint code);
void link_pair_stored(struct link *l, bool ok);
void link_pair_window_close(struct link *l, unsigned int mode);
void link_pair_failed(struct link *l, unsigned int attempts, enum link_hint hint);
void link_pair_paired(struct link *l);
/* The record that this run leads to. */
void link_pair_record(const struct link *l, struct keyrec *ret);
/* psk of the run: from the token (isk NULL) or from what CPace gave. */
void link_pair_psk(const struct link *l, const uint8_t *isk, uint8_t ret[KEYREC_KEY_SIZE]);
enum va_err link_pair_cpace_begin(struct link *l, enum cpace_role role);
enum va_err link_pair_noise_init(struct link *l, const uint8_t *isk);
/* The run's handshake is done: ciphers, the other side's key, the words. */
bool link_pair_noise_done(struct link *l);
/* A body of the run with its first four bytes set. */
void link_pair_body(uint8_t *body, enum body_type type, uint8_t b2, uint8_t b3);
/* Adds a frame to what the run repeats, and sends it. */
void link_pair_out(struct link *l, const uint8_t *body, size_t n, bool first);

void link_pair_host_on_timer(struct link *l, unsigned int timer);
void link_pair_host_on_body(struct link *l, const uint8_t *untrusted_b, size_t n);
void link_pair_host_run_failed(struct link *l);
void link_pair_host_stored(struct link *l, bool ok);

void link_pair_guest_begin(struct link *l, unsigned int mode);
void link_pair_guest_on_timer(struct link *l, unsigned int timer);
void link_pair_guest_on_body(struct link *l, const uint8_t *untrusted_b, size_t n);
void link_pair_guest_stored(struct link *l, bool ok);

/* --- keyroll.c ------------------------------------------------------------------------------ */
/* False: a rule was broken. */
bool link_keyroll_on_record(struct link *l, const uint8_t *untrusted_body, size_t n);
/* A record opened in the current session: its keys may be due for promotion. */
void link_keyroll_opened(struct link *l);
void link_keyroll_session_up(struct link *l);
void link_keyroll_stored(struct link *l, enum store_why why, bool ok);
/* Both halves of the next set are there. */
bool link_keyroll_is_complete(const struct keyset *next);

#endif
