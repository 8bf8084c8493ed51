// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What va-hostd and va-guestd say to their va-ddc (common/worker). One struct per request and
 * reply, on both sides of the channel the same. The worker detects once, stays warm, and keeps
 * no display open between requests (an open bus blocks the GPU's unbind); it is replaced
 * whenever the set of GPUs changes. It writes no feature but the input source and its stand-ins.
 */
#ifndef VA_DDC_IPC_H
#define VA_DDC_IPC_H

#include "common/ddc/edid.h"
#include "common/worker/worker.h"

#define DDC_MAX_DISPLAYS 16
#define DDC_PCI_SIZE     20 /* "ddddd:bb:dd.f": domains of up to five digits */
#define DDC_CONN_SIZE    32 /* "card0-DP-1" */

enum ddc_op {
	DDC_DETECT = 1, /* look again, afresh */
	DDC_GET = 2,    /* read the input source */
	DDC_SET = 3,    /* write the input source */
	DDC_LIST = 4,   /* what the last detection found, without touching a wire */
	DDC_CAPS = 5,   /* declared input sources, from the capabilities string */
};

enum ddc_status {
	DDC_OK = 0,         /* done; for SET: the wire acknowledged, no more is known */
	DDC_NO_MONITOR = 1, /* none with that identity on a bus of ours (any more) */
	DDC_AMBIGUOUS = 2,  /* several without serials, and the request does not say which */
	DDC_NO_ANSWER = 3,  /* it is there and does not answer: deaf, asleep, garbage, nulls */
	DDC_REFUSED = 4,    /* not acknowledged, after the library's own retries */
	DDC_NO_ACCESS = 5,  /* /dev/i2c-N missing or not ours to open */
	DDC_FORBIDDEN = 6,  /* a feature or value this worker does not write */
	DDC_BROKEN = 7,     /* the library failed otherwise; detail says how */
	DDC_NO_RIGHT = 8,   /* a connector's picture is not ours to end */
	DDC_STATUS_MAX = DDC_NO_RIGHT,
};

struct ddc_display {
	struct monitor_id id;
	char key[MONITOR_KEY_SIZE];
	char connector[DDC_CONN_SIZE]; /* "" if the kernel does not say */
	char pci[DDC_PCI_SIZE];        /* of the GPU; "" if none was found */
	uint32_t gpu, board;           /* its PCI vendor << 16 | device, its board's; 0 unknown */
	int32_t bus;                   /* i2c-N; for this moment only */
	uint32_t answers;              /* 1: DDC/CI worked at detection; 0: EDID only */
	uint32_t twin;                 /* 1: another display here has the same key */
	int32_t input;                 /* last input source read, -1 unknown */
};

struct ddc_request {
	struct worker_head head;       /* enum ddc_op */
	char key[MONITOR_KEY_SIZE];    /* which monitor; "" with DETECT and LIST */
	char connector[DDC_CONN_SIZE]; /* narrows it down ("card0-DP-1" or "DP-1"), or "" */
	char pci[DDC_PCI_SIZE];        /* narrows it down, or "" */
	uint32_t via;                  /* enum msg_via */
	uint32_t value;                /* SET: 0 to 0xffff; MSG_VIA_SIGNAL: 0 or 1 */
};

struct ddc_reply {
	struct worker_head head;
	uint32_t status;     /* enum ddc_status */
	int32_t value;       /* GET: what was read, 16 bits (sh << 8 | sl) */
	uint32_t n_displays; /* DETECT, LIST; CAPS: number of values */
	uint32_t took_ms;
	char detail[96]; /* for logs: the library's own word, printable */
	union {
		struct ddc_display displays[DDC_MAX_DISPLAYS];
		uint16_t inputs[64]; /* CAPS */
	};
};

/* Limits that a caller gives worker_call(), microseconds; facts behind them in va-ddc.8. */
#define DDC_LIMIT_DETECT_USEC (20ull * 1000000)
#define DDC_LIMIT_GET_USEC    (5ull * 1000000)
#define DDC_LIMIT_SET_USEC    (5ull * 1000000)
#define DDC_LIMIT_CAPS_USEC   (5ull * 1000000)

#endif
