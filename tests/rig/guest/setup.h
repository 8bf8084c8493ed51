// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a test machine needs before anything runs in it, and what udev would do in it.
 */
#ifndef RIG_SETUP_H
#define RIG_SETUP_H

__attribute__((format(printf, 1, 2))) void note(const char *format, ...); /* to the console */
void setup_mounts(void);
/* Loads what /rig/modules lists: "PATH [PARAMETERS]" a line, in that order. */
void setup_modules(void);
/* /dev/virtio-ports/NAME for every port there is. */
void setup_link_ports(void);
/* A descriptor of kernel events, or -1; setup_handle_uevents() links and unlinks ports. */
int setup_open_uevents(void);
void setup_handle_uevents(int fd);

#endif
