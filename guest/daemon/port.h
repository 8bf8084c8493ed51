// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's end of the pipe: /dev/virtio-ports/org.virtaid.0, or (for tests, and for channels
 * that a program other than QEMU serves) a UNIX socket given as "unix:PATH".
 *
 * A virtio port tells little: read() returning 0 means "no host there now", not the end; poll()
 * on it spins then. So it is watched edge-triggered and read until it has nothing left; what the
 * last read() said, and nothing else, is the port's state. While no host is there the process
 * sleeps without a timer. proto/PROTOCOL.md 2.
 */
#ifndef VA_GUEST_PORT_H
#define VA_GUEST_PORT_H

#include "common/base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

enum port_state {
	PORT_ABSENT = 0, /* no such device (yet, or any more) */
	PORT_CLOSED,     /* open on our side, no host at the other */
	PORT_OPEN,
};

struct port_ops {
	void (*on_state)(enum port_state state, void *userdata);
	void (*on_data)(const uint8_t *bytes, size_t n, void *userdata);
	/* something may have changed: write what is waiting */
	void (*on_ready)(void *userdata);
	/* opening failed, errno-style; said once per kind of error */
	void (*on_trouble)(int error, const char *path, void *userdata);
};

struct port;

/*
 * Opens path, or waits for it to appear. ops is copied. Negative errno only where waiting is
 * impossible too. Calls back from the event loop only, never from here.
 */
int port_new(struct port **ret, sd_event *event, const char *path, const struct port_ops *ops,
	void *userdata);
void port_free(struct port *p);
DEFINE_CLEANUP(port, port_free);

/*
 * One write() of bytes[n], which is to be whole frames. Returns the number taken, 0 where the
 * pipe is full or the host has gone (on_ready comes later), negative errno for the rest.
 */
ssize_t port_write(struct port *p, const uint8_t *bytes, size_t n);
enum port_state port_get_state(const struct port *p);

#endif
