// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command's side of the control socket; see client.h. Blocks, within its limit. The daemon
 * is trusted no further than its answers being JSON objects with a type.
 */
#include "common/control/client.h"

#include "common/base/cleanup.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Milliseconds left for poll(2); -1: no limit. */
static int left_ms(uint64_t end)
{
	uint64_t now = now_ms();

	if (end == 0)
		return -1;
	return now >= end ? 0 : end - now > 86400000u ? 86400000 : (int)(end - now);
}

/* A descriptor, or -1 and errno. */
static int connect_to(const char *path, unsigned int limit_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = (time_t)(limit_ms / 1000),
		.tv_usec = (suseconds_t)(limit_ms % 1000) * 1000 };
	CLEANUP_FD int fd = -1;
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, len + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* where the daemon's backlog is full, connect() waits; this also limits send() */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return TAKE_FD(fd);
}

/* One object, the caller's to json_object_put(); NULL with errno, 0 at the end of the stream. */
static json_object *receive_object(int fd, char *buf, size_t size, uint64_t end)
{
	bool reset = false;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct json_tokener *tok;
		json_object *o;
		ssize_t n;
		int r = poll(&p, 1, left_ms(end));

		if (r == 0)
			errno = ETIMEDOUT;
		if (r == 0 || (r < 0 && errno != EINTR))
			return NULL;
		n = r < 0 ? -1 : recv(fd, buf, size, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		/* told once, before what the daemon had sent until then */
		if (n < 0 && errno == ECONNRESET && !reset) {
			reset = true;
			continue;
		}
		if (n <= 0) {
			errno = n == 0 ? 0 : errno;
			return NULL;
		}
		tok = json_tokener_new();
		o = tok ? json_tokener_parse_ex(tok, buf, (int)n) : NULL;
		json_tokener_free(tok);
		if (json_object_is_type(o, json_type_object))
			return o;
		json_object_put(o);
		errno = EPROTO;
		return NULL;
	}
}

static const char *type_of(json_object *o)
{
	json_object *type = NULL;

	json_object_object_get_ex(o, "type", &type);
	return json_object_is_type(type, json_type_string) ? json_object_get_string(type) : "";
}

static enum exit_code code_of(json_object *result)
{
	json_object *code = NULL;
	int n;

	if (!json_object_object_get_ex(result, "exit", &code) ||
		!json_object_is_type(code, json_type_int))
		return EXIT_CODE_UNKNOWN;
	n = json_object_get_int(code);
	return n >= 0 && n <= EXIT_CODE_MAX ? (enum exit_code)n : EXIT_CODE_UNKNOWN;
}

enum exit_code control_ask(const char *path, struct control_request *r, unsigned int limit_ms,
	control_object_fn *on_object, void *userdata, json_object **ret_result)
{
	uint64_t end = limit_ms ? now_ms() + limit_ms : 0;
	CLEANUP(free) char *buf = malloc(CONTROL_JSON_MAX);
	CLEANUP_FD int fd = -1;

	*ret_result = NULL;
	if (!buf)
		return EXIT_CODE_FAILED;
	fd = connect_to(path, limit_ms);
	if (fd < 0)
		return EXIT_CODE_NOT_CONNECTED;
	r->magic = CONTROL_MAGIC;
	/* one that turns us away has closed already, and its reason waits to be read */
	if (send(fd, r, sizeof(*r), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return EXIT_CODE_UNKNOWN;
	for (;;) {
		json_object *o = receive_object(fd, buf, CONTROL_JSON_MAX, end);

		if (!o)
			return EXIT_CODE_UNKNOWN;
		if (!strcmp(type_of(o), "result")) {
			*ret_result = o;
			return code_of(o);
		}
		if (on_object)
			on_object(type_of(o), o, userdata);
		json_object_put(o);
	}
}
