// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-input: hears hotkeys, as a worker of va-hostd. Whoever reads keyboards sees passwords, so
 * this is a process that can do nothing else: no files, no network, no rights, and no word to
 * anybody but "this hotkey was pressed".
 */
#include "common/base/exitcode.h"
#include "common/base/log.h"
#include "common/worker/child.h"
#include "common/input/jail.h"
#include "common/input/listen.h"

#include <stdio.h>
#include <string.h>

static int usage(FILE *out, int code)
{
	fputs("usage: va-input [--help | --version]\n"
	      "\n"
	      "Hears the hotkeys of host.conf. Started by va-hostd, which hands it the keyboards\n"
	      "through descriptor 3; not meant to be started by hand.\n",
		out);
	return code;
}

int main(int argc, char **argv)
{
	int r;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("va-input " VA_VERSION);
		return EXIT_CODE_OK;
	}
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout, EXIT_CODE_OK);
	log_init("va-input", LOG_LEVEL_INFO);
	if (argc > 1 || !child_is_worker())
		return usage(stderr, EXIT_CODE_USAGE);
	r = jail_close();
	if (r == 0)
		r = listen_main();
	if (r < 0)
		log_error("ended by error %d; va-hostd starts it again", -r);
	/* no exit(): nothing is buffered, and what runs there may need what the jail forbids */
	_exit(r < 0);
}
