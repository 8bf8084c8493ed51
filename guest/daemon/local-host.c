// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local requests that become questions to the host: status, list, switch, shutdown, ping.
 *
 * Theory of operation: each ask has at most one call or query under way; its answer either ends
 * the ask or sends the next one (the next page, the next round).
 */
#include "guest/daemon/local-internal.h"

#include "common/pci/screen.h"
#include "guest/daemon/clock.h"
#include "guest/daemon/words.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define QUERY_LIMIT_MS    5000u
#define SWITCH_LIMIT_MS   120000u /* a question to a person and a machine's start included */
#define SHUTDOWN_LIMIT_MS 40000u

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void add_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_flag(json_object *o, const char *key, bool flag)
{
	json_object_object_add(o, key, json_object_new_boolean(flag));
}

static void add_number(json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

/* 0, or the request could not be made and the ask has ended. */
static void sent(struct ask *a, enum va_err e)
{
	struct link *link = channel_link(a->local->deps.channel);
	const char *text;
	enum exit_code code;

	if (e >= 0) {
		channel_pump(a->local->deps.channel);
		return;
	}
	a->tag = 0;
	if (e == VA_E_LIMIT) {
		ask_finish(a, EXIT_CODE_BUSY, NULL, "too many requests are under way: try again");
		return;
	}
	code = words_unready(channel_port_state(a->local->deps.channel), link_get_state(link),
		link_get_hint(link), &text);
	ask_finish(a, code == EXIT_CODE_OK ? EXIT_CODE_FAILED : code, NULL,
		*text ? text : "the link could not take the request: try again");
}

static void query(struct ask *a, enum msg_question question)
{
	struct msg_query q = { .question = (uint32_t)question, .page = a->page };

	a->tag = ++a->local->last_tag;
	a->sent_usec = now_usec();
	sent(a, link_query(channel_link(a->local->deps.channel), a->tag, &q, QUERY_LIMIT_MS,
			clock_now_ms()));
}

static void call(struct ask *a, enum msg_operation op, const char *target, uint32_t limit_ms)
{
	struct msg_prepare p = {
		.operation = (uint32_t)op,
		.claimed_uid = (uint32_t)control_client_uid(a->client),
	};

	memccpy(p.target, target, '\0', sizeof(p.target) - 1);
	a->tag = ++a->local->last_tag;
	sent(a, link_call(channel_link(a->local->deps.channel), a->tag, &p, limit_ms,
			clock_now_ms()));
}

/* --- status --------------------------------------------------------------------------------- */

static void tell_self(struct ask *a)
{
	struct local *l = a->local;
	struct link *link = channel_link(l->deps.channel);
	const char *hint = words_hint(link_get_hint(link));
	uint64_t now = clock_now_ms(), heard = link_last_heard_ms(link);
	json_object *o = json_object_new_object();

	add_text(o, "host", words_state(link_get_state(link)));
	add_text(o, "port", words_port(channel_port_state(l->deps.channel)));
	add_flag(o, "paired", pairing_is_paired(l->deps.pairing));
	add_text(o, "ddc", !l->deps.ddc ? "off" : ddc_is_resident(l->deps.ddc) ? "busy" : "idle");
	add_text(o, "screen", screen_name(screen_look(l->deps.sysfs)));
	if (heard)
		add_number(o, "heard_ms", now > heard ? now - heard : 0);
	if (l->shutdown_at_ms > now)
		add_number(o, "host_shutdown_s", (l->shutdown_at_ms - now + 999) / 1000);
	if (hint)
		add_text(o, "hint", hint);
	control_send(a->client, "guest", o);
}

static void ask_status(struct ask *a)
{
	struct link *link = channel_link(a->local->deps.channel);
	const char *text;
	enum exit_code code = words_unready(channel_port_state(a->local->deps.channel),
		link_get_state(link), link_get_hint(link), &text);

	tell_self(a);
	if (code == EXIT_CODE_OK)
		query(a, MSG_Q_STATUS);
	else
		ask_finish(a, code, NULL, text);
}

static void tell_machines(struct ask *a, const struct msg_result *r)
{
	for (uint32_t i = 0; i < r->n_items; i++) {
		const struct msg_item *item = &r->items[i];
		json_object *o;

		if (item->kind != MSG_ITEM_MACHINE)
			continue;
		o = json_object_new_object();
		add_text(o, "name", item->name);
		add_flag(o, "running", item->flags & MSG_MACHINE_RUNNING);
		add_flag(o, "session", item->flags & MSG_MACHINE_SESSION);
		add_flag(o, "holder", item->flags & MSG_MACHINE_HOLDER);
		add_flag(o, "target", item->flags & MSG_MACHINE_TARGET);
		if (item->label[0])
			add_text(o, "label", item->label);
		control_send(a->client, "machine", o);
	}
}

/* --- ping ----------------------------------------------------------------------------------- */

static void ask_ping(struct ask *a)
{
	if (a->request.value < 1 || a->request.value > LOCAL_PING_MAX) {
		ask_finish(a, EXIT_CODE_USAGE, NULL, "between 1 and 10000 pings at a time");
		return;
	}
	a->round_usec = calloc(a->request.value, sizeof(*a->round_usec));
	if (!a->round_usec)
		ask_finish(a, EXIT_CODE_FAILED, NULL, "out of memory");
	else
		query(a, MSG_Q_PING);
}

static int compare_usec(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

static void finish_ping(struct ask *a)
{
	json_object *extra = json_object_new_object();
	uint32_t n = a->rounds, *t = a->round_usec;
	char text[128];

	qsort(t, n, sizeof(*t), compare_usec);
	add_number(extra, "count", n);
	add_number(extra, "min_usec", t[0]);
	add_number(extra, "p50_usec", t[(n - 1) / 2]);
	add_number(extra, "p99_usec", t[(size_t)(n - 1) * 99 / 100]);
	add_number(extra, "max_usec", t[n - 1]);
	snprintf(text, sizeof(text), "%u answered, min %u us, p50 %u us, p99 %u us, max %u us", n,
		t[0], t[(n - 1) / 2], t[(size_t)(n - 1) * 99 / 100], t[n - 1]);
	ask_finish(a, EXIT_CODE_OK, extra, text);
}

static void ping_answered(struct ask *a)
{
	uint64_t took = now_usec() - a->sent_usec;

	a->round_usec[a->rounds++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
	if (a->client && a->request.value <= LOCAL_PING_SHOW) {
		json_object *o = json_object_new_object();

		add_number(o, "seq", a->rounds);
		add_number(o, "usec", took);
		control_send(a->client, "ping", o);
	}
	if (!a->client || a->rounds == a->request.value)
		finish_ping(a);
	else
		query(a, MSG_Q_PING);
}

/* --- all of them ---------------------------------------------------------------------------- */

void ask_host(struct ask *a)
{
	switch ((enum control_op)a->request.op) {
	case CONTROL_STATUS: ask_status(a); break;
	case CONTROL_LIST: query(a, MSG_Q_TARGETS); break;
	case CONTROL_SWITCH:
		if (a->request.name[0] == '\0')
			ask_finish(a, EXIT_CODE_USAGE, NULL, "to which machine?");
		else
			call(a, MSG_OP_SWITCH, a->request.name, SWITCH_LIMIT_MS);
		break;
	case CONTROL_SHUTDOWN: call(a, MSG_OP_HOST_SHUTDOWN, "", SHUTDOWN_LIMIT_MS); break;
	default: ask_ping(a); break;
	}
}

static void finish_call(struct ask *a, const struct msg_result *r)
{
	json_object *extra = NULL;
	char text[MSG_DETAIL_SIZE + 32];

	if (r->outcome != MSG_OUT_SCHEDULED) {
		ask_finish_outcome(a, r->outcome, r->detail, NULL);
		return;
	}
	extra = json_object_new_object();
	add_number(extra, "delay_s", r->value);
	if (r->detail[0])
		snprintf(text, sizeof(text), "%s", r->detail);
	else
		snprintf(text, sizeof(text), "scheduled: in %u s", r->value);
	ask_finish_outcome(a, r->outcome, text, extra);
}

void ask_host_answered(struct ask *a, const struct msg_result *r)
{
	uint32_t op = a->request.op;

	if (op == CONTROL_SWITCH || op == CONTROL_SHUTDOWN) {
		finish_call(a, r);
	} else if (r->outcome != MSG_OUT_OK) {
		ask_finish_outcome(a, r->outcome, r->detail, NULL);
	} else if (op == CONTROL_PING) {
		ping_answered(a);
	} else {
		if (a->client)
			tell_machines(a, r);
		/* a page number that does not grow would never end */
		if (a->client && r->next_page > a->page) {
			a->page = r->next_page;
			query(a, op == CONTROL_STATUS ? MSG_Q_STATUS : MSG_Q_TARGETS);
		} else {
			ask_finish(a, EXIT_CODE_OK, NULL, r->detail);
		}
	}
}
