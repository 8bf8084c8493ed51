// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/support/programs.h"

#include "common/base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_PROGRAMS 16

static char folder[64];
static pid_t running[MAX_PROGRAMS];

uint64_t program_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

const char *program_folder(void)
{
	static bool registered;

	if (folder[0])
		return folder;
	snprintf(folder, sizeof(folder), "/tmp/va-test-XXXXXX");
	if (!mkdtemp(folder))
		folder[0] = '\0';
	if (!registered)
		atexit(program_clean_up);
	registered = true;
	return folder[0] ? folder : NULL;
}

const char *program_file(const char *name)
{
	static char paths[32][PROGRAMS_PATH];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, PROGRAMS_PATH, "%s/%s", program_folder(), name);
	return path;
}

/* The programs lie two folders above the tests. */
static bool find_program(const char *name, char out[PROGRAMS_PATH])
{
	char self[PROGRAMS_PATH];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return false;
	self[n] = '\0';
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return false;
		*slash = '\0';
	}
	return snprintf(out, PROGRAMS_PATH, "%.180s/%.60s", self, name) < PROGRAMS_PATH;
}

static void become(const char *path, const char **argv, int fd3, const char *log, uid_t uid)
{
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
	char libexec[PROGRAMS_PATH];

	prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L);
	if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(125);
	if (fd3 >= 0 && dup2(fd3, 3) < 0)
		_exit(125);
	if (uid != getuid() && (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0))
		_exit(125);
	close_range(fd3 >= 0 ? 4 : 3, ~0u, 0);
	snprintf(libexec, sizeof(libexec), "%.*s", (int)(strrchr(path, '/') - path), path);
	setenv("VIRT_AID_LIBEXEC", libexec, 1);
	argv[0] = path;
	execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static pid_t start(const char *name, const char **argv, int fd3, const char *log, uid_t uid)
{
	char path[PROGRAMS_PATH];
	pid_t pid;

	if (!find_program(name, path))
		return -1;
	log = program_file(log);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		become(path, argv, fd3, log, uid);
	for (size_t i = 0; pid > 0 && i < MAX_PROGRAMS; i++)
		if (running[i] == 0) {
			running[i] = pid;
			break;
		}
	return pid;
}

pid_t program_start(const char *name, const char **argv, int fd3, const char *log)
{
	return start(name, argv, fd3, log, getuid());
}

pid_t program_start_as(const char *name, const char **argv, const char *log, uid_t uid)
{
	return start(name, argv, -1, log, uid);
}

static void forget(pid_t pid)
{
	for (size_t i = 0; i < MAX_PROGRAMS; i++)
		if (running[i] == pid)
			running[i] = 0;
}

bool program_ended(pid_t pid, int *ret_status)
{
	if (waitpid(pid, ret_status, WNOHANG) != pid)
		return false;
	forget(pid);
	return true;
}

int program_stop(pid_t pid)
{
	uint64_t end = program_now_ms() + 5000;
	int status = -1;

	kill(pid, SIGTERM);
	while (!program_ended(pid, &status)) {
		struct timespec pause = { .tv_nsec = 2000000 };

		if (program_now_ms() > end)
			kill(pid, SIGKILL);
		nanosleep(&pause, NULL);
	}
	return status;
}

const char *program_log(const char *log)
{
	static char text[8192];
	CLEANUP_FD int fd = open(program_file(log), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* As deep as a made-up /sys at most. */
static void remove_tree(const char *path, int depth)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char child[PROGRAMS_PATH + 260];

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
		if (unlink(child) < 0 && depth < 8)
			remove_tree(child, depth + 1);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

void program_clean_up(void)
{
	for (size_t i = 0; i < MAX_PROGRAMS; i++)
		if (running[i] > 0) {
			kill(running[i], SIGKILL);
			waitpid(running[i], NULL, 0);
			running[i] = 0;
		}
	if (folder[0])
		remove_tree(folder, 0);
	folder[0] = '\0';
}

unsigned long program_pss_kib(pid_t pid, unsigned long *ret_dirty_kib)
{
	unsigned long pss = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	*ret_dirty_kib = 0;
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "Pss: %lu", &pss);
		sscanf(line, "Private_Dirty: %lu", ret_dirty_kib);
	}
	if (f)
		fclose(f);
	return pss;
}
