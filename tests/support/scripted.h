// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker that does what it is told, to be put in a real one's place. Its arguments are rules
 * "OP=ACTION,ACTION..."; OP is a number, "start" (once, before the first request) or "any" (for
 * requests that no other rule is for; without one they are answered with "echo"). Actions:
 *
 *   echo[:SIZE]       the request's own bytes as the reply, cut or filled with zeros to SIZE
 *   hex:HEX           a reply with these bytes after the head
 *   event[:N[:SIZE]]  N events (op 99) of SIZE bytes; the word after the head counts them
 *   flood             events without end
 *   ms:N              N milliseconds go by
 *   id:N              the following replies carry this id, not the request's
 *   op:N              ... this op
 *   fd, fds           a descriptor (two) with the next message: a pipe that reads "hello"
 *   readfd            reads a byte from the request's descriptor into the word after the head
 *   die:CODE, kill    leaves with this status, by this signal (SIGSEGV)
 *   close             closes its socket and stays
 *   hang              never comes back
 *   stubborn          ignores every signal that can be ignored
 *   child             leaves a child behind that sleeps
 *   facts             a reply with struct scripted_facts after the head
 */
#ifndef VA_TEST_SCRIPTED_H
#define VA_TEST_SCRIPTED_H

#include "common/worker/worker.h"

#define SCRIPTED_EVENT_OP 99u

struct scripted_facts {
	uint32_t open_fds; /* bit n: descriptor n is open, n < 32 */
	uint32_t uid, gid; /* effective */
	uint32_t n_groups;
	uint32_t death_signal;
	uint32_t n_env;
	uint32_t regained; /* 1: could become root again */
	uint32_t blocked;  /* 1: SIGTERM is blocked or ignored, or SIGPIPE ignored */
	uint32_t null_io;  /* 1: 0 and 1 are /dev/null */
	uint32_t cwd_is_root;
};

int scripted_worker_main(int argc, char **argv);

#endif
