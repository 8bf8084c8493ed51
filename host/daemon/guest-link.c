// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-hostd's half of the conversation with a guest's va-link.
 *
 * What comes from a va-link is the word of a process that a hostile guest may have taken over:
 * each struct is checked, names nothing but its own guest, and can answer only calls that are
 * outstanding.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define CALL_GRACE_USEC 2000000ull /* what the va-link may be late with its own time-out */
#define HINT_PAUSE_MS   1000u

bool guest_order(struct guest *g, struct link_ipc *m)
{
	return worker_is_running(g->link) && worker_send(g->link, m, sizeof(*m), -1) >= 0;
}

void guest_link_channel(struct guest *g, int fd)
{
	struct link_ipc m = { .head.op = LINK_OP_CHANNEL };
	int r = worker_is_running(g->link) ? worker_send(g->link, &m, sizeof(m), fd) : -ESRCH;

	close(fd);
	if (r < 0) {
		log_error("guest %s: its va-link does not take the channel: %s", g->name,
			strerror(-r));
		guest_channel_lost(g, 0);
	}
}

void guest_reset_session(struct guest *g, const char *why)
{
	struct link_ipc m = { .head.op = LINK_OP_RESET };

	if (g->state == LINK_UP)
		log_info("guest %s: session ended: %s", g->name, why);
	guest_order(g, &m);
}

/* --- calls
 * ---------------------------------------------------------------------------------------- */

static void call_end(struct guest_call *call, const struct msg_result *r)
{
	guest_answer_fn *answer = call->answer;
	void *userdata = call->userdata;

	sd_event_source_disable_unref(call->limit);
	*call = (struct guest_call){ .guest = call->guest };
	if (answer)
		answer(call->guest, r, userdata);
}

static void calls_end(struct guest *g, enum msg_outcome outcome, const char *why)
{
	struct msg_result r = { 0 };

	msg_result_init(&r, outcome, why);
	for (size_t i = 0; i < GUEST_CALLS; i++)
		if (g->calls[i].tag)
			call_end(&g->calls[i], &r);
}

static struct guest_call *find_call(struct guest *g, uint64_t tag)
{
	for (size_t i = 0; tag && i < GUEST_CALLS; i++)
		if (g->calls[i].tag == tag)
			return &g->calls[i];
	return NULL;
}

/* From now on there is no session, though its process may take a moment to die. */
static void end_link(struct guest *g)
{
	g->state = LINK_NO_PEER;
	hostd_world_changed(g->h);
	worker_reject(g->link);
}

static int on_call_limit(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct guest_call *call = userdata;
	struct guest *g = call->guest;
	struct msg_result r = { 0 };

	(void)s;
	(void)usec;
	/* it keeps the limits of calls itself: one that missed them hangs */
	log_error("guest %s: its va-link does not answer: ending it", g->name);
	msg_result_init(&r, MSG_OUT_UNKNOWN, "no answer in time");
	end_link(g);
	call_end(call, &r);
	return 0;
}

static int ask(struct guest *g, struct link_ipc *m, uint32_t limit_ms, guest_answer_fn *answer,
	void *userdata)
{
	struct guest_call *call = NULL;
	int r;

	if (g->state != LINK_UP)
		return g->paired ? -ENOTCONN : -ENOKEY;
	for (size_t i = 0; i < GUEST_CALLS && !call; i++)
		if (!g->calls[i].tag)
			call = &g->calls[i];
	if (!call)
		return -EBUSY;
	m->tag = ++g->next_tag;
	m->value = limit_ms;
	*call = (struct guest_call){
		.tag = m->tag, .answer = answer, .userdata = userdata, .guest = g
	};
	r = sd_event_add_time_relative(g->h->event, &call->limit, CLOCK_BOOTTIME,
		limit_ms * 1000ull + CALL_GRACE_USEC, 100000, on_call_limit, call);
	if (r >= 0 && !guest_order(g, m))
		r = -ENOTCONN;
	if (r < 0) {
		sd_event_source_disable_unref(call->limit);
		*call = (struct guest_call){ .guest = g };
		return r;
	}
	return 0;
}

int guest_call(struct guest *g, const struct msg_prepare *p, uint32_t limit_ms,
	guest_answer_fn *answer, void *userdata)
{
	struct link_ipc m = { .head.op = LINK_OP_CALL };

	m.message.kind = MSG_PREPARE;
	m.message.prepare = *p;
	return ask(g, &m, limit_ms, answer, userdata);
}

int guest_query(struct guest *g, const struct msg_query *q, uint32_t limit_ms,
	guest_answer_fn *answer, void *userdata)
{
	struct link_ipc m = { .head.op = LINK_OP_QUERY };

	m.message.kind = MSG_QUERY;
	m.message.query = *q;
	return ask(g, &m, limit_ms, answer, userdata);
}

/* --- what the va-link says ----------------------------------------------------------------------
 */

static void session_down(struct guest *g)
{
	if (!g->session)
		return;
	g->session = 0;
	log_info("guest %s: session is down", g->name);
	requests_forget(g);
	keys_on_down(g);
	hostd_world_changed(g->h);
}

static void session_up(struct guest *g, uint64_t session)
{
	bool renewal = g->session != 0;

	if (renewal)
		requests_forget(g);
	g->session = session;
	g->heard = true;
	g->hint = LINK_HINT_NONE;
	g->backoff_usec = GUEST_BACKOFF_MIN_USEC;
	g->up_since_usec = hostd_now_ms() * 1000;
	hostd_world_changed(g->h);
	log_line(renewal ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "guest %s: session is up", g->name);
	if (!renewal) {
		power_tell(g);
		monitors_ask_guest(g);
		cables_look(g->h);
	}
}

