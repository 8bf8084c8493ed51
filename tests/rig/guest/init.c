// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rig-init: process 1 of a test machine, and the hand of the test inside it.
 *
 * Theory of operation: sets the machine up (setup.c), then serves the test on the port
 * org.virtaid.rig. One poll loop; every job is a child in a session of its own. Frames both
 * ways: u32le size of what follows, u8 operation, u32le id, then
 *
 *	R  argv, each ended by NUL		run; D follows when it ends and its output does
 *	S  output file, argv			start; D with the pid now, X with its status later
 *	W  path, octal mode, bytes		write a file, folders included; D
 *	K  signal number in decimal		signal the job with that id; no answer
 *	H					from here: up; text is the uptime
 *	D  i32le status, bytes			from here: done (exit status, or -signal, or -errno)
 *	X  i32le status				from here: a started job ended
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "tests/rig/guest/setup.h"

enum { MAX_JOBS = 32, MAX_ARGS = 64, FRAME_MAX = 8 << 20, OUTPUT_MAX = 1 << 20, HEAD = 9 };

struct job {
	bool used, ended;
	uint32_t id;
	pid_t pid;
	int out;      /* pipe of its output, -1: closed, or started in the background */
	bool started; /* by S: already answered */
	int status;
	char *text;
	size_t len;
};

static struct job jobs[MAX_JOBS];
static int port = -1;
static uint8_t *frame;
static size_t frame_len;

/* --- frames ---------------------------------------------------------------------------- */

static void send_all(const void *data, size_t size)
{
	for (const char *p = data; size;) {
		ssize_t n = write(port, p, size);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return; /* nobody is there any more */
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void answer(char op, uint32_t id, int status, const void *text, size_t len)
{
	uint8_t head[HEAD + 4];

	put32(head, (uint32_t)(HEAD + len));
	head[4] = (uint8_t)op;
	put32(head + 5, id);
	put32(head + 9, (uint32_t)status);
	send_all(head, sizeof(head));
	send_all(text, len);
}

/* --- jobs ------------------------------------------------------------------------------ */

/* NUL-ended strings in [p, end) to argv; the number, or 0 if that is too much. */
static int split(char *p, char *end, char **argv)
{
	int n = 0;

	while (p < end && n < MAX_ARGS - 1) {
		argv[n++] = p;
		p += strnlen(p, (size_t)(end - p)) + 1;
	}
	argv[n] = NULL;
	return p < end ? 0 : n;
}

static struct job *new_job(uint32_t id)
{
	for (int i = 0; i < MAX_JOBS; i++) {
		if (jobs[i].used)
			continue;
		jobs[i] = (struct job){ .used = true, .id = id, .out = -1 };
		return &jobs[i];
	}
	return NULL;
}

static void become(char **argv, int out)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int spawn(struct job *job, char **argv, int out)
{
	job->pid = fork();
	if (job->pid == 0)
		become(argv, out);
	return job->pid < 0 ? -errno : 0;
}

static int run(uint32_t id, char *p, char *end)
{
	struct job *job = new_job(id);
	char *argv[MAX_ARGS];
	int pipes[2], err;

	if (!job || !split(p, end, argv) || pipe2(pipes, O_CLOEXEC) < 0) {
		if (job)
			job->used = false;
		return -EAGAIN;
	}
	job->out = pipes[0];
	err = spawn(job, argv, pipes[1]);
	close(pipes[1]);
	if (err) {
		close(pipes[0]);
		job->used = false;
	}
	return err;
}

static int start(uint32_t id, char *p, char *end)
{
	struct job *job = new_job(id);
	char *argv[MAX_ARGS];
	CLEANUP_FD int out = -1;
	int err = -EAGAIN;

	if (job && split(p, end, argv) > 1) {
		out = open(argv[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		err = out < 0 ? -errno : spawn(job, argv + 1, out);
	}
	if (err) {
		if (job)
			job->used = false;
		return err;
	}
	job->started = true;
	answer('D', id, job->pid, NULL, 0);
	return 0;
}

static int write_file(char *p, char *end)
{
	char *path = p, *mode, *data;
	CLEANUP_FD int fd = -1;

	mode = path + strnlen(path, (size_t)(end - path)) + 1;
	if (mode >= end)
		return -EINVAL;
	data = mode + strnlen(mode, (size_t)(end - mode)) + 1;
	if (data > end)
		return -EINVAL;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, (size_t)(end - data)) != end - data)
		return -errno;
	return fchmod(fd, (mode_t)strtoul(mode, NULL, 8)) < 0 ? -errno : 0;
}

static void signal_job(uint32_t id, const char *number)
{
	for (int i = 0; i < MAX_JOBS; i++)
		if (jobs[i].used && !jobs[i].ended && jobs[i].id == id)
			kill(-jobs[i].pid, atoi(number));
}

/* One whole frame of size bytes at body, which has room for a NUL behind. */
static void act(uint8_t *body, size_t size)
{
	uint32_t id = get32(body + 1);
	char *p = (char *)body + 5, *end = (char *)body + size;
	int err = 0;

	*end = '\0';
	switch (body[0]) {
	case 'R': err = run(id, p, end); break;
	case 'S': err = start(id, p, end); break;
	case 'W': answer('D', id, write_file(p, end), NULL, 0); break;
	case 'K': signal_job(id, p); break;
	default: err = -ENOSYS;
	}
	if (err)
		answer('D', id, err, strerror(-err), strlen(strerror(-err)));
}

static void handle_port(void)
{
	ssize_t n = read(port, frame + frame_len, FRAME_MAX - frame_len);
	size_t size;

	if (n <= 0)
		return;
	frame_len += (size_t)n;
	while (frame_len >= 4 && frame_len >= 4 + (size = get32(frame))) {
		uint8_t kept = frame[4 + size];

		if (size >= 5)
			act(frame + 4, size);
		frame[4 + size] = kept; /* act() put a NUL there */
		frame_len -= 4 + size;
		memmove(frame, frame + 4 + size, frame_len);
	}
}

/* --- the end of jobs ------------------------------------------------------------------- */

static void finish(struct job *job)
{
	if (!job->ended || job->out >= 0)
		return;
	answer(job->started ? 'X' : 'D', job->id, job->status, job->text, job->len);
	free(job->text);
	*job = (struct job){ .used = false };
}

static void handle_output(struct job *job)
{
	char buf[4096];
	ssize_t n = read(job->out, buf, sizeof(buf));

	if (n > 0 && job->len + (size_t)n <= OUTPUT_MAX) {
		char *more = realloc(job->text, job->len + (size_t)n);

		if (more) {
			memcpy(more + job->len, buf, (size_t)n);
			job->text = more;
			job->len += (size_t)n;
		}
	}
	if (n <= 0) {
		close(job->out);
		job->out = -1;
		finish(job);
	}
}

static void reap(int fd)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(fd, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < MAX_JOBS; i++) {
			if (!jobs[i].used || jobs[i].pid != pid)
				continue;
			jobs[i].ended = true;
			jobs[i].status =
				WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
			finish(&jobs[i]);
		}
	}
}

