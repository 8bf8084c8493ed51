// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The commands va-host and va-guest: a table of command lines, each turned into one request to
 * the daemon, and its answer shown. A command line is written as in its help, "guest GUEST ddc
 * get MONITOR": small words are typed as they are, capital ones are arguments (command.c knows
 * where each goes in the request), "[CODE]" may be left out.
 */
#ifndef VA_CONTROL_COMMAND_H
#define VA_CONTROL_COMMAND_H

#include "common/control/control.h"

#include <stddef.h>

#define COMMAND_ARGS 6

/* options a command takes beside those that all take */
#define COMMAND_DRY_RUN  0x1u
#define COMMAND_FORCE    0x2u
#define COMMAND_COUNT    0x4u  /* -c N into value, 4 if not given */
#define COMMAND_DELAY    0x8u  /* --delay S into value */
#define COMMAND_WATCH    0x40u /* --watch: goes on, and what changes is drawn anew */
#define COMMAND_WAIT     0x10u /* --wait; --timeout goes into value, too */
#define COMMAND_NO_START 0x20u

#define COMMAND_DELAY_DEFAULT UINT32_MAX /* value without --delay: what the daemon is set to */

struct command {
	const char *line; /* "switch TARGET" */
	const char *help; /* one line */
	enum control_op op;
	unsigned int options;
	unsigned int limit_s; /* how long the answer may take, 0: for ever; --timeout overrides */
	bool acts;            /* has effects: an interrupted wait says so */
	uint32_t flags;       /* of the request, always set */
	bool stream;          /* for programs: printed as with --json */
	/* done here, without the daemon: args as typed; returns the exit code */
	enum exit_code (*local)(const char *const args[COMMAND_ARGS], bool json);
};

struct command_program {
	const char *name;    /* "va-host" */
	const char *summary; /* one line */
	const char *daemon;  /* "va-hostd" */
	const char *socket; /* its usual path; the environment's VIRT_AID_SOCKET and --socket win */
	const char *look;   /* what shows how things stand: "va-host status" */
	const struct command *commands;
	size_t n_commands;
};

/* The whole of main(): parses, asks, shows. Returns the exit status (base/exitcode.h). */
int command_main(const struct command_program *p, int argc, char **argv);

/* --- the parts, for tests ------------------------------------------------------------------- */

/*
 * The command whose line fits words[n]; args receives what stands for the capital words, in
 * order, NULL for what was left out. NULL: none fits; *ret_near then is one whose first word
 * does, or NULL.
 */
const struct command *command_match(const struct command_program *p, char *const *words, size_t n,
	const char *args[COMMAND_ARGS], const struct command **ret_near);
/*
 * Fills the request from the arguments. NULL, or what is wrong with them, for people (in a
 * static buffer).
 */
const char *command_fill(
	const struct command *c, const char *const args[COMMAND_ARGS], struct control_request *ret);

#endif
