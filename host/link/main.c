// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-link: one guest's channel, as a worker of va-hostd.
 *
 * Theory of operation: everything a guest sends is framed, decrypted and parsed here, by a
 * process that owns the channel, the keys of this one guest and nothing else. It is jailed
 * before the first order is read, so that neither the keys nor a guest's byte are ever in a
 * process that could open a file. A guest that takes it over has gained what it could say anyway.
 */
#include "common/base/log.h"
#include "common/worker/child.h"
#include "host/link/agent.h"
#include "host/link/jail.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static int usage(FILE *out, int code)
{
	fputs("usage: va-link [GUEST | --help | --version]\n"
	      "\n"
	      "Serves one guest's channel. Started by va-hostd, which hands it the channel and\n"
	      "the guest's keys through descriptor 3; not meant to be started by hand. The name\n"
	      "is there for whoever looks at the list of processes.\n",
		out);
	return code;
}

static int fail(const char *what, int error)
{
	char text[64] = "unknown error";

	/* strerror() would open message catalogues */
	if (strerrordesc_np(-error))
		snprintf(text, sizeof(text), "%s", strerrordesc_np(-error));
	log_error("%s failed: %s; va-hostd starts it again", what, text);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static struct agent agent = { .channel = -1 };
	const char *what = "";
	int r;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("va-link " VA_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout, EXIT_SUCCESS);
	log_init("va-link", LOG_LEVEL_INFO);
	if (argc > 2 || !child_is_worker())
		return usage(stderr, 2);
	if (sodium_init() < 0)
		return fail("libsodium", -ENOSYS);
	agent.link = sodium_malloc(link_size());
	if (!agent.link)
		return fail("locking memory for keys", -ENOMEM);
	r = jail_enter(JAIL_ALL, &what);
	if (r < 0)
		return fail(what, r);
	r = agent_run(&agent, &what);
	if (r < 0)
		r = fail(what, r);
	sodium_memzero(agent.link, link_size());
	/* no exit(): nothing is buffered, and what runs there may need what the jail forbids */
	_exit(r);
}
