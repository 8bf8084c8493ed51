// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's end of the control socket: clients that are slow, rude, too many, or gone. */
#include "common/control/client.h"
#include "common/control/server.h"

#include "tests/unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define NOBODY  65534
#define LIMIT_S 10

struct room {
	char dir[32];
	char path[64];
	sd_event *event;
	struct control_server *server;
	unsigned int requests, gone;
	struct control_client *last;
	struct control_request r;
	uid_t uid;
	bool privileged;
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* op PING answers with value objects, LIST with one that is too long, STATUS waits. */
static void on_request(struct control_client *c, const struct control_request *r, void *userdata)
{
	static char big[CONTROL_JSON_MAX + 1];
	struct room *room = userdata;

	room->requests++;
	room->last = c;
	room->r = *r;
	room->uid = control_client_uid(c);
	room->privileged = control_client_is_privileged(c);
	control_client_set_data(c, room);
	switch (r->op) {
	case CONTROL_PING:
		for (uint32_t i = 0; i < r->value; i++) {
			json_object *o = json_object_new_object();

			json_object_object_add(o, "n", json_object_new_int((int)i));
			json_object_object_add(o, "pad", json_object_new_string(r->arg));
			control_send(c, "ping", o);
		}
		control_finish(c, EXIT_CODE_OK, NULL, "%u of %u", r->value, r->value);
		break;
	case CONTROL_LIST: {
		json_object *o = json_object_new_object(), *extra = json_object_new_object();

		memset(big, 'x', sizeof(big) - 1);
		json_object_object_add(o, "big", json_object_new_string(big));
		json_object_object_add(extra, "big", json_object_new_string(big));
		control_send(c, "guest", o);
		control_finish(c, EXIT_CODE_FAILED, extra, "too much");
		break;
	}
	default: break;
	}
}

static void on_gone(struct control_client *c, void *userdata)
{
	struct room *room = userdata;

	room->gone++;
	if (control_client_data(c) != room)
		printf("# the mark on the connection was lost\n");
	control_progress(c, "to nobody");
}

static bool room_open(struct room *room)
{
	strcpy(room->dir, "/tmp/va-control-XXXXXX");
	if (!mkdtemp(room->dir) || chmod(room->dir, 0711) < 0)
		return false;
	snprintf(room->path, sizeof(room->path), "%s/sock", room->dir);
	return sd_event_new(&room->event) >= 0 &&
	       control_server_new(&room->server, room->event, room->path, (gid_t)-1, -1, on_request,
		       on_gone, room) == 0;
}

static void room_done(struct room *room)
{
	control_server_free(room->server);
	sd_event_unref(room->event);
	unlink(room->path);
	rmdir(room->dir);
}
#define CLEANUP_ROOM __attribute__((cleanup(room_done)))

static int enter(const struct room *room)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(a.sun_path, room->path, sizeof(room->path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Lets the server run until fd has something to say; its length, 0 at the end. */
static ssize_t hear(struct room *room, int fd, char *buf, size_t size)
{
	uint64_t end = now_ms() + LIMIT_S * 1000;

	while (now_ms() < end) {
		ssize_t n = recv(fd, buf, size - 1, MSG_DONTWAIT);

		if (n >= 0 || errno != EAGAIN) {
			buf[n > 0 ? n : 0] = '\0';
			return n;
		}
		sd_event_run(room->event, 5000);
	}
	return -1;
}

static bool until(struct room *room, const unsigned int *counter, unsigned int n)
{
	uint64_t end = now_ms() + LIMIT_S * 1000;

	while (*counter < n && now_ms() < end)
		sd_event_run(room->event, 5000);
	return *counter >= n;
}

static struct control_request request(uint32_t op)
{
	return (struct control_request){ .magic = CONTROL_MAGIC, .op = op };
}

struct answers {
	unsigned int objects, progress;
	bool ordered;
};

static void on_object(const char *type, json_object *o, void *userdata)
{
	struct answers *a = userdata;
	json_object *n = NULL;

	if (!strcmp(type, "progress")) {
		a->progress++;
		return;
	}
	json_object_object_get_ex(o, "n", &n);
	a->ordered = a->ordered && json_object_get_int(n) == (int)a->objects;
	a->objects++;
}

/* The client in a process of its own; it says 0 if all was as expected. */
static int play(struct room *room, int (*client)(const struct room *))
{
	pid_t pid = fork();
	int status = 0;
	uint64_t end = now_ms() + LIMIT_S * 1000;

	if (pid == 0)
		_exit(client(room));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		sd_event_run(room->event, 5000);
		if (now_ms() > end)
			kill(pid, SIGKILL);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int client_pings(const struct room *room)
{
	struct control_request r = request(CONTROL_PING);
	struct answers a = { .ordered = true };
	json_object *result, *text = NULL;

	r.value = 3000; /* more than the socket holds: the queue is used */
	memset(r.arg, 'p', sizeof(r.arg) - 1);
	if (control_ask(room->path, &r, 8000, on_object, &a, &result) != EXIT_CODE_OK)
		return 1;
	json_object_object_get_ex(result, "text", &text);
	if (a.objects != 3000 || !a.ordered)
		return 2;
	if (strcmp(json_object_get_string(text), "3000 of 3000"))
		return 3;
	json_object_put(result);
	return 0;
}

static void answers_come_in_order(void)
{
	CLEANUP_ROOM struct room room = { 0 };

	CHECK(room_open(&room));
	CHECK_EQ(play(&room, client_pings), 0);
	CHECK_EQ(room.requests, 1);
	CHECK_EQ(room.gone, 0);
	CHECK_EQ(room.uid, getuid());
	CHECK(room.privileged);
}

static int client_lists(const struct room *room)
{
	struct control_request r = request(CONTROL_LIST);
	struct answers a = { .ordered = true };
	json_object *result;

	if (control_ask(room->path, &r, 8000, on_object, &a, &result) != EXIT_CODE_FAILED)
		return 1;
	json_object_put(result);
	return a.progress == 1 && a.objects == 0 ? 0 : 2;
}

static void too_long_is_left_out(void)
{
	CLEANUP_ROOM struct room room = { 0 };

	CHECK(room_open(&room));
	CHECK_EQ(play(&room, client_lists), 0);
}

static int client_waits(const struct room *room)
{
	struct control_request r = request(CONTROL_STATUS);
	json_object *result;

	return control_ask(room->path, &r, 100, NULL, NULL, &result) == EXIT_CODE_UNKNOWN &&
			       errno == ETIMEDOUT && !result
		       ? 0
		       : 1;
}

static void limits_of_the_client(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_STATUS);
	json_object *result;

	CHECK(room_open(&room));
	CHECK_EQ(play(&room, client_waits), 0);
	CHECK(until(&room, &room.gone, 1)); /* and the daemon is told */
	control_server_free(room.server);
	room.server = NULL;
	CHECK_EQ(control_ask(room.path, &r, 100, NULL, NULL, &result), EXIT_CODE_NOT_CONNECTED);
	CHECK_EQ(errno, ENOENT);
}

static void rude_requests(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_STATUS);
	char buf[1024];

	CHECK(room_open(&room));
	for (size_t size = 1; size <= sizeof(r) + 1; size += 37) {
		char bytes[sizeof(r) + 1] = { 0 };
		int fd = enter(&room);

		memcpy(bytes, &r, sizeof(r));
		CHECK(fd >= 0);
		CHECK_EQ(send(fd, bytes, size, MSG_NOSIGNAL), size);
		CHECK(hear(&room, fd, buf, sizeof(buf)) > 0);
		CHECK(strstr(buf, "\"exit\":2"));
		CHECK(strstr(buf, "versions"));
		CHECK_EQ(hear(&room, fd, buf, sizeof(buf)), 0);
		close(fd);
	}
	r.op = 9999;
	for (int i = 0; i < 2; i++) {
		int fd = enter(&room);

		CHECK_EQ(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
		CHECK(hear(&room, fd, buf, sizeof(buf)) > 0);
		CHECK(strstr(buf, "\"result\":\"usage\""));
		close(fd);
	}
	CHECK_EQ(room.requests, 0);
	CHECK_EQ(room.gone, 0);
}

static void asking_twice(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_STATUS);
	char buf[64];
	int fd;

	CHECK(room_open(&room));
	fd = enter(&room);
	CHECK_EQ(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	CHECK_EQ(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	CHECK_EQ(hear(&room, fd, buf, sizeof(buf)), 0);
	CHECK_EQ(room.requests, 1);
	CHECK_EQ(room.gone, 1);
	close(fd);
}

/* Descriptors that a client attaches must not stay with the daemon. */
static void descriptors_are_not_taken(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_PING);
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { &r, sizeof(r) };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	char buf[256];
	int p[2], fd;

	CHECK(room_open(&room));
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &p[1], sizeof(int));
	fd = enter(&room);
	CHECK_EQ(sendmsg(fd, &mh, MSG_NOSIGNAL), sizeof(r));
	close(p[1]);
	CHECK(hear(&room, fd, buf, sizeof(buf)) > 0);
	CHECK_EQ(read(p[0], buf, 1), 0); /* no writer is left anywhere */
	close(p[0]);
	close(fd);
}

/* One that never reads costs the daemon no more than the queue, and is dropped. */
static void slow_reader(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_STATUS);
	char arg[4096];
	int fd;

	CHECK(room_open(&room));
	fd = enter(&room);
	CHECK_EQ(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	CHECK(until(&room, &room.requests, 1));
	memset(arg, 'y', sizeof(arg) - 1);
	arg[sizeof(arg) - 1] = '\0';
	for (int i = 0; i < 5000; i++) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "arg", json_object_new_string(arg));
		control_send(room.last, "step", o);
	}
	CHECK_EQ(room.gone, 0); /* never from within a send */
	CHECK(until(&room, &room.gone, 1));
	close(fd);
}

