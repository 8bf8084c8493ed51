// SPDX-License-Identifier: GPL-2.0-or-later
/* See jail.h. A sanitizer's run-time needs more calls; there, the filter is left out. */
#include "common/input/jail.h"

#include "common/base/sanitized.h"
#include "common/input/ipc.h"

#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef SANITIZED
static int filter_calls(void)
{
	static const int allowed[] = { SCMP_SYS(read), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
		SCMP_SYS(sendto), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(close),
		SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall) };
	static const uint64_t asked[] = { EVIOCGRAB, EVIOCGKEY(RELAY_KEY_BYTES) };
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	/* keyboards are taken and given back, and asked which keys are down; nothing else */
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(asked); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, asked[i]));
	/* to what is handed over: of that only virtual devices can be written to */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			SCMP_A0_64(SCMP_CMP_GT, WORKER_FD, 0));
	/* a last word to the journal */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			SCMP_A0_64(SCMP_CMP_EQ, STDERR_FILENO, 0));
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
#else
static int filter_calls(void)
{
	return 0;
}
#endif

int jail_close(void)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return filter_calls();
}
