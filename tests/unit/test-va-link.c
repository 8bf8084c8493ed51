// SPDX-License-Identifier: GPL-2.0-or-later
/* The program va-link, jailed, between a small core and a guest's link in this process. */
#include "common/base/cleanup.h"
#include "common/link/link.h"
#include "tests/support/core.h"
#include "tests/support/programs.h"
#include "tests/unit/test.h"

#include <sodium.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define LIMIT_MS 20000u

/* the guest's end: its pipe, its link, what happened to it */
static struct {
	int fd;
	struct link *link;
	struct keyrec record;
	bool up, answered, pinged;
	struct msg_result answer;
	uint64_t session;
} guest;
static struct core core;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void guest_take(const struct link_event *ev)
{
	struct message m = { .id = ev->message ? ev->message->id : 0, .kind = MSG_RESULT };

	switch (ev->kind) {
	case LINK_EV_UP: guest.up = true; break;
	case LINK_EV_DOWN: guest.up = false; break;
	case LINK_EV_STORE:
		guest.record = *ev->record;
		link_stored(guest.link, true, now_ms());
		break;
	case LINK_EV_ANSWER:
		guest.answered = true;
		guest.answer = ev->message->result;
		break;
	case LINK_EV_REQUEST:
		msg_result_init(&m.result, MSG_OUT_OK, "pong");
		link_reply(guest.link, ev->session, &m, now_ms());
		guest.pinged = true;
		break;
	default: break;
	}
}

