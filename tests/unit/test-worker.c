// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Workers that answer, are late, die, break the rules, flood, pass descriptors and refuse to
 * die. The worker is this program itself, as the scripted worker.
 */
#include "common/worker/worker.h"

#include "tests/support/scripted.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define SELF	 "/proc/self/exe"
#define MSEC	 1000ull
#define SEC	 1000000ull
#define NOBODY	 65534
#define LIMIT_S	 10 /* a wait that takes this long has failed */

struct msg {
	struct worker_head head;
	uint32_t word;
	uint32_t more[13];
};

/* All that was called back, in order of nothing in particular. */
struct seen {
	sd_event *event;
	struct worker *w;
	unsigned int replies, late, died, stopped, events, exits, started;
	uint32_t word, last_event;
	struct scripted_facts facts;
	int fd, status;
	uint64_t will_restart;
	bool free_in_reply, free_in_event, free_in_exit, call_on_start;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void free_it(struct seen *s)
{
	worker_free(s->w);
	s->w = NULL;
}

static void on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct seen *s = userdata;

	switch (fate) {
	case WORKER_REPLIED:
		s->replies++;
		s->fd = fd;
		if (size >= sizeof(struct worker_head) + sizeof(s->facts))
			memcpy(&s->facts, (const char *)msg + sizeof(struct worker_head),
				sizeof(s->facts));
		if (size >= sizeof(struct worker_head) + 4)
			memcpy(&s->word, (const char *)msg + sizeof(struct worker_head), 4);
		break;
	case WORKER_LATE: s->late++; break;
	case WORKER_DIED: s->died++; break;
	case WORKER_STOPPED: s->stopped++; break;
	}
	if (s->free_in_reply)
		free_it(s);
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	struct seen *s = userdata;

	(void)w;
	(void)size;
	s->events++;
	memcpy(&s->last_event, (const char *)msg + sizeof(struct worker_head), 4);
	if (fd >= 0)
		s->fd = fd;
	if (s->free_in_event)
		free_it(s);
}

static void on_exit_of(struct worker *w, int status, uint64_t will_restart, void *userdata)
{
	struct seen *s = userdata;

	(void)w;
	s->exits++;
	s->status = status;
	s->will_restart = will_restart;
	if (s->free_in_exit)
		free_it(s);
}

static int ask(struct seen *s, uint32_t op, uint64_t limit_usec)
{
	struct msg m = { .head.op = op, .word = 7 };

	return worker_call(s->w, &m, sizeof(m), -1, limit_usec, on_reply, s);
}

static void on_started(struct worker *w, void *userdata)
{
	struct seen *s = userdata;

	s->started++;
	if (s->call_on_start && s->w == w)
		ask(s, 1, 5 * SEC);
}

static void seen_done(struct seen *s)
{
	worker_free(s->w);
	sd_event_unref(s->event);
	cleanup_closep(&s->fd);
}
#define CLEANUP_SEEN __attribute__((cleanup(seen_done)))

/* Starts the scripted worker with up to three rules. */
static int begin_spec(struct seen *s, struct worker_spec *spec, const char *a, const char *b)
{
	const char *argv[] = { SELF, "--worker", a ? a : "any=echo", b ? b : "none=", NULL };
	int r;

	s->fd = -1;
	r = sd_event_new(&s->event);
	if (r < 0)
		return r;
	spec->name = "scripted";
	spec->argv = argv;
	if (spec->min_size == 0)
		spec->min_size = 12;
	if (spec->max_size == 0)
		spec->max_size = 512;
	spec->on_event = on_event;
	spec->on_exit = on_exit_of;
	spec->on_started = on_started;
	spec->userdata = s;
	return worker_new(&s->w, s->event, spec);
}

static int begin(struct seen *s, const char *a, const char *b)
{
	struct worker_spec spec = { .one_shot = true };

	return begin_spec(s, &spec, a, b);
}

/* Runs the loop until *counter reaches n. */
static bool until(struct seen *s, const unsigned int *counter, unsigned int n)
{
	uint64_t end = now_ms() + LIMIT_S * 1000;

	while (*counter < n && now_ms() < end)
		if (sd_event_run(s->event, 50 * MSEC) < 0)
			return false;
	return *counter >= n;
}

