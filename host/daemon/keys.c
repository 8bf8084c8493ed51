// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keys of each guest: state_dir/guests/NAME/link.key, written before the protocol goes on
 * (LINK_EV_STORE), and the ways to get one: a one-time token that QEMU hands to the guest as
 * fw_cfg item, or a code that a person types. Both windows are open side by side; the link
 * counts the attempts. Secrets here live for the length of one function and are wiped.
 */
#include "common/base/keyfile.h"
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TOKEN_LIFE_S     (24 * 3600)
#define REKEY_LIMIT_USEC (30ull * 1000000)
#define PAIR_GRACE_MS    60000u /* a run that began within its window may end after it */

/* A pairing window that is open. */
struct pairing {
	struct control_client *client; /* who waits for its end; NULL: nobody (any more) */
	uint64_t tag;                  /* of the order that opened the window */
};

struct rekeying {
	struct control_client *client;
	sd_event_source *limit;
	uint64_t tag;   /* of the order */
	uint32_t epoch; /* of the record when it began */
};

static bool key_path(const struct guest *g, char *out, size_t size)
{
	return hostd_path(out, size, g->h->state_dir, "guests", g->name, "/link.key");
}

/* Our own copy: while the machine runs, libvirt gives the other one to QEMU's user. */
static bool own_token_path(const struct guest *g, char *out, size_t size)
{
	return hostd_path(out, size, g->h->state_dir, "guests", g->name, "/token.key");
}

static bool token_path(const struct guest *g, char *out, size_t size)
{
	if (g->conf && g->conf->token[0])
		return snprintf(out, size, "%s", g->conf->token) < (int)size;
	return hostd_path(out, size, g->h->state_dir, "pair", g->name, ".token");
}

/* --- the record --------------------------------------------------------------------------------
 */

/* In the log, and for those who ask for the status. */
__attribute__((format(printf, 2, 3))) static void trouble(struct guest *g, const char *fmt, ...)
{
	va_list ap;

	free(TAKE(g->key_trouble));
	va_start(ap, fmt);
	if (vasprintf(&g->key_trouble, fmt, ap) < 0)
		g->key_trouble = NULL;
	va_end(ap);
	log_error("guest %s: %s", g->name, g->key_trouble ? g->key_trouble : "out of memory");
}

int keys_load(struct guest *g, struct keyrec *ret)
{
	char path[PATH_MAX], text[KEYREC_TEXT_MAX];
	size_t len;
	unsigned int line = 0;
	enum va_err e;
	int r;

	free(TAKE(g->key_trouble));
	if (!key_path(g, path, sizeof(path)))
		return -ENAMETOOLONG;
	r = keyfile_read(path, text, sizeof(text), &len);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		trouble(g, "%s: %s", path, keyfile_error(r));
		return r;
	}
	e = keyrec_parse(text, len, ret, &line);
	sodium_memzero(text, sizeof(text));
	if (e == VA_OK && !strcmp(ret->guest, g->name))
		return 1;
	sodium_memzero(ret, sizeof(*ret));
	if (e == VA_OK)
		trouble(g,
			"%s: it is the record of another guest; put it back, or pair again "
			"(va-host pair %s)",
			path, g->name);
	else if (e == VA_E_AUTH)
		trouble(g,
			"%s: the checksum does not match: torn or edited; restore it, or pair "
			"again (va-host pair %s)",
			path, g->name);
	else
		trouble(g,
			"%s:%u: not a line of a key record; restore it, or pair again (va-host "
			"pair %s)",
			path, line, g->name);
	return -EBADMSG;
}

static int store(struct guest *g, const struct keyrec *record)
{
	char path[PATH_MAX], text[KEYREC_TEXT_MAX];
	struct keyrec mine = *record;
	size_t len;
	int r = -EINVAL;

	/* whatever the va-link says: its record is this guest's and nobody else's */
	snprintf(mine.guest, sizeof(mine.guest), "%s", g->name);
	if (key_path(g, path, sizeof(path)) &&
		keyrec_format(&mine, text, sizeof(text), &len) == VA_OK) {
		r = keyfile_write(path, text, len);
		if (r < 0)
			log_error("guest %s: cannot store its keys: %s: %s", g->name, path,
				keyfile_error(r));
	}
	sodium_memzero(text, sizeof(text));
	sodium_memzero(&mine, sizeof(mine));
	return r;
}

