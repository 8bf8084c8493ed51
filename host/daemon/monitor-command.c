// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A monitor that is switched by a program of the user's, not by DDC: one that no library can
 * reach, or an external switch. The program is run as it is, without a shell, and has the limit
 * of the step that it carries out; exit status 0 is what an acknowledgement is elsewhere.
 */
#include "host/daemon/hostd.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define WORDS_MAX 24

struct run {
	struct hostd *h;
	pid_t pid;
	sd_event_source *child, *limit;
	bool late;
	monitor_command_fn *done;
	void *userdata;
};

int hostd_spawn(char *const *argv, pid_t *ret_pid)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { path, NULL };
	posix_spawnattr_t attr;
	sigset_t none;
	int r = posix_spawnattr_init(&attr);

	if (r)
		return r;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn(ret_pid, argv[0], NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	return r;
}

static void run_end(struct run *r, int error, const char *detail)
{
	struct run end = *r;

	sd_event_source_disable_unref(r->child);
	sd_event_source_disable_unref(r->limit);
	free(r);
	end.done(end.userdata, error, detail);
}

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata)
{
	struct run *r = userdata;
	char text[64];

	(void)s;
	snprintf(text, sizeof(text), "its command %s %d",
		si->si_code == CLD_EXITED ? "ended with exit status" : "died of signal",
		si->si_status);
	if (r->late)
		run_end(r, -ETIMEDOUT, "its command did not end in time");
	else if (si->si_code != CLD_EXITED || si->si_status != 0)
		run_end(r, -ECOMM, text);
	else
		run_end(r, 0, "");
	return 0;
}

static int on_limit(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct run *r = userdata;

	(void)s;
	(void)usec;
	r->late = true; /* on_child() tells */
	sd_event_source_send_child_signal(r->child, SIGKILL, NULL, 0);
	return 0;
}

/* The words of line, which is cut up, then those of extra; -E2BIG. */
static int split(char *line, char *const extra[], size_t n_extra, char *ret[WORDS_MAX + 1])
{
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " \t", &save); w; w = strtok_r(NULL, " \t", &save)) {
		if (n + n_extra == WORDS_MAX)
			return -E2BIG;
		ret[n++] = w;
	}
	for (size_t i = 0; i < n_extra; i++)
		ret[n++] = extra[i];
	ret[n] = NULL;
	return 0;
}

static int run_start(struct run *r, char *const *argv, uint32_t limit_ms)
{
	int e = -hostd_spawn(argv, &r->pid);

	if (e < 0)
		return e;
	e = sd_event_add_child(r->h->event, &r->child, r->pid, WEXITED, on_child, r);
	if (e >= 0)
		e = sd_event_add_time_relative(r->h->event, &r->limit, CLOCK_BOOTTIME,
			limit_ms * 1000ull, 100000, on_limit, r);
	if (e < 0 && r->child)
		sd_event_source_send_child_signal(r->child, SIGKILL, NULL, 0);
	return e;
}

static const char *input_name(const struct world_monitor *m, uint16_t value)
{
	for (int i = 0; i < m->n_inputs; i++)
		if (m->sources[i].write == value)
			return m->inputs[i].name;
	return "-";
}

void monitor_command(struct hostd *h, const struct world_monitor *m, uint16_t value,
	uint32_t limit_ms, monitor_command_fn *done, void *userdata)
{
	struct run *r = calloc(1, sizeof(*r));
	char line[WORLD_COMMAND_SIZE], name[NAME_MAX_LEN + 1], input[NAME_MAX_LEN + 1], hex[8];
	char *extra[] = { name, input, hex }, *argv[WORDS_MAX + 1];
	char text[128];
	int e;

	if (!r) {
		done(userdata, -ECOMM, "out of memory");
		return;
	}
	*r = (struct run){ .h = h, .done = done, .userdata = userdata };
	snprintf(line, sizeof(line), "%s", m->command);
	snprintf(name, sizeof(name), "%s", m->name);
	snprintf(input, sizeof(input), "%s", input_name(m, value));
	snprintf(hex, sizeof(hex), "0x%02x", value);
	e = split(line, extra, ARRAY_SIZE(extra), argv);
	if (e == 0)
		e = run_start(r, argv, limit_ms);
	if (e < 0) {
		snprintf(text, sizeof(text), "its command cannot be run: %s", strerror(-e));
		run_end(r, -ECOMM, text);
	}
}
