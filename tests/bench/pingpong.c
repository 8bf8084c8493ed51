// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The yardsticks for a round trip through a virtio-serial port: what the pipe itself takes, and
 * what qemu-ga takes. Static, so that the echo runs in a guest that has nothing else.
 *
 *	pingpong echo DEVICE			in the guest: sends back what comes, until killed
 *	pingpong raw SOCKET BYTES ROUNDS	on the host: that many bytes there and back
 *	pingpong qga SOCKET ROUNDS		on the host: qemu-ga's guest-ping
 *	pingpong synced SOCKET ROUNDS		the same after a guest-sync each, as libvirt does it
 *
 * The host's side prints the microseconds of each round, a line each.
 */
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BUFFER     4096
#define MAX_ROUNDS 100000

static uint32_t usecs[MAX_ROUNDS];

static int fail(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno != EINTR)
			return false;
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
	return true;
}

/* Blocking, as simple as it gets. Without a client on the host's side read() says 0. */
static int echo(const char *device)
{
	static uint8_t buf[BUFFER];
	CLEANUP_FD int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail(device);
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0)
			return fail("read");
		if (n == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		else if (!write_all(fd, buf, (size_t)n))
			return fail("write");
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
		snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >= (int)sizeof(a.sun_path))
		return -1;
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : fd;
}

/* An answer is over after size bytes, or, with size 0, at the first newline. */
static bool round_trip(int fd, const uint8_t *out, size_t out_n, size_t size)
{
	static uint8_t in[BUFFER];
	size_t have = 0;

	if (!write_all(fd, out, out_n))
		return false;
	for (;;) {
		ssize_t n = read(fd, in + have, sizeof(in) - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
		if (size ? have >= size : memchr(in, '\n', have) != NULL)
			return true;
		if (have == sizeof(in))
			return false;
	}
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

struct ask {
	const char *path;
	const char *first; /* NULL, or a line that is answered before each round's own */
	const uint8_t *bytes;
	size_t n, answer; /* as for round_trip() */
};

static int measure(const struct ask *a, unsigned int rounds)
{
	CLEANUP_FD int fd = connect_to(a->path);

	if (fd < 0)
		return fail(a->path);
	if (rounds > MAX_ROUNDS)
		rounds = MAX_ROUNDS;
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t start = now_usec();

		if (a->first && !round_trip(fd, (const uint8_t *)a->first, strlen(a->first), 0))
			return fail("no answer");
		if (!round_trip(fd, a->bytes, a->n, a->answer))
			return fail("no answer");
		usecs[i] = (uint32_t)(now_usec() - start);
	}
	for (unsigned int i = 0; i < rounds; i++)
		printf("%u\n", usecs[i]);
	return 0;
}

int main(int argc, char **argv)
{
	static const char ping[] = "{\"execute\":\"guest-ping\"}\n";
	static const char sync[] =
		"{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1700000000000}}\n";
	static uint8_t payload[BUFFER];

	memset(payload, 'x', sizeof(payload));
	if (argc == 3 && !strcmp(argv[1], "echo"))
		return echo(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "raw")) {
		size_t n = strtoul(argv[3], NULL, 10);
		struct ask a = { argv[2], NULL, payload, n, n };

		if (n >= 1 && n <= sizeof(payload))
			return measure(&a, (unsigned int)atoi(argv[4]));
	}
	if (argc == 4 && (!strcmp(argv[1], "qga") || !strcmp(argv[1], "synced"))) {
		struct ask a = { argv[2], argv[1][0] == 's' ? sync : NULL, (const uint8_t *)ping,
			sizeof(ping) - 1, 0 };

		return measure(&a, (unsigned int)atoi(argv[3]));
	}
	fputs("usage: pingpong echo DEVICE | raw SOCKET BYTES ROUNDS | qga|synced SOCKET ROUNDS\n",
		stderr);
	return 2;
}
