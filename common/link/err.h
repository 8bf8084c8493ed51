// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results of the portable core (common/link). The core knows no errno: it also serves systems
 * that have none. 0 and above: success; below: why not.
 */
#ifndef VA_LINK_ERR_H
#define VA_LINK_ERR_H

enum va_err {
	VA_MORE = 1,         /* incremental parser: complete, there may be more */
	VA_OK = 0,           /* done; incremental parser: needs more bytes */
	VA_E_MALFORMED = -1, /* not of the form the specification gives */
	VA_E_AUTH = -2,      /* a tag did not verify, or a point is of low order */
	VA_E_STATE = -3,     /* not now: no session, wrong step, already under way */
	VA_E_SPACE = -4,     /* does not fit the buffer or the queue; nothing was taken */
	VA_E_RANGE = -5,     /* an argument is out of its range */
	VA_E_LIMIT = -6,     /* a limit of PROTOCOL.md 9 was reached */
	VA_E_RANDOM = -7,    /* libsodium could not be initialised */
};

#endif
