// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The real va-virt as a worker, against libvirt's test driver and a channel socket of our own;
 * and libvirt's event loop on sd-event, inside this process.
 */
#include "host/virt/channel.h"
#include "host/virt/describe.h"
#include "host/virt/events.h"
#include "host/virt/virloop.h"
#include "host/virt/virterr.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define ZORG  "6695eb01-f6a4-8304-79aa-97f2502e1933"
#define PLAIN "6695eb01-f6a4-8304-79aa-97f2502e1934"
#define LIMIT 20 /* seconds; a wait that takes this long has failed */

struct rig {
	sd_event *event;
	struct worker *w;
	char dir[64], socket[80], node[80], uri[100];
	int listener;
	char tale[2000];
	struct virt_domain zorg;
	struct virt_connection last;
	struct virt_reply reply;
	bool replied, died;
	enum worker_fate fate;
	int fd;
};

static void note(struct rig *r, const char *what, const char *state)
{
	size_t n = strlen(r->tale);

	snprintf(r->tale + n, sizeof(r->tale) - n, "%s%s;", what, state);
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	const struct virt_connection *c = msg;
	const struct virt_domain *d = msg;
	struct rig *r = userdata;

	(void)w, (void)size;
	cleanup_closep(&fd);
	switch (c->head.op) {
	case VIRT_EV_CONNECTION:
		r->last = *c;
		note(r, c->up ? "up" : "down", "");
		break;
	case VIRT_EV_SYNCED: note(r, "synced", ""); break;
	case VIRT_EV_DOMAIN:
		if (!strcmp(d->name, "zorg"))
			r->zorg = *d;
		note(r, d->name, " ");
		r->tale[strlen(r->tale) - 1] = '\0';
		note(r, describe_state_name(d->state), "");
		break;
	default: note(r, "?", ""); break;
	}
}

static void on_exit_of(struct worker *w, int status, uint64_t restart, void *userdata)
{
	(void)w, (void)status, (void)restart;
	((struct rig *)userdata)->died = true;
}

static void on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct rig *r = userdata;

	r->replied = true;
	r->fate = fate;
	r->fd = fd;
	if (size == sizeof(r->reply))
		memcpy(&r->reply, msg, size);
}

static uint64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

#define WAIT(r, cond)                                     \
	do {                                              \
		uint64_t end_ = now_s() + LIMIT;          \
		while (!(cond) && now_s() < end_)         \
			sd_event_run((r)->event, 100000); \
		CHECK(cond);                              \
	} while (0)

/* build/tests/unit/test-x -> build/va-virt */
static const char *va_virt(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 20);

	for (int up = 0; up < 3 && n > 0; n--)
		up += path[n - 1] == '/';
	snprintf(path + (n > 0 ? n : 0), 20, "/va-virt");
	return path;
}

static void write_node(const struct rig *r, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return;
	fprintf(f,
		"<node><domain type='test'><name>zorg</name><uuid>" ZORG "</uuid>"
		"<memory>8192</memory><os><type>hvm</type></os><devices>"
		"<channel type='unix'><source mode='bind' path='%s'/>"
		"<target type='virtio' name='org.virtaid.0'/></channel>"
		"<hostdev mode='subsystem' type='pci' managed='no'><source>"
		"<address domain='0' bus='3' slot='0' function='0'/></source></hostdev>"
		"</devices></domain><domain type='test'><name>plain</name><uuid>" PLAIN "</uuid>"
		"<memory>8192</memory><os><type>hvm</type></os>"
		"<devices><hostdev mode='subsystem' type='usb'><source>"
		"<vendor id='0x046d'/><product id='0xc52b'/><address bus='3' device='5'/>"
		"</source></hostdev></devices></domain></node>",
		r->socket);
	fclose(f);
}

static int listen_at(const char *path, int backlog)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, backlog) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool rig_init(struct rig *r)
{
	*r = (struct rig){ .fd = -1, .listener = -1, .dir = "/tmp/va-virt-XXXXXX" };
	if (!mkdtemp(r->dir) || sd_event_new(&r->event) < 0)
		return false;
	snprintf(r->socket, sizeof(r->socket), "%s/chan.sock", r->dir);
	snprintf(r->node, sizeof(r->node), "%s/node.xml", r->dir);
	snprintf(r->uri, sizeof(r->uri), "test://%s", r->node);
	write_node(r, r->node);
	r->listener = listen_at(r->socket, 1);
	return r->listener >= 0;
}

