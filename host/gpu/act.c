// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Acting on the machine; see machine.h. Whatever changes something runs in a child process with
 * a limit, because a write to sysfs may sleep in the kernel for ever, and so may modprobe. Such
 * a child dies with us: after a kill -9 nothing of ours goes on working unseen, and "recover"
 * meets a machine at rest. A child that cannot be killed is left behind, and said so.
 */
#include "host/gpu/machine.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define KILL_MS     1000 /* what SIGKILL may take before we call a process stuck */
#define EXIT_NOEXEC 127

struct child {
	pid_t pid;
	int pidfd;
};

static void child_limits(pid_t parent)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_NOEXEC);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0: in the child; 1: in the parent, *ret is its. */
static int child_start(struct machine *m, struct child *ret)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return machine_fail(m, -errno, "no new process: %s", strerrordesc_np(errno));
	if (pid == 0) {
		child_limits(parent);
		return 0;
	}
	*ret = (struct child){ .pid = pid, .pidfd = pidfd_open(pid, 0) };
	if (ret->pidfd < 0) {
		int error = errno;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return machine_fail(
			m, -error, "no handle of a process: %s", strerrordesc_np(error));
	}
	return 1;
}

/* Reaps it: its wait status, or -EDEADLK when not even SIGKILL ends it. */
static int child_kill(struct child *c)
{
	int status = 0, r;

	kill(c->pid, SIGKILL);
	r = machine_wait_pidfd(c->pidfd, KILL_MS);
	if (r > 0)
		waitpid(c->pid, &status, 0);
	close(c->pidfd);
	return r > 0 ? status : -EDEADLK;
}

/* The wait status, or -ETIMEDOUT with the reason. what: for people. */
static int child_finish(struct machine *m, struct child *c, unsigned int limit_ms, const char *what)
{
	int status = 0;

	if (machine_wait_pidfd(c->pidfd, limit_ms) > 0) {
		waitpid(c->pid, &status, 0);
		close(c->pidfd);
		return status;
	}
	if (child_kill(c) == -EDEADLK)
		return machine_fail(m, -ETIMEDOUT,
			"%s is stuck in the kernel (process %d cannot be killed); only a reboot "
			"frees the device",
			what, (int)c->pid);
	return machine_fail(m, -ETIMEDOUT, "%s did not end within %u s and was killed", what,
		(limit_ms + 999) / 1000);
}

static void __attribute__((noreturn)) write_in_child(const char *path, const char *text)
{
	/* not O_CREAT: an attribute is there or it is not */
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = strlen(text);

	if (fd < 0)
		_exit(errno & 0xff);
	if (write(fd, text, len) != (ssize_t)len)
		_exit(errno ? errno & 0xff : EIO);
	_exit(0);
}

int machine_write(struct machine *m, const char *text, const char *fmt, ...)
{
	char path[ATTR_PATH_SIZE], what[ATTR_PATH_SIZE + 64];
	size_t skip = strlen(m->root);
	struct child c;
	va_list ap;
	int r;

	r = machine_path(m, path, "%s", "");
	va_start(ap, fmt);
	if (r == 0 &&
		(size_t)vsnprintf(path + skip, sizeof(path) - skip, fmt, ap) >= sizeof(path) - skip)
		r = -ENAMETOOLONG;
	va_end(ap);
	if (r < 0)
		return machine_fail(m, r, "a path is too long");
	(void)snprintf(what, sizeof(what), "writing \"%s\" to %s", escape(text), path + skip);
	r = child_start(m, &c);
	if (r == 0)
		write_in_child(path, text);
	if (r < 0)
		return r;
	r = child_finish(m, &c, m->limit.write, what);
	if (r < 0)
		return r;
	if (WIFEXITED(r) && WEXITSTATUS(r) == 0)
		return 0;
	r = WIFEXITED(r) ? WEXITSTATUS(r) : EINTR;
	return machine_fail(m, -r, "%s: %s", what, strerrordesc_np(r) ?: "failed");
}

