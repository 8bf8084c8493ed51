// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands that ask one guest something, or the host's own DDC worker: ping, ddc, shutdown.
 * Each lives in a struct asking until its answer comes; the client may leave before that.
 */
#include "host/daemon/commands.h"

#include <stdio.h>
#include <string.h>

#define QUERY_LIMIT_MS    5000u
#define DETECT_LIMIT_MS   30000u
#define SHUTDOWN_LIMIT_MS 10000u
#define PING_SHOWN        100u /* rounds that are told one by one */

struct asking {
	struct hostd *h;
	struct control_client *client; /* NULL: left */
	struct asking *next;
	uint32_t op;
	/* ping */
	uint32_t rounds, done;
	uint64_t sent_usec;
	uint32_t *usec;
};

static struct asking *askings;

static struct asking *asking_new(struct hostd *h, struct control_client *c, uint32_t op)
{
	struct asking *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->h = h;
	a->client = c;
	a->op = op;
	a->next = askings;
	askings = a;
	return a;
}

/* Ends it; c may be NULL. extra is taken. */
static void asking_end(struct asking *a, enum exit_code code, json_object *extra, const char *text)
{
	for (struct asking **p = &askings; *p; p = &(*p)->next)
		if (*p == a) {
			*p = a->next;
			break;
		}
	if (a->client)
		control_finish(a->client, code, extra, "%s", text);
	else
		json_object_put(extra);
	free(a->usec);
	free(a);
}

void commands_guest_gone(struct hostd *h, struct control_client *c)
{
	(void)h;
	for (struct asking *a = askings; a; a = a->next)
		if (a->client == c)
			a->client = NULL;
}

/* The guest could not even be asked. */
static void asking_refused(struct asking *a, const struct guest *g, int error)
{
	const char *hint = guest_hint_text(g);
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", g->name,
		error == -EBUSY ? "too many requests are under way"
		: hint          ? hint
				: "no session");
	asking_end(a,
		error == -EBUSY    ? EXIT_CODE_BUSY
		: error == -ENOKEY ? EXIT_CODE_NOT_PAIRED
				   : EXIT_CODE_NOT_CONNECTED,
		NULL, text);
}

static void answer_text(const struct guest *g, const struct msg_result *r, char *out, size_t size)
{
	if (r->outcome == MSG_OUT_OK)
		snprintf(out, size, "%s", r->detail);
	else
		snprintf(out, size, "%s: %s%s%s", g->name, guest_outcome_words(r->outcome),
			r->detail[0] ? ": " : "", r->detail);
}

/* --- ping
 * ------------------------------------------------------------------------------------------- */

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void ping_summary(struct asking *a, const struct guest *g)
{
	json_object *o = json_object_new_object();
	uint32_t n = a->done, p50, p99;
	char text[200];

	qsort(a->usec, n, sizeof(*a->usec), by_size);
	p50 = a->usec[n / 2];
	p99 = a->usec[n * 99 / 100];
	json_object_object_add(o, "count", json_object_new_int64(n));
	json_object_object_add(o, "min_usec", json_object_new_int64(a->usec[0]));
	json_object_object_add(o, "p50_usec", json_object_new_int64(p50));
	json_object_object_add(o, "p99_usec", json_object_new_int64(p99));
	json_object_object_add(o, "max_usec", json_object_new_int64(a->usec[n - 1]));
	snprintf(text, sizeof(text),
		"%s answers: %u rounds, min %.2f ms, median %.2f ms, p99 %.2f ms", g->name, n,
		a->usec[0] / 1e3, p50 / 1e3, p99 / 1e3);
	asking_end(a, EXIT_CODE_OK, o, text);
}

static void ping_send(struct asking *a, struct guest *g);

static void on_pong(struct guest *g, const struct msg_result *r, void *userdata)
{
	struct asking *a = userdata;
	uint32_t usec = (uint32_t)(now_usec() - a->sent_usec);
	char text[256];

	if (r->outcome != MSG_OUT_OK) {
		answer_text(g, r, text, sizeof(text));
		asking_end(a, exit_code_of_outcome(r->outcome), NULL, text);
		return;
	}
	a->usec[a->done++] = usec;
	if (a->client && a->rounds <= PING_SHOWN) {
		json_object *o = json_object_new_object();

		json_object_object_add(o, "seq", json_object_new_int64(a->done));
		json_object_object_add(o, "usec", json_object_new_int64(usec));
		control_send(a->client, "ping", o);
	}
	if (a->done >= a->rounds || !a->client)
		ping_summary(a, g);
	else
		ping_send(a, g);
}