static void rig_done(struct rig *r)
{
	worker_free(r->w);
	cleanup_closep(&r->listener);
	cleanup_closep(&r->fd);
	unlink(r->socket);
	unlink(r->node);
	rmdir(r->dir);
	sd_event_unref(r->event);
}
#define RIG                                              \
	__attribute__((cleanup(rig_done))) struct rig r; \
	CHECK(rig_init(&r))

static int start(struct rig *r, const char *role, const char *uri)
{
	const char *const argv[] = { va_virt(), role, uri, NULL };
	const struct worker_spec spec = {
		.name = role,
		.argv = argv,
		.min_size = sizeof(struct worker_head),
		.max_size = sizeof(struct virt_domain),
		.one_shot = !strcmp(role, "do"),
		.on_event = on_event,
		.on_exit = on_exit_of,
		.userdata = r,
	};

	return worker_new(&r->w, r->event, &spec);
}

static void ask(struct rig *r, enum virt_op op, const char *uuid)
{
	struct virt_request q = { .head = { .op = op }, .limit_ms = 5000 };

	snprintf(q.uuid, sizeof(q.uuid), "%s", uuid);
	r->replied = false;
	r->reply = (struct virt_reply){ .error = -ESTALE };
	worker_call(r->w, &q, sizeof(q), -1, LIMIT * 1000000ull, on_reply, r);
}

static void watcher_tells_what_there_is(void)
{
	RIG;
	CHECK_EQ(start(&r, "watch", r.uri), 0);
	WAIT(&r, strstr(r.tale, "synced;"));
	CHECK(!strncmp(r.tale, "up;", 3));
	CHECK(strstr(r.tale, "zorg running;") && strstr(r.tale, "plain running;"));
	CHECK_STR(r.last.uri, r.uri);
	CHECK_STR(r.zorg.uuid, ZORG);
	CHECK_EQ(r.zorg.flags, VIRT_FLAG_CHANNEL | VIRT_FLAG_PERSISTENT);
	CHECK_EQ(r.zorg.n_hostdevs, 1);
	CHECK_STR(r.zorg.hostdevs[0], "0000:03:00.0");
}

static void connect_hands_over_the_channel(void)
{
	CLEANUP_FD int qemu = -1;
	char got[8] = "";

	RIG;
	CHECK_EQ(start(&r, "watch", r.uri), 0);
	WAIT(&r, strstr(r.tale, "synced;"));
	ask(&r, VIRT_CONNECT, ZORG);
	WAIT(&r, r.replied);
	CHECK_EQ(r.fate, WORKER_REPLIED);
	CHECK_EQ(r.reply.error, 0);
	CHECK(r.fd >= 0);
	CHECK(fcntl(r.fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(r.fd, F_GETFD) & FD_CLOEXEC);
	qemu = accept4(r.listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(qemu >= 0);
	CHECK_EQ(write(qemu, "hello", 5), 5);
	CHECK_EQ(read(r.fd, got, sizeof(got)), 5);
	CHECK_STR(got, "hello");
}

static void connect_says_why_not(void)
{
	RIG;
	CHECK_EQ(start(&r, "watch", r.uri), 0);
	WAIT(&r, strstr(r.tale, "synced;"));
	ask(&r, VIRT_CONNECT, PLAIN);
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -ENOPROTOOPT);
	CHECK_EQ(r.fd, -1);
	ask(&r, VIRT_CONNECT, "6695eb01-f6a4-8304-79aa-97f2502e1999");
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -ENOENT);
	ask(&r, VIRT_START, ZORG); /* a doer's work */
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -EOPNOTSUPP);
	cleanup_closep(&r.listener);
	r.listener = -1;
	ask(&r, VIRT_CONNECT, ZORG); /* the socket's file is still there */
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -ENOTCONN);
	CHECK(strstr(r.reply.detail, "nobody listens on /tmp/va-virt-") != NULL);
	unlink(r.socket);
	ask(&r, VIRT_CONNECT, ZORG);
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -ENOTCONN);
	CHECK(!r.died);
}

