// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Key record, token and code; see pairing.h.
 *
 * Theory of operation: the link runs the protocol and says when something must be on the disk;
 * this file puts it there and answers. All secrets stand in one sodium_malloc() block.
 */
#include "guest/daemon/pairing.h"

#include "common/base/keyfile.h"
#include "guest/daemon/clock.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_FILE     "host.key"
#define USED_FILE       "token.used"
#define HOST_NAME       "host" /* what the guest's record calls the other side */
#define TOKEN_WINDOW_MS (24u * 60u * 60u * 1000u)
#define HASH_SIZE       16
#define PATH_SIZE       256

struct secrets {
	struct keyrec record;
	uint8_t token[PAIR_TOKEN_SIZE];
	char text[KEYREC_TEXT_MAX];
};

struct pairing {
	struct secrets *secrets; /* sodium_malloc() */
	struct link *link;
	bool paired;
	bool by_token; /* a token's run is open */
	uint8_t token_hash[HASH_SIZE];
	char record_path[PATH_SIZE], used_path[PATH_SIZE], token_path[PATH_SIZE];
	pairing_done_fn *done;
	void *userdata;
};

static int make_path(char out[PATH_SIZE], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_SIZE, "%s/%s", dir, name);

	return n < 0 || n >= PATH_SIZE ? -ENAMETOOLONG : 0;
}

/* --- the record ----------------------------------------------------------------------------- */

static int read_record(struct pairing *p, char *ret_why, size_t why_size)
{
	struct secrets *s = p->secrets;
	unsigned int line = 0;
	size_t len = 0;
	int r = keyfile_read(p->record_path, s->text, sizeof(s->text), &len);
	enum va_err e;

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		snprintf(ret_why, why_size, "%s: %s", p->record_path, keyfile_error(r));
		return r;
	}
	e = keyrec_parse(s->text, len, &s->record, &line);
	sodium_memzero(s->text, sizeof(s->text));
	if (e == VA_OK) {
		p->paired = true;
		return 0;
	}
	if (e == VA_E_AUTH)
		snprintf(ret_why, why_size,
			"%s: its checksum is wrong, the file was cut or edited; remove it and "
			"pair again",
			p->record_path);
	else
		snprintf(ret_why, why_size,
			"%s:%u: not what a key record says there; remove "
			"the file and pair again",
			p->record_path, line);
	return -EBADMSG;
}

static int write_record(struct pairing *p, const struct keyrec *record)
{
	struct secrets *s = p->secrets;
	size_t len = 0;
	int r = -EINVAL;

	if (keyrec_format(record, s->text, sizeof(s->text), &len) == VA_OK)
		r = keyfile_write(p->record_path, s->text, len);
	sodium_memzero(s->text, sizeof(s->text));
	return r;
}

/* --- the token ------------------------------------------------------------------------------ */

/* True if there is a token, which then stands in secrets, with its hash in token_hash. */
static bool read_token(struct pairing *p)
{
	struct secrets *s = p->secrets;
	size_t len = 0;

	/* one byte more than a token: the reader terminates what it read */
	if (keyfile_read(p->token_path, s->text, PAIR_TOKEN_SIZE + 2, &len) < 0 ||
		len != PAIR_TOKEN_SIZE) {
		sodium_memzero(s->text, sizeof(s->text));
		return false;
	}
	memcpy(s->token, s->text, PAIR_TOKEN_SIZE);
	sodium_memzero(s->text, sizeof(s->text));
	crypto_generichash(p->token_hash, HASH_SIZE, s->token, PAIR_TOKEN_SIZE, NULL, 0);
	return true;
}

static bool token_was_used(const struct pairing *p)
{
	char used[HASH_SIZE + 2];
	size_t len = 0;

	return keyfile_read(p->used_path, used, sizeof(used), &len) == 0 && len == HASH_SIZE &&
	       memcmp(used, p->token_hash, HASH_SIZE) == 0;
}

