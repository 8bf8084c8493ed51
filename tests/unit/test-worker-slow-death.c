// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker that is killed and does not die at once, as one on a dead bus or on a busy machine: it
 * is held at its exit by ptrace(2). Whoever let go of it must neither wait for it nor crash when
 * it ends at last.
 */
#include "common/worker/worker.h"
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#define LIMIT 10 /* seconds; a wait that takes this long has failed */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool is_there(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void freed_while_it_cannot_die(void)
{
	static const char *const argv[] = { "/bin/sleep", "100", NULL };
	const struct worker_spec spec = { .name = "slow",
		.argv = argv,
		.min_size = sizeof(struct worker_head),
		.max_size = sizeof(struct worker_head) };
	CLEANUP_FN(worker) struct worker *w = NULL;
	uint64_t start, end;
	sd_event *event;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(sd_event_new(&event) >= 0);
	CHECK_EQ(worker_new(&w, event, &spec), 0);
	pid = worker_pid(w);
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT) < 0)
		SKIP("no right to ptrace here");
	start = now_ms();
	worker_free(TAKE(w));
	CHECK(now_ms() - start < 1000);
	CHECK(is_there(pid));
	sd_event_run(event, 0);
	/* let it go, and the loop reap it */
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	end = now_ms() + LIMIT * 1000;
	while (is_there(pid) && now_ms() < end)
		sd_event_run(event, 50000);
	CHECK(!is_there(pid));
	sd_event_run(event, 0);
	sd_event_unref(event);
}

TEST_MAIN({ "freed_while_it_cannot_die", freed_while_it_cannot_die });