static void ping_send(struct asking *a, struct guest *g)
{
	struct msg_query q = { .question = MSG_Q_PING };
	int error;

	a->sent_usec = now_usec();
	error = guest_query(g, &q, QUERY_LIMIT_MS, on_pong, a);
	if (error < 0)
		asking_refused(a, g, error);
}

void command_ping(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	struct asking *a;
	uint32_t rounds = r->value ? r->value : 1;

	if (rounds > 10000) {
		control_finish(c, EXIT_CODE_USAGE, NULL, "at most 10000 rounds");
		return;
	}
	a = asking_new(h, c, r->op);
	if (a)
		a->usec = calloc(rounds, sizeof(*a->usec));
	if (!a || !a->usec) {
		if (a)
			asking_end(a, EXIT_CODE_FAILED, NULL, "out of memory");
		else
			control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	a->rounds = rounds;
	ping_send(a, g);
}

/* --- ddc
 * ---------------------------------------------------------------------------------------------- */

bool command_monitor_key(
	struct hostd *h, const char *text, char key[MONITOR_KEY_SIZE], uint32_t *ret_via)
{
	*ret_via = MSG_VIA_STANDARD;
	for (int i = 0; i < h->config->n_monitors; i++) {
		const struct world_monitor *m = &h->config->monitors[i];

		if (strcmp(m->name, text) && strcmp(m->key, text))
			continue;
		memcpy(key, m->key, MONITOR_KEY_SIZE);
		*ret_via = m->via;
		return true;
	}
	if (strlen(text) != MONITOR_KEY_SIZE - 1 ||
		strspn(text, "0123456789abcdef") != MONITOR_KEY_SIZE - 1)
		return false;
	memcpy(key, text, MONITOR_KEY_SIZE);
	return true;
}

static void value_result(struct asking *a, int32_t value, const char *text)
{
	json_object *o = json_object_new_object();
	char line[160];

	json_object_object_add(o, "value", json_object_new_int(value));
	snprintf(line, sizeof(line), "input source 0x%02x%s%s", (unsigned int)value,
		text[0] ? ": " : "", text);
	asking_end(a, EXIT_CODE_OK, o, line);
}

static void on_guest_ddc(struct guest *g, const struct msg_result *r, void *userdata)
{
	struct asking *a = userdata;
	char text[256];

	answer_text(g, r, text, sizeof(text));
	if (r->outcome == MSG_OUT_OK && a->op == CONTROL_DDC_GET) {
		value_result(a, (int32_t)(r->value & 0xffff), "");
		return;
	}
	for (uint32_t i = 0; a->client && i < r->n_items; i++)
		if (r->items[i].kind == MSG_ITEM_MONITOR)
			control_send(a->client, "display", show_item(&r->items[i]));
	if (r->outcome == MSG_OUT_OK && a->op == CONTROL_DDC_SET)
		snprintf(text, sizeof(text), "written by %s; the monitor acknowledged", g->name);
	asking_end(a, exit_code_of_outcome(r->outcome), NULL, text);
}

void command_ddc(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	struct msg_query q = { .question = r->op == CONTROL_DDC_GET ? MSG_Q_DDC_READ
								    : MSG_Q_DDC_DETECT };
	struct msg_prepare p = {
		.operation = MSG_OP_DDC_WRITE, .value = r->value, .claimed_uid = MSG_UID_NONE
	};
	char key[MONITOR_KEY_SIZE];
	struct asking *a;
	uint32_t via = 0;
	int error;

	if (r->op != CONTROL_DDC_DETECT && !command_monitor_key(h, r->arg, key, &via)) {
		control_finish(c, EXIT_CODE_REFUSED, NULL,
			"no monitor %s: neither a configured name nor a key (va-host guest %s ddc "
			"detect)",
			escape(r->arg), g->name);
		return;
	}
	if (r->value > 0xffff) {
		control_finish(c, EXIT_CODE_USAGE, NULL, "an input source is 0 to 0xffff");
		return;
	}
	a = asking_new(h, c, r->op);
	if (!a) {
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	if (r->op != CONTROL_DDC_DETECT) {
		memcpy(q.target, key, sizeof(key));
		memcpy(p.target, key, sizeof(key));
		p.via = via;
		q.via = r->op == CONTROL_DDC_GET ? via : 0;
	}
	if (r->op == CONTROL_DDC_SET)
		error = guest_call(g, &p, QUERY_LIMIT_MS + 5000, on_guest_ddc, a);
	else
		error = guest_query(g, &q, DETECT_LIMIT_MS, on_guest_ddc, a);
	if (error < 0)
		asking_refused(a, g, error);
}

static void on_host_ddc(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct asking *a = userdata;
	const struct ddc_reply *r = msg;

	(void)size;
	if (fd >= 0)
		close(fd);
	if (fate != WORKER_REPLIED)
		asking_end(a, EXIT_CODE_FAILED, NULL, "the DDC worker did not answer in time");
	else if (r->status != DDC_OK)
		asking_end(a, EXIT_CODE_FAILED, NULL, ddc_status_text(r->status));
	else if (a->op == CONTROL_DDC_GET)
		value_result(a, r->value & 0xffff, "");
	else if (a->op == CONTROL_DDC_SET)
		asking_end(a, EXIT_CODE_OK, NULL, "written; the monitor acknowledged");
	else {
		for (uint32_t i = 0; a->client && i < r->n_displays && i < DDC_MAX_DISPLAYS; i++)
			if (monitors_display_is_valid(&r->displays[i]))
				control_send(a->client, "display", show_display(&r->displays[i]));
		asking_end(a, EXIT_CODE_OK, NULL, "");
	}
}

void command_host_ddc(struct hostd *h, struct control_client *c, const struct control_request *r)
{
	struct ddc_request q = { .head.op = r->op == CONTROL_DDC_GET   ? DDC_GET
					    : r->op == CONTROL_DDC_SET ? DDC_SET
								       : DDC_DETECT,
		.value = r->value };
	struct asking *a;

	if (r->op != CONTROL_DDC_DETECT && !command_monitor_key(h, r->arg, q.key, &q.via)) {
		control_finish(c, EXIT_CODE_REFUSED, NULL, "no monitor %s (va-host monitors)",
			escape(r->arg));
		return;
	}
	a = asking_new(h, c, r->op);
	if (!a)
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
	else if (monitors_ask(h, &q, DDC_LIMIT_DETECT_USEC, on_host_ddc, a) < 0)
		asking_end(a, EXIT_CODE_FAILED, NULL, "the host has no DDC worker running");
}

/* --- shutdown of a guest
 * ------------------------------------------------------------------------------ */

/* A machine may be off before its agent's answer has left it: the end of its channel is one. */
static void on_guest_shutdown(struct guest *g, const struct msg_result *r, void *userdata)
{
	char text[256];

	if (r->outcome == MSG_OUT_UNKNOWN && g->state == LINK_NO_PEER &&
		worker_is_running(g->link)) {
		snprintf(text, sizeof(text), "%s is off: its channel ended", g->name);
		asking_end(userdata, EXIT_CODE_OK, NULL, text);
		return;
	}
	answer_text(g, r, text, sizeof(text));
	if (r->outcome == MSG_OUT_OK)
		snprintf(text, sizeof(text), "%s powers itself off", g->name);
	asking_end(userdata, exit_code_of_outcome(r->outcome), NULL, text);
}

void command_guest_shutdown(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	struct msg_prepare p = { .operation = MSG_OP_GUEST_SHUTDOWN, .claimed_uid = MSG_UID_NONE };
	struct asking *a = asking_new(h, c, r->op);
	int error;

	if (!a) {
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	error = guest_call(g, &p, SHUTDOWN_LIMIT_MS, on_guest_shutdown, a);
	if (error < 0)
		asking_refused(a, g, error);
}
