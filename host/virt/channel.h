// SPDX-License-Identifier: GPL-2.0-or-later
/* Connecting to the socket behind a guest's channel. */
#ifndef VA_VIRT_CHANNEL_H
#define VA_VIRT_CHANNEL_H

/*
 * A connected, non-blocking SOCK_STREAM descriptor, the caller's. Never waits. Negative errno:
 * -EBUSY: QEMU's queue of connections is full, someone else holds the channel; -ENOTCONN: nobody
 * listens there (any more); -EACCES; -ENAMETOOLONG. A success is no proof that nobody else holds
 * it: QEMU lets one more wait in silence.
 */
int channel_connect(const char *path);

#endif
