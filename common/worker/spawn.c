// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starting a worker's process; see spawn.h. Between fork() and execve() only calls that are
 * async-signal-safe, and no memory but what the parent prepared. What the worker inherits is
 * decided here and nowhere else: its descriptors, environment, signals, ids, folder.
 */
#include "common/worker/spawn.h"

#include "common/base/cleanup.h"
#include "common/worker/worker.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FIRST_KEPT (WORKER_FD + 1)

/* Moves fd[0..n) to 0, 1, 3, 4, 5, ... and closes all else but 2. -1 and errno. */
static int child_descriptors(int null, int sock, const int *keep, size_t n_keep)
{
	int top = FIRST_KEPT + (int)n_keep;
	int high[SPAWN_KEEP_MAX];
	int high_null, high_sock;

	/* first out of the way of their targets, which may be each other's sources */
	high_null = fcntl(null, F_DUPFD, top);
	high_sock = fcntl(sock, F_DUPFD, top);
	if (high_null < 0 || high_sock < 0)
		return -1;
	for (size_t i = 0; i < n_keep; i++) {
		high[i] = fcntl(keep[i], F_DUPFD, top);
		if (high[i] < 0)
			return -1;
	}
	if (dup2(high_null, STDIN_FILENO) < 0 || dup2(high_null, STDOUT_FILENO) < 0)
		return -1;
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(high_null, STDERR_FILENO) < 0)
		return -1;
	if (dup2(high_sock, WORKER_FD) < 0)
		return -1;
	for (size_t i = 0; i < n_keep; i++)
		if (dup2(high[i], FIRST_KEPT + (int)i) < 0)
			return -1;
	/* dup2() clears close-on-exec, and a duplicate on itself cannot happen here */
	return close_range((unsigned int)top, ~0u, 0);
}

/* Handlers would be reset by execve(), but what the daemon ignores would stay ignored. */
static int child_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL); /* fails for KILL, STOP and libc's own: right so */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Groups, gid, uid, in this order, and then proof: the way back must be closed. */
static int child_drop(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -1;
	if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0 || setgroups(0, NULL) == 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void __attribute__((noreturn))
child_run(const struct spawn *s, int null, int sock, pid_t parent)
{
	/* at once, or a copy of the daemon with all its descriptors would outlive it for a moment
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(SPAWN_EXIT_JAIL);
	umask(077);
	setsid(); /* a Ctrl-C meant for the daemon is not meant for the worker */
	if (chdir("/") < 0 || child_signals() < 0 ||
		child_descriptors(null, sock, s->keep_fds, s->n_keep_fds) < 0)
		_exit(SPAWN_EXIT_JAIL);
	if (s->drop && child_drop(s->uid, s->gid) < 0)
		_exit(SPAWN_EXIT_JAIL);
	/* again, for changing the ids clears it */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(SPAWN_EXIT_JAIL);
	execve(s->argv[0], s->argv, s->env);
	_exit(SPAWN_EXIT_EXEC);
}

int spawn_worker(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, int *ret_sock)
{
	CLEANUP_FD int null = -1;
	CLEANUP_FD int ours = -1;
	CLEANUP_FD int theirs = -1;
	pid_t parent = getpid(), pid;
	int pair[2], pidfd, r;

	if (s->n_keep_fds > SPAWN_KEEP_MAX)
		return -EINVAL;
	/* a word of its own for the usual mistakes, before there is a process to explain them */
	if (access(s->argv[0], X_OK) < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_run(s, null, theirs, parent);
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		r = -errno;
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return r;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	*ret_sock = TAKE_FD(ours);
	return 0;
}