/* A step of the guest's loop. */
static void guest_step(void)
{
	uint8_t buf[4096];
	const uint8_t *p;
	struct link_event ev;
	ssize_t r;
	size_t n;

	if (guest.fd < 0)
		return;
	while ((r = recv(guest.fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		link_input(guest.link, buf, (size_t)r, now_ms());
	if (link_deadline(guest.link) <= now_ms())
		link_tick(guest.link, now_ms());
	while (link_next(guest.link, &ev))
		guest_take(&ev);
	for (link_output(guest.link, &p, &n); n > 0; link_output(guest.link, &p, &n)) {
		r = send(guest.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r <= 0)
			break;
		link_sent(guest.link, (size_t)r);
	}
}

static bool connect_pipe(void)
{
	int pair[2];
	bool good;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	guest.fd = pair[0];
	good = core_channel(&core, pair[1]);
	close(pair[1]);
	link_connected(guest.link, now_ms());
	return good;
}

static bool start(const struct keyrec *record)
{
	struct link_config config = { .role = LINK_GUEST, .record = record ? &guest.record : NULL };

	if (sodium_init() < 0)
		return false;
	guest.link = sodium_malloc(link_size());
	guest.up = guest.answered = guest.pinged = false;
	return link_init(guest.link, &config, now_ms()) == VA_OK &&
	       core_start(&core, record, "va-link.log") && connect_pipe();
}

static void stop(void)
{
	core_stop(&core);
	if (guest.fd >= 0)
		close(guest.fd);
	guest.fd = -1;
	sodium_free(guest.link);
}

static bool is_up(struct core *c, void *userdata)
{
	(void)userdata;
	guest_step();
	return guest.up && c->session;
}
static bool is_paired(struct core *c, void *userdata)
{
	(void)userdata;
	guest_step();
	return c->paired;
}
static bool has_code(struct core *c, void *userdata)
{
	(void)userdata;
	guest_step();
	return c->code[0];
}
static bool was_answered(struct core *c, void *userdata)
{
	(void)c;
	(void)userdata;
	guest_step();
	return guest.answered;
}
static bool core_was_answered(struct core *c, void *userdata)
{
	guest_step();
	return c->answered_tag == *(uint64_t *)userdata;
}
static bool was_refused(struct core *c, void *userdata)
{
	guest_step();
	return c->refused_tag == *(uint64_t *)userdata;
}
static bool was_closed(struct core *c, void *userdata)
{
	(void)userdata;
	return c->closed > 0;
}
static bool ends(int *ret_status)
{
	uint64_t end = program_now_ms() + LIMIT_MS;

	while (program_now_ms() < end)
		if (program_ended(core.pid, ret_status))
			return true;
	return false;
}

/* Unpaired to a session, by code; also what the other cases start from. */
static bool pair_up(void)
{
	char code[PAIR_CODE_CHARS + 1];

	if (!start(NULL) || !core_pair_code(&core, "zorg") ||
		!core_pump(&core, has_code, NULL, LIMIT_MS))
		return false;
	if (pair_code_parse(core.code, code) != VA_OK ||
		link_pair_open(guest.link, PAIR_CODE, (uint8_t *)code, PAIR_CODE_CHARS, "host",
			PAIR_WINDOW_MS, now_ms()) != VA_OK)
		return false;
	return core_pump(&core, is_paired, NULL, LIMIT_MS) &&
	       core_pump(&core, is_up, NULL, LIMIT_MS);
}

static void pairs_and_calls(void)
{
	struct msg_prepare p = {
		.operation = MSG_OP_SWITCH, .claimed_uid = 1000, .target = "debby"
	};
	struct msg_query q = { .question = MSG_Q_PING };
	uint64_t tag = 77;

	CHECK(pair_up());
	CHECK_STR(core.record.guest, "zorg");
	CHECK(core.stores >= 1 && core.words[0]);
	/* guest -> host */
	CHECK_EQ(link_call(guest.link, 5, &p, 5000, now_ms()), VA_OK);
	CHECK(core_pump(&core, was_answered, NULL, LIMIT_MS));
	CHECK_EQ(guest.answer.outcome, MSG_OUT_OK);
	CHECK_EQ(core.committed, 1);
	CHECK_STR(core.prepared.target, "debby");
	CHECK_EQ(core.prepared.claimed_uid, 1000);
	/* host -> guest */
	CHECK(core_query(&core, tag, &q));
	CHECK(core_pump(&core, core_was_answered, &tag, LIMIT_MS));
	CHECK(guest.pinged);
	CHECK_STR(core.answer.detail, "pong");
	CHECK(!core.broken);
	stop();
}

static void stays_small(void)
{
	unsigned long pss, dirty;

	CHECK(pair_up());
	pss = program_pss_kib(core.pid, &dirty);
	stop();
	if (pss == 0)
		SKIP("the memory of a process that is not dumpable is root's to see");
#if defined(__SANITIZE_ADDRESS__)
	SKIP("with a sanitizer inside");
#endif
	printf("# va-link, one alone, in session: PSS %lu KiB, private dirty %lu KiB\n", pss,
		dirty);
	CHECK(pss < 1024);
}

static void comes_back_with_its_record(void)
{
	struct keyrec record;

	CHECK(pair_up());
	record = core.record;
	stop();
	CHECK(start(&record));
	CHECK(core_pump(&core, is_up, NULL, LIMIT_MS));
	/* the pipe breaks: said once, and another one brings a session again */
	close(guest.fd);
	guest.fd = -1;
	link_disconnected(guest.link, now_ms());
	CHECK(core_pump(&core, was_closed, NULL, LIMIT_MS));
	CHECK_EQ(core.closed, 1);
	guest.up = false;
	CHECK_EQ(core.session, 0);
	CHECK(connect_pipe());
	CHECK(core_pump(&core, is_up, NULL, LIMIT_MS));
	stop();
}

static bool guest_is_down(struct core *c, void *userdata)
{
	(void)c;
	(void)userdata;
	guest_step();
	return !guest.up;
}

/* The guest hears of it, and the va-link leaves, though both orders came at once. */
static void says_that_the_keys_are_deleted(void)
{
	struct link_ipc no_record = { 0 };
	uint64_t start;
	int status = -1;

	CHECK(pair_up());
	start = now_ms();
	CHECK(core_order(&core, LINK_OP_RECORD, &no_record, -1));
	CHECK(shutdown(core.sock, SHUT_WR) == 0);
	CHECK(core_pump(&core, guest_is_down, NULL, LIMIT_MS));
	CHECK(now_ms() - start < 10000); /* long before silence would have told it */
	CHECK(ends(&status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	core.pid = 0;
	stop();
}

static void refuses_what_cannot_be(void)
{
	struct msg_query q = { .question = MSG_Q_PING };
	uint64_t tag = 9;

	CHECK(start(NULL));
	CHECK(core_query(&core, tag, &q));
	CHECK(core_pump(&core, was_refused, &tag, LIMIT_MS));
	CHECK_EQ(core.refused_error, VA_E_STATE);
	stop();
}

/* As fast as it can be written: read within its budget. */
static void a_flood_is_budgeted(void)
{
	static const uint8_t empty_frames[65536];
	uint64_t sent = 0, began, took;
	int held = 65536; /* the kernel doubles it */

	CHECK(start(NULL));
	CHECK(setsockopt(guest.fd, SOL_SOCKET, SO_SNDBUF, &held, sizeof(held)) == 0);
	began = program_now_ms();
	do {
		ssize_t n = send(
			guest.fd, empty_frames, sizeof(empty_frames), MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (uint64_t)n : 0;
		core_pump(&core, was_closed, NULL, 5);
		took = program_now_ms() - began;
	} while (took < 1500);
	printf("# took %llu KiB in %llu ms\n", (unsigned long long)sent / 1024,
		(unsigned long long)took);
	/* a second's worth at once, the rate, and what the socket itself holds */
	CHECK(sent <= 262144 + took * 263 + 196608);
	CHECK(sent > 262144 + 1000 * 262);
	CHECK_EQ(core.closed, 0);
	CHECK(!core.broken);
	CHECK(!program_ended(core.pid, &(int){ 0 }));
	stop();
}

static void garbage_closes_the_channel(void)
{
	static uint8_t noise[65536];

	CHECK(start(NULL));
	randombytes_buf(noise, sizeof(noise));
	CHECK(send(guest.fd, noise, sizeof(noise), MSG_NOSIGNAL) > 0);
	CHECK(core_pump(&core, was_closed, NULL, LIMIT_MS));
	CHECK(core.backoff_ms >= 1000);
	CHECK(!core.broken);
	CHECK(!program_ended(core.pid, &(int){ 0 }));
	stop();
}

static void leaves_with_its_core(void)
{
	int status = -1;

	CHECK(start(NULL));
	close(core.sock);
	CHECK(ends(&status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	core.pid = 0;
	stop();
}

static void an_order_out_of_turn_ends_it(void)
{
	struct link_ipc report = { .error = VA_E_STATE };
	int status = 0;

	CHECK(start(NULL));
	core_order(&core, LINK_OP_REFUSED, &report, -1);
	CHECK(ends(&status));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CHECK(strstr(program_log("va-link.log"), "an order of va-hostd failed: Protocol error"));
	core.pid = 0;
	stop();
}

TEST_MAIN({ "pairs_and_calls", pairs_and_calls }, { "stays_small", stays_small },
	{ "comes_back_with_its_record", comes_back_with_its_record },
	{ "refuses_what_cannot_be", refuses_what_cannot_be },
	{ "says_that_the_keys_are_deleted", says_that_the_keys_are_deleted },
	{ "a_flood_is_budgeted", a_flood_is_budgeted },
	{ "garbage_closes_the_channel", garbage_closes_the_channel },
	{ "leaves_with_its_core", leaves_with_its_core },
	{ "an_order_out_of_turn_ends_it", an_order_out_of_turn_ends_it });
