// SPDX-License-Identifier: GPL-2.0-or-later
/* A daemon for tests of workers; see overseer.h. */
#include "tests/support/overseer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define SELF    "/proc/self/exe"
#define LIMIT_S 10

uint64_t seen_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void seen_stop(struct seen *s)
{
	worker_free(s->w);
	s->w = NULL;
}

void seen_on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct seen *s = userdata;

	switch (fate) {
	case WORKER_REPLIED:
		s->replies++;
		s->fd = fd;
		if (size >= sizeof(struct worker_head) + sizeof(s->facts))
			memcpy(&s->facts, (const char *)msg + sizeof(struct worker_head),
				sizeof(s->facts));
		if (size >= sizeof(struct worker_head) + 4)
			memcpy(&s->word, (const char *)msg + sizeof(struct worker_head), 4);
		break;
	case WORKER_LATE: s->late++; break;
	case WORKER_DIED: s->died++; break;
	case WORKER_STOPPED: s->stopped++; break;
	}
	if (s->free_in_reply)
		seen_stop(s);
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	struct seen *s = userdata;

	(void)w;
	(void)size;
	s->events++;
	memcpy(&s->last_event, (const char *)msg + sizeof(struct worker_head), 4);
	if (fd >= 0)
		s->fd = fd;
	if (s->free_in_event)
		seen_stop(s);
}

static void on_exit_of(struct worker *w, int status, uint64_t will_restart, void *userdata)
{
	struct seen *s = userdata;

	(void)w;
	s->exits++;
	s->status = status;
	s->will_restart = will_restart;
	if (s->free_in_exit)
		seen_stop(s);
}

int seen_ask(struct seen *s, uint32_t op, uint64_t limit_usec)
{
	struct msg m = { .head.op = op, .word = 7 };

	return worker_call(s->w, &m, sizeof(m), -1, limit_usec, seen_on_reply, s);
}

static void on_started(struct worker *w, void *userdata)
{
	struct seen *s = userdata;

	s->started++;
	if (s->call_on_start && s->w == w)
		seen_ask(s, 1, 5 * SEC);
}

void seen_done(struct seen *s)
{
	worker_free(s->w);
	sd_event_unref(s->event);
	cleanup_closep(&s->fd);
}

/* Starts the scripted worker with up to three rules. */
int seen_begin_spec(struct seen *s, struct worker_spec *spec, const char *a, const char *b)
{
	const char *argv[] = { SELF, "--worker", a ? a : "any=echo", b ? b : "none=", NULL };
	int r;

	s->fd = -1;
	r = sd_event_new(&s->event);
	if (r < 0)
		return r;
	spec->name = "scripted";
	spec->argv = argv;
	if (spec->min_size == 0)
		spec->min_size = 12;
	if (spec->max_size == 0)
		spec->max_size = 512;
	spec->on_event = on_event;
	spec->on_exit = on_exit_of;
	spec->on_started = on_started;
	spec->userdata = s;
	return worker_new(&s->w, s->event, spec);
}

int seen_begin(struct seen *s, const char *a, const char *b)
{
	struct worker_spec spec = { .one_shot = true };

	return seen_begin_spec(s, &spec, a, b);
}

/* Runs the loop until *counter reaches n. */
bool seen_until(struct seen *s, const unsigned int *counter, unsigned int n)
{
	uint64_t end = seen_now_ms() + LIMIT_S * 1000;

	while (*counter < n && seen_now_ms() < end)
		if (sd_event_run(s->event, 50 * MSEC) < 0)
			return false;
	return *counter >= n;
}

bool seen_no_child(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

bool seen_is_gone(pid_t pid)
{
	uint64_t end = seen_now_ms() + LIMIT_S * 1000;

	while (seen_now_ms() < end) {
		char path[64], line[128] = "";
		int fd;

		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		/* an orphan that nobody reaps here is gone all the same */
		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
			line[0] = '\0';
		cleanup_closep(&fd);
		if (strstr(line, ") Z ") || strstr(line, ") X "))
			return true;
		poll(NULL, 0, 2);
	}
	return false;
}
