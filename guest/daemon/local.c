// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests of this machine's users; see local.h.
 *
 * Theory of operation: one struct ask per client, from its request to its last object. An ask
 * whose client left stays until the answer comes, so that its tag is never taken for another's.
 */
#include "guest/daemon/local-internal.h"

#include "guest/daemon/clock.h"
#include "guest/daemon/words.h"

#include <sys/stat.h>

static void forget(struct ask *a)
{
	struct ask **p = &a->local->asks;

	while (*p != a)
		p = &(*p)->next;
	*p = a->next;
	free(a->round_usec);
	free(a);
}

void ask_finish(struct ask *a, enum exit_code code, json_object *extra, const char *text)
{
	if (a->client) {
		control_client_set_data(a->client, NULL);
		control_finish(a->client, code, extra, "%s", text);
	} else {
		json_object_put(extra);
	}
	forget(a);
}

void ask_finish_outcome(struct ask *a, uint32_t outcome, const char *detail, json_object *extra)
{
	ask_finish(a, words_exit_code(outcome), extra, *detail ? detail : words_outcome(outcome));
}

static void on_paired(enum exit_code code, const char *words, const char *text, void *userdata)
{
	struct ask *a = userdata;
	json_object *extra = NULL;

	if (*words) {
		extra = json_object_new_object();
		json_object_object_add(extra, "fingerprint", json_object_new_string(words));
	}
	ask_finish(a, code, extra, text);
}

static void ask_pair(struct ask *a)
{
	const char *text = "";
	struct channel *channel = a->local->deps.channel; /* a may be gone by then */
	enum exit_code code =
		pairing_start(a->local->deps.pairing, a->request.arg, on_paired, a, &text);

	if (code != EXIT_CODE_OK)
		ask_finish(a, code, NULL, text);
	else
		control_progress(a->client, "%s", text);
	channel_pump(channel);
}

static void ask_reload(struct ask *a)
{
	a->local->deps.reload(a->local->deps.userdata);
	ask_finish(a, EXIT_CODE_OK, NULL, "policy read again; the log says if it has errors");
}

static bool needs_root(uint32_t op)
{
	return op == CONTROL_PAIR || op == CONTROL_DDC_SET || op == CONTROL_RELOAD;
}

static void dispatch(struct ask *a)
{
	if (needs_root(a->request.op) && !control_client_is_privileged(a->client)) {
		ask_finish(a, EXIT_CODE_REFUSED, NULL, "only root may do that: try with sudo");
		return;
	}
	switch ((enum control_op)a->request.op) {
	case CONTROL_STATUS:
	case CONTROL_LIST:
	case CONTROL_SWITCH:
	case CONTROL_SHUTDOWN:
	case CONTROL_PING: ask_host(a); break;
	case CONTROL_DDC_DETECT:
	case CONTROL_DDC_GET:
	case CONTROL_DDC_SET: ask_ddc(a); break;
	case CONTROL_PAIR: ask_pair(a); break;
	case CONTROL_RELOAD: ask_reload(a); break;
	default:
		ask_finish(a, EXIT_CODE_USAGE, NULL, "va-guestd does not do that: ask on the host");
		break;
	}
}

static void on_request(struct control_client *c, const struct control_request *r, void *userdata)
{
	struct local *l = userdata;
	struct ask *a = calloc(1, sizeof(*a));

	if (!a) {
		control_finish(c, EXIT_CODE_FAILED, NULL, "out of memory");
		return;
	}
	*a = (struct ask){ .next = l->asks, .local = l, .client = c, .request = *r };
	l->asks = a;
	control_client_set_data(c, a);
	dispatch(a);
}

static void on_gone(struct control_client *c, void *userdata)
{
	struct local *l = userdata;
	struct ask *a = control_client_data(c);

	if (!a)
		return;
	a->client = NULL;
	if (a->request.op != CONTROL_PAIR)
		return;
	/* who typed the code went away: so does the code */
	pairing_cancel(l->deps.pairing, a);
	forget(a);
	channel_pump(l->deps.channel);
}

static struct ask *find(struct local *l, uint64_t tag)
{
	struct ask *a = l->asks;

	while (a && a->tag != tag)
		a = a->next;
	return a;
}

static void take_notice(struct local *l, const struct msg_event *e)
{
	if (e->kind == MSG_EV_SHUTDOWN_SCHEDULED)
		l->shutdown_at_ms = clock_now_ms() + (uint64_t)e->value * 1000u;
	else if (e->kind == MSG_EV_SHUTDOWN_CANCELLED)
		l->shutdown_at_ms = 0;
}

void local_take_event(struct local *l, const struct link_event *ev)
{
	struct ask *a = ev->tag ? find(l, ev->tag) : NULL;

	if (ev->kind == LINK_EV_NOTICE)
		take_notice(l, &ev->message->event);
	if (ev->kind == LINK_EV_DOWN)
		l->shutdown_at_ms = 0;
	if (!a)
		return;
	if (ev->kind == LINK_EV_PENDING && a->client)
		control_progress(a->client, "somebody at the host is being asked (%u s)",
			(ev->message->pending.expires_ms + 999) / 1000);
	if (ev->kind == LINK_EV_ANSWER) {
		struct msg_result r = ev->message->result;

		a->tag = 0;
		ask_host_answered(a, &r);
	}
}

int local_new(struct local **ret, const char *path, const struct local_deps *deps)
{
	CLEANUP_FN(local) struct local *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->deps = *deps;
	r = control_server_new(
		&l->server, deps->event, path, (gid_t)-1, -1, on_request, on_gone, l);
	if (r < 0)
		return r;
	if (chmod(path, 0666) < 0)
		return -errno;
	*ret = TAKE(l);
	return 0;
}

void local_free(struct local *l)
{
	if (!l)
		return;
	control_server_free(l->server); /* first: it may still say that clients left */
	while (l->asks)
		forget(l->asks);
	free(l);
}
