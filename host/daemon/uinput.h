// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual input devices (Linux Documentation/input/uinput.rst): what a guest that shares the
 * host's keyboards and mice listens to. They last as long as their descriptors.
 */
#ifndef VA_HOSTD_UINPUT_H
#define VA_HOSTD_UINPUT_H

#include <limits.h>

#define UINPUT_PREFIX "virt-aid-" /* and the guest's name: also the link's, by our udev rule */

/* dev: where devices are, "/dev" but for tests. A descriptor, or a negative errno. */
int uinput_make(const char *dev, const char *guest);
/*
 * 1: somebody (QEMU) has taken the device for itself, and what is sent there goes nowhere else;
 * 0: nobody has: what is sent would go to this machine's own desktop; or a negative errno.
 */
int uinput_is_heard(int fd, const char *sysfs, const char *dev);
/* All its keys are up, whoever left them down. */
void uinput_release_all(int fd);

#endif
