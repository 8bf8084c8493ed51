// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What else runs when libvirt starts a guest: whether our own hook is there, and people's scripts
 * that hand cards over as well, for two masters undo each other. Read-only.
 */
#ifndef VA_GPU_HOOKS_H
#define VA_GPU_HOOKS_H

#include "host/gpu/machine.h"

#define HOOKS_DIR       "/etc/libvirt/hooks"
#define HOOKS_NOTES_MAX 6
#define HOOKS_NOTE_SIZE 256

/* Lines for people; their number, 0 where all is as it should be. */
size_t hooks_look(struct machine *m, char ret[HOOKS_NOTES_MAX][HOOKS_NOTE_SIZE]);

#endif
