// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many guests in one process, for measuring one va-hostd: each has a socket, as QEMU's chardev
 * would, and a link in the guest's role, paired beforehand by writing both records.
 *
 * Theory of operation: one epoll loop. A guest takes one client at a time and answers PING and
 * nothing else. Commands come on stdin, a line each, with a line of answer each:
 *
 *	state		"N connected, N up, N wake-ups"
 *	answers BYTES	"ok"; answers to PING have that many bytes of content, about
 *
 * It ends with stdin. What it costs itself is not measured; the test's own processes are told
 * apart by their ids.
 */
#include "common/base/cleanup.h"
#include "common/link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_GUESTS   1024
#define ID_STDIN     (2u * MAX_GUESTS)
#define ID_CLIENT(i) (2u * (i) + 1u)

struct guest {
	struct link *link;
	int listener, client; /* -1: none */
	bool up;
	uint64_t deadline_ms;
};

static struct guest guests[MAX_GUESTS];
static unsigned int n_guests;
static uint64_t wakeups;
static size_t answer_size;
static int poller;

static void die(const char *what, const char *on)
{
	fprintf(stderr, "manyguests: %s %s: %s\n", what, on, strerror(errno));
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void watch(int fd, uint32_t events, uint32_t id)
{
	struct epoll_event e = { .events = events, .data.u32 = id };

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e) < 0)
		die("watching", "a socket");
}

/* --- making them ------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text, size_t len)
{
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		die("writing", path);
}

static void make_key(uint8_t secret[KEYREC_KEY_SIZE], uint8_t pub[KEYREC_KEY_SIZE])
{
	randombytes_buf(secret, KEYREC_KEY_SIZE);
	crypto_scalarmult_base(pub, secret);
}

/* Two records of one pairing. */
static void pair(const char *name, struct keyrec *host, struct keyrec *guest)
{
	memset(host, 0, sizeof(*host));
	memset(guest, 0, sizeof(*guest));
	snprintf(host->guest, sizeof(host->guest), "%s", name);
	snprintf(guest->guest, sizeof(guest->guest), "host");
	randombytes_buf(host->guest_id, sizeof(host->guest_id));
	memcpy(guest->guest_id, host->guest_id, sizeof(guest->guest_id));
	host->cur.epoch = guest->cur.epoch = 1;
	make_key(host->cur.secret, guest->cur.peer);
	make_key(guest->cur.secret, host->cur.peer);
	randombytes_buf(host->cur.psk, sizeof(host->cur.psk));
	memcpy(guest->cur.psk, host->cur.psk, sizeof(guest->cur.psk));
}

static void write_host_files(const char *dir, const char *name, const struct keyrec *record)
{
	char path[256], text[KEYREC_TEXT_MAX];
	size_t len;

	if (keyrec_format(record, text, sizeof(text), &len) < 0)
		die("formatting the record of", name);
	snprintf(path, sizeof(path), "%s/state/guests/%s", dir, name);
	if (mkdir(path, 0700) < 0)
		die("making", path);
	snprintf(path, sizeof(path), "%s/state/guests/%s/link.key", dir, name);
	write_file(path, text, len);
	snprintf(text, sizeof(text), "channel = %s/%s.sock\n", dir, name);
	snprintf(path, sizeof(path), "%s/etc/guests.d/%s.conf", dir, name);
	write_file(path, text, strlen(text));
}

static int listen_at(const char *dir, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s.sock", dir, name) >=
		(int)sizeof(a.sun_path))
		errno = ENAMETOOLONG;
	else if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0)
		return fd;
	die("listening at", name);
	return -1;
}

static void make_guest(const char *dir, unsigned int i)
{
	struct guest *g = &guests[i];
	struct keyrec host, guest;
	struct link_config config = { .role = LINK_GUEST, .record = &guest };
	char name[16];

	snprintf(name, sizeof(name), "g%04u", i);
	pair(name, &host, &guest);
	write_host_files(dir, name, &host);
	g->link = malloc(link_size());
	if (!g->link || link_init(g->link, &config, now_ms()) < 0)
		die("making", name);
	g->client = -1;
	g->deadline_ms = LINK_NEVER;
	g->listener = listen_at(dir, name);
	watch(g->listener, EPOLLIN, 2 * i);
}

/* --- serving ---------------------------------------------------------------------------------- */

static void drop(struct guest *g)
{
	close(g->client);
	g->client = -1;
	g->up = false;
	link_disconnected(g->link, now_ms());
}

