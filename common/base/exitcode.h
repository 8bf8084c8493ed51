// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the commands tell their callers, as exit status and as "result" in --json. One list for
 * all programs; va-host(1) and va-guest(1) document it.
 */
#ifndef VA_BASE_EXITCODE_H
#define VA_BASE_EXITCODE_H

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1,        /* tried, did not work, nothing changed or it was undone */
	EXIT_CODE_USAGE = 2,         /* the command's words are off */
	EXIT_CODE_REFUSED = 3,       /* a policy or the plan says no; nothing was tried */
	EXIT_CODE_UNKNOWN = 4,       /* the answer never came: it may or may not have happened */
	EXIT_CODE_NOT_CONNECTED = 5, /* no session with the other side, or no daemon */
	EXIT_CODE_NOT_PAIRED = 6,    /* the two sides share no keys */
	EXIT_CODE_UNCONFIRMED = 7,   /* sent and acknowledged, but it could not be read back */
	EXIT_CODE_BUSY = 8,          /* something else is under way; try again */
	EXIT_CODE_MAX = EXIT_CODE_BUSY,
};

/* "ok", "failed", "usage", ...; "failed" for what is out of range. */
const char *exit_code_name(enum exit_code code);

#endif
