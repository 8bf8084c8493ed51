// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine: its files and its time; see machine.h. What acts on it is in act.c. */
#include "host/gpu/machine.h"

#include "common/base/cleanup.h"

#include <linux/netlink.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define TICK_MS 50 /* not all that is waited for is announced */

static const struct machine_limits usual = {
	.write = 10000,
	.module = 20000,
	.service = 30000,
	.holders = 15000,
	.term = 3000,
	.connector = 8000,
	.lock = 60000,
	.daemon = 5000,
	.intake = 5000,
};

static void scale(struct machine_limits *l, unsigned int percent)
{
	unsigned int *const all[] = { &l->write, &l->module, &l->service, &l->holders, &l->term,
		&l->connector, &l->lock, &l->daemon, &l->intake };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		*all[i] = *all[i] / 100 * percent;
}

/* The kernel's own announcements; without them the ticks alone do. */
static int open_uevents(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	CLEANUP_FD int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	return TAKE_FD(fd);
}

int machine_init(struct machine *m, const char *root, unsigned int percent)
{
	size_t len = strlen(root);

	*m = (struct machine){ .limit = usual, .uevents = -1 };
	while (len && root[len - 1] == '/')
		len--;
	if (len && root[0] != '/')
		return -EINVAL;
	if (len >= MACHINE_ROOT_SIZE)
		return -ENAMETOOLONG;
	memcpy(m->root, root, len);
	memcpy(m->sys, root, len);
	memcpy(m->sys + len, "/sys", sizeof("/sys"));
	scale(&m->limit, percent);
	return 0;
}

void machine_done(struct machine *m)
{
	if (m->uevents >= 0)
		close(m->uevents);
	m->uevents = -1;
}

int machine_fail(struct machine *m, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(m->why, sizeof(m->why), fmt, ap);
	va_end(ap);
	return error;
}

static int __attribute__((format(printf, 3, 0)))
path_of(const struct machine *m, char ret[ATTR_PATH_SIZE], const char *fmt, va_list ap)
{
	size_t len = strlen(m->root);
	int n;

	memcpy(ret, m->root, len);
	n = vsnprintf(ret + len, ATTR_PATH_SIZE - len, fmt, ap);
	return n >= 0 && (size_t)n < ATTR_PATH_SIZE - len ? 0 : -ENAMETOOLONG;
}

int machine_path(const struct machine *m, char ret[ATTR_PATH_SIZE], const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = path_of(m, ret, fmt, ap);
	va_end(ap);
	return r;
}

bool machine_exists(const struct machine *m, const char *fmt, ...)
{
	char path[ATTR_PATH_SIZE];
	struct stat st;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = path_of(m, path, fmt, ap);
	va_end(ap);
	return r == 0 && stat(path, &st) == 0;
}

DIR *machine_opendir(const struct machine *m, const char *path)
{
	char full[ATTR_PATH_SIZE];

	return machine_path(m, full, "%s", path) == 0 ? opendir(full) : NULL;
}

ssize_t machine_read(const struct machine *m, char *ret, size_t size, const char *fmt, ...)
{
	char path[ATTR_PATH_SIZE];
	va_list ap;
	ssize_t n;
	int r;

	ret[0] = '\0';
	va_start(ap, fmt);
	r = path_of(m, path, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	n = attr_read(path, ret, size - 1);
	if (n < 0)
		return n;
	if (n > 0 && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	return n;
}

int machine_link_name(const struct machine *m, char ret[ATTR_NAME_SIZE], const char *fmt, ...)
{
	char path[ATTR_PATH_SIZE];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = path_of(m, path, fmt, ap);
	va_end(ap);
	return r < 0 ? r : attr_link_name(path, ret);
}

uint64_t machine_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool machine_is_interrupted(const struct machine *m)
{
	return m->interrupted && *m->interrupted;
}

bool machine_wait(struct machine *m, uint64_t deadline_ms)
{
	uint64_t now = machine_now_ms();
	struct pollfd p = { .events = POLLIN };
	char drop[4096];
	int ms;

	if (now >= deadline_ms || machine_is_interrupted(m))
		return false;
	if (m->uevents < 0 && m->root[0] == '\0')
		m->uevents = open_uevents();
	p.fd = m->uevents;
	ms = deadline_ms - now < TICK_MS ? (int)(deadline_ms - now) : TICK_MS;
	if (poll(&p, 1, ms) > 0)
		while (recv(m->uevents, drop, sizeof(drop), 0) > 0)
			continue;
	return true;
}

int machine_wait_pidfd(int pidfd, unsigned int limit_ms)
{
	uint64_t end = machine_now_ms() + limit_ms, now;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int r;

	do {
		now = machine_now_ms();
		r = poll(&p, 1, now < end ? (int)(end - now) : 0);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r > 0;
}
