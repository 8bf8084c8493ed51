// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal of a switch; see seat-journal.h. The file reads as a configuration does
 * (base/conf.h). */
#include "host/daemon/seat-journal.h"

#include "common/base/cleanup.h"
#include "common/base/conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME "switch.journal"
#define TEXT_SIZE 1024

static bool file_path(char path[PATH_MAX], const char *dir, const char *suffix)
{
	return snprintf(path, PATH_MAX, "%s/" FILE_NAME "%s", dir, suffix) < PATH_MAX;
}

static size_t format(const struct seat_journal *j, char out[TEXT_SIZE])
{
	size_t n = (size_t)snprintf(out, TEXT_SIZE,
		"[switch]\ntarget = %s\nfrom = %s\nundoing = %s\nforce = %s\nstep = %d\n"
		"of = %d\n",
		j->target, j->from, j->undoing ? "yes" : "no", j->force ? "yes" : "no", j->step,
		j->of);

	for (int i = 0; i < j->n_stopped; i++)
		n += (size_t)snprintf(out + n, TEXT_SIZE - n, "stopped = %s\n", j->stopped[i]);
	return n;
}

/* Whole or not at all. Never synced: it need not outlive the kernel. */
static int write_file(const struct seat_journal *j, const char *dir)
{
	char path[PATH_MAX], fresh[PATH_MAX], text[TEXT_SIZE];
	size_t n = format(j, text);
	CLEANUP_FD int fd = -1;

	if (!file_path(path, dir, "") || !file_path(fresh, dir, ".new"))
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n)
		return -EIO;
	return rename(fresh, path) < 0 ? -errno : 0;
}

int seat_journal_step(struct seat_journal *j, const char *dir, const struct world *w,
	const struct plan *p, int n, bool undoing)
{
	const struct step *s = &p->steps[n];
	const char *name = w->machines[s->machine].name;
	bool known = s->kind != STEP_STOP;

	j->undoing = undoing;
	j->step = n + 1;
	j->of = p->n_steps;
	for (int i = 0; i < j->n_stopped; i++)
		known = known || !strcmp(j->stopped[i], name);
	if (!known && j->n_stopped < PLAN_MAX_STOPS)
		snprintf(j->stopped[j->n_stopped++], sizeof(j->stopped[0]), "%s", name);
	return write_file(j, dir);
}

static enum conf_verdict entry(const struct conf_at *at, const char *value, void *userdata)
{
	struct seat_journal *j = userdata;
	unsigned int number;

	if (strcmp(at->section, "switch"))
		return CONF_UNKNOWN_SECTION;
	if (!at->key)
		return CONF_OK;
	if (!strcmp(at->key, "target"))
		return conf_name(at, value, j->target);
	if (!strcmp(at->key, "from"))
		return conf_name(at, value, j->from);
	if (!strcmp(at->key, "undoing"))
		return conf_bool(at, value, &j->undoing);
	if (!strcmp(at->key, "force"))
		return conf_bool(at, value, &j->force);
	if (!strcmp(at->key, "stopped"))
		return j->n_stopped == PLAN_MAX_STOPS
			       ? CONF_BAD
			       : conf_name(at, value, j->stopped[j->n_stopped++]);
	if (strcmp(at->key, "step") && strcmp(at->key, "of"))
		return CONF_UNKNOWN_KEY;
	if (conf_uint(at, value, 0, PLAN_MAX_STEPS, &number) != CONF_OK)
		return CONF_BAD;
	*(at->key[0] == 's' ? &j->step : &j->of) = (int)number;
	return CONF_OK;
}

int seat_journal_read(struct seat_journal *ret, const char *dir)
{
	struct conf_report report = { 0 };
	char path[PATH_MAX];
	int r;

	*ret = (struct seat_journal){ 0 };
	if (!file_path(path, dir, ""))
		return -ENAMETOOLONG;
	r = conf_read(path, entry, ret, &report);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	return ret->target[0] && ret->from[0] ? 1 : -EINVAL;
}

void seat_journal_remove(const char *dir)
{
	char path[PATH_MAX];

	if (file_path(path, dir, ""))
		(void)unlink(path);
}