static void silent_client(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	uint64_t start = now_ms();
	char buf[256];
	int fd;

	CHECK(room_open(&room));
	fd = enter(&room);
	CHECK(hear(&room, fd, buf, sizeof(buf)) > 0);
	CHECK(strstr(buf, "no request came"));
	CHECK(now_ms() - start >= CONTROL_REQUEST_MS - 100);
	CHECK_EQ(hear(&room, fd, buf, sizeof(buf)), 0);
	close(fd);
}

/* As nobody: as many as one user may have, then a polite refusal, which frees on leaving. */
static int client_crowd(const struct room *room)
{
	struct control_request r = request(CONTROL_STATUS);
	int fd[CONTROL_PER_UID];
	json_object *result;

	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 1;
	for (size_t i = 0; i < CONTROL_PER_UID; i++) {
		fd[i] = enter(room);
		if (fd[i] < 0 || send(fd[i], &r, sizeof(r), MSG_NOSIGNAL) < 0)
			return 2;
	}
	for (int i = 0; i < 3; i++)
		if (control_ask(room->path, &r, 3000, NULL, NULL, &result) != EXIT_CODE_BUSY)
			return 3;
	for (size_t i = 0; i < CONTROL_PER_UID; i++)
		close(fd[i]);
	/* the daemon sees them leave before it accepts the next */
	for (uint64_t end = now_ms() + 3000; now_ms() < end; poll(NULL, 0, 5)) {
		enum exit_code code;

		r = request(CONTROL_PING);
		code = control_ask(room->path, &r, 3000, NULL, NULL, &result);
		json_object_put(result);
		if (code == EXIT_CODE_OK)
			return 0;
	}
	return 4;
}

