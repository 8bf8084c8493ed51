// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two links, two pipes and a clock that stands still until it is told: a world for tests of
 * common/link. Each peer has a disk (one key record), an executor that uses tickets as the agents
 * do, and books about what was asked, executed and answered, so that a test can say what must
 * never be: twice, too late, or done and reported as not done.
 */
#ifndef VA_TEST_PEER_H
#define VA_TEST_PEER_H

#include "common/link/link.h"
#include "common/link/noise.h"
#include "common/link/ticket.h"
#include "tests/support/pipe.h"

#define PEER_MAX_WORK 1024u

/* One request that has an effect, by its number, which is its DDC value. */
struct peer_work {
	bool asked, answered;
	unsigned int executed;
	uint32_t outcome;
	uint64_t asked_ms;
};

struct world;

struct peer {
	struct world *w;
	enum link_role role;
	struct link *l;
	struct keyrec disk;
	bool disk_used;
	bool connected;
	uint64_t seed[4];
	/* how it behaves */
	bool store_fails;
	bool store_waits; /* LINK_EV_STORE is not answered until peer_store() */
	bool store_waiting;
	struct keyrec to_store;
	bool slow;         /* requests are kept, not answered, until peer_answer_all() */
	bool ask_first;    /* PREPARE is answered PENDING first */
	bool ignore_reset; /* LINK_EV_RESET_PIPE is not obeyed */
	struct message kept[8];
	uint64_t kept_session[8];
	unsigned int n_kept;
	/* what happened */
	struct ticket_box box;
	uint64_t ticket_ms; /* when the last ticket was issued */
	uint64_t session;
	unsigned int ups, downs, requests, notices, pendings, stores, paired, attempts_spent;
	unsigned int pair_failed, resets, hints[16], answers, late;
	unsigned int own_answers; /* of answers: concluded by this side's link alone */
	unsigned int attempts_left;
	enum link_hint pair_hint;
	uint64_t reconnect_ms; /* after RESET_PIPE; LINK_NEVER */
	char words[48];
	struct peer_work work[PEER_MAX_WORK]; /* asked by this side */
	uint32_t query_outcome;
	unsigned int queries_answered;
	struct message last;
};

struct world {
	uint64_t now;
	struct peer host, guest;
	struct pipe to_guest, to_host;
	uint64_t rng;
	/* where set: sees every chunk that is about to be delivered; false: it is lost */
	bool (*tap)(struct world *w, struct peer *to, const uint8_t *bytes, size_t n);
	void *tap_data;
};

/* With paired false neither side has keys. seed: all that is random follows from it. */
struct world *world_new(uint64_t seed, bool paired);
void world_free(struct world *w);
uint64_t world_random(struct world *w);

/* Both ends of the pipes are open from now on. */
void world_connect(struct world *w);
/* One end goes away or comes; the other end of the pipe may not notice. */
void peer_connect(struct peer *p);
void peer_disconnect(struct peer *p);
/* The process dies and is started again with what is on its disk. */
void peer_restart(struct peer *p);
/* All that can happen now, happens; the clock stands still. */
void world_settle(struct world *w);
/* Time goes on, from deadline to deadline. */
void world_run(struct world *w, uint64_t ms);
/* The same until cond holds or ms are over; says whether it held. */
bool world_until(struct world *w, bool (*cond)(struct world *w), uint64_t ms);
bool world_is_up(struct world *w); /* both have the same session */
bool world_is_paired(struct world *w);

/* Everything as it is now, to come back to; any number of times. */
struct world_copy;
struct world_copy *world_save(const struct world *w);
void world_restore(struct world *w, const struct world_copy *c);
void world_copy_free(struct world_copy *c);

/* A new world in which a session is up. */
struct world *world_up(uint64_t seed);

/* The last frame of a type that went to a peer, with its zeros; some may get lost. */
struct recorder {
	uint8_t type; /* first byte of the body */
	struct peer *to;
	unsigned int lose; /* the first so many of them */
	unsigned int seen;
	size_t n;
	uint8_t frame[4200];
};

/* From now on; the pipes then deliver frame by frame. */
void world_tap(struct world *w, struct recorder *r, uint8_t type, struct peer *to);

/* Asks for work number n (below PEER_MAX_WORK) to be done at the other side. */
enum va_err peer_ask(struct peer *p, uint32_t n, uint32_t limit_ms);
enum va_err peer_ping(struct peer *p, uint32_t limit_ms);
void peer_answer_all(struct peer *p);
void peer_store(struct peer *p, bool ok);
struct peer *peer_other(struct peer *p);

/*
 * The rules that hold whatever the pipe does, for all work asked by p: at most once; done where
 * the answer says so, and not where it says not; nothing after its ticket's time. NULL: they hold.
 */
const char *peer_broken_rule(struct peer *p);

#endif