static bool no_child_left(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void replies_come_back(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct msg m = { .head.op = 5, .word = 1234 };

	CHECK_EQ(begin(&s, NULL, NULL), 0);
	CHECK_EQ(s.started, 1);
	CHECK(worker_is_running(s.w) && worker_pid(s.w) > 0);
	CHECK_EQ(worker_call(s.w, &m, sizeof(m), -1, SEC * 5, on_reply, &s), 0);
	CHECK_EQ(s.replies, 0);
	CHECK(until(&s, &s.replies, 1));
	CHECK_EQ(s.word, 1234);
	for (unsigned int i = 0; i < WORKER_CALLS; i++)
		CHECK_EQ(ask(&s, 5, SEC * 5), 0);
	CHECK_EQ(ask(&s, 5, SEC * 5), -EBUSY);
	CHECK(until(&s, &s.replies, 1 + WORKER_CALLS));
	CHECK_EQ(s.late + s.died + s.exits, 0);
}

static void late_is_killed(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	uint64_t start = now_ms();

	CHECK_EQ(begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(ask(&s, 1, 50 * MSEC), 0);
	CHECK_EQ(ask(&s, 2, 20 * SEC), 0);
	CHECK(until(&s, &s.exits, 1));
	CHECK(now_ms() - start < 5000);
	CHECK_EQ(s.late, 1);
	CHECK_EQ(s.died, 1);
	CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGKILL);
	CHECK(s.will_restart == UINT64_MAX);
	CHECK(no_child_left());
	CHECK_EQ(ask(&s, 1, SEC), -ESRCH);
	CHECK(!worker_is_running(s.w));
}

/* The answer is there, but the daemon slept through the deadline: it counts as in time. */
static void own_sleep_is_not_its_fault(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct pollfd p = { .fd = -1 };

	CHECK_EQ(begin(&s, "1=echo,event", NULL), 0);
	CHECK_EQ(ask(&s, 1, 20 * MSEC), 0);
	poll(&p, 1, 300);
	CHECK(until(&s, &s.events, 1));
	CHECK_EQ(s.replies, 1);
	CHECK_EQ(s.late, 0);
}

static void earliest_deadline_counts(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	/* the first is answered at once, the timer stays armed for it; the second must not be lost */
	CHECK_EQ(begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(ask(&s, 2, 30 * MSEC), 0);
	CHECK(until(&s, &s.replies, 1));
	CHECK_EQ(ask(&s, 1, 150 * MSEC), 0);
	CHECK(until(&s, &s.late, 1));
}

static void death_ends_requests(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(begin(&s, "1=die:3", NULL), 0);
	CHECK_EQ(ask(&s, 1, 20 * SEC), 0);
	CHECK_EQ(ask(&s, 1, 20 * SEC), 0);
	CHECK(until(&s, &s.exits, 1));
	CHECK_EQ(s.died, 2);
	CHECK(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 3);
}

static void last_words_are_heard(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(begin(&s, "1=event:40,echo,die:0", NULL), 0);
	CHECK_EQ(ask(&s, 1, 20 * SEC), 0);
	CHECK(until(&s, &s.exits, 1));
	CHECK_EQ(s.events, 40);
	CHECK_EQ(s.replies, 1);
	CHECK_EQ(s.died, 0);
	CHECK(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 0);
}

static void a_crash_is_told(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(begin(&s, "1=kill", NULL), 0);
	CHECK_EQ(ask(&s, 1, 20 * SEC), 0);
	CHECK(until(&s, &s.exits, 1));
	CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGSEGV);
}

static void rules_are_kept(void)
{
	static const char *const broken[] = {
		"1=echo:11", "1=echo:4", "1=echo:513", "1=echo:8192", "1=id:77,echo", "1=echo,echo",
		"1=event:1:8", "1=fds,echo", "1=close",
	};

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		CLEANUP_SEEN struct seen s = { 0 };

		CHECK_EQ(begin(&s, broken[i], NULL), 0);
		CHECK_EQ(ask(&s, 1, 20 * SEC), 0);
		if (!until(&s, &s.exits, 1))
			printf("# %s was let through\n", broken[i]);
		CHECK_EQ(s.exits, 1);
		CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGKILL);
		CHECK_EQ(s.events, 0);
		CHECK(no_child_left());
	}
}

static void both_ends_of_the_range(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(begin(&s, "1=echo:12", "2=echo:512"), 0);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
	CHECK_EQ(ask(&s, 2, 5 * SEC), 0);
	CHECK(until(&s, &s.replies, 2));
	CHECK_EQ(s.exits, 0);
}

