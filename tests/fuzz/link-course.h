// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A whole link under a course of orders: the input is a program that writes bytes and frames to
 * the link, lets an authenticated peer say what it likes, spoils what is on its way, lets time
 * pass and ends of the pipe come and go. The first byte picks what was there before. The books of
 * tests/support/peer.c abort on what must never be; a link that was only treated badly from
 * outside must find its peer again.
 */
#ifndef VA_FUZZ_LINK_COURSE_H
#define VA_FUZZ_LINK_COURSE_H

#include "common/link/link-internal.h"
#include "tests/support/peer.h"

#include <stdlib.h>
#include <string.h>

enum { START_UP, START_PAIRED, START_TOKEN, START_CODE, N_STARTS };

static const uint8_t course_token[PAIR_TOKEN_SIZE] = "a token of thirty-two bytes 1234";

struct course {
	struct world *w;
	struct peer *target, *peer;
	bool hostile; /* the peer itself broke rules: it may stay out */
	const uint8_t *data;
	size_t n;
};

static uint8_t take(struct course *c)
{
	if (!c->n)
		return 0;
	c->n--;
	return *c->data++;
}

/* Up to max bytes, as many as the next byte says. */
static size_t take_bytes(struct course *c, uint8_t *out, size_t max)
{
	size_t n = take(c) % (max + 1);

	if (n > c->n)
		n = c->n;
	memcpy(out, c->data, n);
	c->data += n;
	c->n -= n;
	return n;
}

static void open_windows(struct world *w, enum pair_mode mode)
{
	const uint8_t *secret = mode == PAIR_TOKEN ? course_token : (const uint8_t *)"K7Q42M9X";
	size_t n = mode == PAIR_TOKEN ? PAIR_TOKEN_SIZE : PAIR_CODE_CHARS;

	link_pair_open(w->host.l, mode, secret, n, "zorg", PAIR_WINDOW_MS, w->now);
	link_pair_open(w->guest.l, mode, secret, n, NULL, PAIR_WINDOW_MS, w->now);
}

static void put_frame(struct course *c)
{
	uint8_t body[256], frame[FRAME_ENCODED_SIZE(sizeof(body))];
	size_t n = take_bytes(c, body, 255);

	n = cobs_encode(body, n, frame, sizeof(frame));
	link_input(c->target->l, frame, n, c->w->now);
}

static void put_record(struct course *c)
{
	uint8_t body[256];
	unsigned int kind = take(c) % 7;
	size_t n = take_bytes(c, body, 255);

	c->hostile = true;
	if (link_session_may_send(c->peer->l))
		link_session_seal(c->peer->l, (enum record_kind)kind, body, n);
}

/* Spoils, cuts or repeats what is on its way to the target. */
static void spoil(struct course *c)
{
	struct pipe *p = c->target->role == LINK_HOST ? &c->w->to_host : &c->w->to_guest;
	uint8_t what = take(c), at = take(c), how = take(c), copy[512];
	size_t n = p->len < sizeof(copy) ? p->len : sizeof(copy);

	switch (what % 4) {
	case 0:
		if (p->len)
			p->bytes[p->head + at % p->len] ^= how;
		break;
	case 1: pipe_drop_front(p, at); break;
	case 2: pipe_drop_back(p, at); break;
	default:
		memcpy(copy, p->bytes + p->head, n);
		pipe_write(p, copy, n);
		break;
	}
}

static void life(struct course *c)
{
	struct peer *p = take(c) % 2 ? c->target : c->peer;

	switch (take(c) % 8) {
	case 0: peer_restart(p); break;
	case 1: peer_disconnect(p); break;
	case 2: peer_connect(p); break;
	case 3: link_reset(p->l, c->w->now); break;
	case 4: link_rekey(p->l, c->w->now); break;
	case 5: p->store_fails = !p->store_fails; break;
	case 6:
		p->slow = !p->slow;
		if (!p->slow)
			peer_answer_all(p);
		break;
	default: link_hold_renewal(p->l, take(c) % 2); break;
	}
}

static void one_order(struct course *c)
{
	struct pipe *p = c->target->role == LINK_HOST ? &c->w->to_host : &c->w->to_guest;
	uint8_t bytes[256];
	size_t n;

	switch (take(c) % 10) {
	case 0:
		n = take_bytes(c, bytes, 255);
		link_input(c->target->l, bytes, n, c->w->now);
		break;
	case 1: put_frame(c); break;
	case 2: put_record(c); break;
	case 3: spoil(c); break;
	case 4: world_settle(c->w); break;
	case 5: world_run(c->w, 10u * take(c)); break;
	case 6: world_run(c->w, 1000u * take(c)); break;
	case 7:
		n = take(c) % PEER_MAX_WORK;
		if (!c->target->work[n].asked)
			peer_ask(c->target, (uint32_t)n, 8000);
		peer_ping(c->peer, 8000);
		break;
	case 8: life(c); break;
	default: p->stopped = !p->stopped; break;
	}
}

static void must_recover(struct world *w)
{
	struct peer *ends[] = { &w->host, &w->guest };

	w->to_guest.stopped = w->to_host.stopped = false;
	for (int i = 0; i < 2; i++) {
		ends[i]->slow = ends[i]->store_fails = false;
		peer_answer_all(ends[i]);
		if (!ends[i]->connected && ends[i]->reconnect_ms == LINK_NEVER)
			peer_connect(ends[i]);
	}
	if (!world_until(w, world_is_up, 180000))
		abort();
	if (peer_broken_rule(&w->host) || peer_broken_rule(&w->guest))
		abort();
}

/* What each course begins with, made once. */
static struct world_copy *starts[N_STARTS];
static struct world *start_worlds[N_STARTS];

static void make_start(int start)
{
	struct world *w = world_new(99, start == START_UP || start == START_PAIRED);

	w->to_guest.chunk = w->to_host.chunk = 4096;
	world_connect(w);
	if (start == START_UP)
		world_settle(w);
	if (start == START_TOKEN)
		open_windows(w, PAIR_TOKEN);
	if (start == START_CODE)
		open_windows(w, PAIR_CODE);
	start_worlds[start] = w;
	starts[start] = world_save(w);
}

static void run_course(enum link_role role, const uint8_t *data, size_t size)
{
	struct course c = { .data = data, .n = size };
	int start = size ? data[0] % N_STARTS : 0;

	if (!starts[start])
		make_start(start);
	c.w = start_worlds[start];
	world_restore(c.w, starts[start]);
	c.target = role == LINK_HOST ? &c.w->host : &c.w->guest;
	c.peer = peer_other(c.target);
	take(&c);
	for (unsigned int orders = 0; c.n && orders < 60; orders++)
		one_order(&c);
	if (!c.hostile && c.w->host.disk_used && c.w->guest.disk_used && start <= START_PAIRED)
		must_recover(c.w);
}

#endif