static void one_user_is_not_all(void)
{
	CLEANUP_ROOM struct room room = { 0 };

	if (geteuid() != 0)
		SKIP("needs root to be another user");
	CHECK(room_open(&room));
	CHECK_EQ(chmod(room.path, 0666), 0);
	CHECK_EQ(play(&room, client_crowd), 0);
	CHECK(!room.privileged);
	CHECK_EQ(room.uid, NOBODY);
	CHECK_EQ(room.gone, CONTROL_PER_UID);
}

static void the_house_is_full(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_STATUS);
	int fd[CONTROL_CLIENTS], extra;
	char buf[256];

	if (geteuid() != 0)
		SKIP("as another user than root, the limit per user comes first");
	CHECK(room_open(&room));
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		fd[i] = enter(&room);
		CHECK(fd[i] >= 0);
		CHECK_EQ(send(fd[i], &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
		CHECK(until(&room, &room.requests, i + 1));
	}
	extra = enter(&room);
	CHECK_EQ(send(extra, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	CHECK(hear(&room, extra, buf, sizeof(buf)) > 0);
	CHECK(strstr(buf, "\"result\":\"busy\""));
	close(extra);
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		close(fd[i]);
	CHECK(until(&room, &room.gone, CONTROL_CLIENTS));
}

/* Out of descriptors: no busy loop, and service resumes. */
static void no_descriptor_left(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_PING);
	struct rlimit old, few;
	char buf[256];
	uint64_t end;
	int fd, rounds = 0;

	CHECK(room_open(&room));
	fd = enter(&room);
	CHECK_EQ(send(fd, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = (rlim_t)fd + 1;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (end = now_ms() + 300; now_ms() < end;)
		rounds += sd_event_run(room.event, 20000) > 0;
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK_EQ(room.requests, 0);
	CHECK(rounds < 5);
	CHECK(hear(&room, fd, buf, sizeof(buf)) > 0);
	CHECK_EQ(room.requests, 1);
	close(fd);
}

static void the_socket_itself(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_server *other = NULL;
	struct stat st;
	int fd;

	CHECK(room_open(&room));
	CHECK_EQ(stat(room.path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0660);
	/* another daemon lives there */
	CHECK_EQ(control_server_new(
			 &other, room.event, room.path, (gid_t)-1, -1, on_request, on_gone, &room),
		-EADDRINUSE);
	control_server_free(room.server);
	room.server = NULL;
	CHECK(stat(room.path, &st) < 0);
	/* one that was killed left its socket behind */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_un a = { .sun_family = AF_UNIX };

		memcpy(a.sun_path, room.path, sizeof(room.path));
		CHECK_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	}
	close(fd);
	CHECK_EQ(control_server_new(&room.server, room.event, room.path, (gid_t)-1, -1, on_request,
			 on_gone, &room),
		0);
	fd = enter(&room);
	CHECK(fd >= 0);
	close(fd);
	control_server_free(room.server);
	room.server = NULL;
	/* a file that is none of ours stays */
	fd = open(room.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	CHECK_EQ(control_server_new(
			 &other, room.event, room.path, (gid_t)-1, -1, on_request, on_gone, &room),
		-EADDRINUSE);
	CHECK_EQ(stat(room.path, &st), 0);
}

static void stopping_tells_all(void)
{
	CLEANUP_ROOM struct room room = { 0 };
	struct control_request r = request(CONTROL_STATUS);
	int asked, silent;

	CHECK(room_open(&room));
	asked = enter(&room);
	silent = enter(&room);
	CHECK_EQ(send(asked, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
	CHECK(until(&room, &room.requests, 1));
	control_server_free(room.server);
	room.server = NULL;
	CHECK_EQ(room.gone, 1);
	close(asked);
	close(silent);
}

TEST_MAIN({ "answers_come_in_order", answers_come_in_order },
	{ "too_long_is_left_out", too_long_is_left_out },
	{ "limits_of_the_client", limits_of_the_client }, { "rude_requests", rude_requests },
	{ "asking_twice", asking_twice },
	{ "descriptors_are_not_taken", descriptors_are_not_taken }, { "slow_reader", slow_reader },
	{ "silent_client", silent_client }, { "one_user_is_not_all", one_user_is_not_all },
	{ "the_house_is_full", the_house_is_full }, { "no_descriptor_left", no_descriptor_left },
	{ "the_socket_itself", the_socket_itself }, { "stopping_tells_all", stopping_tells_all });