static void a_full_backlog_means_somebody_else(void)
{
	int fds[8];
	int n = 0;

	RIG;
	while (n < 8 && (fds[n] = channel_connect(r.socket)) >= 0)
		n++;
	CHECK(n > 0 && n < 8);
	CHECK_EQ(fds[n], -EBUSY);
	CHECK_EQ(start(&r, "watch", r.uri), 0);
	WAIT(&r, strstr(r.tale, "synced;"));
	ask(&r, VIRT_CONNECT, ZORG);
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -EBUSY);
	CHECK_STR(r.reply.detail, "someone else holds the channel");
	while (n-- > 0)
		close(fds[n]);
}

static void channel_errors(void)
{
	char path[200];

	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	CHECK_EQ(channel_connect(path), -ENAMETOOLONG);
	CHECK_EQ(channel_connect("/nonexistent/x"), -ENOTCONN);
	CHECK_EQ(channel_connect("/proc/self/exe/x"), -ENOTCONN);
}

/* libvirt is away (its file is missing) and comes back. */
static void down_and_up_again(void)
{
	RIG;
	unlink(r.node);
	CHECK_EQ(start(&r, "watch", r.uri), 0);
	WAIT(&r, strstr(r.tale, "down;"));
	CHECK_EQ(r.last.up, 0);
	CHECK(strstr(r.last.detail, "failed to parse xml document") != NULL);
	ask(&r, VIRT_CONNECT, ZORG); /* answers meanwhile */
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -ENOENT);
	write_node(&r, r.node);
	WAIT(&r, strstr(r.tale, "synced;"));
	CHECK(!strncmp(r.tale, "down;up;", 8)); /* one "down", however often it tried */
}

/* A daemon that accepts and never says a word. */
static void a_hanging_libvirtd_does_not_hang_the_watcher(void)
{
	char uri[200];

	RIG;
	snprintf(uri, sizeof(uri), "qemu+unix:///system?socket=%s", r.socket);
	CHECK_EQ(start(&r, "watch", uri), 0);
	CHECK_EQ(poll(&(struct pollfd){ .fd = r.listener, .events = POLLIN }, 1, LIMIT * 1000), 1);
	ask(&r, VIRT_CONNECT, ZORG);
	WAIT(&r, r.replied);
	CHECK_EQ(r.fate, WORKER_REPLIED);
	CHECK_EQ(r.reply.error, -ENOENT);
}

static void wrong_sizes_end_it(void)
{
	struct virt_connection wrong = { .head = { .op = VIRT_CONNECT } };

	RIG;
	CHECK_EQ(start(&r, "watch", r.uri), 0);
	WAIT(&r, strstr(r.tale, "synced;"));
	worker_call(r.w, &wrong, sizeof(wrong), -1, LIMIT * 1000000ull, on_reply, &r);
	WAIT(&r, r.died);
	CHECK_EQ(r.fate, WORKER_DIED);
}

