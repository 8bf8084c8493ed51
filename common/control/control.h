// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The local control socket: va-host to va-hostd, va-guest to va-guestd. SOCK_SEQPACKET; the
 * client sends one struct control_request (no text to parse on the daemon's side) and receives
 * JSON objects, one a packet, each at most CONTROL_JSON_MAX bytes:
 *
 *	{"type":"progress","text":...}		any number
 *	{"type":"guest"|"monitor"|"step"|...}	any number, the data of the answer
 *	{"type":"result","result":"ok","exit":0,"text":"..."}	exactly one, the last
 *
 * Who asks is known by SO_PEERCRED, once, at accept: uid and gids decide, the pid never does.
 */
#ifndef VA_CONTROL_CONTROL_H
#define VA_CONTROL_CONTROL_H

#include "common/base/exitcode.h"
#include "common/base/escape.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_MAGIC      0x56414331u /* "VAC1": changes with every change of the struct */
#define CONTROL_CLIENTS    32
#define CONTROL_PER_UID    8
#define CONTROL_REQUEST_MS 5000u /* a client must have sent its request by then */
#define CONTROL_JSON_MAX   16384u
#define CONTROL_QUEUE_MAX  (4u << 20) /* bytes waiting for one slow client; above: dropped */
#define CONTROL_ARG_SIZE   256

/* One list for both daemons; each answers "unsupported" to what is not its own. */
enum control_op {
	CONTROL_NONE = 0,
	CONTROL_STATUS,
	CONTROL_LIST,
	CONTROL_SWITCH,   /* name: target; flags; value: limit of waiting, seconds, 0 */
	CONTROL_SHUTDOWN, /* host: delay in value, seconds; guest: ask the host */
	CONTROL_CANCEL,
	CONTROL_PING,   /* host: name = guest; value = how often (1 to 10000) */
	CONTROL_PAIR,   /* host: name = guest; guest: arg = code, or "" for the token */
	CONTROL_UNPAIR, /* name */
	CONTROL_REKEY,  /* name */
	CONTROL_MONITORS,
	CONTROL_DDC_DETECT,     /* host: name = guest; guest: own monitors */
	CONTROL_DDC_GET,        /* arg = monitor */
	CONTROL_DDC_SET,        /* arg = monitor, value */
	CONTROL_GUEST_SHUTDOWN, /* name */
	CONTROL_PENDING,        /* questions of policy "ask" that wait for a person */
	CONTROL_ANSWER,         /* value = number of the question, flags YES or not */
	CONTROL_POLICY,         /* explain: name = guest, arg = "operation target uid" */
	CONTROL_RELOAD,
	CONTROL_INPUTS, /* keyboards, mice, and what else is on USB */
	CONTROL_EVENTS, /* what changes, as it does; as does STATUS with WATCH; no result */
	CONTROL_RESCUE, /* everything comes home, even in the middle of a switch; FORCE */
	/* va-gpu: arg = libvirt's name of a guest; value: see below */
	CONTROL_HANDOVER,
	CONTROL_OP_MAX = CONTROL_HANDOVER,
};

#define CONTROL_FLAG_DRY_RUN  0x1u
#define CONTROL_FLAG_FORCE    0x2u
#define CONTROL_FLAG_YES      0x4u
#define CONTROL_FLAG_WATCH    0x8u
#define CONTROL_FLAG_WAIT     0x10u
#define CONTROL_FLAG_NO_START 0x20u
#define CONTROL_FLAGS         0x3fu

/* CONTROL_HANDOVER: it is about to be given a card of the host's session, or that one is back */
#define CONTROL_HANDOVER_BEGINS 1u
#define CONTROL_HANDOVER_ENDS   2u

struct control_request {
	uint32_t magic;
	uint32_t op;
	uint32_t flags;
	uint32_t value;
	char name[NAME_MAX_LEN + 1];
	char arg[CONTROL_ARG_SIZE];
};

/* Terminated strings, known op and flags, name empty or valid, arg printable ASCII. */
bool control_request_is_valid(const struct control_request *untrusted_r, size_t size);

#endif
