// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every command of the model of a machine. It is put into the model's /usr/bin under the name of
 * a command, passes its words on to the model, and prints and returns what that answers. As
 * "hold FILE..." it is a process that keeps files open, and as "hold -m FILE" one that has a file
 * mapped and no longer open; with -s before it, it does not end on SIGTERM.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "tests/sim/machine/ask.h"

static int hold(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		int fd;

		if (!strcmp(argv[i], "-s")) {
			signal(SIGTERM, SIG_IGN);
			continue;
		}
		if (!strcmp(argv[i], "-m")) {
			fd = open(argv[++i], O_RDWR | O_CLOEXEC);
			if (fd < 0 || ftruncate(fd, 4096) < 0 ||
				mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
				return 1;
			close(fd);
			continue;
		}
		if (open(argv[i], O_RDWR) < 0) {
			perror(argv[i]);
			return 1;
		}
	}
	puts("holding");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	char root[PATH_MAX], question[4096], *bin;
	size_t len;

	if (argc > 1 && !strcmp(argv[1], "hold"))
		return hold(argc - 2, argv + 2);
	/* the path that execve() was given: argv[0] may be the name alone, and exe the link's end
	 */
	snprintf(root, sizeof(root), "%s", (const char *)getauxval(AT_EXECFN));
	bin = strstr(root, "/usr/bin/");
	if (!bin)
		return 255;
	*bin = '\0';
	len = (size_t)snprintf(
		      question, sizeof(question), "run%c%s", 0, bin + strlen("/usr/bin/")) +
	      1;
	for (int i = 1; i < argc && len < sizeof(question); i++)
		len += (size_t)snprintf(question + len, sizeof(question) - len, "%s", argv[i]) + 1;
	return model_ask(root, question, len, stdout);
}
