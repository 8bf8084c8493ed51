// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-ddc started by the worker mechanism as a daemon does, with a clean environment. Only
 * requests that touch no wire: the machine that runs this may have monitors of its own.
 */
#include "common/ddc/ipc.h"
#include "tests/unit/test.h"

#include <limits.h>
#include <stdlib.h>

#define LIMIT_USEC (10ull * 1000000)

struct seen {
	enum worker_fate fate;
	bool done;
	size_t size;
	struct ddc_reply reply;
	unsigned int exits;
};

static void on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct seen *s = userdata;

	if (fd >= 0)
		close(fd);
	s->fate = fate;
	s->size = size;
	if (msg && size == sizeof(s->reply))
		memcpy(&s->reply, msg, size);
	s->done = true;
}

static void on_exit_seen(struct worker *w, int status, uint64_t will_restart_usec, void *userdata)
{
	(void)w;
	(void)status;
	(void)will_restart_usec;
	((struct seen *)userdata)->exits++;
}

/* BUILD/va-ddc, from BUILD/tests/unit/test-ddc-spawn. */
static bool find_program(char ret[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 16);

	if (n < 0)
		return false;
	ret[n] = '\0';
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(ret, '/');

		if (!slash)
			return false;
		*slash = '\0';
	}
	memcpy(ret + strlen(ret), "/va-ddc", 8);
	return access(ret, X_OK) == 0;
}

static int ask(sd_event *event, struct worker *w, struct ddc_request *q, struct seen *s)
{
	int r;

	s->done = false;
	r = worker_call(w, q, sizeof(*q), -1, LIMIT_USEC, on_reply, s);
	while (r >= 0 && !s->done)
		r = sd_event_run(event, LIMIT_USEC);
	return r < 0 ? r : 0;
}

static void answers_its_daemon(void)
{
	char path[PATH_MAX];
	const char *argv[] = { path, NULL };
	struct seen s = { 0 };
	struct worker_spec spec = { .name = "ddc",
		.argv = argv,
		.userdata = &s,
		.min_size = sizeof(struct ddc_reply),
		.max_size = sizeof(struct ddc_reply),
		.on_exit = on_exit_seen };
	struct ddc_request list = { .head.op = DDC_LIST };
	struct ddc_request wide = { .head.op = DDC_SET, .value = 0x10000 };
	sd_event *event = NULL;
	struct worker *w = NULL;
	int r = -1, r2 = -1;

	if (!find_program(path))
		SKIP("va-ddc is not built here");
	if (sd_event_new(&event) >= 0 && worker_new(&w, event, &spec) >= 0) {
		r = ask(event, w, &list, &s);
		CHECK_EQ(s.reply.status, DDC_OK);
		CHECK_EQ(s.reply.n_displays, 0);
		r2 = ask(event, w, &wide, &s);
	}
	worker_free(w);
	sd_event_unref(event);
	CHECK_EQ(r, 0);
	CHECK_EQ(r2, 0);
	CHECK_EQ(s.fate, WORKER_REPLIED);
	CHECK_EQ(s.size, sizeof(struct ddc_reply));
	CHECK_EQ(s.reply.head.op, DDC_SET);
	CHECK_EQ(s.reply.status, DDC_FORBIDDEN);
	CHECK_EQ(s.exits, 0);
}

static void a_reply_fits(void)
{
	CHECK(sizeof(struct ddc_reply) <= WORKER_MSG_MAX);
	CHECK(sizeof(struct ddc_request) <= WORKER_MSG_MAX);
}

TEST_MAIN({ "answers_its_daemon", answers_its_daemon }, { "a_reply_fits", a_reply_fits });
