// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The messages of proto/virtaid.proto as plain structs of fixed size, and the check that each
 * passes before anything is done with it. rpc.h turns them into protobuf and back; va-link and
 * va-hostd hand them to each other as they are, and va-hostd checks them again.
 * Nothing here allocates, and nothing here knows protobuf. PROTOCOL.md 7.
 */
#ifndef VA_LINK_MESSAGE_H
#define VA_LINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_NAME_SIZE   64 /* a name of up to 63 bytes, terminated */
#define MSG_DETAIL_SIZE 160
#define MSG_LABEL_SIZE  64
#define MSG_TICKET_SIZE 16
#define MSG_MAX_ITEMS   16
#define MSG_UID_NONE    UINT32_MAX /* claimed_uid where no user stands behind a request */

/* the values are those of the .proto */
enum msg_operation {
	MSG_OP_NONE = 0,
	MSG_OP_SWITCH = 1,
	MSG_OP_HOST_SHUTDOWN = 2,
	MSG_OP_DDC_WRITE = 3,
	MSG_OP_GUEST_SHUTDOWN = 4,
	MSG_OP_MAX = MSG_OP_GUEST_SHUTDOWN,
};

enum msg_question {
	MSG_Q_NONE = 0,
	MSG_Q_PING = 1,
	MSG_Q_STATUS = 2,
	MSG_Q_TARGETS = 3,
	MSG_Q_DDC_DETECT = 4,
	MSG_Q_DDC_READ = 5,
	MSG_Q_MAX = MSG_Q_DDC_READ,
};

enum msg_outcome {
	MSG_OUT_NONE = 0,
	MSG_OUT_OK = 1,
	MSG_OUT_FAILED = 2,
	MSG_OUT_DENIED = 3,
	MSG_OUT_EXPIRED = 4,
	MSG_OUT_UNSUPPORTED = 5,
	MSG_OUT_BUSY = 6,
	MSG_OUT_UNCONFIRMED = 7,
	MSG_OUT_SCHEDULED = 8,
	MSG_OUT_NOT_FOUND = 9,
	MSG_OUT_AMBIGUOUS = 10,
	MSG_OUT_WIRE_MAX = MSG_OUT_AMBIGUOUS,
	/* never on the wire: what the requester's own side concludes */
	MSG_OUT_UNKNOWN = 100,       /* the session ended after COMMIT: it may have happened */
	MSG_OUT_NOT_SENT = 101,      /* the session ended, or was not there, before COMMIT */
	MSG_OUT_NOT_CONNECTED = 102, /* no session */
	MSG_OUT_NOT_PAIRED = 103,    /* no keys */
};

/* How an input source is written. */
enum msg_via {
	MSG_VIA_STANDARD = 0, /* feature 0x60 */
	MSG_VIA_LG = 1,       /* LG's side channel */
	MSG_VIA_SIGNAL = 2,   /* not at all: value 0 ends the picture that is sent, 1 sends it */
	MSG_VIA_FEATURE_MIN = 0xe0, /* the manufacturer's feature of that number */
	MSG_VIA_FEATURE_MAX = 0xff,
};

/* What a guest's screens show: the value of its answer to STATUS. */
enum msg_screen {
	MSG_SCREEN_NOT_KNOWN = 0, /* also whatever is above the last of these */
	MSG_SCREEN_LIT = 1,
	MSG_SCREEN_DARK = 2,      /* monitors are plugged in, no output is on */
	MSG_SCREEN_UNPLUGGED = 3, /* no monitor is plugged in */
	MSG_SCREEN_MAX = MSG_SCREEN_UNPLUGGED,
};

enum msg_item_kind { MSG_ITEM_NONE = 0, MSG_ITEM_MACHINE = 1, MSG_ITEM_MONITOR = 2 };

/* flags of an item of kind MACHINE */
#define MSG_MACHINE_RUNNING 0x1u
#define MSG_MACHINE_SESSION 0x2u /* its agent is connected */
#define MSG_MACHINE_HOLDER  0x4u /* has the seat now */
#define MSG_MACHINE_TARGET  0x8u /* the seat can go there */
/* flags of an item of kind MONITOR */
#define MSG_MONITOR_READABLE 0x1u /* "value" was read from it */
#define MSG_MONITOR_TWIN     0x2u /* another monitor here has the same identity */
#define MSG_MONITOR_SILENT   0x4u /* has an EDID, does not answer DDC/CI */

