// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshakes with a real guest, in the place of its va-link and with the same library:
 *
 *	handshakes RECORD SOCKET ROUNDS
 *
 * Prints the microseconds of each, a line each: from the first byte of the guest's HELLO to the
 * session. Each is made on a pipe opened anew. A link affords one handshake in two seconds, so
 *there is a pause before each.
 */
#include "common/base/cleanup.h"
#include "common/link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 2200
#define LIMIT_MS 10000

static void die(const char *what)
{
	fprintf(stderr, "handshakes: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_usec(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
	return now_usec(CLOCK_BOOTTIME) / 1000;
}

static void read_record(const char *path, struct keyrec *ret)
{
	char text[KEYREC_TEXT_MAX];
	unsigned int line;
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 0)
		die(path);
	if (keyrec_parse(text, (size_t)n, ret, &line) != VA_OK) {
		errno = EBADMSG;
		die(path);
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
	return fd;
}

static void write_out(struct link *l, int fd)
{
	const uint8_t *p;
	size_t n;

	for (link_output(l, &p, &n); n > 0; link_output(l, &p, &n)) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			die("writing");
		link_sent(l, (size_t)w);
	}
}

/* Microseconds from the first byte to the session. */
static uint64_t shake(struct link *l, const char *path)
{
	CLEANUP_FD int fd = connect_to(path);
	uint64_t first = 0, last = now_ms() + LIMIT_MS;
	struct link_event ev;
	uint8_t buf[4096];

	link_connected(l, now_ms());
	while (now_ms() < last) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		write_out(l, fd);
		if (poll(&p, 1, 100) > 0) {
			ssize_t n = recv(fd, buf, sizeof(buf), 0);

			if (n <= 0)
				die("reading");
			if (!first)
				first = now_usec(CLOCK_MONOTONIC);
			link_input(l, buf, (size_t)n, now_ms());
		}
		link_tick(l, now_ms());
		while (link_next(l, &ev)) {
			if (ev.kind != LINK_EV_UP)
				continue;
			write_out(l, fd);
			link_disconnected(l, now_ms());
			return now_usec(CLOCK_MONOTONIC) - first;
		}
	}
	errno = ETIMEDOUT;
	die("no session");
	return 0;
}

int main(int argc, char **argv)
{
	struct link_config config = { .role = LINK_HOST };
	struct keyrec record;
	struct link *l;

	if (argc != 4) {
		fputs("usage: handshakes RECORD SOCKET ROUNDS\n", stderr);
		return 2;
	}
	read_record(argv[1], &record);
	config.record = &record;
	l = malloc(link_size());
	if (!l || link_init(l, &config, now_ms()) < 0)
		die("starting");
	for (int i = atoi(argv[3]); i > 0; i--) {
		poll(NULL, 0, PAUSE_MS);
		printf("%llu\n", (unsigned long long)shake(l, argv[2]));
	}
	return 0;
}
