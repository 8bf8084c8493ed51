// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One connection to the control socket: lines in, answers out, and "wait", which answers when
 * its condition holds or its time is over; lines behind it stay unread until then.
 */
#ifndef SIM_SESSION_H
#define SIM_SESSION_H

#include "tests/sim/monitor/monitor.h"

#define SESSION_QUIT 1

struct session;

struct session *session_new(int fd, struct sim_monitor *m); /* takes fd; NULL: no memory */
void session_free(struct session *s);
/* Reads if readable, then answers what can be: 0, SESSION_QUIT, or negative: gone. */
int session_handle(struct session *s, uint64_t now, bool readable);
bool session_reads(const struct session *s); /* worth polling for input */
uint64_t session_deadline(const struct session *s);

#endif