static enum va_err open_token(struct pairing *p)
{
	enum va_err e = link_pair_open(p->link, PAIR_TOKEN, p->secrets->token, PAIR_TOKEN_SIZE,
		HOST_NAME, TOKEN_WINDOW_MS, clock_now_ms());

	sodium_memzero(p->secrets->token, PAIR_TOKEN_SIZE);
	p->by_token = e >= 0;
	return e;
}

bool pairing_try_token(struct pairing *p)
{
	return read_token(p) && !token_was_used(p) && open_token(p) >= 0;
}

/* --- a person's request --------------------------------------------------------------------- */

static enum exit_code start_code(struct pairing *p, const char *typed, const char **ret_text)
{
	char code[PAIR_CODE_CHARS + 1];
	enum va_err e = pair_code_parse(typed, code);

	if (e < 0) {
		*ret_text = "that is not a code: eight letters and digits, like K7Q4-2M9X";
		return EXIT_CODE_USAGE;
	}
	e = link_pair_open(p->link, PAIR_CODE, (const uint8_t *)code, PAIR_CODE_CHARS, HOST_NAME,
		PAIR_WINDOW_MS, clock_now_ms());
	sodium_memzero(code, sizeof(code));
	if (e < 0) {
		*ret_text = "another pairing is under way: try again";
		return EXIT_CODE_BUSY;
	}
	p->by_token = false;
	*ret_text = "pairing with the host by code";
	return EXIT_CODE_OK;
}

static enum exit_code start_token(struct pairing *p, const char **ret_text)
{
	if (!read_token(p)) {
		*ret_text = "this machine was given no token: run 'va-host pair GUEST' on the "
			    "host and 'va-guest pair CODE' here";
		return EXIT_CODE_FAILED;
	}
	if (open_token(p) < 0) {
		*ret_text = "another pairing is under way: try again";
		return EXIT_CODE_BUSY;
	}
	*ret_text = "pairing with the host by token";
	return EXIT_CODE_OK;
}

enum exit_code pairing_start(struct pairing *p, const char *typed, pairing_done_fn *done,
	void *userdata, const char **ret_text)
{
	enum exit_code code;

	if (p->done) {
		*ret_text = "somebody else is pairing this machine now: try again";
		return EXIT_CODE_BUSY;
	}
	code = *typed ? start_code(p, typed, ret_text) : start_token(p, ret_text);
	if (code == EXIT_CODE_OK) {
		p->done = done;
		p->userdata = userdata;
	}
	return code;
}

static void finish(struct pairing *p, enum exit_code code, const char *words, const char *text)
{
	pairing_done_fn *done = p->done;

	p->done = NULL;
	if (done)
		done(code, words, text, p->userdata);
}

void pairing_cancel(struct pairing *p, void *userdata)
{
	if (!p->done || p->userdata != userdata)
		return;
	p->done = NULL;
	link_pair_close(p->link, clock_now_ms());
}

/* --- what the link says --------------------------------------------------------------------- */

static int take_store(struct pairing *p, const struct keyrec *record)
{
	int r = write_record(p, record);

	if (r == 0) {
		p->secrets->record = *record;
		p->paired = true;
	}
	link_stored(p->link, r == 0, clock_now_ms());
	return r;
}

/* A typed code without a window on the host: say so now, not when our own window is over. */
static void take_hint(struct pairing *p, enum link_hint hint)
{
	if (hint != LINK_HINT_PAIRING_CLOSED || !p->done || p->by_token)
		return;
	link_pair_close(p->link, clock_now_ms());
	finish(p, EXIT_CODE_REFUSED, "",
		"the host is not waiting for a pairing: run 'va-host "
		"pair GUEST' there first");
}

static void take_failure(struct pairing *p, const struct link_event *ev)
{
	/* the guest's runs go on until the window is over; the last one counts */
	if (ev->hint == LINK_HINT_PAIRING_CLOSED)
		finish(p, EXIT_CODE_FAILED, "",
			"the host is not waiting for a pairing: run "
			"'va-host pair GUEST' there first");
	else if (ev->hint == LINK_HINT_PAIRING_FAILED)
		finish(p, EXIT_CODE_FAILED, "",
			"the host did not accept the code: is it the one "
			"that is shown there now?");
	else
		finish(p, EXIT_CODE_FAILED, "",
			"the host did not answer in time: does 'va-host "
			"pair GUEST' still wait there?");
}

