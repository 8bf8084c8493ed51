// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a bad pipe can do. First with a microscope: in a recorded course of pairing, handshake and
 * calls, every bit of every frame is flipped and every frame is cut at every byte, and the course
 * goes on from there. Then with a shovel: random faults of the kinds virtio-serial has, for many
 * seeds. Always: nothing forged is accepted, nothing is done twice or late, and both ends find
 * each other again in bounded time.
 */
#include "tests/support/peer.h"
#include "tests/unit/test.h"

#include <stdlib.h>

/* --- every bit, every cut ------------------------------------------------------------------- */
enum course { COURSE_SESSION, COURSE_TOKEN, COURSE_CODE };

static const uint8_t token[PAIR_TOKEN_SIZE] = "a token of thirty-two bytes 1234";
static const uint8_t code[] = "K7Q42M9X";

static void open_windows(struct world *w, enum pair_mode mode)
{
	const uint8_t *secret = mode == PAIR_TOKEN ? token : code;
	size_t n = mode == PAIR_TOKEN ? PAIR_TOKEN_SIZE : PAIR_CODE_CHARS;

	link_pair_open(w->host.l, mode, secret, n, "zorg", PAIR_WINDOW_MS, w->now);
	link_pair_open(w->guest.l, mode, secret, n, NULL, PAIR_WINDOW_MS, w->now);
}

static struct world *course_world(enum course course)
{
	struct world *w = world_new(7, course == COURSE_SESSION);

	w->to_guest.chunk = w->to_host.chunk = 0;
	w->to_guest.stopped = w->to_host.stopped = true;
	world_connect(w);
	if (course == COURSE_TOKEN)
		open_windows(w, PAIR_TOKEN);
	if (course == COURSE_CODE)
		open_windows(w, PAIR_CODE);
	return w;
}

/* What only an authentic frame may bring about. */
static unsigned int accepted(const struct peer *p)
{
	return p->ups + p->requests + p->notices + p->pendings + p->answers - p->own_answers +
	       p->paired + p->stores;
}

/* A hint that anybody may give; the frame proves nothing and changes nothing that lasts. */
static bool is_mere_hint(const uint8_t *frame, size_t n)
{
	return n > 3 && (frame[2] == 0x02 || frame[2] == 0x06);
}

static bool is_done(struct world *w)
{
	if (!world_is_up(w))
		return false;
	return !w->host.work[1].asked || w->host.work[1].answered;
}

static bool recovers(struct world *w)
{
	w->to_guest.stopped = w->to_host.stopped = false;
	world_until(w, is_done, 90000);
	if (w->guest.pair_failed && !w->guest.paired) /* the person types the code once more */
		link_pair_open(
			w->guest.l, PAIR_CODE, code, PAIR_CODE_CHARS, NULL, PAIR_WINDOW_MS, w->now);
	return world_until(w, is_done, 30000) && !peer_broken_rule(&w->host) &&
	       !peer_broken_rule(&w->guest);
}

/* Frames that prove nothing by themselves: what is made of a spoilt one must come to nothing. */
static bool leads_to_nothing(struct world *w, const uint8_t *frame)
{
	unsigned int before = w->host.ups + w->guest.ups + w->host.paired + w->guest.paired;

	if (frame[2] != 0x01 && (frame[2] < 0x11 || frame[2] > 0x13))
		return true;
	if (frame[2] == 0x01 && !w->host.disk_used) /* of the unpaired: it leads nowhere anyhow */
		return true;
	w->to_guest.stopped = w->to_host.stopped = false;
	world_settle(w); /* no time passes: nothing is said again */
	return w->host.ups + w->guest.ups + w->host.paired + w->guest.paired == before;
}

/* Coming back takes a handshake: tried after one fault in eight unless VA_EVERY is set (30 s). */
static bool every(void)
{
	return getenv("VA_EVERY") != NULL;
}

static const char *fault;
static size_t fault_frame, fault_at;
static unsigned int n_faults, n_frames;

static bool check_flip(struct world *w, struct peer *to, const uint8_t *frame, size_t n, size_t bit)
{
	uint8_t bad[8192];
	unsigned int before = accepted(to);

	memcpy(bad, frame, n);
	bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
	link_input(to->l, bad, n, w->now);
	world_settle(w); /* the pipes are stopped: this frame alone */
	if (accepted(to) != before && !is_mere_hint(frame, n)) {
		fault = "a flipped bit was accepted";
		return false;
	}
	if (!leads_to_nothing(w, frame)) {
		fault = "a spoilt transcript was accepted";
		return false;
	}
	if ((bit % 8 == 3 || every()) && !recovers(w)) {
		fault = "no recovery after a flipped bit";
		return false;
	}
	return true;
}