static void on_hint(struct guest *g, enum link_hint hint)
{
	const char *text;
	uint64_t now = hostd_now_ms();

	g->hint = hint;
	text = guest_hint_text(g);
	/* a va-link gives one a minute of a kind; one that was taken over gives what it likes */
	if (!text || now < g->hint_told_ms)
		return;
	g->hint_told_ms = now + HINT_PAUSE_MS;
	log_warn("guest %s: %s", g->name, text);
}

/* The link could not take an order: too much is under way, or its session has just ended. */
static void on_refused(struct guest *g, const struct link_ipc *m)
{
	struct guest_call *call = find_call(g, m->tag);
	struct msg_result r = { 0 };

	if (call) {
		msg_result_init(&r, m->error == VA_E_LIMIT ? MSG_OUT_BUSY : MSG_OUT_NOT_SENT,
			m->error == VA_E_LIMIT ? "too many requests are under way" : "");
		call_end(call, &r);
	} else {
		keys_on_refused(g, m->tag);
	}
}

static void on_link_event(struct guest *g, const struct link_ipc *m)
{
	struct guest_call *call;

	switch (m->event) {
	case LINK_EV_UP: session_up(g, m->session); break;
	case LINK_EV_DOWN: session_down(g); break;
	case LINK_EV_REQUEST:
		if (g->session && m->session == g->session)
			requests_handle(g, m->session, &m->message);
		break;
	case LINK_EV_ANSWER:
		call = find_call(g, m->tag);
		if (call && m->message.kind == MSG_RESULT)
			call_end(call, &m->message.result);
		break;
	case LINK_EV_HINT: on_hint(g, m->hint); break;
	case LINK_EV_STORE: keys_on_store(g, &m->record); break;
	case LINK_EV_PAIRED:
	case LINK_EV_PAIR_ATTEMPT:
	case LINK_EV_PAIR_FAILED: keys_on_event(g, m); break;
	case LINK_EV_RESET_PIPE:
		g->hint = LINK_HINT_NOISE;
		log_warn("guest %s: %s", g->name, guest_hint_text(g));
		guest_channel_lost(g, m->value * 1000ull);
		break;
	default: /* PENDING, NOTICE: nothing to do yet */ break;
	}
}

static void nonsense(struct guest *g)
{
	log_error("guest %s: its va-link sends nonsense: ending it", g->name);
	end_link(g);
}

static void on_message(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	struct guest *g = userdata;
	struct link_ipc m;

	(void)w;
	if (fd >= 0)
		close(fd); /* a va-link has no business sending one */
	if (!link_ipc_is_valid(msg, size)) {
		nonsense(g);
		return;
	}
	memcpy(&m, msg, sizeof(m));
	if (g->state != m.state) {
		g->state = m.state;
		hostd_world_changed(g->h);
	}
	switch ((enum link_op)m.head.op) {
	case LINK_OP_EVENT: on_link_event(g, &m); break;
	case LINK_OP_CLOSED:
		if (g->connected)
			guest_channel_lost(g, 0);
		break;
	case LINK_OP_PAIR_CODE: keys_on_event(g, &m); break;
	case LINK_OP_REFUSED: on_refused(g, &m); break;
	default: /* an order */ nonsense(g);
	}
	sodium_memzero(&m, sizeof(m));
}

static void on_ended(struct worker *w, int status, uint64_t will_restart_usec, void *userdata)
{
	struct guest *g = userdata;

	(void)w;
	if (status != 0) /* else it was asked to leave */
		log_warn("guest %s: its va-link ended (status 0x%x), next one in %.1f s", g->name,
			(unsigned int)status, (double)will_restart_usec / 1e6);
	g->state = LINK_NO_PEER;
	/* the machine is none the worse: the next va-link connects, and finds out if it is */
	g->connected = false;
	hostd_world_changed(g->h);
	session_down(g);
	calls_end(g, MSG_OUT_UNKNOWN, "the host's link process ended");
	keys_on_down(g);
}

static void on_started(struct worker *w, void *userdata)
{
	struct guest *g = userdata;
	struct link_ipc m = { .head.op = LINK_OP_RECORD };
	int r = keys_load(g, &m.record);

	(void)w;
	g->paired = r == 1;
	g->held = false;
	m.ok = r == 1;
	if (!guest_order(g, &m))
		log_error("guest %s: cannot tell its va-link the keys", g->name);
	sodium_memzero(&m, sizeof(m));
	keys_resume_pairing(g);
	guest_connect(g);
}

int guest_link_start(struct guest *g)
{
	struct hostd *h = g->h;
	char path[PATH_MAX], name[NAME_MAX_LEN + 16];
	const char *argv[] = { path, g->name, NULL }; /* the name is for ps */
	struct worker_spec spec = {
		.name = name,
		.argv = argv,
		.min_size = sizeof(struct link_ipc),
		.max_size = sizeof(struct link_ipc),
		.drop = h->link_uid != 0,
		.uid = h->link_uid,
		.gid = h->link_gid,
		.on_event = on_message,
		.on_exit = on_ended,
		.on_started = on_started,
		.userdata = g,
	};

	if (!hostd_path(path, sizeof(path), h->libexec, NULL, "va-link", ""))
		return -ENAMETOOLONG;
	snprintf(name, sizeof(name), "va-link %s", g->name);
	return worker_new(&g->link, h->event, &spec);
}

void guest_link_stop(struct guest *g)
{
	g->state = LINK_NO_PEER;
	session_down(g);
	calls_end(g, MSG_OUT_NOT_CONNECTED, "the guest is gone");
	worker_free(g->link);
	g->link = NULL;
	g->connected = g->connecting = false;
	g->retry = sd_event_source_disable_unref(g->retry);
	guest_socket_forget(g);
	hostd_world_changed(g->h);
}
