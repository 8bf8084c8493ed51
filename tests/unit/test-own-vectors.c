// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol's own test vectors: one course of a session and of both ways of pairing with fixed
 * randomness, as text. "test-own-vectors print" writes it; the cases compare it with the copy in
 * tests/unit/own-vectors.txt and with section 12 of proto/PROTOCOL.md. The bytes are verified
 * from outside by tests/vectors/check.py, which shares no code with this program.
 *
 * After a change of the protocol: print into own-vectors.txt, then tests/vectors/check.py --embed.
 */
#include "common/link/link-internal.h"
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdlib.h>

#define TEXT_MAX 32768u

static char text[TEXT_MAX];
static size_t text_len;

static void put(const char *s)
{
	size_t n = strlen(s);

	if (n < TEXT_MAX - text_len) {
		memcpy(text + text_len, s, n + 1);
		text_len += n;
	}
}

/* name, then 32 bytes a line */
static void put_hex(const char *name, const uint8_t *bytes, size_t n)
{
	char hex[80];

	put(name);
	put(" =");
	for (size_t i = 0; i < n; i += 32) {
		put(n > 32 ? "\n    " : " ");
		sodium_bin2hex(hex, sizeof(hex), bytes + i, n - i < 32 ? n - i : 32);
		put(hex);
	}
	put("\n");
}

/* --- two links with known randomness -------------------------------------------------------- */
struct side {
	struct link *l;
	unsigned int calls;
	uint8_t base;
	uint8_t drawn[24][64]; /* what was drawn, in order */
	size_t n_drawn[24];
};

static void counted(void *buf, size_t n, void *userdata)
{
	struct side *s = userdata;
	uint8_t *out = buf;

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(s->base + s->calls * 29 + i * 7 + i * i * s->calls);
	if (s->calls < 24 && n <= 64) {
		memcpy(s->drawn[s->calls], buf, n);
		s->n_drawn[s->calls] = n;
	}
	s->calls++;
}

static struct side *side_new(enum link_role role, const struct keyrec *rec)
{
	struct side *s = calloc(1, sizeof(*s));
	struct link_config c = {
		.role = role,
		.record = rec,
		.random = counted,
		.random_userdata = s,
	};

	s->base = role == LINK_HOST ? 0x80 : 0x11;
	s->l = calloc(1, link_size());
	link_init(s->l, &c, 1000000);
	return s;
}

static void side_free(struct side *s)
{
	link_wipe(s->l);
	free(s->l);
	free(s);
}

/* The n-th value of this size that was drawn. */
static const uint8_t *drawn(const struct side *s, size_t size, unsigned int n)
{
	static const uint8_t none[64];

	for (unsigned int i = 0; i < 24; i++)
		if (s->n_drawn[i] == size && !n--)
			return s->drawn[i];
	return none;
}

/* Moves all there is from one side to the other, and writes each frame's body down. */
static bool carry(struct side *from, struct side *to, bool pairing_only)
{
	static const char *const names[] = { "?", "hello", "solicit", "init", "resp", "data",
		"reject" };
	static const char *const pair_names[] = { "p-hello", "p-start", "p-share", "p-xx1", "p-xx2",
		"p-xx3", "p-done", "p-ack" };
	const uint8_t *bytes, *body;
	struct frame_reader *r;
	size_t n, used, len;

	link_output(from->l, &bytes, &n);
	if (!n)
		return false;
	r = calloc(1, sizeof(*r));
	frame_reader_init(r);
	frame_reader_set_limit(r, FRAME_MAX_ENCODED);
	for (size_t at = 0; at < n; at += used)
		if (frame_reader_push(r, bytes + at, n - at, &used, &body, &len) == VA_MORE) {
			if (body[0] >= BODY_P_HELLO)
				put_hex(pair_names[body[0] - BODY_P_HELLO], body, len);
			else if (!pairing_only)
				put_hex(names[body[0]], body, len);
		}
	free(r);
	link_input(to->l, bytes, n, 1000000);
	link_sent(from->l, n);
	return true;
}

static void exchange(struct side *host, struct side *guest, bool pairing_only)
{
	struct link_event ev;
	bool any = true;

	while (any) {
		any = carry(guest, host, pairing_only);
		any = carry(host, guest, pairing_only) || any;
		for (int i = 0; i < 2; i++) {
			struct side *s = i ? host : guest;

			while (link_next(s->l, &ev)) {
				struct message m = { .kind = MSG_RESULT };

				if (ev.kind == LINK_EV_STORE)
					link_stored(s->l, true, 1000000);
				if (ev.kind != LINK_EV_REQUEST)
					continue;
				m.id = ev.message->id;
				msg_result_init(&m.result, MSG_OUT_OK, "here");
				link_reply(s->l, ev.session, &m, 1000000);
			}
		}
	}
}

