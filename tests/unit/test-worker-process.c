// SPDX-License-Identifier: GPL-2.0-or-later
/* A worker as a process: what it inherits, what it may, that it dies, and is started again. */
#include "tests/support/overseer.h"

#include "tests/unit/test.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>

static void stubborn_ones_die_too(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	uint64_t start;
	pid_t pid;

	CHECK_EQ(seen_begin(&s, "1=stubborn,echo,hang", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	CHECK(seen_until(&s, &s.replies, 1));
	pid = worker_pid(s.w);
	start = seen_now_ms();
	seen_stop(&s);
	CHECK(seen_now_ms() - start < 1000);
	CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	CHECK(seen_no_child());
}

static void its_children_go_with_it(void)
{
	static const char *const ways[] = { "2=die:0", "2=hang", "2=close" };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		CLEANUP_SEEN struct seen s = { 0 };

		CHECK_EQ(seen_begin(&s, "1=child,echo", ways[i]), 0);
		CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
		CHECK(seen_until(&s, &s.replies, 1));
		CHECK(s.word > 1 && kill((pid_t)s.word, 0) == 0);
		CHECK_EQ(seen_ask(&s, 2, 100 * MSEC), 0);
		CHECK(seen_until(&s, &s.exits, 1));
		CHECK(seen_is_gone((pid_t)s.word));
	}
}

static void restarts_back_off(void)
{
	CLEANUP_SEEN struct seen s = { 0 };
	struct worker_spec spec = { .one_shot = false };
	uint64_t start = seen_now_ms();

	CHECK_EQ(seen_begin_spec(&s, &spec, "start=die:9", NULL), 0);
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK_EQ(s.will_restart, 0);
	CHECK(seen_until(&s, &s.exits, 2));
	CHECK_EQ(s.will_restart, SEC);
	CHECK(seen_now_ms() - start < 900);
	CHECK(seen_until(&s, &s.exits, 3));
	CHECK(seen_now_ms() - start >= 1000);
	CHECK_EQ(s.will_restart, 2 * SEC);
	CHECK_EQ(s.started, 3);
	CHECK_EQ(worker_restarts(s.w), 2);
}

static void replaced_at_once(void)
{
	CLEANUP_SEEN struct seen s = { .call_on_start = true };
	struct worker_spec spec = { .one_shot = true };
	pid_t first;

	CHECK_EQ(seen_begin_spec(&s, &spec, "2=hang", NULL), 0);
	CHECK_EQ(s.started, 1);
	CHECK(seen_until(
		&s, &s.replies, 1)); /* the callback had s.w, and its request was the first */
	first = worker_pid(s.w);
	for (unsigned int i = 1; i <= 4; i++) {
		CHECK_EQ(seen_ask(&s, 2, 5 * SEC), 0);
		worker_replace(s.w);
		worker_replace(s.w);
		CHECK(!worker_is_running(s.w));
		CHECK(seen_until(&s, &s.started, 1 + i));
		CHECK_EQ(s.died, i);
		CHECK_EQ(s.will_restart, 0);
		CHECK(seen_until(&s, &s.replies, 1 + i));
	}
	CHECK(worker_pid(s.w) != first);
	CHECK_EQ(s.started, 5);
}

/* A process that serves leaves by itself when it is replaced; one that hangs is killed. */
static void replaced_in_peace(void)
{
	CLEANUP_SEEN struct seen s = { 0 };

	CHECK_EQ(seen_begin(&s, "3=hang", NULL), 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	worker_replace(s.w);
	CHECK(seen_until(&s, &s.exits, 1));
	CHECK(WIFEXITED(s.status) && WEXITSTATUS(s.status) == 0);
	CHECK(seen_until(&s, &s.started, 2));
	CHECK_EQ(seen_ask(&s, 3, 5 * SEC), 0);
	worker_replace(s.w);
	CHECK(seen_until(&s, &s.exits, 2));
	CHECK(WIFSIGNALED(s.status) && WTERMSIG(s.status) == SIGKILL);
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
	r = seen_begin_spec(&s, &spec, "1=facts", NULL);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(clash);
	close(p[0]);
	close(p[1]);
	CHECK_EQ(r, 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	CHECK(seen_until(&s, &s.replies, 1));
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
	gid_t groups[64], disk = 6;
	int n_groups, r;

	if (geteuid() != 0)
		SKIP("needs root to drop it");
	CHECK_EQ(seen_begin_spec(&s, &root, NULL, NULL), -EINVAL);
	sd_event_unref(s.event);
	n_groups = getgroups(64, groups);
	CHECK(n_groups >= 0);
	CHECK_EQ(setgroups(1, &disk), 0); /* which the worker must not have */
	r = seen_begin_spec(&s, &spec, "1=facts", NULL);
	CHECK_EQ(setgroups((size_t)n_groups, groups), 0);
	CHECK_EQ(r, 0);
	CHECK_EQ(seen_ask(&s, 1, 5 * SEC), 0);
	CHECK(seen_until(&s, &s.replies, 1));
	CHECK_EQ(s.facts.uid, NOBODY);
	CHECK_EQ(s.facts.gid, NOBODY);
	CHECK_EQ(s.facts.n_groups, 0);
	CHECK_EQ(s.facts.regained, 0);
	CHECK_EQ(s.facts.death_signal, SIGKILL);
	/* another user's process: killing it is still the daemon's right */
	seen_stop(&s);
	CHECK(seen_no_child());
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

		if (seen_begin(&s, "1=stubborn,echo,hang", NULL) < 0 ||
			seen_ask(&s, 1, 5 * SEC) < 0 || !seen_until(&s, &s.replies, 1))
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
	CHECK(seen_is_gone(worker));
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
	CHECK(seen_no_child());
	/* of no worker at all: it does not run */
	worker_free(NULL);
	CHECK(worker_pid(NULL) == 0 && !worker_is_running(NULL) && worker_restarts(NULL) == 0);
}

OVERSEER_MAIN({ "stubborn_ones_die_too", stubborn_ones_die_too },
	{ "its_children_go_with_it", its_children_go_with_it },
	{ "restarts_back_off", restarts_back_off }, { "replaced_at_once", replaced_at_once },
	{ "replaced_in_peace", replaced_in_peace }, { "what_it_inherits", what_it_inherits },
	{ "privileges_are_dropped", privileges_are_dropped },
	{ "no_worker_outlives_its_daemon", no_worker_outlives_its_daemon },
	{ "what_cannot_be_tried", what_cannot_be_tried });
