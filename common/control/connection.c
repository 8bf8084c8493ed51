// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One client's way through the control socket: its request in, objects out, the result, the end.
 * See server.h. Sending never blocks and never frees: a client that broke a rule or has left is
 * marked, and freed, with on_gone, from the loop.
 */
#include "common/control/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define TEXT_MAX   512
#define SLACK_USEC 10000u

/* --- out -------------------------------------------------------------------------------------- */

static void client_bury(struct control_client *c)
{
	c->dead = true;
	sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
	sd_event_source_set_enabled(c->burial, SD_EVENT_ONESHOT);
}

static void queue_free(struct control_client *c)
{
	while (c->head) {
		struct control_packet *p = c->head;

		c->head = p->next;
		free(p);
	}
	c->tail = &c->head;
	c->queued = 0;
}

static void queue_write(struct control_client *c)
{
	while (c->head && !c->dead) {
		struct control_packet *p = c->head;
		ssize_t n = send(c->fd, p->data, p->len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			client_bury(c);
			return;
		}
		c->queued -= p->len;
		c->head = p->next;
		if (!c->head)
			c->tail = &c->head;
		free(p);
	}
	if (c->dead)
		return;
	if (!c->head && c->state == CONTROL_LEAVING)
		client_bury(c);
	else
		sd_event_source_set_io_events(c->io, EPOLLIN | (c->head ? EPOLLOUT : 0u));
}

static void queue_add(struct control_client *c, const char *text, size_t len)
{
	struct control_packet *p;

	if (c->queued + len > CONTROL_QUEUE_MAX) {
		client_bury(c);
		return;
	}
	p = malloc(sizeof(*p) + len);
	if (!p) {
		client_bury(c);
		return;
	}
	p->next = NULL;
	p->len = len;
	memcpy(p->data, text, len);
	*c->tail = p;
	c->tail = &p->next;
	c->queued += len;
	if (c->head == p)
		queue_write(c);
}

/* "type" first: people read these lines too. */
static json_object *with_type(const char *type, json_object *taken)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string(type));
	if (taken) {
		json_object_object_foreach(taken, key, value)
			json_object_object_add(o, key, json_object_get(value));
		json_object_put(taken);
	}
	return o;
}

/* False: it is too long to be sent. */
static bool client_send(struct control_client *c, const char *type, json_object *taken)
{
	json_object *o = with_type(type, taken);
	size_t len = 0;
	const char *text = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	bool fits = text && len <= CONTROL_JSON_MAX;

	if (fits && !c->dead && c->state != CONTROL_LEAVING)
		queue_add(c, text, len);
	json_object_put(o);
	return fits;
}

void control_send(struct control_client *c, const char *type, json_object *taken)
{
	if (!client_send(c, type, taken))
		control_progress(
			c, "(left out: a \"%s\" of more than %u bytes)", type, CONTROL_JSON_MAX);
}

static void __attribute__((format(printf, 2, 0)))
client_text(char text[TEXT_MAX], const char *fmt, va_list ap)
{
	if (vsnprintf(text, TEXT_MAX, fmt, ap) < 0)
		text[0] = '\0';
}

void control_progress(struct control_client *c, const char *fmt, ...)
{
	json_object *o = json_object_new_object();
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	client_text(text, fmt, ap);
	va_end(ap);
	json_object_object_add(o, "text", json_object_new_string(text));
	client_send(c, "progress", o);
}

static json_object *result_object(enum exit_code code, const char *text, json_object *extra)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "result", json_object_new_string(exit_code_name(code)));
	json_object_object_add(o, "exit", json_object_new_int((int)code));
	json_object_object_add(o, "text", json_object_new_string(text));
	if (extra) {
		json_object_object_foreach(extra, key, value)
			json_object_object_add(o, key, json_object_get(value));
		json_object_put(extra);
	}
	return o;
}

static void client_set_patience(struct control_client *c)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_event_source_set_time(c->patience, (uint64_t)ts.tv_sec * 1000000u +
						      (uint64_t)ts.tv_nsec / 1000u +
						      CONTROL_REQUEST_MS * 1000ull);
	sd_event_source_set_enabled(c->patience, SD_EVENT_ONESHOT);
}

