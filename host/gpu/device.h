// SPDX-License-Identifier: GPL-2.0-or-later
/* One PCI device's way from its driver and back to it, and what can be tried if it sticks. */
#ifndef VA_GPU_DEVICE_H
#define VA_GPU_DEVICE_H

#include "host/gpu/machine.h"

/* driver_override as it is, "" for none. */
int device_read_override(struct machine *m, const char *addr, char ret[PCI_DRIVER_SIZE]);
/* driver "": none. */
int device_write_override(struct machine *m, const char *addr, const char *driver);

/* Takes it from driver, and sees that it is gone from it. */
int device_detach(struct machine *m, const char *addr, const char *driver);
/* Gives it to vfio-pci, which its driver_override names already, and sees that it is there. */
int device_bind_stub(struct machine *m, const char *addr);

/*
 * Brings it to its home driver ("": to none), from a stub or from nothing; what is there already
 * stays. The override points home while it is done, so that nothing else gets hold of it.
 */
int device_bring_home(struct machine *m, const char *addr, const char *home);
/* The same, after the kernel has forgotten and found the device again. */
int device_find_again(struct machine *m, const char *addr, const char *home);

/* A process that has the device's VFIO group open: 1 and its pid and name, 0, or negative errno. */
int device_user(struct machine *m, const char *addr, pid_t *ret_pid, char ret_comm[32]);

/* Any graphics card that one of the host's own drivers drives. */
bool device_any_gpu(const struct machine *m);

#endif
