// SPDX-License-Identifier: GPL-2.0-or-later
/* What va-input gives up before it sees a keyboard. */
#ifndef VA_INPUT_JAIL_H
#define VA_INPUT_JAIL_H

/*
 * No core dumps, no tracing, no new privileges, and of the system calls only those of the loop:
 * nothing that is typed can leave this process but by the daemon's socket. 0 or negative errno.
 */
int jail_close(void);

#endif
