// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/peer.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* --- randomness ----------------------------------------------------------------------------- */
static void peer_random(void *buf, size_t n, void *userdata)
{
	struct peer *p = userdata;
	uint8_t seed[randombytes_SEEDBYTES] = { 0 };

	p->seed[3]++;
	memcpy(seed, p->seed, sizeof(p->seed));
	randombytes_buf_deterministic(buf, n, seed);
}

uint64_t world_random(struct world *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return w->rng * 0x2545f4914f6cdd1dull;
}

/* --- life ----------------------------------------------------------------------------------- */
static void start(struct peer *p)
{
	struct link_config c = {
		.role = p->role,
		.record = p->disk_used ? &p->disk : NULL,
		.random = peer_random,
		.random_userdata = p,
	};

	p->seed[2]++;
	link_init(p->l, &c, p->w->now);
	ticket_wipe(&p->box);
	p->session = 0;
	p->n_kept = 0;
	p->store_waiting = false;
	p->connected = false;
	p->reconnect_ms = LINK_NEVER;
}

static void make_records(struct world *w)
{
	struct keyrec *h = &w->host.disk, *g = &w->guest.disk;

	strcpy(h->guest, "zorg");
	strcpy(g->guest, "host");
	peer_random(h->guest_id, sizeof(h->guest_id), &w->host);
	memcpy(g->guest_id, h->guest_id, sizeof(g->guest_id));
	h->cur.epoch = g->cur.epoch = 1;
	peer_random(h->cur.secret, 32, &w->host);
	peer_random(g->cur.secret, 32, &w->guest);
	peer_random(h->cur.psk, 32, &w->host);
	memcpy(g->cur.psk, h->cur.psk, 32);
	noise_public_key(h->cur.secret, g->cur.peer);
	noise_public_key(g->cur.secret, h->cur.peer);
	w->host.disk_used = w->guest.disk_used = true;
}

static void peer_init(struct world *w, struct peer *p, enum link_role role, uint64_t seed)
{
	p->w = w;
	p->role = role;
	p->l = calloc(1, link_size());
	p->seed[0] = seed;
	p->seed[1] = role;
}

struct world *world_new(uint64_t seed, bool paired)
{
	struct world *w = calloc(1, sizeof(*w));

	if (sodium_init() < 0)
		abort();
	w->now = 1000000;
	w->rng = seed * 2654435761u + 88172645463325252ull;
	peer_init(w, &w->host, LINK_HOST, seed);
	peer_init(w, &w->guest, LINK_GUEST, seed);
	pipe_init(&w->to_guest);
	pipe_init(&w->to_host);
	if (paired)
		make_records(w);
	start(&w->host);
	start(&w->guest);
	return w;
}

void world_free(struct world *w)
{
	pipe_done(&w->to_guest);
	pipe_done(&w->to_host);
	link_wipe(w->host.l);
	link_wipe(w->guest.l);
	free(w->host.l);
	free(w->guest.l);
	free(w);
}

struct peer *peer_other(struct peer *p)
{
	return p == &p->w->host ? &p->w->guest : &p->w->host;
}

void peer_connect(struct peer *p)
{
	p->connected = true;
	p->reconnect_ms = LINK_NEVER;
	link_connected(p->l, p->w->now);
}

void peer_disconnect(struct peer *p)
{
	p->connected = false;
	link_disconnected(p->l, p->w->now);
}

void peer_restart(struct peer *p)
{
	link_wipe(p->l);
	start(p);
	peer_connect(p);
}

void world_connect(struct world *w)
{
	peer_connect(&w->guest);
	peer_connect(&w->host);
}

/* --- executor ------------------------------------------------------------------------------- */
static void reply(struct peer *p, uint64_t session, const struct message *m)
{
	if (link_reply(p->l, session, m, p->w->now) != VA_OK)
		p->late++;
}

static uint32_t work_number(const struct msg_prepare *m)
{
	return m->operation == MSG_OP_SWITCH ? (uint32_t)strtoul(m->target + 1, NULL, 10)
					     : m->value;
}

static void execute(struct peer *p, const struct msg_prepare *m)
{
	uint32_t n = work_number(m);

	if (p->w->now - p->ticket_ms >= TICKET_TTL_MS)
		abort(); /* no ticket lives that long */
	if (n < PEER_MAX_WORK)
		peer_other(p)->work[n].executed++;
}

