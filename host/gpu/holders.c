// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: /proc is walked once; each open file is compared by what it is with the
 * card's nodes, then the mappings, for a process may close a node and keep it mapped. What a
 * process belongs to is in belongs.c. Read-only; processes that vanish meanwhile are left out.
 */
#include "host/gpu/belongs.h"
#include "host/gpu/holders.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MAPS_MAX (512u << 10) /* bytes of /proc/PID/maps that are looked at */

static void note(struct holder *h, const struct node *n, bool *found)
{
	if (!*found || (h->soft && !n->soft))
		memcpy(h->node, n->name, sizeof(h->node));
	h->soft = *found ? h->soft && n->soft : n->soft;
	h->draws = h->draws || !strncmp(n->name, "/dev/dri/card", 13);
	*found = true;
}

static bool scan_files(
	const struct machine *m, pid_t pid, const struct nodes *nodes, struct holder *h)
{
	char path[64];
	bool found = false;
	struct dirent *e;
	struct stat st;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = machine_opendir(m, path);
	if (!dir)
		return false;
	while ((e = readdir(dir))) {
		const struct node *n;

		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) < 0)
			continue;
		n = nodes_find(nodes, &st);
		if (n)
			note(h, n, &found);
	}
	closedir(dir);
	return found;
}

/* "start-end perms offset major:minor inode path"; only files below /dev can be nodes. */
static bool scan_maps(
	const struct machine *m, pid_t pid, const struct nodes *nodes, struct holder *h, bool found)
{
	char path[ATTR_PATH_SIZE], line[512];
	uint64_t read_bytes = 0;
	FILE *f;

	if (machine_path(m, path, "/proc/%d/maps", (int)pid) < 0)
		return found;
	f = fopen(path, "re");
	while (f && read_bytes < MAPS_MAX && fgets(line, sizeof(line), f)) {
		unsigned int major_no, minor_no;
		unsigned long long ino;
		const struct node *n;

		read_bytes += strlen(line);
		if (!strstr(line, "/dev/") ||
			sscanf(line, "%*s %*s %*s %x:%x %llu", &major_no, &minor_no, &ino) != 3)
			continue;
		n = nodes_find_mapping(nodes, makedev(major_no, minor_no), (ino_t)ino);
		if (n)
			note(h, n, &found);
	}
	if (f)
		(void)fclose(f);
	return found;
}

/* Field 22 of stat; the name before it may hold blanks and parentheses. */
uint64_t holder_start_time(const struct machine *m, pid_t pid)
{
	char text[1024];
	const char *p;

	if (machine_read(m, text, sizeof(text), "/proc/%d/stat", (int)pid) < 0)
		return 0;
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static uid_t uid_of(const struct machine *m, pid_t pid)
{
	char text[2048];
	const char *p;

	(void)machine_read(m, text, sizeof(text), "/proc/%d/status", (int)pid);
	p = strstr(text, "\nUid:");
	return p ? (uid_t)strtoul(p + strlen("\nUid:"), NULL, 10) : 0;
}

static bool look_at(struct machine *m, pid_t pid, const struct nodes *nodes, struct holder *ret)
{
	*ret = (struct holder){ .pid = pid };
	if (!scan_maps(m, pid, nodes, ret, scan_files(m, pid, nodes, ret)))
		return false;
	ret->start = holder_start_time(m, pid);
	ret->uid = uid_of(m, pid);
	(void)machine_read(m, ret->comm, sizeof(ret->comm), "/proc/%d/comm", (int)pid);
	return true;
}

int holders_scan(struct machine *m, const struct nodes *nodes, enum init_kind init, const char *dm,
	struct holder *ret, size_t max)
{
	DIR *dir = nodes->n ? machine_opendir(m, "/proc") : NULL;
	struct dirent *e;
	size_t n = 0;
	char *end;

	if (nodes->n == 0)
		return 0;
	if (!dir)
		return machine_fail(m, -errno, "/proc cannot be read: %s", strerrordesc_np(errno));
	while (n < max && (e = readdir(dir))) {
		long pid = strtol(e->d_name, &end, 10);

		if (*end || pid <= 0 || pid == getpid() || !look_at(m, (pid_t)pid, nodes, &ret[n]))
			continue;
		belongs_to(m, init, dm, &ret[n]);
		n++;
	}
	closedir(dir);
	return (int)n;
}

void holder_describe(const struct holder *h, char *ret, size_t size)
{
	const struct passwd *pw = getpwuid(h->uid);

	(void)snprintf(ret, size, "%s (pid %d, %s, %s)", escape(h->comm), (int)h->pid,
		pw ? escape(pw->pw_name) : "unknown user", h->node);
}

const char *holder_kind_name(enum holder_kind kind)
{
	static const char *const names[] = {
		[HOLDER_PROCESS] = "process",
		[HOLDER_SERVICE] = "service",
		[HOLDER_USER_UNIT] = "user-unit",
		[HOLDER_GRAPHICAL] = "graphical",
		[HOLDER_LOGIN] = "login",
		[HOLDER_PROTECTED] = "protected",
	};

	return names[kind];
}