static bool check_cut(struct world *w, struct peer *to, const uint8_t *frame, size_t n)
{
	unsigned int before = accepted(to);

	if (n)
		link_input(to->l, frame, n, w->now);
	world_settle(w);
	if (accepted(to) != before) {
		fault = "a part of a frame was accepted";
		return false;
	}
	if ((n % 4 == 0 || every()) && !recovers(w)) {
		fault = "no recovery after a cut";
		return false;
	}
	return true;
}

static bool explore_frame(struct world *w, struct peer *to, const uint8_t *frame, size_t n)
{
	struct world_copy *c = world_save(w);
	bool fine = true;

	for (size_t bit = 0; fine && bit < 8 * n; bit++, n_faults++) {
		fault_at = bit;
		fine = check_flip(w, to, frame, n, bit);
		world_restore(w, c);
	}
	for (size_t len = 0; fine && len < n - 1; len++, n_faults++) {
		fault_at = len;
		fine = check_cut(w, to, frame, len);
		world_restore(w, c);
	}
	world_copy_free(c);
	return fine;
}

/* Delivers the next frame of a pipe, after having tried everything that can happen to it. */
static int step(struct world *w, struct peer *to, struct pipe *in)
{
	uint8_t frame[8192];
	const uint8_t *bytes;
	size_t n;

	in->stopped = false;
	n = pipe_read(in, &bytes);
	in->stopped = true;
	if (!n)
		return 0;
	memcpy(frame, bytes, n);
	fault_frame = n_frames++;
	if (!explore_frame(w, to, frame, n))
		return -1;
	link_input(to->l, frame, n, w->now);
	world_settle(w);
	return 1;
}

static bool walk(struct world *w)
{
	for (;;) {
		int a, b;

		world_settle(w);
		a = step(w, &w->guest, &w->to_guest);
		b = a < 0 ? -1 : step(w, &w->host, &w->to_host);
		if (a < 0 || b < 0)
			return false;
		if (!a && !b)
			return true;
	}
}

static void microscope(enum course course)
{
	struct world *w = course_world(course);
	bool fine = walk(w);

	if (fine && course == COURSE_SESSION) {
		peer_ask(&w->host, 1, 5000);
		fine = walk(w);
		peer_ask(&w->guest, 2, 5000);
		fine = fine && walk(w);
	}
	if (!fine)
		printf("# frame %zu, at %zu: %s\n", fault_frame, fault_at, fault);
	CHECK(fine);
	if (course == COURSE_SESSION)
		CHECK(w->host.work[1].executed == 1 && w->guest.work[2].executed == 1);
	else
		CHECK(world_is_paired(w));
	CHECK_EQ(link_get_state(w->guest.l), LINK_UP);
	printf("# %u frames, %u faults\n", n_frames, n_faults);
	n_frames = n_faults = 0;
	world_free(w);
}

static void every_bit_of_a_session(void)
{
	microscope(COURSE_SESSION);
}

static void every_bit_of_pairing_by_token(void)
{
	microscope(COURSE_TOKEN);
}

static void every_bit_of_pairing_by_code(void)
{
	microscope(COURSE_CODE);
}

/* --- many seeds ----------------------------------------------------------------------------- */
struct soak {
	unsigned int seeds, faults, asked, done, unknown, not_sent, sessions;
	uint64_t longest_ms;
};

static void put_stale(struct world *w, struct pipe *p)
{
	uint8_t junk[700];
	size_t n = world_random(w) % sizeof(junk) + 1;

	for (size_t i = 0; i < n; i++)
		junk[i] = (uint8_t)world_random(w);
	pipe_put_front(p, junk, n);
}

/* A copy of what is in the pipe comes again: a recorder in it, or a snapshot taken back. */
static void repeat(struct world *w, struct pipe *p)
{
	uint8_t old[2048];
	size_t n = p->len < sizeof(old) ? p->len : sizeof(old);

	memcpy(old, p->bytes + p->head, n);
	pipe_write(p, old, n);
	(void)w;
}