/* A pairing may be under way: root asked for one not long ago. */
static bool window_is_open(const struct guest *g)
{
	return hostd_now_ms() < g->window_end_ms + PAIR_GRACE_MS;
}

static void rekey_end(struct guest *g, enum exit_code code, const char *text)
{
	struct rekeying *k = TAKE(g->rekeying);

	if (!k)
		return;
	sd_event_source_disable_unref(k->limit);
	if (k->client)
		control_finish(k->client, code, NULL, "%s", text);
	free(k);
}

void keys_on_store(struct guest *g, const struct keyrec *record)
{
	struct link_ipc m = { .head.op = LINK_OP_STORED };

	if (!g->paired && !window_is_open(g)) {
		log_error("guest %s: its va-link wants to store keys that nobody asked for: "
			  "ending it",
			g->name);
		worker_reject(g->link);
		return;
	}
	m.ok = store(g, record) == 0;
	g->paired = g->paired || m.ok;
	if (m.ok)
		free(TAKE(g->key_trouble));
	guest_order(g, &m);
	if (!m.ok)
		rekey_end(g, EXIT_CODE_FAILED, "the new keys could not be written; see the log");
	else if (g->rekeying && record->next.epoch == 0 && record->cur.epoch > g->rekeying->epoch)
		rekey_end(g, EXIT_CODE_OK, "new keys are in use");
}

/* --- pairing
 * --------------------------------------------------------------------------------------- */

static void pairing_end(struct guest *g, enum exit_code code, json_object *extra, const char *text)
{
	struct pairing *p = TAKE(g->pairing);

	if (p && p->client)
		control_finish(p->client, code, extra, "%s", text);
	else
		json_object_put(extra);
	free(p);
}

static void drop_token(struct guest *g)
{
	char path[PATH_MAX];

	/* it stays, empty: "no pairing pending", so that the machine always starts */
	if (token_path(g, path, sizeof(path)) && truncate(path, 0) < 0 && errno != ENOENT)
		log_warn("%s: cannot empty the used token: %s", path, strerror(errno));
	if (own_token_path(g, path, sizeof(path)))
		keyfile_remove(path);
}

/* Returns the order's tag. */
static uint64_t open_window(struct guest *g, enum pair_mode mode, const uint8_t *token, uint64_t ms)
{
	struct link_ipc m = {
		.head.op = LINK_OP_PAIR, .value = (uint32_t)ms, .value2 = (uint32_t)mode
	};
	uint64_t end = hostd_now_ms() + ms;

	/* a long name is cut here; store() puts the whole one into the record */
	snprintf(m.words, sizeof(m.words), "%.47s", g->name);
	if (token)
		memcpy(m.secret, token, PAIR_TOKEN_SIZE);
	m.tag = ++g->next_tag;
	if (g->window_end_ms < end)
		g->window_end_ms = end;
	guest_order(g, &m);
	sodium_memzero(&m, sizeof(m));
	return g->next_tag;
}

void keys_resume_pairing(struct guest *g)
{
	char path[PATH_MAX];
	uint8_t token[PAIR_TOKEN_SIZE + 1];
	struct stat st;
	size_t len;
	int64_t age;
	int r;

	if (!own_token_path(g, path, sizeof(path)) || stat(path, &st) < 0)
		return;
	age = (int64_t)time(NULL) - st.st_mtime;
	if (st.st_size != PAIR_TOKEN_SIZE || age < 0 || age >= TOKEN_LIFE_S) {
		log_warn("%s: the pairing token is too old or torn; say \"va-host pair %s\" again",
			path, g->name);
		return;
	}
	r = keyfile_read(path, (char *)token, sizeof(token), &len);
	if (r < 0)
		log_warn("guest %s: %s: %s", g->name, path, keyfile_error(r));
	else if (len == PAIR_TOKEN_SIZE)
		open_window(g, PAIR_TOKEN, token, (uint64_t)(TOKEN_LIFE_S - age) * 1000);
	sodium_memzero(token, sizeof(token));
}