static void doers(void)
{
	static const struct {
		enum virt_op op;
		const char *uuid;
		int error;
		uint32_t flags;
		const char *detail;
	} rows[] = {
		{ VIRT_START, ZORG, 0, 0, "it runs already" },
		{ VIRT_SHUTDOWN, ZORG, 0, 0, "" },
		{ VIRT_DESTROY, ZORG, 0, 0, "" },
		{ VIRT_DESCRIBE, ZORG, 0, VIRT_FLAG_CHANNEL | VIRT_FLAG_PERSISTENT, "" },
		{ VIRT_DESCRIBE, PLAIN, 0, VIRT_FLAG_PERSISTENT, "" },
		{ VIRT_START, "6695eb01-f6a4-8304-79aa-97f2502e1999", -ENOENT, 0, NULL },
		{ VIRT_START, "no uuid", -EOPNOTSUPP, 0, NULL },
		{ VIRT_CONNECT, ZORG, -EOPNOTSUPP, 0, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		RIG;
		CHECK_EQ(start(&r, "do", r.uri), 0);
		ask(&r, rows[i].op, rows[i].uuid);
		WAIT(&r, r.replied);
		if (r.reply.error != rows[i].error)
			CHECK_STR(r.reply.detail, "");
		CHECK_EQ(r.reply.error, rows[i].error);
		CHECK_EQ(r.reply.flags, rows[i].flags);
		if (rows[i].detail)
			CHECK_STR(r.reply.detail, rows[i].detail);
		WAIT(&r, r.died);
	}
}

/* The test driver attaches nothing; what is so already, and what cannot be, is seen before. */
static void usb_doers(void)
{
	static const struct {
		enum virt_op op;
		const char *uuid;
		struct virt_usb usb;
		int error;
		const char *detail;
	} rows[] = {
		{ VIRT_ATTACH_USB, PLAIN, { 3, 5, 0x046d, 0xc52b }, 0,
			"it has the device already" },
		{ VIRT_ATTACH_USB, PLAIN, { 3, 6, 0x046d, 0xc52b }, -EOPNOTSUPP, NULL },
		{ VIRT_ATTACH_USB, PLAIN, { 0, 0, 0x046d, 0xc52b }, -EINVAL, "" },
		{ VIRT_DETACH_USB, PLAIN, { 3, 5, 0, 0 }, -EOPNOTSUPP, NULL },
		{ VIRT_DETACH_USB, PLAIN, { 5, 3, 0, 0 }, 0, "it does not have the device" },
		{ VIRT_DETACH_USB, ZORG, { 3, 5, 0x046d, 0xc52b }, 0,
			"it does not have the device" },
		{ VIRT_DETACH_USB, PLAIN, { 3, 0, 0, 0 }, -EINVAL, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct virt_request q = {
			.head = { .op = rows[i].op }, .limit_ms = LIMIT * 1000, .usb = rows[i].usb
		};

		RIG;
		snprintf(q.uuid, sizeof(q.uuid), "%s", rows[i].uuid);
		CHECK_EQ(start(&r, "do", r.uri), 0);
		worker_call(r.w, &q, sizeof(q), -1, LIMIT * 1000000ull, on_reply, &r);
		WAIT(&r, r.replied);
		CHECK_EQ(r.fate, WORKER_REPLIED);
		if (rows[i].detail)
			CHECK_STR(r.reply.detail, rows[i].detail);
		CHECK_EQ(r.reply.error, rows[i].error);
		WAIT(&r, r.died);
	}
}

static void doer_without_libvirt(void)
{
	RIG;
	unlink(r.node);
	CHECK_EQ(start(&r, "do", r.uri), 0);
	ask(&r, VIRT_START, ZORG);
	WAIT(&r, r.replied);
	CHECK_EQ(r.reply.error, -ENOTCONN);
	CHECK(r.reply.detail[0] != '\0');
}

static void doer_gives_up_in_time(void)
{
	struct virt_request q = { .head = { .op = VIRT_START }, .uuid = ZORG, .limit_ms = 300 };
	char uri[200];

	RIG;
	snprintf(uri, sizeof(uri), "qemu+unix:///system?socket=%s", r.socket);
	CHECK_EQ(start(&r, "do", uri), 0);
	worker_call(r.w, &q, sizeof(q), -1, LIMIT * 1000000ull, on_reply, &r);
	WAIT(&r, r.replied);
	CHECK_EQ(r.fate, WORKER_REPLIED);
	CHECK_EQ(r.reply.error, -ETIMEDOUT);
}

/* --- inside this process ---------------------------------------------------------------------- */

static char heard[1000];

static void on_domain_event(const struct events_event *e, void *userdata)
{
	static const char letters[] = "cSOPRrp";

	(void)userdata;
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%c%s", letters[e->kind],
		e->reset ? "!" : "");
}

static void events_of_the_test_driver(void)
{
	struct events e;
	virDomainPtr dom;
	virConnectPtr conn;

	RIG;
	memset(heard, 0, sizeof(heard));
	virterr_init();
	CHECK_EQ(virloop_init(r.event), 0);
	conn = virConnectOpen(r.uri);
	CHECK(conn != NULL);
	CHECK_EQ(events_init(&e, conn, on_domain_event, NULL), 0);
	CHECK(!e.ports); /* QEMU's own events are QEMU's */
	dom = virDomainLookupByName(conn, "zorg");
	CHECK(dom != NULL);
	CHECK_EQ(virDomainSuspend(dom), 0);
	WAIT(&r, !strcmp(heard, "P"));
	CHECK_EQ(virDomainResume(dom), 0);
	WAIT(&r, !strcmp(heard, "PR!"));
	CHECK_EQ(virDomainDestroy(dom), 0);
	WAIT(&r, !strcmp(heard, "PR!O"));
	CHECK_EQ(virDomainCreate(dom), 0);
	WAIT(&r, !strcmp(heard, "PR!OS"));
	events_done(&e);
	CHECK_EQ(virDomainDestroy(dom), 0);
	sd_event_run(r.event, 200000);
	CHECK_STR(heard, "PR!OS");
	virDomainFree(dom);
	virConnectClose(conn);
	virloop_done();
}

struct seen {
	int calls, frees, events, timer, watch;
};

static void on_handle(int watch, int fd, int events, void *opaque)
{
	struct seen *s = opaque;

	(void)fd;
	s->calls++;
	s->events = events;
	if (s->watch == watch && s->calls == 2)
		virEventRemoveHandle(watch); /* from inside its own callback */
}

static void on_timeout(int timer, void *opaque)
{
	struct seen *s = opaque;

	s->calls++;
	if (s->calls == 3)
		virEventRemoveTimeout(timer);
}

static void on_free(void *opaque)
{
	((struct seen *)opaque)->frees++;
}

static void loop_watches(void)
{
	struct seen a = { 0 }, b = { 0 }, t = { 0 };
	int pair[2];

	RIG;
	CHECK_EQ(virloop_init(r.event), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	/* twice the same descriptor */
	a.watch = virEventAddHandle(pair[0], VIR_EVENT_HANDLE_READABLE, on_handle, &a, on_free);
	b.watch = virEventAddHandle(pair[0], 0, on_handle, &b, on_free);
	CHECK(a.watch > 0 && b.watch > 0 && a.watch != b.watch);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	WAIT(&r, a.calls == 2);
	CHECK_EQ(a.events, VIR_EVENT_HANDLE_READABLE);
	CHECK_EQ(b.calls, 0);
	WAIT(&r, a.frees == 1);
	virEventUpdateHandle(b.watch, VIR_EVENT_HANDLE_WRITABLE);
	WAIT(&r, b.calls > 0);
	CHECK_EQ(b.events, VIR_EVENT_HANDLE_WRITABLE);
	CHECK_EQ(virEventRemoveHandle(b.watch), 0);
	CHECK_EQ(b.frees, 0); /* never from inside the call */
	CHECK_EQ(virEventRemoveHandle(b.watch), -1);
	t.timer = virEventAddTimeout(-1, on_timeout, &t, on_free);
	CHECK(t.timer > 0);
	sd_event_run(r.event, 20000);
	CHECK_EQ(t.calls, 0);
	virEventUpdateTimeout(t.timer, 1);
	WAIT(&r, t.frees == 1);
	CHECK_EQ(t.calls, 3);
	CHECK_EQ(b.frees, 1);
	close(pair[0]);
	close(pair[1]);
	virloop_done();
}

TEST_MAIN({ "watcher_tells_what_there_is", watcher_tells_what_there_is },
	{ "connect_hands_over_the_channel", connect_hands_over_the_channel },
	{ "connect_says_why_not", connect_says_why_not },
	{ "a_full_backlog_means_somebody_else", a_full_backlog_means_somebody_else },
	{ "channel_errors", channel_errors }, { "down_and_up_again", down_and_up_again },
	{ "a_hanging_libvirtd_does_not_hang_the_watcher",
		a_hanging_libvirtd_does_not_hang_the_watcher },
	{ "wrong_sizes_end_it", wrong_sizes_end_it }, { "doers", doers },
	{ "usb_doers", usb_doers }, { "doer_without_libvirt", doer_without_libvirt },
	{ "doer_gives_up_in_time", doer_gives_up_in_time },
	{ "events_of_the_test_driver", events_of_the_test_driver },
	{ "loop_watches", loop_watches });