static void one_fault(struct world *w)
{
	struct pipe *p = world_random(w) % 2 ? &w->to_guest : &w->to_host;
	struct peer *who = world_random(w) % 2 ? &w->host : &w->guest;

	switch (world_random(w) % 15) {
	case 0: /* silent change of the peer: the other end notices nothing */
		peer_restart(who);
		break;
	case 1:
		peer_restart(&w->host);
		peer_restart(&w->guest);
		break;
	case 2: put_stale(w, p); break;
	case 3: /* the stream starts in the middle */
		pipe_drop_front(p, world_random(w) % 400 + 1);
		break;
	case 4: /* written, and lost */ pipe_drop_back(p, world_random(w) % 400 + 1); break;
	case 5: p->sink = true; break;
	case 6: p->sink = false; break;
	case 7: p->stopped = true; break;
	case 8: p->stopped = false; break;
	case 9: p->chunk = 1; break;
	case 10: p->chunk = 32768; break;
	case 11: /* the port closes: seen by that side alone */
		if (who->connected)
			peer_disconnect(who);
		else
			peer_connect(who);
		break;
	case 12: link_reset(who->l, w->now); break;
	case 13: repeat(w, p); break;
	default: /* the machine sleeps */
		w->now += world_random(w) % 40000;
		link_tick(who->l, w->now);
		break;
	}
}

static void heal(struct world *w)
{
	w->to_guest.sink = w->to_host.sink = false;
	w->to_guest.stopped = w->to_host.stopped = false;
	w->to_guest.chunk = w->to_host.chunk = 4096;
	if (!w->host.connected && w->host.reconnect_ms == LINK_NEVER)
		peer_connect(&w->host);
	if (!w->guest.connected)
		peer_connect(&w->guest);
}

static void count(struct soak *s, const struct peer *p)
{
	for (unsigned int i = 0; i < PEER_MAX_WORK; i++) {
		const struct peer_work *k = &p->work[i];

		s->asked += k->asked;
		s->done += k->answered && k->outcome == MSG_OUT_OK;
		s->unknown += k->answered && k->outcome == MSG_OUT_UNKNOWN;
		s->not_sent += k->answered && k->outcome == MSG_OUT_NOT_SENT;
	}
	s->sessions += p->ups;
}

/* NULL, or what was wrong. */
static const char *run_seed(uint64_t seed, struct soak *s)
{
	struct world *w = world_new(seed, true);
	const char *wrong = NULL;
	unsigned int n = 0;
	uint64_t healed;

	world_connect(w);
	for (unsigned int i = 0; i < 40 && !wrong; i++) {
		if (world_random(w) % 3 == 0) {
			one_fault(w);
			s->faults++;
		}
		if (n < PEER_MAX_WORK) {
			peer_ask(world_random(w) % 2 ? &w->host : &w->guest, n, 8000);
			n++;
		}
		w->host.slow = world_random(w) % 8 == 0;
		if (!w->host.slow)
			peer_answer_all(&w->host);
		world_run(w, world_random(w) % 6000);
		wrong = peer_broken_rule(&w->host);
		wrong = wrong ? wrong : peer_broken_rule(&w->guest);
	}
	w->host.slow = false;
	peer_answer_all(&w->host);
	heal(w);
	healed = w->now;
	if (!wrong && !world_until(w, world_is_up, 120000))
		wrong = "no session two minutes after the last fault";
	if (w->now - healed > s->longest_ms)
		s->longest_ms = w->now - healed;
	world_run(w, 10000);
	wrong = wrong ? wrong : peer_broken_rule(&w->host);
	wrong = wrong ? wrong : peer_broken_rule(&w->guest);
	count(s, &w->host);
	count(s, &w->guest);
	world_free(w);
	return wrong;
}

static void random_faults(void)
{
	const char *env = getenv("VA_SEEDS"), *from = getenv("VA_SEED");
	unsigned long seeds = env ? strtoul(env, NULL, 10) : 1000;
	unsigned long first = from ? strtoul(from, NULL, 10) : 1;
	struct soak s = { 0 };

	for (unsigned long seed = first; seed < first + seeds; seed++, s.seeds++) {
		const char *wrong = run_seed(seed, &s);

		if (wrong)
			printf("# seed %lu: %s\n", seed, wrong);
		CHECK(!wrong);
	}
	printf("# %u seeds, %u faults, %u sessions; of %u calls %u done, %u unknown, %u not sent; "
	       "back after at most %llu ms\n",
		s.seeds, s.faults, s.sessions / 2, s.asked, s.done, s.unknown, s.not_sent,
		(unsigned long long)s.longest_ms);
	CHECK(s.faults > 5 * s.seeds && s.done > s.seeds);
}

TEST_MAIN({ "every_bit_of_a_session", every_bit_of_a_session },
	{ "every_bit_of_pairing_by_token", every_bit_of_pairing_by_token },
	{ "every_bit_of_pairing_by_code", every_bit_of_pairing_by_code },
	{ "random_faults", random_faults });
