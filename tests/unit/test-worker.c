// SPDX-License-Identifier: GPL-2.0-or-later
/* What a daemon and its worker say to each other, and what happens to those who break the rules. */
#include "tests/support/overseer.h"

#include "common/worker/internal.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void replies_come_back(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct msg m = { .head.op = 5, .word = 1234 };

	CHECK_EQ(seen_begin(&s, NULL, NULL), 0);
	CHECK_EQ(s.started, 1);
	CHECK(worker_is_running(s.w) && worker_pid(s.w) > 0);
	CHECK_EQ(worker_call(s.w, &m, sizeof(m), -1, SEC * 5, seen_on_reply, &s), 0);
	CHECK_EQ(s.replies, 0);
	CHECK(seen_until(&s, &s.replies, 1));
	CHECK_EQ(s.word, 1234);
	for (unsigned int i = 0; i < WORKER_CALLS; i++)
		CHECK_EQ(seen_ask(&s, 5, SEC * 5), 0);
	CHECK_EQ(seen_ask(&s, 5, SEC * 5), -EBUSY);
	CHECK(seen_until(&s, &s.replies, 1 + WORKER_CALLS));
	CHECK_EQ(s.late + s.died + s.exits, 0);
}

static void late_is_killed(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	uint64_t start = seen_now_ms();

	CHECK_EQ(seen_begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 50 * MSEC), 0);
	CHECK_EQ(seen_ask(&s, 2, 20 * SEC), 0);
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK(seen_now_ms() - start < 5000);
	CHECK_EQ(s.late, 1);
	CHECK_EQ(s.died, 1);
	CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGKILL);
	CHECK(s.will_restart == UINT64_MAX);
	CHECK(seen_no_child());
	CHECK_EQ(seen_ask(&s, 1, SEC), -ESRCH);
	CHECK(!worker_is_running(s.w));
}

/* The answer is there, but the daemon slept through the deadline: it counts as in time. */
static void own_sleep_is_not_its_fault(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct pollfd p = { .events = POLLIN };

	CHECK_EQ(seen_begin(&s, NULL, NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 1), 0);
	p.fd = s.w->sock;
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(worker_now_usec() > s.w->deadlines_at);
	/* the loop may look at the clock first */
	calls_on_deadline(NULL, 0, s.w);
	CHECK_EQ(s.replies, 1);
	CHECK_EQ(s.late, 0);
	CHECK(worker_is_running(s.w));
}

static void earliest_deadline_counts(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	/* the first is answered at once, the timer stays armed for it; the second must not be lost
	 */
	CHECK_EQ(seen_begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(seen_ask(&s, 2, 30 * MSEC), 0);
	CHECK(seen_until(&s, &s.replies, 1));
	CHECK_EQ(seen_ask(&s, 1, 150 * MSEC), 0);
	CHECK(seen_until(&s, &s.late, 1));
}

static void death_ends_requests(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(seen_begin(&s, "1=die:3", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 20 * SEC), 0);
	CHECK_EQ(seen_ask(&s, 1, 20 * SEC), 0);
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK_EQ(s.died, 2);
	CHECK(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 3);
}

static void last_words_are_heard(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct pollfd p = { .events = POLLIN };

	CHECK_EQ(seen_begin(&s, "1=event:40,echo,die:0", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 20 * SEC), 0);
	/* it is dead before the first of them is read */
	p.fd = s.w->pidfd;
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK_EQ(s.events, 40);
	CHECK_EQ(s.replies, 1);
	CHECK_EQ(s.died, 0);
	CHECK(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 0);
}

static void a_crash_is_told(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(seen_begin(&s, "1=kill", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 20 * SEC), 0);
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGSEGV);
}

static unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void rules_are_kept(void)
{
	static const char *const broken[] = {
		"1=echo:11",
		"1=echo:4",
		"1=echo:513",
		"1=echo:8192",
		"1=id:77,echo",
		"1=echo,echo",
		"1=event:1:8",
		"1=fds,echo",
		"1=close",
	};

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		CLEANUP_SEEN struct seen s = { 0 };
		unsigned int open_before = open_fds();

		CHECK_EQ(seen_begin(&s, broken[i], NULL), 0);
		CHECK_EQ(seen_ask(&s, 1, 20 * SEC), 0);
		if (!seen_until(&s, &s.exits, 1))
			printf("# %s was let through\n", broken[i]);
		CHECK_EQ(s.exits, 1);
		CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGKILL);
		CHECK_EQ(s.events, 0);
		CHECK(seen_no_child());
		/* nothing that came along stays open */
		seen_done(&s);
		s = (struct seen){ .fd = -1 };
		CHECK_EQ(open_fds(), open_before);
	}
}

static void both_ends_of_the_range(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(seen_begin(&s, "1=echo:12", "2=echo:512"), 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	CHECK_EQ(seen_ask(&s, 2, 5 * SEC), 0);
	CHECK(seen_until(&s, &s.replies, 2));
	CHECK_EQ(s.exits, 0);
}

static int on_tick(sd_event_source *src, uint64_t usec, void *userdata)
{
	unsigned int *ticks = userdata;

	(void)usec;
	++*ticks;
	sd_event_source_set_time(src, seen_now_ms() * MSEC + 5 * MSEC);
	sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
	return 0;
}

static void a_flood_starves_nobody(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	unsigned int ticks = 0;

	CHECK_EQ(seen_begin(&s, "1=flood", NULL), 0);
	CHECK(sd_event_add_time(s.event, NULL, CLOCK_MONOTONIC, 0, 1, on_tick, &ticks) >= 0);
	CHECK_EQ(seen_ask(&s, 1, 300 * MSEC), 0);
	CHECK(seen_until(&s, &ticks, 5));
	for (int i = 0; i < 200 && s.exits == 0; i++) {
		unsigned int before = s.events;

		CHECK(sd_event_run(s.event, 50 * MSEC) >= 0);
		CHECK(s.events - before <= CALLS_READ_BUDGET);
	}
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK_EQ(s.late, 1);
	CHECK(s.events > 100);
}

static void descriptors_travel(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct msg m = { .head.op = 2 };
	char text[8] = "";
	int p[2];

	CHECK_EQ(seen_begin(&s, "1=fd,echo", "2=readfd,echo"), 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	CHECK(seen_until(&s, &s.replies, 1));
	CHECK(s.fd >= 0);
	CHECK(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(read(s.fd, text, sizeof(text)), 5);
	CHECK_STR(text, "hello");
	close(s.fd);
	s.fd = -1;
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(write(p[1], "Q", 1), 1);
	CHECK_EQ(worker_call(s.w, &m, sizeof(m), p[0], 5 * SEC, seen_on_reply, &s), 0);
	close(p[0]); /* stays the caller's */
	close(p[1]);
	CHECK(seen_until(&s, &s.replies, 2));
	CHECK_EQ(s.word, 'Q');
	CHECK_EQ(s.fd, -1);
}

static void free_ends_requests(void)
{
	struct seen s = { 0 };

	CHECK_EQ(seen_begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	CHECK_EQ(seen_ask(&s, 2, 5 * SEC), 0);
	seen_stop(&s);
	CHECK_EQ(s.stopped, 2);
	CHECK_EQ(s.exits, 0);
	CHECK(seen_no_child());
	seen_done(&s);
}

static void callbacks_may_free(void)
{
	CLEANUP_SEEN struct seen reply = { .free_in_reply = true };
	CLEANUP_SEEN struct seen late = { .free_in_reply = true };
	CLEANUP_SEEN struct seen died = { .free_in_reply = true };
	CLEANUP_SEEN struct seen event = { .free_in_event = true };
	CLEANUP_SEEN struct seen end = { .free_in_exit = true };

	CHECK_EQ(seen_begin(&reply, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(seen_ask(&reply, 1, 5 * SEC), 0);
	CHECK(seen_until(&reply, &reply.stopped, 2));
	CHECK_EQ(reply.replies, 1);

	CHECK_EQ(seen_begin(&late, "1=hang", NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(seen_ask(&late, 1, 20 * MSEC), 0);
	CHECK(seen_until(&late, &late.stopped, 2));
	CHECK_EQ(late.late, 1);

	CHECK_EQ(seen_begin(&died, "1=die:1", NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(seen_ask(&died, 1, 5 * SEC), 0);
	CHECK(seen_until(&died, &died.stopped, 2));
	CHECK_EQ(died.died, 1);

	CHECK_EQ(seen_begin(&event, "1=event:5", NULL), 0);
	CHECK_EQ(seen_ask(&event, 1, 5 * SEC), 0);
	CHECK(seen_until(&event, &event.stopped, 1));
	CHECK_EQ(event.events, 1);

	CHECK_EQ(seen_begin(&end, "start=die:0", NULL), 0);
	CHECK(seen_until(&end, &end.exits, 1));
	CHECK(!reply.w && !late.w && !died.w && !event.w && !end.w);
	CHECK(seen_no_child());
}

static void wrong_requests(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	static unsigned char big[WORKER_MSG_MAX + 1];
	int r = 0;

	CHECK_EQ(seen_begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(worker_call(s.w, big, 7, -1, SEC, seen_on_reply, &s), -EINVAL);
	CHECK_EQ(worker_call(s.w, big, sizeof(big), -1, SEC, seen_on_reply, &s), -EINVAL);
	CHECK_EQ(worker_send(s.w, big, 7, -1), -EINVAL);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	/* one that does not read: its socket fills, and that is said, not waited for */
	for (int i = 0; i < 1000 && r == 0; i++)
		r = worker_send(s.w, big, WORKER_MSG_MAX, -1);
	CHECK_EQ(r, -EAGAIN);
}

static void speed(void)
{
	enum { N = 400 };
	CLEANUP_SEEN struct seen s = { 0 };
	uint64_t took[N];
	struct timespec a, b;

	CHECK_EQ(seen_begin(&s, NULL, NULL), 0);
	for (unsigned int i = 0; i < N; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
		CHECK(seen_until(&s, &s.replies, i + 1));
		clock_gettime(CLOCK_MONOTONIC, &b);
		took[i] = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000 +
			  (uint64_t)(b.tv_nsec - a.tv_nsec);
	}
	for (unsigned int i = 1; i < N; i++)
		for (unsigned int k = i; k > 0 && took[k] < took[k - 1]; k--) {
			uint64_t t = took[k];

			took[k] = took[k - 1];
			took[k - 1] = t;
		}
	printf("# round trip p50 %.1f us, p99 %.1f us\n", (double)took[N / 2] / 1000,
		(double)took[N * 99 / 100] / 1000);
}

OVERSEER_MAIN({ "replies_come_back", replies_come_back }, { "late_is_killed", late_is_killed },
	{ "own_sleep_is_not_its_fault", own_sleep_is_not_its_fault },
	{ "earliest_deadline_counts", earliest_deadline_counts },
	{ "death_ends_requests", death_ends_requests },
	{ "last_words_are_heard", last_words_are_heard }, { "a_crash_is_told", a_crash_is_told },
	{ "rules_are_kept", rules_are_kept }, { "both_ends_of_the_range", both_ends_of_the_range },
	{ "a_flood_starves_nobody", a_flood_starves_nobody },
	{ "descriptors_travel", descriptors_travel }, { "free_ends_requests", free_ends_requests },
	{ "callbacks_may_free", callbacks_may_free }, { "wrong_requests", wrong_requests },
	{ "speed", speed });