enum msg_event_kind {
	MSG_EV_NONE = 0,
	MSG_EV_SHUTDOWN_SCHEDULED = 1,
	MSG_EV_SHUTDOWN_CANCELLED = 2,
	MSG_EV_MONITORS_CHANGED = 3,
	MSG_EV_MAX = MSG_EV_MONITORS_CHANGED,
};

enum msg_kind {
	MSG_NONE = 0,
	MSG_PREPARE,
	MSG_TICKET,
	MSG_COMMIT,
	MSG_PENDING,
	MSG_RESULT,
	MSG_QUERY,
	MSG_EVENT,
	MSG_KIND_MAX = MSG_EVENT,
};

struct msg_prepare {
	uint32_t operation;         /* enum msg_operation */
	uint32_t value;             /* DDC_WRITE: the input source, 0 to 0xffff; else 0 */
	uint32_t via;               /* enum msg_via; else 0 */
	uint32_t claimed_uid;       /* of the user who asked, as that side says; or MSG_UID_NONE */
	char target[MSG_NAME_SIZE]; /* SWITCH: a machine; DDC_WRITE: a monitor key; else "" */
};

struct msg_ticket {
	uint8_t ticket[MSG_TICKET_SIZE];
	uint32_t ttl_ms; /* 1 to 3000 */
};

struct msg_commit {
	uint8_t ticket[MSG_TICKET_SIZE];
};

struct msg_pending {
	uint32_t expires_ms; /* 1 to 60000 */
};

struct msg_query {
	uint32_t question; /* enum msg_question */
	uint32_t page;     /* 0 to 255 */
	uint32_t via;      /* enum msg_via, DDC_READ only */
	char target[MSG_NAME_SIZE];
};

struct msg_item {
	uint32_t kind; /* enum msg_item_kind */
	uint32_t value;
	uint32_t flags;
	char name[MSG_NAME_SIZE];   /* a name (base/escape.h's rule) */
	char label[MSG_LABEL_SIZE]; /* printable ASCII, may be empty; "detail" in the .proto */
	/* MONITOR: the GPU it is seen at, PCI vendor << 16 | device, and its board; 0: not known */
	uint32_t gpu, board;
};

struct msg_result {
	uint32_t outcome; /* enum msg_outcome */
	uint32_t value;
	uint32_t next_page;
	uint32_t n_items;
	char detail[MSG_DETAIL_SIZE]; /* printable ASCII, may be empty */
	struct msg_item items[MSG_MAX_ITEMS];
};

struct msg_event {
	uint32_t kind; /* enum msg_event_kind */
	uint32_t value;
};

struct message {
	uint32_t id;   /* of the request that this is, or answers; 1 and up */
	uint32_t kind; /* enum msg_kind */
	union {
		struct msg_prepare prepare;
		struct msg_ticket ticket;
		struct msg_commit commit;
		struct msg_pending pending;
		struct msg_result result;
		struct msg_query query;
		struct msg_event event;
	};
};

/*
 * Field by field: every enum known, every number in its range, every string terminated within
 * its array and of its charset, fields an operation does not use zero or empty. True: the
 * message may be used.
 */
bool message_is_valid(const struct message *untrusted_m);

/* The parts, for those who carry them in structs of their own. */
bool msg_prepare_is_valid(const struct msg_prepare *untrusted_p);
bool msg_query_is_valid(const struct msg_query *untrusted_q);
bool msg_result_is_valid(const struct msg_result *untrusted_r); /* wire outcomes only */

/* Of these ways one, and a value that can be written by it. */
bool msg_via_is_valid(uint32_t untrusted_via, uint32_t untrusted_value);

/* Sets outcome and detail (cut to fit, made printable), nothing else. */
void msg_result_init(struct msg_result *r, enum msg_outcome outcome, const char *detail);
/* Adds an item without a GPU; false: the page is full. Name, label are cut and made printable. */
bool msg_result_add(struct msg_result *r, enum msg_item_kind kind, const char *name,
	const char *label, uint32_t value, uint32_t flags);

/* "switch", "host.shutdown", "ddc.write", "guest.shutdown": the words of policy files. */
const char *msg_operation_name(uint32_t operation);
/* MSG_SCREEN_NOT_KNOWN for what this side does not know. */
enum msg_screen msg_screen_of(uint32_t untrusted_value);

/* "ping", "status", "guest.list", "ddc.read" (both DDC questions). */
const char *msg_question_name(uint32_t question);
const char *msg_outcome_name(uint32_t outcome);

#endif
