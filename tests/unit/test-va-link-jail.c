// SPDX-License-Identifier: GPL-2.0-or-later
/* The jail of va-link: what a process in it tries, layer by layer. */
#include "common/base/cleanup.h"
#include "host/link/jail.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define NOBODY 65534

static pid_t parent;

struct outcome {
	int status;
	char said[256];
};

/* Runs attempt in a child that entered the layers; its return value is the exit status. */
static bool in_jail(unsigned int layers, int (*attempt)(void), struct outcome *ret)
{
	size_t n = 0;
	ssize_t r;
	pid_t pid;
	int p[2];

	memset(ret, 0, sizeof(*ret));
	if (pipe2(p, O_CLOEXEC) < 0)
		return false;
	fflush(stdout);
	parent = getpid();
	pid = fork();
	if (pid == 0) {
		const char *what = "";

		dup2(p[1], STDERR_FILENO);
		if (jail_enter(layers, &what) < 0) {
			dprintf(STDERR_FILENO, "jail: %s", what);
			_exit(100);
		}
		_exit(attempt());
	}
	close(p[1]);
	while (n < sizeof(ret->said) - 1 &&
		(r = read(p[0], ret->said + n, sizeof(ret->said) - 1 - n)) > 0)
		n += (size_t)r;
	close(p[0]);
	return pid > 0 && waitpid(pid, &ret->status, 0) == pid;
}

#define EXITED(o, code) (WIFEXITED((o).status) && WEXITSTATUS((o).status) == (code))

/* --- what is tried; raw calls, so that no library is between us and the kernel -------------- */
static int try_open(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY) >= 0 ? 0 : 1;
}
static int try_socket(void)
{
	return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 1;
}
static int try_fork(void)
{
	long r = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (r == 0)
		_exit(0);
	return r > 0 ? 0 : errno == EAGAIN ? 2 : 1;
}
static int try_ptrace(void)
{
	return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : 1;
}
static int try_kill(void)
{
	return syscall(SYS_kill, parent, 0) == 0 ? 0 : 1;
}
static int try_execve(void)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };

	syscall(SYS_execve, "/bin/true", argv, NULL);
	return 1;
}
static int try_mmap_exec(void)
{
	return syscall(SYS_mmap, 0L, 4096L, (long)(PROT_READ | PROT_EXEC),
		       (long)(MAP_PRIVATE | MAP_ANONYMOUS), -1L, 0L) < 0;
}
static int try_write_elsewhere(void)
{
	return write(STDOUT_FILENO, "", 0) < 0;
}
static int try_unshare(void)
{
	return syscall(SYS_unshare, CLONE_NEWUSER) == 0 ? 0 : 1;
}

/* What the loop itself does must go on working. */
static int try_own_work(void)
{
	struct timespec t;
	uint8_t random[8];

	if (syscall(SYS_getrandom, random, sizeof(random), 0) != sizeof(random))
		return 1;
	if (syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &t) < 0)
		return 2;
	if (syscall(SYS_poll, NULL, 0, 0) < 0)
		return 3;
	return write(STDERR_FILENO, "fine", 4) == 4 ? 0 : 4;
}

static void forbidden_calls_are_named(void)
{
	static const struct {
		int (*attempt)(void);
		const char *name;
	} t[] = {
		{ try_open, "(openat)" },
		{ try_socket, "(socket)" },
		{ try_fork, "(clone)" },
		{ try_ptrace, "(ptrace)" },
		{ try_kill, "(kill)" },
		{ try_execve, "(execve)" },
		{ try_write_elsewhere, "forbidden system call 1, " },
		{ try_unshare, "(unshare)" },
#ifndef __SANITIZE_ADDRESS__
		{ try_mmap_exec, "(mmap)" },
#endif
	};
	struct outcome o;

	(void)try_mmap_exec;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		/* shows that the attempt is one: it works outside */
		if (t[i].attempt != try_unshare && t[i].attempt != try_execve) {
			CHECK(in_jail(0, t[i].attempt, &o));
			CHECK(EXITED(o, 0));
		}
		CHECK(in_jail(JAIL_SECCOMP, t[i].attempt, &o));
		CHECK(EXITED(o, JAIL_EXIT_STATUS));
		CHECK(strstr(o.said, t[i].name));
		CHECK(in_jail(JAIL_ALL, t[i].attempt, &o));
		CHECK(EXITED(o, JAIL_EXIT_STATUS));
	}
}

static void own_work_goes_on(void)
{
	struct outcome o;

	CHECK(in_jail(JAIL_ALL, try_own_work, &o));
	CHECK(EXITED(o, 0));
	CHECK_STR(o.said, "fine");
}

static int look_at_process(void)
{
	struct rlimit l;

	if (fcntl(20, F_GETFD) >= 0)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) != 1)
		return 3;
	if (getrlimit(RLIMIT_CORE, &l) < 0 || l.rlim_max != 0)
		return 4;
	if (getrlimit(RLIMIT_FSIZE, &l) < 0 || l.rlim_max != 0)
		return 5;
	if (getrlimit(RLIMIT_NPROC, &l) < 0 || l.rlim_max != 0)
		return 6;
	return getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_max > 32 ? 7 : 0;
}

static void process_layer(void)
{
	struct outcome o;
	int fd = dup2(STDOUT_FILENO, 20);

	CHECK(fd == 20);
	CHECK(in_jail(0, look_at_process, &o));
	CHECK(EXITED(o, 1));
	CHECK(in_jail(JAIL_PROCESS, look_at_process, &o));
	close(fd);
	CHECK(EXITED(o, 0));
}

/* RLIMIT_NPROC does not bind root: leave it first. */
static int fork_as_nobody(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return 3;
	return try_fork();
}

static void rlimits_alone_stop_a_fork(void)
{
	struct outcome o;

	CHECK(in_jail(0, fork_as_nobody, &o));
	CHECK(EXITED(o, 0));
	CHECK(in_jail(JAIL_PROCESS, fork_as_nobody, &o));
	CHECK(EXITED(o, 2));
}

static int look_at_caps(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &head, d) < 0)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(d); i++)
		if (d[i].effective || d[i].permitted || d[i].inheritable)
			return 2;
	for (long cap = 0; geteuid() == 0; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0L, 0L, 0L);

		if (has < 0)
			return cap < 30;
		if (has)
			return 3;
	}
	return 0;
}

static void caps_layer(void)
{
	struct outcome o;

	if (geteuid() == 0) {
		CHECK(in_jail(0, look_at_caps, &o));
		CHECK(EXITED(o, 2));
	}
	CHECK(in_jail(JAIL_CAPS, look_at_caps, &o));
	CHECK(EXITED(o, 0));
}

static void landlock_layer(void)
{
	struct outcome o;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) < 0) {
		/* such a kernel must not keep va-link from starting */
		CHECK(in_jail(JAIL_PROCESS | JAIL_LANDLOCK, look_at_process, &o));
		CHECK(EXITED(o, 0));
		SKIP("this kernel has no Landlock");
	}
	CHECK(in_jail(JAIL_PROCESS, try_open, &o));
	CHECK(EXITED(o, 0));
	CHECK(in_jail(JAIL_PROCESS | JAIL_LANDLOCK, try_open, &o));
	CHECK(EXITED(o, 1));
}

TEST_MAIN({ "forbidden_calls_are_named", forbidden_calls_are_named },
	{ "own_work_goes_on", own_work_goes_on }, { "process_layer", process_layer },
	{ "rlimits_alone_stop_a_fork", rlimits_alone_stop_a_fork }, { "caps_layer", caps_layer },
	{ "landlock_layer", landlock_layer });
