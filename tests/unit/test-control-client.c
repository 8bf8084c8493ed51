// SPDX-License-Identifier: GPL-2.0-or-later
/* The command's end of the control socket, with daemons that leave or talk nonsense. */
#include "common/control/client.h"

#include "common/base/cleanup.h"
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct control_request request(uint32_t op)
{
	return (struct control_request){ .magic = CONTROL_MAGIC, .op = op };
}

static void requests_are_checked(void)
{
	struct control_request r = request(CONTROL_SWITCH), bad;

	strcpy(r.name, "zorg");
	CHECK(control_request_is_valid(&r, sizeof(r)));
	CHECK(!control_request_is_valid(&r, sizeof(r) - 1));
	CHECK(!control_request_is_valid(&r, sizeof(r) + 1));
	bad = r, bad.magic++;
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, bad.op = CONTROL_NONE;
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, bad.op = CONTROL_OP_MAX + 1;
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, bad.flags = CONTROL_FLAGS + 1;
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, strcpy(bad.name, "../x");
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, memset(bad.name, 'a', sizeof(bad.name));
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, memset(bad.arg, 'a', sizeof(bad.arg));
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, strcpy(bad.arg, "a\033[2J");
	CHECK(!control_request_is_valid(&bad, sizeof(r)));
	bad = r, bad.name[0] = '\0';
	CHECK(control_request_is_valid(&bad, sizeof(r)));
}

/* A daemon that listens, and answers its one client with these packets, up to NULL, and leaves. */
struct fake {
	char dir[32], path[64];
	pid_t pid;
};

static void fake_run(int listener, const char *const *packets)
{
	struct control_request r;
	int fd = accept(listener, NULL, NULL);

	if (fd < 0 || recv(fd, &r, sizeof(r), 0) != sizeof(r) || r.magic != CONTROL_MAGIC)
		_exit(1);
	for (; *packets; packets++)
		if (send(fd, *packets, strlen(*packets), MSG_NOSIGNAL) < 0)
			_exit(2);
	_exit(0);
}

static bool fake_start(struct fake *f, const char *const *packets)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	strcpy(f->dir, "/tmp/va-client-XXXXXX");
	if (!mkdtemp(f->dir))
		return false;
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	memcpy(a.sun_path, f->path, sizeof(f->path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		return false;
	f->pid = fork();
	if (f->pid == 0)
		fake_run(fd, packets);
	close(fd);
	return f->pid > 0;
}

static void fake_done(struct fake *f)
{
	if (f->pid > 0) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	unlink(f->path);
	rmdir(f->dir);
}
#define CLEANUP_FAKE __attribute__((cleanup(fake_done)))

static void count(const char *type, json_object *o, void *userdata)
{
	unsigned int *n = userdata;

	(void)o;
	*n += !strcmp(type, "progress");
}

static void nonsense(void)
{
	static const struct {
		const char *packets[4];
		unsigned int progress;
		enum exit_code code;
		int error; /* errno, where there is no result */
	} cases[] = {
		{ { NULL }, 0, EXIT_CODE_UNKNOWN, 0 },
		{ { "{\"type\":\"progress\"}", NULL }, 1, EXIT_CODE_UNKNOWN, 0 },
		{ { "{\"type\":\"progress\"}", "hello", NULL }, 1, EXIT_CODE_UNKNOWN, EPROTO },
		{ { "[1]", NULL }, 0, EXIT_CODE_UNKNOWN, EPROTO },
		{ { "{\"type\":\"result\"", NULL }, 0, EXIT_CODE_UNKNOWN, EPROTO },
		{ { "{\"type\":5}", "{}", NULL }, 0, EXIT_CODE_UNKNOWN, 0 },
		{ { "{\"type\":\"result\"}", NULL }, 0, EXIT_CODE_UNKNOWN, -1 },
		{ { "{\"type\":\"result\",\"exit\":\"0\"}", NULL }, 0, EXIT_CODE_UNKNOWN, -1 },
		{ { "{\"type\":\"result\",\"exit\":9}", NULL }, 0, EXIT_CODE_UNKNOWN, -1 },
		{ { "{\"type\":\"result\",\"exit\":-1}", NULL }, 0, EXIT_CODE_UNKNOWN, -1 },
		{ { "{\"type\":\"result\",\"exit\":8}", NULL }, 0, EXIT_CODE_BUSY, -1 },
		{ { "{\"type\":\"result\",\"exit\":0}", "x", NULL }, 0, EXIT_CODE_OK, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FAKE struct fake f = { 0 };
		struct control_request r = request(CONTROL_STATUS);
		json_object *result = NULL;
		unsigned int progress = 0;
		enum exit_code code;
		int error;

		CHECK(fake_start(&f, cases[i].packets));
		code = control_ask(f.path, &r, 8000, count, &progress, &result);
		error = errno;
		if (code != cases[i].code || progress != cases[i].progress)
			printf("# case %zu\n", i);
		CHECK_EQ(code, cases[i].code);
		CHECK_EQ(progress, cases[i].progress);
		CHECK((result != NULL) == (cases[i].error < 0));
		CHECK(result || error == cases[i].error);
		json_object_put(result);
	}
}

static void nobody_there(void)
{
	CLEANUP_FAKE struct fake f = { 0 };
	const char *const none[] = { NULL };
	struct control_request r = request(CONTROL_STATUS);
	char path[300];
	json_object *result;

	CHECK_EQ(control_ask("/nonexistent/sock", &r, 100, NULL, NULL, &result),
		EXIT_CODE_NOT_CONNECTED);
	CHECK_EQ(errno, ENOENT);
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK_EQ(control_ask(path, &r, 100, NULL, NULL, &result), EXIT_CODE_NOT_CONNECTED);
	CHECK_EQ(errno, ENAMETOOLONG);
	CHECK(fake_start(&f, none));
	kill(f.pid, SIGKILL);
	CHECK_EQ(waitpid(f.pid, NULL, 0), f.pid);
	f.pid = 0;
	CHECK_EQ(control_ask(f.path, &r, 100, NULL, NULL, &result), EXIT_CODE_NOT_CONNECTED);
	CHECK_EQ(errno, ECONNREFUSED);
	CHECK(!result);
}

TEST_MAIN({ "requests_are_checked", requests_are_checked }, { "nonsense", nonsense },
	{ "nobody_there", nobody_there });
