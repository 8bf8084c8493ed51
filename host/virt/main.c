// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * va-virt is the one program of this project that speaks libvirt, because libvirt's calls block.
 * va-hostd runs it in two roles, as a worker on descriptor 3: "watch" (one, for good) and "do"
 * (one per operation). The watcher runs it in a third, "fetch". "list" is for people.
 */
#include "common/base/escape.h"
#include "common/base/exitcode.h"
#include "common/base/log.h"
#include "common/worker/child.h"
#include "host/virt/doer.h"
#include "host/virt/fetch.h"
#include "host/virt/list.h"
#include "host/virt/virterr.h"
#include "host/virt/watch.h"

#include <stdio.h>
#include <string.h>

static const struct role {
	const char *name;
	int (*run)(const char *uri);
	bool worker;
} roles[] = {
	{ "list", list_main, false },
	{ "watch", watch_main, true },
	{ "do", doer_main, true },
	{ "fetch", fetch_main, true },
};

static void usage(FILE *to)
{
	fputs("usage: va-virt list URI\n"
	      "       va-virt --help | --version\n"
	      "\n"
	      "Shows the domains of libvirt at URI (say, qemu:///system) as virt-aid sees them:\n"
	      "state, channel, PCI devices. va-hostd runs this program as its way to libvirt\n"
	      "(watch, do, fetch).\n",
		to);
}

int main(int argc, char **argv)
{
	log_init("va-virt", LOG_LEVEL_INFO);
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return EXIT_CODE_OK;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("va-virt " VA_VERSION);
		return EXIT_CODE_OK;
	}
	for (size_t i = 0; argc == 3 && i < ARRAY_SIZE(roles); i++) {
		if (strcmp(argv[1], roles[i].name) != 0)
			continue;
		if (roles[i].worker && !child_is_worker()) {
			log_error("\"%s\" is for va-hostd; to see what it sees: va-virt list %s",
				roles[i].name, escape(argv[2]));
			return EXIT_CODE_USAGE;
		}
		virterr_init();
		return roles[i].run(argv[2]);
	}
	usage(stderr);
	return EXIT_CODE_USAGE;
}