static int on_tick(sd_event_source *src, uint64_t usec, void *userdata)
{
	unsigned int *ticks = userdata;

	(void)usec;
	++*ticks;
	sd_event_source_set_time(src, now_ms() * MSEC + 5 * MSEC);
	sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
	return 0;
}

static void a_flood_starves_nobody(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	unsigned int ticks = 0;

	CHECK_EQ(begin(&s, "1=flood", NULL), 0);
	CHECK(sd_event_add_time(s.event, NULL, CLOCK_MONOTONIC, 0, 1, on_tick, &ticks) >= 0);
	CHECK_EQ(ask(&s, 1, 300 * MSEC), 0);
	CHECK(until(&s, &ticks, 5));
	CHECK(until(&s, &s.exits, 1));
	CHECK_EQ(s.late, 1);
	CHECK(s.events > 100);
}

static void descriptors_travel(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct msg m = { .head.op = 2 };
	char text[8] = "";
	int p[2];

	CHECK_EQ(begin(&s, "1=fd,echo", "2=readfd,echo"), 0);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
	CHECK(until(&s, &s.replies, 1));
	CHECK(s.fd >= 0);
	CHECK(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(read(s.fd, text, sizeof(text)), 5);
	CHECK_STR(text, "hello");
	close(s.fd);
	s.fd = -1;
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(write(p[1], "Q", 1), 1);
	CHECK_EQ(worker_call(s.w, &m, sizeof(m), p[0], 5 * SEC, on_reply, &s), 0);
	close(p[0]); /* stays the caller's */
	close(p[1]);
	CHECK(until(&s, &s.replies, 2));
	CHECK_EQ(s.word, 'Q');
	CHECK_EQ(s.fd, -1);
}

static void stubborn_ones_die_too(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	uint64_t start;
	pid_t pid;

	CHECK_EQ(begin(&s, "1=stubborn,echo,hang", NULL), 0);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
	CHECK(until(&s, &s.replies, 1));
	pid = worker_pid(s.w);
	start = now_ms();
	free_it(&s);
	CHECK(now_ms() - start < 1000);
	CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	CHECK(no_child_left());
}

static bool gone_soon(pid_t pid)
{
	uint64_t end = now_ms() + LIMIT_S * 1000;

	while (now_ms() < end) {
		char path[64], line[128] = "";
		int fd;

		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		/* an orphan that nobody reaps here is gone all the same */
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
			line[0] = '\0';
		cleanup_closep(&fd);
		if (strstr(line, ") Z ") || strstr(line, ") X "))
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}

static void its_children_go_with_it(void)
{
	static const char *const ways[] = { "2=die:0", "2=hang", "2=close" };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		CLEANUP_SEEN struct seen s = { 0 };

		CHECK_EQ(begin(&s, "1=child,echo", ways[i]), 0);
		CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
		CHECK(until(&s, &s.replies, 1));
		CHECK(s.word > 1 && kill((pid_t)s.word, 0) == 0);
		CHECK_EQ(ask(&s, 2, 100 * MSEC), 0);
		CHECK(until(&s, &s.exits, 1));
		CHECK(gone_soon((pid_t)s.word));
	}
}

static void free_ends_requests(void)
{
	struct seen s = { 0 };

	CHECK_EQ(begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
	CHECK_EQ(ask(&s, 2, 5 * SEC), 0);
	free_it(&s);
	CHECK_EQ(s.stopped, 2);
	CHECK_EQ(s.exits, 0);
	CHECK(no_child_left());
	seen_done(&s);
}

static void callbacks_may_free(void)
{
	CLEANUP_SEEN struct seen reply = { .free_in_reply = true };
	CLEANUP_SEEN struct seen late = { .free_in_reply = true };
	CLEANUP_SEEN struct seen died = { .free_in_reply = true };
	CLEANUP_SEEN struct seen event = { .free_in_event = true };
	CLEANUP_SEEN struct seen end = { .free_in_exit = true };

	CHECK_EQ(begin(&reply, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(&reply, 1, 5 * SEC), 0);
	CHECK(until(&reply, &reply.stopped, 2));
	CHECK_EQ(reply.replies, 1);

	CHECK_EQ(begin(&late, "1=hang", NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(&late, 1, 20 * MSEC), 0);
	CHECK(until(&late, &late.stopped, 2));
	CHECK_EQ(late.late, 1);

	CHECK_EQ(begin(&died, "1=die:1", NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(ask(&died, 1, 5 * SEC), 0);
	CHECK(until(&died, &died.stopped, 2));
	CHECK_EQ(died.died, 1);

	CHECK_EQ(begin(&event, "1=event:5", NULL), 0);
	CHECK_EQ(ask(&event, 1, 5 * SEC), 0);
	CHECK(until(&event, &event.stopped, 1));
	CHECK_EQ(event.events, 1);

	CHECK_EQ(begin(&end, "start=die:0", NULL), 0);
	CHECK(until(&end, &end.exits, 1));
	CHECK(!reply.w && !late.w && !died.w && !event.w && !end.w);
	CHECK(no_child_left());
}

static void restarts_back_off(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct worker_spec spec = { .one_shot = false };
	uint64_t start = now_ms();

	CHECK_EQ(begin_spec(&s, &spec, "start=die:9", NULL), 0);
	CHECK(until(&s, &s.exits, 1));
	CHECK_EQ(s.will_restart, 0);
	CHECK(until(&s, &s.exits, 2));
	CHECK_EQ(s.will_restart, SEC);
	CHECK(now_ms() - start < 900);
	CHECK(until(&s, &s.exits, 3));
	CHECK(now_ms() - start >= 1000);
	CHECK_EQ(s.will_restart, 2 * SEC);
	CHECK_EQ(s.started, 3);
	CHECK_EQ(worker_restarts(s.w), 2);
}

static void replaced_at_once(void)
{
	CLEANUP_SEEN struct seen s = { .call_on_start = true };
	struct worker_spec spec = { .one_shot = true };
	pid_t first;

	CHECK_EQ(begin_spec(&s, &spec, "2=hang", NULL), 0);
	CHECK_EQ(s.started, 1);
	CHECK(until(&s, &s.replies, 1)); /* the callback had s.w, and its request was the first */
	first = worker_pid(s.w);
	for (unsigned int i = 1; i <= 4; i++) {
		CHECK_EQ(ask(&s, 2, 5 * SEC), 0);
		worker_replace(s.w);
		worker_replace(s.w);
		CHECK(!worker_is_running(s.w));
		CHECK(until(&s, &s.started, 1 + i));
		CHECK_EQ(s.died, i);
		CHECK_EQ(s.will_restart, 0);
		CHECK(until(&s, &s.replies, 1 + i));
	}
	CHECK(worker_pid(s.w) != first);
	CHECK_EQ(s.started, 5);
}

static void what_it_inherits(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	int p[2], clash = dup(STDERR_FILENO), r;
	struct worker_spec spec = { .one_shot = true, .keep_fds = p, .n_keep_fds = 2 };
	sigset_t term;

	/* a daemon blocks and ignores signals and has files open; none of it is the worker's */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	r = begin_spec(&s, &spec, "1=facts", NULL);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(clash);
	close(p[0]);
	close(p[1]);
	CHECK_EQ(r, 0);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
	CHECK(until(&s, &s.replies, 1));
	CHECK_EQ(s.facts.open_fds, 0x3f); /* 0 to 3 and the two handed over */
	CHECK_EQ(s.facts.death_signal, SIGKILL);
	CHECK_EQ(s.facts.n_env, 2);
	CHECK_EQ(s.facts.blocked, 0);
	CHECK_EQ(s.facts.null_io, 1);
	CHECK_EQ(s.facts.cwd_is_root, 1);
	CHECK_EQ(s.facts.uid, geteuid());
}

static void privileges_are_dropped(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct worker_spec spec = { .one_shot = true, .drop = true, .uid = NOBODY, .gid = NOBODY };
	struct worker_spec root = { .one_shot = true, .drop = true, .uid = 0, .gid = NOBODY };

	if (geteuid() != 0)
		SKIP("needs root to drop it");
	CHECK_EQ(begin_spec(&s, &root, NULL, NULL), -EINVAL);
	sd_event_unref(s.event);
	CHECK_EQ(begin_spec(&s, &spec, "1=facts", NULL), 0);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
	CHECK(until(&s, &s.replies, 1));
	CHECK_EQ(s.facts.uid, NOBODY);
	CHECK_EQ(s.facts.gid, NOBODY);
	CHECK_EQ(s.facts.n_groups, 0);
	CHECK_EQ(s.facts.regained, 0);
	CHECK_EQ(s.facts.death_signal, SIGKILL);
	/* another user's process: killing it is still the daemon's right */
	free_it(&s);
	CHECK(no_child_left());
}

/* A daemon that is killed takes its workers along. */
static void no_worker_outlives_its_daemon(void)
{
	int p[2], status;
	pid_t worker = 0, daemon;

	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	daemon = fork();
	if (daemon == 0) {
		struct seen s = { 0 };

		if (begin(&s, "1=stubborn,echo,hang", NULL) < 0 || ask(&s, 1, 5 * SEC) < 0 ||
			!until(&s, &s.replies, 1))
			_exit(1);
		worker = worker_pid(s.w);
		if (write(p[1], &worker, sizeof(worker)) != sizeof(worker))
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	CHECK_EQ(read(p[0], &worker, sizeof(worker)), sizeof(worker));
	close(p[0]);
	kill(daemon, SIGKILL);
	CHECK_EQ(waitpid(daemon, &status, 0), daemon);
	CHECK(gone_soon(worker));
}

static void what_cannot_be_tried(void)
{
	const char *const missing[] = { "/nonexistent/va-none", NULL };
	const char *const folder[] = { "/dev/null", NULL };
	const char *const relative[] = { "true", NULL };
	struct worker_spec spec = { .argv = missing, .min_size = 8, .max_size = 8 };
	CLEANUP_SEEN struct seen s = { .fd = -1 };

	CHECK_EQ(sd_event_new(&s.event), 0);
	CHECK_EQ(worker_new(&s.w, s.event, &spec), -ENOENT);
	spec.argv = folder;
	CHECK_EQ(worker_new(&s.w, s.event, &spec), -EACCES);
	spec.argv = relative;
	CHECK_EQ(worker_new(&s.w, s.event, &spec), -EINVAL);
	spec.argv = missing;
	spec.max_size = WORKER_MSG_MAX + 1;
	CHECK_EQ(worker_new(&s.w, s.event, &spec), -EINVAL);
	CHECK(!s.w);
	CHECK(no_child_left());
	worker_free(NULL);
}

static void wrong_requests(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	static unsigned char big[WORKER_MSG_MAX + 1];
	int r = 0;

	CHECK_EQ(begin(&s, "1=hang", NULL), 0);
	CHECK_EQ(worker_call(s.w, big, 7, -1, SEC, on_reply, &s), -EINVAL);
	CHECK_EQ(worker_call(s.w, big, sizeof(big), -1, SEC, on_reply, &s), -EINVAL);
	CHECK_EQ(worker_send(s.w, big, 7, -1), -EINVAL);
	CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
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

	CHECK_EQ(begin(&s, NULL, NULL), 0);
	for (unsigned int i = 0; i < N; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		CHECK_EQ(ask(&s, 1, 5 * SEC), 0);
		CHECK(until(&s, &s.replies, i + 1));
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

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "replies_come_back", replies_come_back },
		{ "late_is_killed", late_is_killed },
		{ "own_sleep_is_not_its_fault", own_sleep_is_not_its_fault },
		{ "earliest_deadline_counts", earliest_deadline_counts },
		{ "death_ends_requests", death_ends_requests },
		{ "last_words_are_heard", last_words_are_heard },
		{ "a_crash_is_told", a_crash_is_told },
		{ "rules_are_kept", rules_are_kept },
		{ "both_ends_of_the_range", both_ends_of_the_range },
		{ "a_flood_starves_nobody", a_flood_starves_nobody },
		{ "descriptors_travel", descriptors_travel },
		{ "stubborn_ones_die_too", stubborn_ones_die_too },
		{ "its_children_go_with_it", its_children_go_with_it },
		{ "free_ends_requests", free_ends_requests },
		{ "callbacks_may_free", callbacks_may_free },
		{ "restarts_back_off", restarts_back_off },
		{ "replaced_at_once", replaced_at_once },
		{ "what_it_inherits", what_it_inherits },
		{ "privileges_are_dropped", privileges_are_dropped },
		{ "no_worker_outlives_its_daemon", no_worker_outlives_its_daemon },
		{ "what_cannot_be_tried", what_cannot_be_tried },
		{ "wrong_requests", wrong_requests },
		{ "speed", speed },
	};

	if (argc > 1 && !strcmp(argv[1], "--worker"))
		return scripted_worker_main(argc - 1, argv + 1);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
