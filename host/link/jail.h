// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a va-link gives up before it reads the first byte a guest wrote. The parent has already
 * dropped root, the environment and every descriptor but 0 to 3; each layer here holds without
 * the others, and tests/unit/test-va-link-jail.c tries each alone.
 */
#ifndef VA_HOST_LINK_JAIL_H
#define VA_HOST_LINK_JAIL_H

#define JAIL_EXIT_STATUS 159 /* left by a forbidden system call: 128 + SIGSYS */

enum jail_layer {
	JAIL_PROCESS = 0x1,  /* no other descriptors, not dumpable, no new privileges, rlimits */
	JAIL_CAPS = 0x2,     /* every capability set emptied */
	JAIL_LANDLOCK = 0x4, /* no file, no TCP port, no foreign signal or abstract socket */
	JAIL_SECCOMP = 0x8,  /* the few system calls the loop makes */
	JAIL_ALL = 0xf,
};

/*
 * Enters the layers named. Needs sodium_init() done before: libsodium may open /dev/urandom.
 * 0, or negative errno with *ret_what naming the step. A kernel without Landlock is no error.
 */
int jail_enter(unsigned int layers, const char **ret_what);

#endif