static int find_program(const struct machine *m, const char *name, char ret[ATTR_PATH_SIZE])
{
	static const char *const folders[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (machine_path(m, ret, "%s/%s", folders[i], name) == 0 && access(ret, X_OK) == 0)
			return 0;
	return -ENOENT;
}

static int become(uid_t uid)
{
	const struct passwd *pw;

	if (uid == geteuid())
		return 0;
	pw = getpwuid(uid);
	if (!pw || setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0)
		return -1;
	return setresuid(uid, uid, uid);
}

static void __attribute__((noreturn))
exec_in_child(const char *path, uid_t uid, const char *const *argv, int out)
{
	static char locale[] = "LC_ALL=C", search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char runtime[64], bus[96], *envp[] = { locale, search, NULL, NULL, NULL };
	char *args[MACHINE_ARGS_MAX + 1];
	size_t n = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(EXIT_NOEXEC);
	close_range(3, ~0u, 0);
	if (uid != MACHINE_SELF) {
		(void)snprintf(runtime, sizeof(runtime), "XDG_RUNTIME_DIR=/run/user/%u", uid);
		(void)snprintf(bus, sizeof(bus),
			"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/%u/bus", uid);
		envp[2] = runtime;
		envp[3] = bus;
		if (become(uid) < 0)
			_exit(EXIT_NOEXEC);
	}
	for (; n < MACHINE_ARGS_MAX && argv[n]; n++)
		args[n] = (char *)(uintptr_t)argv[n];
	args[n] = NULL;
	execve(path, args, envp);
	_exit(EXIT_NOEXEC);
}

/* Reads what it says until it ends or the limit passes; never waits for a grandchild's pipe. */
static void listen_to(struct child *c, int fd, unsigned int limit_ms, char *out, size_t outsz)
{
	uint64_t end = machine_now_ms() + limit_ms, now;
	size_t len = 0;
	bool open = true;

	while ((now = machine_now_ms()) < end && open) {
		struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			{ .fd = c->pidfd, .events = POLLIN } };
		char chunk[512];
		ssize_t n;

		if (poll(p, 2, (int)(end - now)) < 0 && errno != EINTR)
			break;
		n = read(fd, chunk, sizeof(chunk));
		open = n > 0 || (n < 0 && errno == EAGAIN && !(p[1].revents & POLLIN));
		for (ssize_t i = 0; i < n && len + 1 < outsz; i++)
			out[len++] = chunk[i];
	}
	out[len] = '\0';
}

int machine_run(struct machine *m, unsigned int limit_ms, uid_t uid, const char *const *argv,
	char *out, size_t outsz)
{
	char path[ATTR_PATH_SIZE];
	int pipe_fd[2], r = find_program(m, argv[0], path);
	uint64_t end = machine_now_ms() + limit_ms, now;
	struct child c;

	out[0] = '\0';
	if (r < 0)
		return machine_fail(m, r, "there is no program %s", argv[0]);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return machine_fail(m, -errno, "no pipe: %s", strerrordesc_np(errno));
	r = child_start(m, &c);
	if (r == 0)
		exec_in_child(path, uid, argv, pipe_fd[1]);
	close(pipe_fd[1]);
	if (r > 0) {
		fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK);
		listen_to(&c, pipe_fd[0], limit_ms, out, outsz);
		now = machine_now_ms();
		r = child_finish(m, &c, now < end ? (unsigned int)(end - now) : 0, argv[0]);
	}
	close(pipe_fd[0]);
	if (r < 0)
		return r;
	if (!WIFEXITED(r))
		return machine_fail(m, -EINTR, "%s was killed", argv[0]);
	if (WEXITSTATUS(r) == EXIT_NOEXEC)
		return machine_fail(m, -ENOEXEC, "%s cannot be run", argv[0]);
	return WEXITSTATUS(r);
}

int machine_must_run(struct machine *m, unsigned int limit_ms, uid_t uid, const char *const *argv)
{
	char out[160], line[200] = "";
	int r = machine_run(m, limit_ms, uid, argv, out, sizeof(out));
	size_t n = 0;

	if (r <= 0)
		return r;
	for (size_t i = 0; argv[i] && n < sizeof(line); i++) {
		int k = snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : "", argv[i]);

		n += k > 0 ? (size_t)k : 0;
	}
	while (out[0] && strchr(" \n", out[strlen(out) - 1]))
		out[strlen(out) - 1] = '\0';
	return machine_fail(m, -EIO, "\"%s\" ended with %d%s%s", line, r, out[0] ? ": " : "",
		escape_str(out, (char[200]){ 0 }, 200));
}
