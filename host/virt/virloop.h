// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt's event loop on sd-event, so that the watcher has one loop and no second thread. */
#ifndef VA_VIRT_VIRLOOP_H
#define VA_VIRT_VIRLOOP_H

#include <systemd/sd-event.h>

/*
 * Registers event (a reference is kept) as libvirt's event loop, process-wide and for good; before
 * the first virConnectOpen(). Called again it changes the loop: nothing of libvirt's may be
 * registered with the old one by then. 0 or negative errno.
 */
int virloop_init(sd_event *event);

/* Lets go of the loop, and of what libvirt no longer watches. For tests and leak checkers. */
void virloop_done(void);

#endif
