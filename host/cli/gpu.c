// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-gpu for people; see gpu.h. Theory of operation: this process becomes va-gpu, which lies
 * beside it or in sbin beside its folder; a virsh that is to speak first is its child, with a
 * pipe between them. va-gpu's limits and reasons are the command's own.
 */
#include "host/cli/gpu.h"

#include "common/base/cleanup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 8

static bool find_va_gpu(char ret[PATH_MAX])
{
	static const char *const places[] = { "va-gpu", "../sbin/va-gpu" };
	char self[PATH_MAX - 32], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	slash[1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		(void)snprintf(ret, PATH_MAX, "%s%s", self, places[i]);
		if (access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

/* Does not come back, unless it does not work. */
static enum exit_code become(const char *const words[WORDS_MAX])
{
	static char name[] = "va-gpu";
	char path[PATH_MAX], *argv[WORDS_MAX + 2] = { name };

	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		argv[i + 1] = (char *)(uintptr_t)words[i];
	if (!find_va_gpu(path)) {
		fputs("va-host: va-gpu is not installed beside this program\n", stderr);
		return EXIT_CODE_FAILED;
	}
	(void)fflush(stdout);
	execv(path, argv);
	fprintf(stderr, "va-host: %s cannot be run: %s\n", path, strerror(errno));
	return EXIT_CODE_FAILED;
}

static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	fputs("va-host: only root may do that: use sudo\n", stderr);
	return false;
}

/* Our stdin becomes what virsh says of the guest. */
static bool ask_virsh(const char *guest)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		if (getenv("LIBVIRT_DEFAULT_URI"))
			execlp("virsh", "virsh", "dumpxml", "--domain", guest, NULL);
		else
			execlp("virsh", "virsh", "-c", "qemu:///system", "dumpxml", "--domain",
				guest, NULL);
		fprintf(stderr,
			"va-host: virsh cannot be run (%s); pipe the guest's definition in\n",
			strerror(errno));
		_exit(127);
	}
	if (pid > 0)
		dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	close(ends[1]);
	return pid > 0;
}

/* From a pipe or a file if there is one; a terminal or nothing at all is no definition. */
static bool is_piped_in(void)
{
	char name[64];
	ssize_t n = readlink("/proc/self/fd/0", name, sizeof(name) - 1);

	name[n > 0 ? n : 0] = '\0';
	return n > 0 && !isatty(STDIN_FILENO) && strcmp(name, "/dev/null") != 0;
}

static enum exit_code with_definition(const char *guest, const char *const words[WORDS_MAX])
{
	if (!is_piped_in() && !ask_virsh(guest)) {
		fprintf(stderr, "va-host: no process for virsh: %s\n", strerror(errno));
		return EXIT_CODE_FAILED;
	}
	return become(words);
}

/* "01:00.0", "0000:01:00.0": no guest is called that. */
static bool is_address(const char *word)
{
	size_t n = strspn(word, "0123456789abcdefABCDEF:");

	return strchr(word, ':') && word[n] == '.' && word[n + 1] && !word[n + 2];
}

enum exit_code gpu_list(const char *const args[COMMAND_ARGS], bool json)
{
	(void)args;
	return become((const char *const[WORDS_MAX]){ "list", json ? "--json" : NULL });
}

enum exit_code gpu_show(const char *const args[COMMAND_ARGS], bool json)
{
	const char *option = json ? "--json" : NULL;

	if (is_address(args[0]))
		return become((const char *const[WORDS_MAX]){ "show", args[0], option });
	return with_definition(args[0], (const char *const[WORDS_MAX]){ "show", option });
}

enum exit_code gpu_take(const char *const args[COMMAND_ARGS], bool json)
{
	if (!is_root())
		return EXIT_CODE_REFUSED;
	return with_definition(
		args[0], (const char *const[WORDS_MAX]){ "take", args[0], json ? "--json" : NULL });
}

enum exit_code gpu_return(const char *const args[COMMAND_ARGS], bool json)
{
	if (!is_root())
		return EXIT_CODE_REFUSED;
	return become((const char *const[WORDS_MAX]){ "return", args[0], json ? "--json" : NULL });
}

enum exit_code gpu_recover(const char *const args[COMMAND_ARGS], bool json)
{
	(void)args;
	if (!is_root())
		return EXIT_CODE_REFUSED;
	return become((const char *const[WORDS_MAX]){ "recover", json ? "--json" : NULL });
}
