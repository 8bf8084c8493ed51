// SPDX-License-Identifier: GPL-2.0-or-later
/* A plain QEMU's socket that is not there yet, not listening yet, or moved into its place. */
#include "tests/unit/hostd-fake.h"
#include "tests/unit/test.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct config_guest conf;
static struct guest *g;

static int bound_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
	return fd;
}

/* A guest whose tries have grown to once in half a minute. */
static void begin(void)
{
	fake_begin();
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.channel, sizeof(conf.channel), "%s/alpha.sock", fake_dir);
	g = fake_guest("alpha", 1);
	g->conf = &conf;
	g->connected = false;
	g->backoff_usec = GUEST_BACKOFF_MAX_USEC;
	guest_connect(g);
}

static bool connects(void)
{
	for (uint64_t end = hostd_now_ms() + 20000; !g->connected && hostd_now_ms() < end;)
		sd_event_run(fake_h.event, 1000000);
	return g->connected;
}

static void end(int fd)
{
	close(fd);
	unlink(conf.channel);
	g->conf = NULL;
	fake_end();
}

static void found_when_it_listens(void)
{
	int fd;

	begin();
	CHECK(!g->connected && g->socket_watch && g->retry);
	fd = bound_socket(conf.channel);
	fake_turn(100); /* there, and refused */
	CHECK(!g->connected && g->channel_error == -ECONNREFUSED);
	CHECK_EQ(listen(fd, 1), 0);
	CHECK(connects());
	CHECK(!g->socket_watch); /* of no use while there is a channel */
	end(fd);
}

static void found_when_it_is_moved_there(void)
{
	char elsewhere[sizeof(conf.channel) + 8];
	int fd;

	begin();
	snprintf(elsewhere, sizeof(elsewhere), "%s.new", conf.channel);
	fd = bound_socket(elsewhere);
	CHECK_EQ(listen(fd, 1), 0);
	fake_turn(100);
	CHECK(!g->connected);
	CHECK_EQ(rename(elsewhere, conf.channel), 0);
	CHECK(connects());
	end(fd);
}

static void no_folder_no_watch(void)
{
	fake_begin();
	memset(&conf, 0, sizeof(conf));
	snprintf(conf.channel, sizeof(conf.channel), "%s/nowhere/alpha.sock", fake_dir);
	g = fake_guest("alpha", 1);
	g->conf = &conf;
	g->connected = false;
	guest_connect(g);
	CHECK(!g->socket_watch && g->retry && g->channel_error == -ENOENT);
	g->conf = NULL;
	fake_end();
}

TEST_MAIN({ "found_when_it_listens", found_when_it_listens },
	{ "found_when_it_is_moved_there", found_when_it_is_moved_there },
	{ "no_folder_no_watch", no_folder_no_watch });
