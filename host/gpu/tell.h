// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling va-hostd what is about to happen, for it can move the monitors only before it does. */
#ifndef VA_GPU_TELL_H
#define VA_GPU_TELL_H

#include "host/gpu/machine.h"

/*
 * A running va-hostd pushes the monitors' input to the guest while this side still owns the
 * wire; or hears that the host has its card again. Bounded; whatever it answers, or nothing, is
 * no reason not to go on. va-hostd answers without libvirt, which is waiting for us.
 */
void tell_taking(struct machine *m, const char *guest);
void tell_returned(struct machine *m, const char *guest);

#endif
