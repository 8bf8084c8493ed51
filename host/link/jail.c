// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The jail of va-link; see jail.h.
 *
 * Theory of operation: four layers, entered once, in the order in which none stands in another's
 * way; seccomp comes last because the others need what it forbids. A forbidden system call ends
 * the process through a handler that names the call, for a filter that kills without a word
 * cannot be maintained.
 */
#include "host/link/jail.h"

#include "common/base/cleanup.h"
#include "common/base/sanitized.h"
#include "common/worker/worker.h"

#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define MAX_FDS           32 /* two in use, and one more while a channel is replaced */
#define MAX_LOG_GROWTH    (64u << 10)
#define MAX_ADDRESS_SPACE (64u << 20) /* in use: about 10 MiB, shared libraries included */

static int set_limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit l = { .rlim_cur = most, .rlim_max = most };

	return setrlimit(what, &l) < 0 ? -errno : 0;
}

/*
 * No file may grow; but where the log is a file, the last words of a va-link must fit in. Beyond
 * that a write fails, and the process goes on.
 */
static rlim_t log_room(void)
{
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return (rlim_t)st.st_size + MAX_LOG_GROWTH;
}

static int enter_process(const char **ret_what)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t most;
		const char *name;
	} limits[] = {
		{ RLIMIT_CORE, 0, "RLIMIT_CORE" },
		{ RLIMIT_NOFILE, MAX_FDS, "RLIMIT_NOFILE" },
		{ RLIMIT_NPROC, 0, "RLIMIT_NPROC" },
		{ RLIMIT_FSIZE, log_room(), "RLIMIT_FSIZE" },
#ifndef SANITIZED /* the shadow memory alone is terabytes of address space */
		{ RLIMIT_AS, MAX_ADDRESS_SPACE, "RLIMIT_AS" },
#endif
	};

	*ret_what = "close_range";
	if (close_range(WORKER_FD + 1, ~0u, 0) < 0)
		return -errno;
	*ret_what = "PR_SET_DUMPABLE";
	if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		int r = set_limit(limits[i].what, limits[i].most);

		*ret_what = limits[i].name;
		if (r < 0)
			return r;
	}
	*ret_what = "PR_SET_NO_NEW_PRIVS";
	return prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0 ? -errno : 0;
}

static int enter_caps(const char **ret_what)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* EPERM: without CAP_SETPCAP; then the sets are not what could fill them again */
	*ret_what = "PR_CAPBSET_DROP";
	for (long cap = 0; prctl(PR_CAPBSET_READ, cap, 0L, 0L, 0L) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0L, 0L, 0L) < 0 && errno != EPERM)
			return -errno;
	*ret_what = "PR_CAP_AMBIENT_CLEAR_ALL";
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L) < 0)
		return -errno;
	*ret_what = "capset";
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/* The struct as of ABI 6; older kernels take it where what they do not know is zero. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static uint64_t landlock_fs_rights(long abi)
{
	uint64_t rights = (1u << 13) - 1; /* ABI 1: EXECUTE to MAKE_SYM */

	if (abi >= 2)
		rights |= 1u << 13; /* REFER */
	if (abi >= 3)
		rights |= 1u << 14; /* TRUNCATE */
	if (abi >= 5)
		rights |= 1u << 15; /* IOCTL_DEV */
	return rights;
}

static int enter_landlock(const char **ret_what)
{
	struct ruleset_attr attr = { 0 };
	CLEANUP_FD int fd = -1;
	long abi;

	*ret_what = "landlock_create_ruleset";
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* which ABI? */);
	if (abi < 0) /* not built in, or not in the kernel's list of active LSMs */
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	attr.fs = landlock_fs_rights(abi);
	if (abi >= 4)
		attr.net = 0x3; /* BIND_TCP, CONNECT_TCP */
	if (abi >= 6)
		attr.scoped = 0x3; /* ABSTRACT_UNIX_SOCKET, SIGNAL */
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0u);
	if (fd < 0)
		return -errno;
	*ret_what = "landlock_restrict_self";
	return syscall(SYS_landlock_restrict_self, fd, 0u) < 0 ? -errno : 0;
}

