// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * This machine's half of the pairing: the key record on the disk, the one-time token that the
 * host may have put into the firmware's configuration (fw_cfg), and a code that somebody typed.
 * PROTOCOL.md 6, 8.
 *
 * A token's blob stays as it is until the machine is started anew, so a token that has done its
 * work is remembered by its hash and not tried again.
 */
#ifndef VA_GUEST_PAIRING_H
#define VA_GUEST_PAIRING_H

#include "common/base/cleanup.h"
#include "common/base/exitcode.h"
#include "common/link/link.h"

#define PAIRING_TOKEN_FILE "pair.token" /* in the run directory */

struct pairing;

/* words: the fingerprint, or ""; text: for people. */
typedef void pairing_done_fn(
	enum exit_code code, const char *words, const char *text, void *userdata);

/*
 * Reads STATE/host.key: 0 with or without a record. Negative errno where a record is there and
 * cannot be used; *ret_why (static or p's, good until pairing_free) says what is wrong.
 */
int pairing_new(struct pairing **ret, const char *state_dir, const char *run_dir, char *ret_why,
	size_t why_size);
void pairing_free(struct pairing *p);
DEFINE_CLEANUP(pairing, pairing_free);

/* The record, for channel_new(); NULL: unpaired. */
const struct keyrec *pairing_record(const struct pairing *p);
bool pairing_is_paired(const struct pairing *p);
void pairing_attach(struct pairing *p, struct link *link);

/* If there is a token that was not used yet, opens a run with it. True: it did. */
bool pairing_try_token(struct pairing *p);
/*
 * A person's request: typed is the code, or "" for the token. EXIT_CODE_OK: done will be called;
 * *ret_text says what is going on. Else *ret_text says why not.
 */
enum exit_code pairing_start(struct pairing *p, const char *typed, pairing_done_fn *done,
	void *userdata, const char **ret_text);
/* Whoever asked (that userdata) left. */
void pairing_cancel(struct pairing *p, void *userdata);

/* Link events STORE, PAIRED and PAIR_FAILED. 0, or negative errno where a STORE failed. */
int pairing_take_event(struct pairing *p, const struct link_event *ev);

/*
 * For va-guestd --import-token, which runs as root before the daemon does: copies the blob at
 * source to RUN/pair.token, owned by whoever owns the run directory. No blob: no file, 0.
 */
int pairing_import_token(const char *source, const char *run_dir);

#endif