static void answer(struct peer *p, uint64_t session, const struct message *q)
{
	struct message m = { .id = q->id, .kind = MSG_RESULT };
	struct msg_prepare done;
	uint8_t random[MSG_TICKET_SIZE];

	switch (q->kind) {
	case MSG_PREPARE:
		m.kind = MSG_TICKET;
		peer_random(random, sizeof(random), p);
		ticket_issue(&p->box, session, &q->prepare, random, p->w->now, &m.ticket);
		p->ticket_ms = p->w->now;
		break;
	case MSG_COMMIT:
		msg_result_init(&m.result, MSG_OUT_EXPIRED, "");
		if (ticket_spend(&p->box, session, &q->commit, p->w->now, &done)) {
			execute(p, &done);
			m.result.outcome = MSG_OUT_OK;
		}
		break;
	default: msg_result_init(&m.result, MSG_OUT_OK, ""); break;
	}
	reply(p, session, &m);
}

static void on_request(struct peer *p, const struct link_event *ev)
{
	p->requests++;
	if (p->ask_first && ev->message->kind == MSG_PREPARE) {
		struct message m = { .id = ev->message->id, .kind = MSG_PENDING };

		m.pending.expires_ms = 20000;
		reply(p, ev->session, &m);
	}
	if (!p->slow && !(p->ask_first && ev->message->kind == MSG_PREPARE)) {
		answer(p, ev->session, ev->message);
	} else {
		if (p->n_kept == 8) { /* four at most are of this session */
			p->n_kept--;
			memmove(p->kept, p->kept + 1, p->n_kept * sizeof(p->kept[0]));
			memmove(p->kept_session, p->kept_session + 1,
				p->n_kept * sizeof(p->kept_session[0]));
		}
		p->kept[p->n_kept] = *ev->message;
		p->kept_session[p->n_kept++] = ev->session;
	}
}

void peer_answer_all(struct peer *p)
{
	unsigned int n = p->n_kept;

	p->n_kept = 0;
	for (unsigned int i = 0; i < n; i++)
		answer(p, p->kept_session[i], &p->kept[i]);
}

void peer_store(struct peer *p, bool ok)
{
	p->store_waiting = false;
	if (ok) {
		p->disk = p->to_store;
		p->disk_used = true;
	}
	link_stored(p->l, ok, p->w->now);
}

/* --- events --------------------------------------------------------------------------------- */
static void on_answer(struct peer *p, const struct link_event *ev)
{
	struct peer_work *k;

	p->answers++;
	p->own_answers += ev->message->result.outcome > MSG_OUT_WIRE_MAX;
	p->last = *ev->message;
	if (ev->tag >= PEER_MAX_WORK) {
		p->queries_answered++;
		p->query_outcome = ev->message->result.outcome;
		return;
	}
	k = &p->work[ev->tag];
	if (k->answered || !k->asked)
		abort(); /* answered twice */
	k->answered = true;
	k->outcome = ev->message->result.outcome;
}

static void on_event(struct peer *p, const struct link_event *ev)
{
	bool own = ev->kind == LINK_EV_PENDING ||
		   (ev->kind == LINK_EV_ANSWER && ev->message->result.outcome > MSG_OUT_WIRE_MAX);

	if (ev->message && !own && !message_is_valid(ev->message))
		abort();
	switch (ev->kind) {
	case LINK_EV_UP:
		p->ups++;
		p->session = ev->session;
		break;
	case LINK_EV_DOWN:
		p->downs++;
		p->session = 0;
		ticket_wipe(&p->box);
		break;
	case LINK_EV_REQUEST: on_request(p, ev); break;
	case LINK_EV_NOTICE:
		p->notices++;
		p->last = *ev->message;
		break;
	case LINK_EV_PENDING: p->pendings++; break;
	case LINK_EV_ANSWER: on_answer(p, ev); break;
	case LINK_EV_HINT: p->hints[ev->hint]++; break;
	case LINK_EV_STORE:
		p->stores++;
		p->to_store = *ev->record;
		p->store_waiting = true;
		if (!p->store_waits)
			peer_store(p, !p->store_fails);
		break;
	case LINK_EV_PAIRED:
		p->paired++;
		memcpy(p->words, ev->words, sizeof(p->words));
		break;
	case LINK_EV_PAIR_ATTEMPT:
		p->attempts_spent++;
		p->attempts_left = ev->attempts;
		break;
	case LINK_EV_PAIR_FAILED:
		p->pair_failed++;
		p->attempts_left = ev->attempts;
		p->pair_hint = ev->hint;
		break;
	case LINK_EV_RESET_PIPE:
		p->resets++;
		if (p->ignore_reset)
			break;
		p->reconnect_ms = p->w->now + ev->backoff_ms;
		break;
	default: break;
	}
}

/* --- time ----------------------------------------------------------------------------------- */
static bool drain(struct peer *p)
{
	struct link_event ev;
	bool any = false;

	while (link_next(p->l, &ev)) {
		on_event(p, &ev);
		any = true;
	}
	if (p->connected && p->reconnect_ms != LINK_NEVER) {
		uint64_t at = p->reconnect_ms;

		/* QEMU drops what was on its way when the host's end closes */
		peer_disconnect(p);
		p->reconnect_ms = at;
		pipe_drop_front(p->role == LINK_HOST ? &p->w->to_host : &p->w->to_guest, PIPE_SIZE);
		any = true;
	}
	return any;
}

