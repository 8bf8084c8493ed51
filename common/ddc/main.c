// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-ddc: the process around libddcutil.
 *
 * Theory of operation: started by va-hostd or va-guestd with a socket as descriptor 3, it answers
 * one request after the other until the socket closes; started by hand, it does what its words
 * say once. It may block or die in the library at any time: whoever started it has a deadline for
 * each request and starts another one. Nothing is kept open between requests but the socket.
 *
 * libddcutil 1.4 prints to standard output from its constructor, before main() (on a machine
 * that has given its GPU away, for one). So standard output is put aside before any library's
 * constructor runs, and what the libraries print goes nowhere.
 */
#include "common/base/cleanup.h"
#include "common/base/exitcode.h"
#include "common/base/log.h"
#include "common/ddc/cli.h"
#include "common/ddc/serve.h"
#include "common/worker/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define FIRST_FREE_FD 10 /* beyond the descriptors that a daemon hands over */

static int kept_stdout = -1;

/* Before the C library has run its own constructors: system calls only. */
static void __attribute__((no_sanitize("address", "undefined"))) keep_stdout(void)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	kept_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (nowhere >= 0 && nowhere != STDOUT_FILENO) {
		dup2(nowhere, STDOUT_FILENO);
		close(nowhere);
	}
}

static void (*const before_libraries)(void)
	__attribute__((section(".preinit_array"), used)) = keep_stdout;

/* No privilege to gain, no memory to look into or to leave behind. */
static void harden(void)
{
	struct rlimit none = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGPIPE, SIG_IGN);
}

/* The library caches under XDG_CACHE_HOME or HOME; a service has neither, but may have this. */
static void find_cache(void)
{
	const char *dir = getenv("CACHE_DIRECTORY");

	if (dir && *dir)
		setenv("XDG_CACHE_HOME", dir, 0);
}

static int worker_main(void)
{
	struct roster roster = { 0 };

	if (kept_stdout >= 0)
		close(kept_stdout);
	/* the daemon's end closes its socket too, but this process may be stuck in the library */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (;;) {
		struct ddc_request request;
		struct ddc_reply reply;
		ssize_t n = child_receive(&request, sizeof(request), NULL, false);
		int r;

		if (n == 0)
			return EXIT_CODE_OK;
		if (n == (ssize_t)sizeof(request)) {
			serve_request(&roster, &request, &reply);
			r = child_send(&reply, sizeof(reply), -1);
		} else {
			r = n < 0 ? (int)n : -EBADMSG;
		}
		if (r == -EPIPE || r == -ECONNRESET)
			return EXIT_CODE_OK;
		if (r < 0) {
			log_error("cannot talk to the daemon: %s; are both of one version?",
				strerror(-r));
			return EXIT_CODE_FAILED;
		}
	}
}

static int by_hand(int argc, char **argv)
{
	FILE *out = kept_stdout >= 0 ? fdopen(kept_stdout, "w") : NULL;
	int code;

	if (!out) {
		log_error("cannot write to standard output: %s", strerror(errno));
		return EXIT_CODE_FAILED;
	}
	code = cli_main(argc, argv, out);
	if (fclose(out) != 0 && code == EXIT_CODE_OK) {
		log_error("cannot write to standard output: %s", strerror(errno));
		code = EXIT_CODE_FAILED;
	}
	return code;
}

int main(int argc, char **argv)
{
	log_init("va-ddc", LOG_LEVEL_INFO);
	harden();
	find_cache();
	if (argc <= 1 && child_is_worker())
		return worker_main();
	return by_hand(argc, argv);
}