static void client_finish(
	struct control_client *c, enum exit_code code, const char *text, json_object *extra)
{
	/* whoever waits for the result must get one, with or without the members that were extra */
	if (!client_send(c, "result", result_object(code, text, extra)))
		client_send(c, "result", result_object(code, text, NULL));
	c->state = CONTROL_LEAVING;
	c->data = NULL;
	client_set_patience(c);
	if (!c->head)
		client_bury(c);
}

void control_finish(
	struct control_client *c, enum exit_code code, json_object *extra, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	client_text(text, fmt, ap);
	va_end(ap);
	client_finish(c, code, text, extra);
}

/* --- in --------------------------------------------------------------------------------------- */

static void client_take_request(struct control_client *c, const void *untrusted, size_t size)
{
	struct control_request r;
	uint32_t magic = 0;

	if (size >= sizeof(magic))
		memcpy(&magic, untrusted, sizeof(magic));
	if (size != sizeof(r) || magic != CONTROL_MAGIC) {
		client_finish(c, EXIT_CODE_USAGE,
			"the command and the daemon are of different versions: restart the daemon "
			"after an upgrade",
			NULL);
		return;
	}
	memcpy(&r, untrusted, sizeof(r));
	if (!control_request_is_valid(&r, size)) {
		client_finish(c, EXIT_CODE_USAGE, "a request that no command of ours sends", NULL);
		return;
	}
	c->state = CONTROL_ASKED;
	sd_event_source_set_enabled(c->patience, SD_EVENT_OFF);
	c->server->on_request(c, &r, c->server->userdata);
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
	_Alignas(max_align_t) unsigned char buf[sizeof(struct control_request) + 1];
	struct control_client *c = userdata;
	ssize_t n;

	(void)s;
	if (events & EPOLLOUT)
		queue_write(c);
	if (c->dead || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return 0;
	/* descriptors that ride along find no room, and the kernel closes them */
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0 && c->state == CONTROL_ASKING)
		client_take_request(c, buf, (size_t)n);
	else if (n <= 0 || c->state == CONTROL_ASKED)
		client_bury(c); /* it left, or asks twice */
	return 0;
}

static int on_patience(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct control_client *c = userdata;

	(void)s;
	(void)usec;
	if (c->state == CONTROL_ASKING)
		client_finish(c, EXIT_CODE_USAGE, "no request came", NULL);
	else if (c->state == CONTROL_LEAVING)
		client_bury(c);
	return 0;
}

static int on_burial(sd_event_source *s, void *userdata)
{
	(void)s;
	control_client_free(userdata);
	return 0;
}

/* --- from beginning to end -------------------------------------------------------------------- */

int control_client_new(struct control_client **ret, struct control_server *s, int fd, uid_t uid)
{
	struct control_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->server = s;
	c->fd = fd;
	c->uid = uid;
	c->tail = &c->head;
	r = sd_event_add_io(s->event, &c->io, fd, EPOLLIN, on_io, c);
	if (r >= 0)
		r = sd_event_add_time(
			s->event, &c->patience, CLOCK_MONOTONIC, 0, SLACK_USEC, on_patience, c);
	if (r >= 0)
		r = sd_event_add_defer(s->event, &c->burial, on_burial, c);
	if (r < 0) {
		control_client_free(c);
		return r;
	}
	sd_event_source_set_enabled(c->burial, SD_EVENT_OFF);
	client_set_patience(c);
	*ret = c;
	return 0;
}

void control_client_free(struct control_client *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->server->clients[i] == c)
			c->server->clients[i] = NULL;
	c->dead = true; /* what on_gone might still say is for nobody */
	if (c->state == CONTROL_ASKED && c->server->on_gone)
		c->server->on_gone(c, c->server->userdata);
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->patience);
	sd_event_source_disable_unref(c->burial);
	queue_free(c);
	close(c->fd);
	free(c);
}

uid_t control_client_uid(const struct control_client *c)
{
	return c->uid;
}

bool control_client_is_privileged(const struct control_client *c)
{
	return c->uid == 0 || c->uid == geteuid();
}

size_t control_client_queued(const struct control_client *c)
{
	return c->queued;
}

void control_client_set_data(struct control_client *c, void *data)
{
	c->data = data;
}

void *control_client_data(const struct control_client *c)
{
	return c->data;
}
