// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest as va-hostd knows it: where its channel is, its va-link, its session, what it was
 * asked and what it asks. guest.c keeps the registry and the channel's life, guest-link.c talks
 * to the va-link, requests.c answers what the guest asks.
 */
#ifndef VA_HOSTD_GUEST_H
#define VA_HOSTD_GUEST_H

#include "common/link/ticket.h"
#include "common/policy/policy.h"
#include "host/daemon/config.h"
#include "host/link/ipc.h"
#include "host/virt/ipc.h"

#define GUEST_CALLS             8
#define GUEST_BACKOFF_SOON_USEC 50000ull
#define GUEST_BACKOFF_MIN_USEC  1000000ull
#define GUEST_BACKOFF_MAX_USEC  30000000ull

struct hostd;
struct guest;

/* How a call to a guest ended: a wire outcome or this side's own conclusion. r is borrowed. */
typedef void guest_answer_fn(struct guest *g, const struct msg_result *r, void *userdata);

struct guest_call {
	uint64_t tag; /* 0: free */
	guest_answer_fn *answer;
	void *userdata;
	sd_event_source *limit; /* in case even the va-link does not answer */
	struct guest *guest;
};

/* A request that waits for a person's word, or for its outcome. */
struct guest_question {
	uint32_t number; /* 0: none */
	uint64_t session;
	uint32_t id; /* of the PREPARE */
	struct msg_prepare prepare;
	sd_event_source *limit;
};

struct guest {
	struct hostd *h;
	int slot; /* machine index of the world */
	char name[NAME_MAX_LEN + 1];
	char uuid[VIRT_UUID_SIZE];       /* "" : not libvirt's */
	const struct config_guest *conf; /* NULL: none; borrowed from the configuration */
	uint32_t virt_state, virt_flags;
	bool virt_told;                  /* libvirt has named it since the connection came up */
	char (*hostdevs)[VIRT_PCI_SIZE]; /* PCI devices of libvirt's definition */
	int n_hostdevs;
	char gpus[WORLD_MAX_GPUS][WORLD_PCI_SIZE]; /* those of them that are GPUs, and its conf's */
	int n_gpus;
	struct virt_usb usb[VIRT_MAX_USB]; /* what it holds of the host's USB devices now */
	uint32_t n_usb;

	uint64_t arrives_until_ms; /* handover.c: libvirt is starting it; 0 */
	bool expected;             /* the same: the seat follows when it answers */

	struct worker *link;
	bool connecting, connected;
	uint64_t backoff_usec;
	sd_event_source *retry;
	sd_event_source
		*socket_watch; /* of the folder of a plain QEMU's socket that is not there */
	int channel_error;     /* negative errno of the last try, 0 */
	bool heard;            /* a session has been up on this connection */
	char *key_trouble;     /* its key file is there and cannot be used: which, why; or NULL */

	enum link_state state;
	enum link_hint hint;
	uint64_t hint_told_ms; /* in the log, not before then again */
	uint64_t session;      /* number of the one that is up, 0 */
	uint64_t up_since_usec;
	struct guest_call calls[GUEST_CALLS];
	uint64_t next_tag; /* also of orders that may be refused */

	bool paired;
	struct pairing *pairing; /* keys.c; NULL: no window is open */
	uint64_t window_end_ms;  /* of the pairing windows that its va-link was told to open */
	struct rekeying *rekeying;

	/* as executor of what it asks */
	struct ticket_box ticket;
	bool ticket_approved; /* a person said yes */
	sd_event_source *ticket_end;
	uint32_t commit_id; /* of what is under way for it, 0 none */
	uint64_t commit_session;
	bool held; /* its va-link was told not to renew the session */
	struct guest_question question;
	struct policy_rate *rates; /* one for each rule; NULL: not asked for anything yet */
	size_t n_rates;
};

/* --- registry (guest.c) ------------------------------------------------------------------- */
struct guest *guest_find(struct hostd *h, const char *name);
struct guest *guest_find_uuid(struct hostd *h, const char *uuid);
/* Finds or makes the guest of that name; NULL: table full. */
struct guest *guest_get(struct hostd *h, const char *name);
void guest_remove(struct guest *g);
/* Something about it changed: runs, stops, or gets its va-link; the world is out of date. */
void guest_update(struct guest *g);
/* True while its machine runs, as far as is known: libvirt's word, or plain QEMU's channel. */
bool guest_is_running(const struct guest *g);
enum world_state guest_world_state(const struct guest *g);
bool guest_has_channel(const struct guest *g);
void guest_connect(struct guest *g);
void guest_channel_lost(struct guest *g, uint64_t at_least_usec);
/* A descriptor of the channel (given up to the call), or a negative errno and why. */
void guest_channel_arrived(struct guest *g, int fd, const char *why);

/* --- the socket of a plain QEMU (guest-socket.c) -------------------------------------------- */
/* A descriptor, or a negative errno; its folder is then watched, and guest_connect() called. */
int guest_socket_connect(struct guest *g);
/* Watch no longer: the configuration is another one, or the guest goes. */
void guest_socket_forget(struct guest *g);

/* --- its va-link (guest-link.c) -------------------------------------------------------------- */
int guest_link_start(struct guest *g);
void guest_link_stop(struct guest *g);
void guest_link_channel(struct guest *g, int fd);
void guest_reset_session(struct guest *g, const char *why);
/* Sends an order without an answer; false: it is not running, or does not listen. */
bool guest_order(struct guest *g, struct link_ipc *m);

/*
 * Asks the guest; answer is called exactly once, never before this returns. -ENOTCONN: no
 * session (or -ENOKEY: not paired); -EBUSY: too many calls under way.
 */
int guest_call(struct guest *g, const struct msg_prepare *p, uint32_t limit_ms,
	guest_answer_fn *answer, void *userdata);
int guest_query(struct guest *g, const struct msg_query *q, uint32_t limit_ms,
	guest_answer_fn *answer, void *userdata);

/* --- what it asks (requests.c) ------------------------------------------------------------------
 */
void requests_handle(struct guest *g, uint64_t session, const struct message *m);
/* The session ended: tickets and questions with it. */
void requests_forget(struct guest *g);
/* The policy was read again: what its rates have seen is void. */
void requests_policy_changed(struct guest *g);
/* A person's word on question number; -ENOENT there is none. */
int requests_answer(struct hostd *h, uint32_t number, bool yes);

/* --- texts (guest.c)
 * ------------------------------------------------------------------------------ */
const char *guest_state_name(const struct guest *g);   /* "running", "off", ... */
const char *guest_session_name(const struct guest *g); /* "up", "waiting", ... */
/* What stands in the way and what to do about it; NULL: nothing. */
const char *guest_hint_text(const struct guest *g);
/* How a request ended, in words that follow "NAME: "; a detail may follow them. */
const char *guest_outcome_words(uint32_t outcome);

#endif