static int place_token(struct guest *g, char *path, size_t size)
{
	uint8_t token[PAIR_TOKEN_SIZE];
	char own[PATH_MAX];
	int r;

	if (!own_token_path(g, own, sizeof(own)) || !token_path(g, path, size))
		return -ENAMETOOLONG;
	randombytes_buf(token, sizeof(token));
	r = keyfile_write(own, token, sizeof(token));
	if (r >= 0)
		r = keyfile_write(path, token, sizeof(token));
	if (r < 0)
		log_error("guest %s: cannot place its pairing token: %s: %s", g->name, path,
			keyfile_error(r));
	else
		open_window(g, PAIR_TOKEN, token, (uint64_t)TOKEN_LIFE_S * 1000);
	sodium_memzero(token, sizeof(token));
	return r;
}

void keys_command_pair(struct hostd *h, struct guest *g, struct control_client *c)
{
	char path[PATH_MAX];
	const char *hint = guest_has_channel(g) ? NULL : guest_hint_text(g);
	int r;

	(void)h;
	if (hint) {
		control_finish(c, EXIT_CODE_REFUSED, NULL, "%s: %s", g->name, hint);
		return;
	}
	pairing_end(g, EXIT_CODE_FAILED, NULL, "another \"va-host pair\" took over");
	r = place_token(g, path, sizeof(path));
	if (r < 0) {
		control_finish(c, EXIT_CODE_FAILED, NULL, "cannot place the pairing token: %s: %s",
			path, keyfile_error(r));
		return;
	}
	if (!g->connected) {
		control_finish(c, EXIT_CODE_OK, json_object_new_object(),
			"%s is not running: it pairs by itself at its next start, within 24 hours, "
			"with the token in %s",
			g->name, path);
		return;
	}
	g->pairing = calloc(1, sizeof(*g->pairing));
	if (!g->pairing) {
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	g->pairing->client = c;
	g->pairing->tag = open_window(g, PAIR_CODE, NULL, PAIR_WINDOW_MS);
	log_info("audit: pairing window for guest %s opened by uid %u", g->name,
		control_client_uid(c));
}

static void show_code(struct guest *g, const char *code)
{
	json_object *o;
	char path[PATH_MAX];

	if (!g->pairing || !g->pairing->client)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "code", json_object_new_string(code));
	if (token_path(g, path, sizeof(path)))
		json_object_object_add(o, "token_file", json_object_new_string(path));
	json_object_object_add(o, "token_xml",
		json_object_new_boolean(!g->uuid[0] || (g->virt_flags & VIRT_FLAG_FWCFG)));
	json_object_object_add(o, "expires_s", json_object_new_int(PAIR_WINDOW_MS / 1000));
	control_send(g->pairing->client, "code", o);
}

static void on_paired(struct guest *g, const char *words)
{
	json_object *o;
	char text[192];

	if (!window_is_open(g) || !g->paired)
		return; /* not without a window and a record that was stored */
	o = json_object_new_object();
	json_object_object_add(o, "fingerprint", json_object_new_string(words));
	g->window_end_ms = 0;
	g->hint = LINK_HINT_NONE;
	drop_token(g);
	log_info("audit: guest %s is paired, fingerprint %s", g->name, words);
	snprintf(text, sizeof(text), "%s is paired; fingerprint %s (the guest shows the same)",
		g->name, words);
	pairing_end(g, EXIT_CODE_OK, o, text);
	hostd_world_changed(g->h);
}

static void on_attempt(struct guest *g, unsigned int left)
{
	json_object *o;

	log_warn("guest %s: a pairing attempt failed, %u left", g->name, left);
	if (!g->pairing || !g->pairing->client)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "left", json_object_new_int((int)left));
	control_send(g->pairing->client, "attempt", o);
}

void keys_on_event(struct guest *g, const struct link_ipc *m)
{
	char words[sizeof(m->words)];

	snprintf(words, sizeof(words), "%s", m->words);
	if (m->head.op == LINK_OP_PAIR_CODE)
		show_code(g, words);
	else if (m->event == LINK_EV_PAIRED)
		on_paired(g, words);
	else if (m->event == LINK_EV_PAIR_FAILED && m->attempts > 0)
		on_attempt(g, m->attempts);
	else if (m->event == LINK_EV_PAIR_FAILED)
		pairing_end(g, EXIT_CODE_FAILED, NULL,
			"the pairing window is closed: the time, or the three attempts, are over; "
			"start again with va-host pair");
	sodium_memzero(words, sizeof(words));
}