/* --- the loop -------------------------------------------------------------------------- */

static int open_children(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The test's port; its driver tells its name a moment after the module is there. */
static void open_port(int uevents)
{
	struct pollfd wait = { uevents, POLLIN, 0 };

	for (int tries = 0; tries < 300 && port < 0; tries++) {
		setup_link_ports();
		port = open("/dev/virtio-ports/org.virtaid.rig", O_RDWR | O_CLOEXEC);
		if (port < 0) {
			poll(&wait, 1, 100);
			setup_handle_uevents(uevents);
		}
	}
	if (port < 0)
		note("no port org.virtaid.rig: nothing to do");
}

static void say_hello(void)
{
	char text[64] = "";
	FILE *f = fopen("/proc/uptime", "re");

	if (f && fgets(text, sizeof(text), f))
		text[strcspn(text, " ")] = '\0';
	if (f)
		fclose(f);
	note("up after %s s", text);
	answer('H', 0, 0, text, strlen(text));
}

/* /rig/boot, where the test gave one: what a distribution's init would start. It may stay. */
static void start_services(void)
{
	char *argv[] = { (char[]){ "/rig/boot" }, NULL };
	int console;

	if (access(argv[0], X_OK) < 0)
		return;
	console = open("/dev/console", O_WRONLY | O_CLOEXEC);
	if (fork() == 0)
		become(argv, console);
	close(console);
}

static void serve(int children, int uevents)
{
	struct pollfd fds[MAX_JOBS + 3];

	for (;;) {
		fds[0] = (struct pollfd){ port, POLLIN, 0 };
		fds[1] = (struct pollfd){ children, POLLIN, 0 };
		fds[2] = (struct pollfd){ uevents, POLLIN, 0 };
		for (int i = 0; i < MAX_JOBS; i++)
			fds[3 + i] = (struct pollfd){ jobs[i].used ? jobs[i].out : -1, POLLIN, 0 };
		/* a port whose other end is away hangs up all the time: look again later */
		if (fds[0].fd >= 0 && poll(fds, 1, 0) == 1 && fds[0].revents == POLLHUP)
			fds[0].fd = -1;
		if (poll(fds, ARRAY_SIZE(fds), fds[0].fd < 0 ? 100 : -1) < 0)
			continue;
		if (fds[0].revents & POLLIN)
			handle_port();
		if (fds[2].revents)
			setup_handle_uevents(uevents);
		for (int i = 0; i < MAX_JOBS; i++)
			if (jobs[i].used && fds[3 + i].fd == jobs[i].out && fds[3 + i].revents)
				handle_output(&jobs[i]);
		if (fds[1].revents)
			reap(children);
	}
}

int main(void)
{
	int children, uevents;

	setup_mounts();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	note("init");
	children = open_children();
	uevents = setup_open_uevents();
	setup_modules();
	note("modules");
	frame = malloc(FRAME_MAX + 8);
	open_port(uevents);
	start_services();
	if (frame && port >= 0)
		say_hello();
	serve(children, uevents);
}
