// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulated monitor: EDID at 0x50 and a DDC/CI state machine at 0x37 behind several inputs,
 * each with its own I2C wire, and the habits of real monitors that a KVM switch must survive.
 * Pure: no I/O, no clock; the caller gives the time in microseconds and asks for the next
 * deadline. DDC/CI 1.1 section 4, MCCS 2.2 section 8, VESA E-EDID 1.4 section 3.
 */
#ifndef SIM_MONITOR_H
#define SIM_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MAX_PORTS     4
#define SIM_EDID_SIZE     128
#define SIM_LABEL_SIZE    32
#define SIM_CAPS_SIZE     1024
#define SIM_NEVER         UINT64_MAX
#define SIM_FEATURE_INPUT 0x60
#define SIM_FEATURE_LG    0xf4

/* What an input that is not the shown one does. */
enum sim_deaf {
	SIM_DEAF_NONE, /* answers like the shown one */
	SIM_DEAF_READ, /* obeys writes, answers reads with null messages */
	SIM_DEAF_DDC,  /* 0x37 does not acknowledge, the EDID still answers */
	SIM_DEAF_ALL,  /* as unplugged */
};

/* How replies on every input look. */
enum sim_reply {
	SIM_REPLY_OK,
	SIM_REPLY_NULL,   /* only null messages */
	SIM_REPLY_ZERO,   /* only zero bytes */
	SIM_REPLY_BADSUM, /* wrong checksum */
};

struct sim_identity {
	char maker[4]; /* three letters A to Z */
	uint16_t product;
	uint32_t serial;     /* 0: none */
	char serial_str[14]; /* "": no such descriptor */
	char name[14];       /* "": no such descriptor */
};

struct sim_port {
	uint16_t input;      /* the value of feature 0x60 that shows it */
	uint16_t read_value; /* what a read of 0x60 says while it is shown */
	uint16_t product;    /* product code in the EDID of this connector */
	bool signal;         /* something sends a picture here */
	char label[SIM_LABEL_SIZE];
	uint8_t edid[SIM_EDID_SIZE];
	uint8_t edid_offset;
	uint8_t reply[64];
	size_t reply_size;
	uint64_t reply_at;   /* earliest moment the reply may be read */
	uint64_t not_before; /* earliest moment of the next command, after a set */
	unsigned n_write, n_read, n_null, n_early, n_bad, n_nak, n_set;
};

/* Something worth a line in a log. Numbers that mean nothing for the kind are -1. */
struct sim_event {
	uint64_t now;
	const char *kind; /* get set caps save other drop early bad nak switching shown ... */
	int input;        /* of the wire, or of what is shown */
	int feature, value, source;
};

struct sim_monitor {
	struct sim_port ports[SIM_MAX_PORTS];
	int n_ports;
	int shown;    /* index into ports */
	int previous; /* the one shown before */
	int pending;  /* asked for and shown at pending_at; -1: none */
	uint64_t pending_at;
	uint64_t busy_until;  /* 0x37 does not acknowledge before */
	uint64_t fallback_at; /* leaves an input without signal; SIM_NEVER: stays */
	struct sim_identity id;
	uint16_t cur[256], max[256];
	bool supported[256];
	char caps[SIM_CAPS_SIZE];

	enum sim_deaf deaf;
	enum sim_reply reply;
	unsigned switch_ms;   /* a switch takes this long, deaf meanwhile */
	unsigned reply_ms;    /* the host must wait this long before it reads */
	unsigned settle_ms;   /* and this long after a set */
	unsigned fallback_ms; /* 0: shows an input without signal for ever */
	bool strict;          /* who breaks the timing gets nothing */
	int garbage_high;     /* high byte of reads of 0x60; 256: the low byte again; -1: right */
	int lie;              /* reads of 0x60 always say this; -1: the truth */
	bool says_asker;      /* reads of 0x60 name the input that asks */
	bool says_previous;   /* reads of 0x60 name the input shown before */
	bool null_unsupported;
	bool lg;             /* ignores 0x60, obeys 0xf4 from source 0x50 */
	int code;            /* ignores writes of 0x60, obeys those of this feature; -1: 0x60 */
	bool asleep;         /* 0x37 acknowledges on no input */
	bool power;          /* false: as unplugged */
	unsigned drop_every; /* every n-th command is lost */
	unsigned drop_sets;  /* so many sets to come are acknowledged and forgotten */
	int vanish_after;    /* so many DDC/CI messages to come, then power off; -1: stays */
	uint64_t hang_until; /* the server answers nothing on any wire before, as a stuck driver */
	unsigned n_commands;

	void (*event)(void *ctx, const struct sim_event *event);
	void *event_ctx;
};

void monitor_init(struct sim_monitor *m);
/* Index of the port with that value, a new one if there is none; -1: no more room. */
int monitor_add_port(struct sim_monitor *m, uint16_t input);
/* Index of the port that a write of value selects, or -1. */
int monitor_find_port(const struct sim_monitor *m, uint16_t value);
/* After the ports and the identity are known: builds EDIDs, VCP state and capabilities. */
void monitor_start(struct sim_monitor *m);

/* Brings the state up to now; call before looking at it. */
void monitor_tick(struct sim_monitor *m, uint64_t now);
/* When something will change by itself, or SIM_NEVER. */
uint64_t monitor_deadline(const struct sim_monitor *m);
/* One I2C message on one port's wire, addr 7 bits. Reads fill buf[size]. 0: ACK, -1: NAK. */
int monitor_i2c(struct sim_monitor *m, uint64_t now, int port, uint8_t addr, bool is_read,
	uint8_t *buf, size_t size);
/* The user's hand on the menu: at once. */
void monitor_show(struct sim_monitor *m, uint64_t now, int port);
void monitor_set_signal(struct sim_monitor *m, uint64_t now, int port, bool on);

/* The EDID of one connector of a monitor. */
void edid_build(const struct sim_identity *id, uint16_t product, uint16_t input,
	uint8_t ret[SIM_EDID_SIZE]);

#endif
