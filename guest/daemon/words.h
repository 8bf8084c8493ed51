// SPDX-License-Identifier: GPL-2.0-or-later
/* States, hints and outcomes in words for people, and as exit codes for scripts. Pure. */
#ifndef VA_GUEST_WORDS_H
#define VA_GUEST_WORDS_H

#include "common/base/exitcode.h"
#include "common/link/link.h"
#include "guest/daemon/port.h"

/* "up", "waiting", "unpaired", "no-host". */
const char *words_state(enum link_state state);
const char *words_port(enum port_state state);
/* Why the host does not talk to us, and what to do; NULL for LINK_HINT_NONE. */
const char *words_hint(enum link_hint hint);
/*
 * Why nothing can be asked of the host now, and what to do; EXIT_CODE_OK with "" when it can.
 */
enum exit_code words_unready(
	enum port_state port, enum link_state state, enum link_hint hint, const char **ret_text);
enum exit_code words_exit_code(uint32_t outcome);
/* What an outcome means where the answer itself brought no words. */
const char *words_outcome(uint32_t outcome);

#endif