/* --- the session ---------------------------------------------------------------------------- */
static void fill(uint8_t *p, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

static void session(void)
{
	struct keyrec h = { .guest = "zorg", .cur.epoch = 1 },
		      g = { .guest = "host", .cur.epoch = 1 };
	struct msg_query q = { .question = MSG_Q_PING };
	uint8_t prologue[PROLOGUE_SIZE];
	struct side *host, *guest;

	fill(h.cur.secret, 32, 0x01);
	fill(g.cur.secret, 32, 0x41);
	fill(h.cur.psk, 32, 0xa0);
	fill(h.guest_id, 16, 0xe0);
	memcpy(g.cur.psk, h.cur.psk, 32);
	memcpy(g.guest_id, h.guest_id, 16);
	noise_public_key(h.cur.secret, g.cur.peer);
	noise_public_key(g.cur.secret, h.cur.peer);
	put("[session]\n");
	put_hex("host-secret", h.cur.secret, 32);
	put_hex("host-public", g.cur.peer, 32);
	put_hex("guest-secret", g.cur.secret, 32);
	put_hex("guest-public", h.cur.peer, 32);
	put_hex("psk", h.cur.psk, 32);
	put_hex("guest-id", h.guest_id, 16);

	host = side_new(LINK_HOST, &h);
	guest = side_new(LINK_GUEST, &g);
	link_connected(host->l, 1000000);
	link_connected(guest->l, 1000000);
	/* bodies in the order of the wire; the data are CONFIRM, QUERY {PING}, its RESULT */
	exchange(host, guest, false);
	link_query(host->l, 1, &q, 1000, 1000000);
	exchange(host, guest, false);
	put_hex("host-ephemeral", drawn(host, 32, 0), 32);
	put_hex("guest-ephemeral", drawn(guest, 32, 0), 32);
	link_prologue(host->l, guest->l->guest.hello, host->l->host.init, prologue);
	put_hex("prologue", prologue, sizeof(prologue));
	side_free(host);
	side_free(guest);
}

/* --- pairing -------------------------------------------------------------------------------- */
static void pairing(enum pair_mode mode)
{
	struct side *host = side_new(LINK_HOST, NULL), *guest = side_new(LINK_GUEST, NULL);
	uint8_t token[PAIR_TOKEN_SIZE];
	const uint8_t *secret = mode == PAIR_TOKEN ? token : (const uint8_t *)"K7Q42M9X";
	size_t n = mode == PAIR_TOKEN ? PAIR_TOKEN_SIZE : PAIR_CODE_CHARS;

	fill(token, sizeof(token), 0x60);
	put(mode == PAIR_TOKEN ? "\n[pairing by token]\n" : "\n[pairing by code]\n");
	put_hex(mode == PAIR_TOKEN ? "token" : "code", secret, n);
	link_connected(host->l, 1000000);
	link_pair_open(host->l, mode, secret, n, "zorg", 1000, 1000000);
	/* the guest's own HELLO is not part of this */
	link_connected(guest->l, 1000000);
	link_pair_open(guest->l, mode, secret, n, NULL, 1000, 1000000);
	exchange(host, guest, true);
	if (mode == PAIR_CODE) {
		put_hex("host-cpace-random", drawn(host, 64, 0), 64);
		put_hex("guest-cpace-random", drawn(guest, 64, 0), 64);
	}
	put_hex("host-static", drawn(host, 32, 0), 32);
	put_hex("host-ephemeral", drawn(host, 32, 1), 32);
	put_hex("guest-static", drawn(guest, 32, 0), 32);
	put_hex("guest-ephemeral", drawn(guest, 32, 1), 32);
	put_hex("guest-id", host->l->rec.guest_id, 16);
	put_hex("psk", host->l->rec.cur.psk, 32);
	put("words = ");
	put(host->l->pair.words);
	put("\n");
	side_free(host);
	side_free(guest);
}

static void make_text(void)
{
	text_len = 0;
	session();
	pairing(PAIR_TOKEN);
	pairing(PAIR_CODE);
}

/* --- cases ---------------------------------------------------------------------------------- */
static char *slurp(const char *path)
{
	char *s = calloc(1, 262144);
	FILE *f = fopen(path, "re");

	if (f) {
		size_t n = fread(s, 1, 262143, f);

		s[n] = '\0';
		fclose(f);
	}
	return s;
}

static void same_as_the_copy(void)
{
	char *copy = slurp("tests/unit/own-vectors.txt");
	bool same;

	make_text();
	same = !strcmp(copy, text);
	free(copy);
	CHECK(same);
}

static void the_specification_has_them(void)
{
	char *copy = slurp("proto/PROTOCOL.md");
	bool there;

	make_text();
	there = strstr(copy, text) != NULL;
	free(copy);
	CHECK(there);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "same_as_the_copy", same_as_the_copy },
		{ "the_specification_has_them", the_specification_has_them },
	};

	if (argc == 2 && !strcmp(argv[1], "print")) {
		make_text();
		fputs(text, stdout);
		return 0;
	}
	return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
