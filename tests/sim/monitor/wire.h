// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two ways into one input's I2C wire. Each takes one connected socket and hands every I2C
 * message it reads to transfer(). None blocks for longer than a peer takes to send what it has
 * begun, and none keeps state that outlives its connection.
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a connection is a wire of. transfer: 0 for ACK, -1 for NAK; reads fill buf[size]. */
struct wire {
	int port;
	int (*transfer)(void *ctx, int port, uint8_t addr, bool is_read, uint8_t *buf, size_t size);
	void *ctx;
};

/*
 * Plain: u8 addr, u8 is_read, u16le size, then the bytes of a write; answered by u8 status (0:
 * acknowledged) and the bytes of an acknowledged read. For the LD_PRELOAD shim.
 */
struct plain;
struct plain *plain_new(int fd, const struct wire *wire); /* takes fd; NULL: no memory */
void plain_free(struct plain *p);
int plain_handle(struct plain *p); /* fd is readable: 0, or negative: gone */

/* vhost-user back end of a virtio-i2c device (VIRTIO 1.2, 5.18), for QEMU's vhost-user-i2c-pci. */
struct vhost;
struct vhost *vhost_new(int fd, const struct wire *wire); /* takes fd; NULL: no memory */
void vhost_free(struct vhost *v);
int vhost_handle(struct vhost *v);        /* fd is readable: 0, or negative: gone */
int vhost_kick_fd(const struct vhost *v); /* -1: none yet */
void vhost_kick(struct vhost *v);         /* the kick fd is readable */

#endif