/* --- seccomp -------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	int nr;
	const char *name;
} allowed[] = {
#define CALL(name) { SCMP_SYS(name), #name }
	CALL(recvmsg), CALL(recvfrom), CALL(sendmsg), CALL(sendto), CALL(poll), CALL(ppoll),
	CALL(getrandom), CALL(clock_gettime), CALL(close), CALL(brk), CALL(exit),
	CALL(exit_group), CALL(rt_sigreturn), CALL(restart_syscall),
#ifdef SANITIZED
	CALL(mmap), CALL(munmap), CALL(mprotect), CALL(madvise), CALL(futex), CALL(sched_yield),
	CALL(sigaltstack), CALL(rt_sigprocmask), CALL(getpid), CALL(gettid),
#endif
#undef CALL
};

/* What an attacker, or a new libc, is most likely to try; the number is given in any case. */
static const struct {
	long nr;
	const char *name;
} known[] = {
#define CALL(name) { SYS_##name, " (" #name ")" }
	CALL(openat), CALL(socket), CALL(connect), CALL(clone), CALL(clone3), CALL(execve),
	CALL(ptrace), CALL(kill), CALL(tgkill), CALL(mmap), CALL(munmap), CALL(mprotect),
	CALL(madvise), CALL(futex), CALL(fcntl), CALL(ioctl), CALL(read), CALL(writev),
	CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(newfstatat), CALL(prctl), CALL(dup3),
	CALL(getpid), CALL(gettid), CALL(clock_nanosleep), CALL(process_vm_readv), CALL(bpf),
	CALL(io_uring_setup), CALL(userfaultfd), CALL(unshare), CALL(mount),
#undef CALL
};
/* clang-format on */

/* Only what may be called in a signal handler. */
static void on_forbidden(int sig, siginfo_t *info, void *context)
{
	static const char before[] = "va-link: forbidden system call ", after[] = ", leaving\n";
	char line[96];
	size_t n = sizeof(before) - 1;
	int nr = info->si_syscall, digits = 1;

	(void)sig;
	(void)context;
	memcpy(line, before, n);
	for (int k = nr; k >= 10; k /= 10)
		digits++;
	for (int i = digits - 1, k = nr; i >= 0; i--, k /= 10)
		line[n + (size_t)i] = (char)('0' + k % 10);
	n += (size_t)digits;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].nr == nr) {
			memcpy(line + n, known[i].name, strlen(known[i].name));
			n += strlen(known[i].name);
			break;
		}
	memcpy(line + n, after, sizeof(after) - 1);
	n += sizeof(after) - 1;
	if (write(STDERR_FILENO, line, n) < 0)
		_exit(JAIL_EXIT_STATUS);
	_exit(JAIL_EXIT_STATUS);
}

static int add_rules(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i].nr, 0);
	if (r == 0) /* log lines, and the handler's last words */
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			SCMP_A0_64(SCMP_CMP_EQ, STDERR_FILENO, 0));
	return r;
}

static int enter_seccomp(const char **ret_what)
{
	struct sigaction act = { .sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO };
	scmp_filter_ctx ctx;
	int r;

	*ret_what = "sigaction";
	if (sigaction(SIGSYS, &act, NULL) < 0)
		return -errno;
	*ret_what = "seccomp filter";
	ctx = seccomp_init(SCMP_ACT_TRAP);
	if (!ctx)
		return -ENOMEM;
	r = add_rules(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int jail_enter(unsigned int layers, const char **ret_what)
{
	static const struct {
		enum jail_layer layer;
		int (*enter)(const char **ret_what);
	} steps[] = {
		{ JAIL_CAPS, enter_caps },
		{ JAIL_PROCESS, enter_process },
		{ JAIL_LANDLOCK, enter_landlock },
		{ JAIL_SECCOMP, enter_seccomp },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int r = (layers & (unsigned int)steps[i].layer) ? steps[i].enter(ret_what) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