/* Names and labels, as an answer about monitors has. */
static void fill(struct msg_result *r, size_t size)
{
	for (size_t have = 0; have < size && r->n_items < MSG_MAX_ITEMS; r->n_items++) {
		struct msg_item *i = &r->items[r->n_items];

		i->kind = MSG_ITEM_MONITOR;
		memset(i->name, 'n', 40);
		memset(i->label, 'l', 40);
		have += 90;
	}
}

static void answer(struct guest *g, const struct link_event *ev)
{
	struct message m = { .id = ev->message->id, .kind = MSG_RESULT };
	bool ping = ev->message->kind == MSG_QUERY && ev->message->query.question == MSG_Q_PING;

	msg_result_init(&m.result, ping ? MSG_OUT_OK : MSG_OUT_UNSUPPORTED, "");
	if (ping)
		fill(&m.result, answer_size);
	link_reply(g->link, ev->session, &m, now_ms());
}

/* Events out, bytes out, until there are none. */
static void pump(struct guest *g)
{
	struct link_event ev;
	const uint8_t *p;
	size_t n;

	while (link_next(g->link, &ev)) {
		if (ev.kind == LINK_EV_UP || ev.kind == LINK_EV_DOWN)
			g->up = ev.kind == LINK_EV_UP;
		else if (ev.kind == LINK_EV_REQUEST)
			answer(g, &ev);
		else if (ev.kind == LINK_EV_STORE)
			link_stored(g->link, true, now_ms());
	}
	for (link_output(g->link, &p, &n); n > 0 && g->client >= 0; link_output(g->link, &p, &n)) {
		ssize_t w = send(g->client, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (w <= 0)
			break;
		link_sent(g->link, (size_t)w);
	}
	g->deadline_ms = g->client < 0 ? LINK_NEVER : link_deadline(g->link);
}

static void take_client(struct guest *g, unsigned int i)
{
	int fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (g->client >= 0)
		drop(g);
	g->client = fd;
	watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLET, ID_CLIENT(i));
	link_connected(g->link, now_ms());
	pump(g);
}

static void take_bytes(struct guest *g)
{
	uint8_t buf[4096];
	ssize_t n;

	while (g->client >= 0) {
		n = recv(g->client, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			link_input(g->link, buf, (size_t)n, now_ms());
		else if (n == 0 || errno != EAGAIN)
			drop(g);
		else
			break;
	}
	pump(g);
}

static void tell(void)
{
	unsigned int connected = 0, up = 0;
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));

	if (n <= 0)
		exit(0);
	if (n > 8 && !memcmp(line, "answers ", 8)) {
		line[n < (ssize_t)sizeof(line) ? n : n - 1] = '\0';
		answer_size = strtoul(line + 8, NULL, 10);
		puts("ok");
		fflush(stdout);
		return;
	}
	for (unsigned int i = 0; i < n_guests; i++) {
		connected += guests[i].client >= 0;
		up += guests[i].up;
	}
	printf("%u connected, %u up, %llu wake-ups\n", connected, up, (unsigned long long)wakeups);
	fflush(stdout);
}

static void serve(uint32_t id)
{
	if (id == ID_STDIN)
		tell();
	else if (id % 2)
		take_bytes(&guests[id / 2]);
	else
		take_client(&guests[id / 2], id / 2);
}

/* What is due; returns milliseconds until the next, -1 never. */
static int tick(void)
{
	uint64_t now = now_ms(), next = LINK_NEVER;

	for (unsigned int i = 0; i < n_guests; i++) {
		struct guest *g = &guests[i];

		if (g->deadline_ms <= now) {
			link_tick(g->link, now);
			pump(g);
		}
		if (g->deadline_ms < next)
			next = g->deadline_ms;
	}
	if (next == LINK_NEVER)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

int main(int argc, char **argv)
{
	struct epoll_event events[64];
	struct rlimit l;

	n_guests = argc == 3 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0;
	if (n_guests < 1 || n_guests > MAX_GUESTS) {
		fputs("usage: manyguests DIR COUNT (DIR has state/guests and etc/guests.d)\n",
			stderr);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0 || sodium_init() < 0)
		die("starting", "");
	for (unsigned int i = 0; i < n_guests; i++)
		make_guest(argv[1], i);
	watch(STDIN_FILENO, EPOLLIN, ID_STDIN);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(poller, events, 64, tick());

		wakeups++;
		for (int i = 0; i < n; i++)
			serve(events[i].data.u32);
	}
}