/* --- the other commands
 * ------------------------------------------------------------------------------ */

void keys_command_unpair(struct hostd *h, struct guest *g, struct control_client *c)
{
	struct link_ipc close_window = { .head.op = LINK_OP_UNPAIR_WINDOW };
	struct link_ipc no_record = { .head.op = LINK_OP_RECORD };
	char path[PATH_MAX];
	int r;

	(void)h;
	pairing_end(g, EXIT_CODE_FAILED, NULL, "unpaired meanwhile");
	rekey_end(g, EXIT_CODE_FAILED, "unpaired meanwhile");
	guest_order(g, &close_window);
	g->window_end_ms = 0;
	drop_token(g);
	r = key_path(g, path, sizeof(path)) ? keyfile_remove(path) : -ENAMETOOLONG;
	if (r < 0 && r != -ENOENT) {
		control_finish(
			c, EXIT_CODE_FAILED, NULL, "cannot delete %s: %s", path, strerror(-r));
		return;
	}
	log_info("audit: guest %s unpaired by uid %u", g->name, control_client_uid(c));
	g->paired = false;
	free(TAKE(g->key_trouble));
	/* the old one tells the guest, forgets the keys, and goes all the same */
	guest_order(g, &no_record);
	if (g->link)
		worker_replace(g->link);
	control_finish(c, EXIT_CODE_OK, NULL, "%s is unpaired; its keys are deleted here", g->name);
}

static int on_rekey_limit(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	rekey_end(userdata, EXIT_CODE_UNKNOWN,
		"the guest did not take part to the end; the old keys stay good until it does");
	return 0;
}

void keys_command_rekey(struct hostd *h, struct guest *g, struct control_client *c)
{
	struct link_ipc m = { .head.op = LINK_OP_REKEY };
	struct keyrec record;
	int r = keys_load(g, &record);
	uint32_t epoch = r == 1 ? record.cur.epoch : 0;

	sodium_memzero(&record, sizeof(record));
	if (r != 1 || g->state != LINK_UP) {
		control_finish(c, r == 1 ? EXIT_CODE_NOT_CONNECTED : EXIT_CODE_NOT_PAIRED, NULL,
			"%s: %s", g->name,
			r == 1 ? "no session; new keys are agreed on inside one" : "not paired");
		return;
	}
	rekey_end(g, EXIT_CODE_FAILED, "another \"va-host rekey\" took over");
	g->rekeying = calloc(1, sizeof(*g->rekeying));
	if (g->rekeying)
		r = sd_event_add_time_relative(h->event, &g->rekeying->limit, CLOCK_BOOTTIME,
			REKEY_LIMIT_USEC, 100000, on_rekey_limit, g);
	if (!g->rekeying || r < 0) {
		free(TAKE(g->rekeying));
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	g->rekeying->client = c;
	g->rekeying->epoch = epoch;
	g->rekeying->tag = m.tag = ++g->next_tag;
	guest_order(g, &m);
	log_info("audit: rekeying of guest %s started by uid %u", g->name, control_client_uid(c));
}

void keys_on_refused(struct guest *g, uint64_t tag)
{
	if (g->pairing && g->pairing->tag == tag)
		pairing_end(g, EXIT_CODE_BUSY, NULL,
			"the link cannot pair now: another exchange of keys is under way");
	if (g->rekeying && g->rekeying->tag == tag)
		rekey_end(g, EXIT_CODE_BUSY,
			"the link cannot take it now: another exchange of keys is under way");
}

void keys_on_down(struct guest *g)
{
	/* a roll goes on in the next session; its limit tells the client if it does not */
	if (!g->link || !worker_is_running(g->link))
		pairing_end(g, EXIT_CODE_FAILED, NULL,
			"the guest's link ended; start again with va-host pair");
}

void keys_forget_client(struct hostd *h, const struct control_client *c)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++) {
		struct guest *g = h->guests[i];

		if (g && g->pairing && g->pairing->client == c)
			g->pairing->client = NULL;
		if (g && g->rekeying && g->rekeying->client == c)
			g->rekeying->client = NULL;
	}
}

void keys_free(struct guest *g)
{
	rekey_end(g, EXIT_CODE_FAILED, "the guest is gone");
	pairing_end(g, EXIT_CODE_FAILED, NULL, "the guest is gone");
}
