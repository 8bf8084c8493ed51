// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What va-hostd and va-virt say to each other (common/worker). One va-virt is the watcher: it
 * keeps libvirt's events and the live XML and connects to channels. Each operation that can
 * block (start, shutdown, destroy) runs in an instance of its own, "va-virt do", because a
 * libvirt call waits for a domain's lock for as long as its hook or its start runs.
 */
#ifndef VA_VIRT_IPC_H
#define VA_VIRT_IPC_H

#include "common/base/escape.h"
#include "common/worker/worker.h"

#define VIRT_MAX_GPUS  8
#define VIRT_PCI_SIZE  20
#define VIRT_UUID_SIZE 37
#define VIRT_MAX_USB   16

enum virt_op {
	/* watcher -> core, events (id 0) */
	VIRT_EV_CONNECTION = 1, /* struct virt_connection */
	VIRT_EV_DOMAIN = 2,     /* struct virt_domain: new, or changed in any way */
	VIRT_EV_GONE = 3,       /* struct virt_domain: undefined */
	VIRT_EV_SYNCED = 4,     /* struct virt_connection: every domain has been told once */
	VIRT_EV_CHANNEL = 5,    /* struct virt_domain: the port was opened or closed in the guest;
				   a hint, rate-limited by QEMU, never the truth */
	VIRT_EV_RESET = 6,      /* struct virt_domain: rebooted, restored, resumed, migrated: kill
				   its session */
	/* core -> watcher, requests */
	VIRT_CONNECT = 20, /* struct virt_request -> struct virt_reply with a descriptor */
	/* core -> "va-virt do", one request each -> struct virt_reply */
	VIRT_START = 30,
	VIRT_SHUTDOWN = 31, /* ACPI; returns at once, the domain may ignore it */
	VIRT_DESTROY = 32,  /* graceful first */
	VIRT_DESCRIBE = 33, /* has it the channel, the fw_cfg item, genid? -> virt_reply.flags */
	VIRT_ATTACH_USB =
		34, /* request.usb to the running domain; what it has already is success */
	VIRT_DETACH_USB = 35, /* found in the live XML by bus and device; not there is success */
};

enum virt_state {
	VIRT_STATE_OFF = 0,
	VIRT_STATE_RUNNING = 1,
	VIRT_STATE_PAUSED = 2,
	VIRT_STATE_STOPPING = 3, /* shutdown in progress */
	VIRT_STATE_MAX = VIRT_STATE_STOPPING,
};

#define VIRT_FLAG_CHANNEL    0x01u /* has a channel org.virtaid.0 */
#define VIRT_FLAG_PORT_OPEN  0x02u /* ... that the guest has open, as libvirt says */
#define VIRT_FLAG_FWCFG      0x04u /* has the fw_cfg item opt/org.virtaid/pair */
#define VIRT_FLAG_GENID      0x08u
#define VIRT_FLAG_RAW_VFIO   0x10u /* passes PCI devices by raw QEMU arguments: not visible */
#define VIRT_FLAG_PERSISTENT 0x20u

/* A USB device; bus and device are 0 where a definition names it by its ids alone. */
struct virt_usb {
	uint16_t bus, device;
	uint16_t vendor, product; /* 0: by address alone */
};

struct virt_domain {
	struct worker_head head;
	char uuid[VIRT_UUID_SIZE];
	char name[256]; /* as libvirt has it; not yet checked against name_is_valid() */
	uint32_t state; /* enum virt_state */
	uint32_t flags;
	uint32_t n_hostdevs; /* PCI hostdevs of the definition or live XML */
	char hostdevs[VIRT_MAX_GPUS * 4][VIRT_PCI_SIZE]; /* "0000:01:00.0"; the first 32 */
	uint32_t n_usb; /* USB hostdevs: held now if it runs; the first VIRT_MAX_USB */
	struct virt_usb usb[VIRT_MAX_USB];
};

struct virt_connection {
	struct worker_head head;
	uint32_t up; /* 1: connected to libvirt */
	char uri[128];
	char detail[160]; /* why not, printable */
};

struct virt_request {
	struct worker_head head;
	char uuid[VIRT_UUID_SIZE];
	uint32_t limit_ms;   /* the doer gives up after this */
	struct virt_usb usb; /* ATTACH, DETACH: with its address */
};

struct virt_reply {
	struct worker_head head;
	int32_t error; /* 0, or a negative errno: -ENOENT no such domain, -ENOTCONN not running or
			  no libvirt, -EACCES, -ENOPROTOOPT no such channel, -EBUSY ...; -ETIMEDOUT
			  it may have been done */
	uint32_t flags;
	char detail[200]; /* libvirt's own word, printable */
};

#define VIRT_LIMIT_CONNECT_USEC (5ull * 1000000)

#endif
