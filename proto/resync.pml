// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A model for Spin of how the two ends find each other again (PROTOCOL.md 4.9) and of what may be
 * executed meanwhile (7.3). Cryptography is abstracted to numbers that are never used twice.
 *
 * The pipe: first in, first out, both ways. It survives restarts of the ends, so what an earlier
 * life of either has written is still delivered; a frame written into a full pipe is lost.
 *
 * Checked, over all interleavings with up to MAXR restarts:
 *  - once the restarts are over, both ends reach the same session (LTL: live);
 *  - no storm: fewer than 120 fresh values are drawn in all (assert);
 *  - a COMMIT acts once, never with a ticket that has expired or is of another session (assert).
 *
 * Two mutants show that the model can fail: MUTANT_EXPIRY does not look whether the ticket is
 * still alive, MUTANT_SILENT is a host that never sends SOLICIT. tests/spin.sh runs all three.
 */
#ifndef MAXR
#define MAXR 3
#endif

mtype = { SOLICIT, HELLO, INIT, RESP, CONFIRM, PREPARE, TICKET, COMMIT };

chan to_guest = [3] of { mtype, byte, byte };
chan to_host = [3] of { mtype, byte, byte };

byte drawn = 0;		/* fresh values so far */
byte restarts = 0;
byte h_cur = 0;		/* host: its session; 0: none */
byte h_eph = 0;		/* host: ephemeral key of the INIT that is out; 0: none */
byte g_cur = 0;		/* guest: its session */
byte g_nonce = 0;	/* guest: nonce that an INIT may answer; 0: spent */
byte g_next = 0;	/* guest: unconfirmed session */
byte ticket = 0, ticket_session = 0;
bool ticket_live = false;
byte dead_ticket = 0, last_ticket = 0;	/* seen only by the assertions */
bool asked = false;
bool done = false;

#define AGREED (h_cur != 0 && h_cur == g_cur && h_eph == 0 && g_next == 0)

inline put(pipe, kind, a1, a2)
{
	if
	:: nfull(pipe) -> pipe!kind(a1, a2)
	:: full(pipe) -> skip
	fi
}

inline fresh(var)
{
	drawn = drawn + 1;
	assert(drawn < 120);
	var = drawn
}

inline solicit()
{
#ifndef MUTANT_SILENT
	put(to_guest, SOLICIT, 0, 0)
#else
	skip
#endif
}

active proctype host()
{
	byte a, b;

	solicit();
	do
	:: done -> break
	:: atomic { to_host?HELLO(a, b) ->
		fresh(h_eph);
		put(to_guest, INIT, a, h_eph) }
	:: atomic { to_host?RESP(a, b) ->
		if
		:: a == h_eph && h_eph != 0 ->
			h_cur = b;
			h_eph = 0;
			ticket_live = false;
			dead_ticket = ticket;
			put(to_guest, CONFIRM, b, 0)
		:: else -> skip
		fi }
	:: atomic { to_host?PREPARE(a, b) ->
		if
		:: a == h_cur && h_cur != 0 ->
			fresh(ticket);
			ticket_session = h_cur;
			ticket_live = true;
			put(to_guest, TICKET, h_cur, ticket)
		:: else -> solicit()
		fi }
	:: atomic { to_host?COMMIT(a, b) ->
		if
		:: a == h_cur && h_cur != 0 && b == ticket &&
#ifndef MUTANT_EXPIRY
		   ticket_live &&
#endif
		   ticket_session == h_cur ->
			ticket_live = false;
			assert(b != dead_ticket && b != last_ticket && ticket_session == h_cur);
			last_ticket = b
		:: else -> skip
		fi }
	/* its three seconds may be over at any moment */
	:: atomic { ticket_live ->
		ticket_live = false;
		dead_ticket = ticket }
	/* restart: all is forgotten but what is in the pipes */
	:: atomic { !done && restarts < MAXR ->
		restarts++;
		h_cur = 0;
		h_eph = 0;
		ticket_live = false;
		ticket = 0;
		ticket_session = 0;
		a = 0;
		b = 0;
		solicit() }
	/* nothing was heard for long: the session is dead, and another is asked for */
	:: atomic { timeout && !done && !AGREED ->
		h_cur = 0;
		h_eph = 0;
		ticket_live = false;
		solicit() }
	od
}

active proctype guest()
{
	byte a, b;

	fresh(g_nonce);
	put(to_host, HELLO, g_nonce, 0);
	do
	:: done -> break
	:: atomic { to_guest?SOLICIT(a, b) ->
		fresh(g_nonce);
		put(to_host, HELLO, g_nonce, 0) }
	:: atomic { to_guest?INIT(a, b) ->
		if
		:: a == g_nonce && g_nonce != 0 ->
			g_nonce = 0;
			fresh(g_next);
			put(to_host, RESP, b, g_next)
		:: else -> skip
		fi }
	:: atomic { to_guest?CONFIRM(a, b) ->
		if
		:: a == g_next && g_next != 0 ->
			g_cur = a;
			g_next = 0
		:: else -> skip
		fi }
	:: atomic { to_guest?TICKET(a, b) ->
		if
		:: a == g_cur && g_cur != 0 -> put(to_host, COMMIT, a, b)
		:: else -> skip
		fi }
	:: atomic { !done && g_cur != 0 && !asked ->
		asked = true;
		put(to_host, PREPARE, g_cur, 0) }
	:: atomic { !done && restarts < MAXR ->
		restarts++;
		g_cur = 0;
		g_next = 0;
		a = 0;
		b = 0;
		asked = false;
		fresh(g_nonce);
		put(to_host, HELLO, g_nonce, 0) }
	/* nothing moves any more, and both agree */
	:: atomic { timeout && !done && AGREED ->
		done = true }
	od
}

ltl live { <> done }
