// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: see session.h. The commands about the model are control.c's; those about
 * the world (wait, picture, quit) are here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sim/monitor/control.h"
#include "tests/sim/monitor/picture.h"
#include "tests/sim/monitor/session.h"

struct session {
	int fd;
	struct sim_monitor *monitor;
	size_t len;
	char buf[CONTROL_LINE_SIZE];
	bool eof, waiting;
	struct control_wait wait;
	uint64_t wait_until;
};

struct session *session_new(int fd, struct sim_monitor *m)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s) {
		s->fd = fd;
		s->monitor = m;
	}
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

uint64_t session_deadline(const struct session *s)
{
	return s->waiting ? s->wait_until : SIM_NEVER;
}

static int say(struct session *s, const char *text)
{
	size_t len = strlen(text);

	return send(s->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len ? 0 : -EPIPE;
}

static int say_shown(struct session *s, const char *verdict)
{
	char answer[64];

	snprintf(answer, sizeof(answer), "%s shown=0x%02x\n", verdict,
		s->monitor->ports[s->monitor->shown].input);
	return say(s, answer);
}

static int picture(struct session *s, const char *what)
{
	char answer[CONTROL_ANSWER_SIZE];
	int err;

	if (!strcmp(what, "text")) {
		picture_text(s->monitor, answer, sizeof(answer) - 4);
		return say(s, strcat(answer, "ok\n"));
	}
	if (strncmp(what, "png ", 4))
		return say(s, "error: picture text, or picture png PATH\n");
	err = picture_png(s->monitor, what + 4);
	if (!err)
		return say(s, "ok\n");
	snprintf(answer, sizeof(answer), "error: %s: %s\n", what + 4, strerror(-err));
	return say(s, answer);
}

static int run(struct session *s, uint64_t now, const char *line)
{
	char answer[CONTROL_ANSWER_SIZE];

	if (!strcmp(line, "quit"))
		return say(s, "ok\n") ?: SESSION_QUIT;
	if (!strncmp(line, "picture ", 8))
		return picture(s, line + 8);
	if (!strncmp(line, "wait ", 5)) {
		if (control_parse_wait(line, &s->wait) < 0)
			return say(s, "error: wait shown V|settled|sets N|power B MS\n");
		s->waiting = true;
		s->wait_until = now + s->wait.limit_ms * 1000ull;
		return 0;
	}
	control_command(s->monitor, now, line, answer, sizeof(answer));
	return say(s, answer);
}

/* Answers one line, or a wait that is over; *ret_again: there may be more to do. */
static int step(struct session *s, uint64_t now, bool *ret_again)
{
	char *end = memchr(s->buf, '\n', s->len);
	int err;

	*ret_again = false;
	if (s->waiting) {
		bool holds = control_holds(s->monitor, &s->wait);

		if (!holds && now < s->wait_until)
			return 0;
		s->waiting = false;
		*ret_again = true;
		return say_shown(s, holds ? "ok" : "timeout");
	}
	if (!end)
		return s->len == sizeof(s->buf) ? -EMSGSIZE : 0;
	*end = '\0';
	err = run(s, now, s->buf);
	s->len -= (size_t)(end + 1 - s->buf);
	memmove(s->buf, end + 1, s->len);
	*ret_again = true;
	return err;
}

int session_handle(struct session *s, uint64_t now, bool readable)
{
	bool again = true;
	int err = 0;

	if (readable && s->len < sizeof(s->buf)) {
		ssize_t n = recv(s->fd, s->buf + s->len, sizeof(s->buf) - s->len, MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -ECONNRESET;
		s->eof = n == 0;
		s->len += n > 0 ? (size_t)n : 0;
	}
	while (again && !err)
		err = step(s, now, &again);
	/* who has no more to say may still wait for an answer */
	return !err && s->eof && !s->waiting ? -ECONNRESET : err;
}

bool session_reads(const struct session *s)
{
	return !s->eof && s->len < sizeof(s->buf);
}
