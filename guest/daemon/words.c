// SPDX-License-Identifier: GPL-2.0-or-later
/* Words for people; see words.h. Every sentence about a fault says what to do next. */
#include "guest/daemon/words.h"

const char *words_state(enum link_state state)
{
	static const char *const names[] = {
		[LINK_NO_PEER] = "no-host",
		[LINK_UNPAIRED] = "unpaired",
		[LINK_WAITING] = "waiting",
		[LINK_UP] = "up",
	};

	return (unsigned int)state <= LINK_UP ? names[state] : "unknown";
}

const char *words_port(enum port_state state)
{
	static const char *const names[] = {
		[PORT_ABSENT] = "absent",
		[PORT_CLOSED] = "closed",
		[PORT_OPEN] = "open",
	};

	return names[state];
}

const char *words_hint(enum link_hint hint)
{
	static const char *const texts[] = {
		[LINK_HINT_NONE] = NULL,
		[LINK_HINT_VERSION] =
			"host and guest speak no common version: update the older one",
		[LINK_HINT_UNKNOWN_KEY] = "the host does not know this guest's key: pair again",
		[LINK_HINT_UNPAIRED] = "the host has no keys for this guest: pair again",
		[LINK_HINT_BUSY] = "the host is busy",
		[LINK_HINT_PAIRING_CLOSED] = "the host is not waiting for a pairing: run "
					     "'va-host pair GUEST' on the host first",
		[LINK_HINT_PAIRING_FAILED] = "the pairing failed: is the code the one the host "
					     "shows now?",
		[LINK_HINT_KEY_MISMATCH] = "the host's keys do not fit ours: pair again",
		[LINK_HINT_NOISE] = "the port carries what is not ours: does something else "
				    "use it?",
		[LINK_HINT_PEER_WANTS_PAIRING] = "the other side wants to be paired",
		[LINK_HINT_FOREIGN_KEY] = "the host names a key we do not know: pair again",
	};

	return (unsigned int)hint <= LINK_HINT_FOREIGN_KEY ? texts[hint] : NULL;
}

/* Keys here, but none over there that fit: no waiting helps. */
static bool needs_pairing(enum link_hint hint)
{
	return hint == LINK_HINT_UNPAIRED || hint == LINK_HINT_UNKNOWN_KEY ||
	       hint == LINK_HINT_KEY_MISMATCH || hint == LINK_HINT_FOREIGN_KEY;
}

enum exit_code words_unready(
	enum port_state port, enum link_state state, enum link_hint hint, const char **ret_text)
{
	*ret_text = "";
	if (state == LINK_UP)
		return EXIT_CODE_OK;
	if (port == PORT_ABSENT) {
		*ret_text = "this machine has no port org.virtaid.0: add the channel to its "
			    "definition on the host";
		return EXIT_CODE_NOT_CONNECTED;
	}
	if (port == PORT_CLOSED || state == LINK_NO_PEER) {
		*ret_text = "no host at the other end of the port: is va-hostd running there?";
		return EXIT_CODE_NOT_CONNECTED;
	}
	if (state == LINK_UNPAIRED) {
		*ret_text = "not paired: run 'va-host pair GUEST' on the host, then "
			    "'va-guest pair CODE' here";
		return EXIT_CODE_NOT_PAIRED;
	}
	*ret_text = words_hint(hint);
	if (!*ret_text)
		*ret_text = "the host does not answer: is va-hostd running there?";
	return needs_pairing(hint) ? EXIT_CODE_NOT_PAIRED : EXIT_CODE_NOT_CONNECTED;
}

enum exit_code words_exit_code(uint32_t outcome)
{
	switch (outcome) {
	case MSG_OUT_OK:
	case MSG_OUT_SCHEDULED: return EXIT_CODE_OK;
	case MSG_OUT_DENIED:
	case MSG_OUT_UNSUPPORTED:
	case MSG_OUT_NOT_FOUND:
	case MSG_OUT_AMBIGUOUS: return EXIT_CODE_REFUSED;
	case MSG_OUT_BUSY: return EXIT_CODE_BUSY;
	case MSG_OUT_UNCONFIRMED: return EXIT_CODE_UNCONFIRMED;
	case MSG_OUT_UNKNOWN: return EXIT_CODE_UNKNOWN;
	case MSG_OUT_NOT_SENT:
	case MSG_OUT_NOT_CONNECTED: return EXIT_CODE_NOT_CONNECTED;
	case MSG_OUT_NOT_PAIRED: return EXIT_CODE_NOT_PAIRED;
	default: return EXIT_CODE_FAILED;
	}
}

const char *words_outcome(uint32_t outcome)
{
	switch (outcome) {
	case MSG_OUT_OK: return "done";
	case MSG_OUT_DENIED: return "the host's policy says no: see /etc/virt-aid/policy.d there";
	case MSG_OUT_EXPIRED: return "it took too long, nothing was done: try again";
	case MSG_OUT_UNSUPPORTED: return "the other side does not do that";
	case MSG_OUT_BUSY: return "something else is under way: try again";
	case MSG_OUT_UNCONFIRMED: return "sent and acknowledged, but it could not be read back";
	case MSG_OUT_SCHEDULED: return "it will happen";
	case MSG_OUT_NOT_FOUND: return "no such name: see 'va-guest list'";
	case MSG_OUT_AMBIGUOUS: return "several fit that name";
	case MSG_OUT_UNKNOWN:
		return "the answer never came, it may or may not have happened: look with "
		       "'va-guest status'";
	case MSG_OUT_NOT_SENT:
	case MSG_OUT_NOT_CONNECTED:
		return "the connection to the host was lost before anything was done: try again";
	case MSG_OUT_NOT_PAIRED: return "not paired";
	default: return "it failed";
	}
}
