// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling va-hostd what is about to happen, for it can move the monitors only before it does. */
#ifndef VA_GPU_TELL_H
#define VA_GPU_TELL_H

#include "host/gpu/machine.h"

/*
 * Asks a running va-hostd to show the guest, which pushes the monitors' input away while this
 * side still owns the wire. Bounded; whatever it answers, or nothing, is no reason not to go on.
 * va-hostd answers without libvirt, which is waiting for us.
 */
void tell_daemon(struct machine *m, const char *guest);

#endif