static bool move(struct peer *p, struct pipe *out, struct pipe *in)
{
	const uint8_t *bytes;
	bool any = drain(p);
	size_t n;

	link_output(p->l, &bytes, &n);
	if (n && p->connected) {
		n = pipe_write(out, bytes, n);
		link_sent(p->l, n);
		any = any || n;
	}
	if (!p->connected)
		return any;
	n = pipe_read(in, &bytes);
	if (n) {
		if (!p->w->tap || p->w->tap(p->w, p, bytes, n))
			link_input(p->l, bytes, n, p->w->now);
		drain(p);
		any = true;
	}
	return any;
}

void world_settle(struct world *w)
{
	bool any = true;

	while (any) {
		any = move(&w->host, &w->to_guest, &w->to_host);
		any = move(&w->guest, &w->to_host, &w->to_guest) || any;
	}
}

static uint64_t peer_deadline(const struct peer *p)
{
	uint64_t at = link_deadline(p->l);

	return !p->connected && p->reconnect_ms < at ? p->reconnect_ms : at;
}

static void peer_tick(struct peer *p)
{
	if (!p->connected && p->reconnect_ms <= p->w->now)
		peer_connect(p);
	if (link_deadline(p->l) <= p->w->now) {
		link_tick(p->l, p->w->now);
		if (link_deadline(p->l) <= p->w->now)
			abort(); /* a timer that does not move on */
	}
}

bool world_until(struct world *w, bool (*cond)(struct world *w), uint64_t ms)
{
	uint64_t end = w->now + ms;

	for (;;) {
		uint64_t at = end, h, g;

		world_settle(w);
		if (cond && cond(w))
			return true;
		if (w->now >= end)
			return false;
		h = peer_deadline(&w->host);
		g = peer_deadline(&w->guest);
		at = h < at ? h : at;
		at = g < at ? g : at;
		w->now = at > w->now ? at : w->now;
		peer_tick(&w->host);
		peer_tick(&w->guest);
	}
}

void world_run(struct world *w, uint64_t ms)
{
	world_until(w, NULL, ms);
}

bool world_is_up(struct world *w)
{
	unsigned int n = w->host.queries_answered;

	if (link_get_state(w->host.l) != LINK_UP || link_get_state(w->guest.l) != LINK_UP)
		return false;
	/* not only do both believe it: a question gets through */
	if (peer_ping(&w->host, 1000) != VA_OK)
		return false;
	world_settle(w);
	return w->host.queries_answered == n + 1 && w->host.query_outcome == MSG_OUT_OK;
}

bool world_is_paired(struct world *w)
{
	return w->host.paired && w->guest.paired;
}

/* --- work ----------------------------------------------------------------------------------- */
enum va_err peer_ask(struct peer *p, uint32_t n, uint32_t limit_ms)
{
	struct msg_prepare m = { .claimed_uid = MSG_UID_NONE };
	struct peer_work *k = &p->work[n];
	enum va_err e;

	if (p->role == LINK_HOST) {
		m.operation = MSG_OP_DDC_WRITE;
		m.value = n;
		strcpy(m.target, "monitor");
	} else {
		char digits[8];
		size_t i = sizeof(digits) - 1;

		m.operation = MSG_OP_SWITCH;
		digits[i] = '\0';
		for (uint32_t v = n; v || i == sizeof(digits) - 1; v /= 10)
			digits[--i] = (char)('0' + v % 10);
		m.target[0] = 'm';
		memcpy(m.target + 1, digits + i, sizeof(digits) - i);
	}
	memset(k, 0, sizeof(*k));
	k->asked = true;
	k->asked_ms = p->w->now;
	e = link_call(p->l, n, &m, limit_ms, p->w->now);
	if (e != VA_OK)
		k->asked = false;
	return e;
}

enum va_err peer_ping(struct peer *p, uint32_t limit_ms)
{
	struct msg_query q = { .question = MSG_Q_PING };

	return link_query(p->l, UINT64_MAX, &q, limit_ms, p->w->now);
}

const char *peer_broken_rule(struct peer *p)
{
	for (uint32_t n = 0; n < PEER_MAX_WORK; n++) {
		const struct peer_work *k = &p->work[n];

		if (k->executed > 1)
			return "executed twice";
		if (!k->answered)
			continue;
		if (k->outcome == MSG_OUT_OK && !k->executed)
			return "said to be done, but was not";
		if (k->outcome != MSG_OUT_OK && k->outcome != MSG_OUT_UNKNOWN && k->executed)
			return "said not to be done, but was";
	}
	return NULL;
}