int pairing_take_event(struct pairing *p, const struct link_event *ev)
{
	char words[sizeof(ev->words) + 64];

	switch (ev->kind) {
	case LINK_EV_STORE: return take_store(p, ev->record);
	case LINK_EV_PAIRED:
		/* a mark that cannot be written costs one needless attempt at the next start */
		if (p->by_token)
			keyfile_write(p->used_path, p->token_hash, HASH_SIZE);
		p->by_token = false;
		snprintf(words, sizeof(words), "paired; both sides show the words %s", ev->words);
		finish(p, EXIT_CODE_OK, ev->words, words);
		return 0;
	case LINK_EV_PAIR_FAILED: take_failure(p, ev); return 0;
	case LINK_EV_HINT: take_hint(p, ev->hint); return 0;
	default: return 0;
	}
}

/* --- from beginning to end ------------------------------------------------------------------ */

int pairing_new(struct pairing **ret, const char *state_dir, const char *run_dir, char *ret_why,
	size_t why_size)
{
	CLEANUP_FN(pairing) struct pairing *p = calloc(1, sizeof(*p));
	int r;

	snprintf(ret_why, why_size, "no memory for keys");
	if (!p || sodium_init() < 0)
		return -ENOMEM;
	p->secrets = sodium_malloc(sizeof(*p->secrets));
	if (!p->secrets)
		return -ENOMEM;
	memset(p->secrets, 0, sizeof(*p->secrets));
	r = make_path(p->record_path, state_dir, RECORD_FILE);
	if (r == 0)
		r = make_path(p->used_path, state_dir, USED_FILE);
	if (r == 0)
		r = make_path(p->token_path, run_dir, PAIRING_TOKEN_FILE);
	if (r == 0)
		r = read_record(p, ret_why, why_size);
	if (r < 0)
		return r;
	*ret = TAKE(p);
	return 0;
}

void pairing_free(struct pairing *p)
{
	if (!p)
		return;
	sodium_free(p->secrets);
	free(p);
}

const struct keyrec *pairing_record(const struct pairing *p)
{
	return p->paired ? &p->secrets->record : NULL;
}

bool pairing_is_paired(const struct pairing *p)
{
	return p->paired;
}

void pairing_attach(struct pairing *p, struct link *link)
{
	p->link = link;
}

/* --- va-guestd --import-token
 * ---------------------------------------------------------------------- */

/* fw_cfg files are root's, 0400, and of a file system of the kernel's own: no more is checked. */
static ssize_t read_blob(const char *source, uint8_t *buf, size_t size)
{
	CLEANUP_FD int fd = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	while (n < size) {
		ssize_t k = read(fd, buf + n, size - n);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k == 0)
			break;
		n += k > 0 ? (size_t)k : 0;
	}
	return (ssize_t)n;
}

/* As whoever owns the run directory from here on: no root among files that another may change. */
static int become_owner_of(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return -errno;
	if (st.st_uid == geteuid())
		return 0;
	return setegid(st.st_gid) < 0 || seteuid(st.st_uid) < 0 ? -errno : 0;
}

int pairing_import_token(const char *source, const char *run_dir)
{
	uint8_t blob[PAIR_TOKEN_SIZE + 1];
	char path[PATH_SIZE];
	int r = make_path(path, run_dir, PAIRING_TOKEN_FILE);
	ssize_t n = r < 0 ? r : read_blob(source, blob, sizeof(blob));

	if (n <= 0)
		return (int)n;
	if (n != PAIR_TOKEN_SIZE)
		r = -EBADMSG;
	if (r == 0)
		r = become_owner_of(run_dir);
	if (r == 0)
		r = keyfile_write(path, blob, PAIR_TOKEN_SIZE);
	sodium_memzero(blob, sizeof(blob));
	return r;
}
