// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-hostd's core against a va-link that was taken over. The input is a script: each step is one
 * byte and what it needs. alpha is the hostile one, beta an honest bystander, a person and time
 * take part. Whatever alpha says, every order that leaves the core is a valid one, the policy
 * holds, beta keeps its session and its keys, and nothing is left behind at the end.
 */
#include "tests/unit/hostd-fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *in;
static size_t left;
static struct guest *alpha, *beta;
static struct msg_ticket ticket; /* the last one that alpha got */
static int answers;

static void must(bool cond)
{
	if (!cond)
		abort();
}

static uint8_t byte(void)
{
	if (left == 0)
		return 0;
	left--;
	return *in++;
}

static void take(void *to, size_t size)
{
	size_t n = size < left ? size : left;

	if (n > 0)
		memcpy(to, in, n);
	in += n;
	left -= n;
}

static void on_order(const struct link_ipc *m)
{
	must(link_ipc_is_valid(m, sizeof(*m)));
	if (m->head.op == LINK_OP_REPLY && m->message.kind == MSG_TICKET)
		ticket = m->message.ticket;
	must(m->head.op < LINK_OP_EVENT);
}

static void on_answer(struct guest *g, const struct msg_result *r, void *userdata)
{
	(void)g;
	(void)userdata;
	must(msg_outcome_name(r->outcome) != NULL);
	must(memchr(r->detail, 0, sizeof(r->detail)) != NULL);
	answers--;
}

static void on_switched(void *userdata, enum exit_code code, const char *text)
{
	(void)userdata;
	must(code <= EXIT_CODE_MAX && text);
}

static void on_cancelled(void *userdata, enum exit_code code, uint32_t delay_s, const char *text)
{
	(void)delay_s;
	on_switched(userdata, code, text);
}

/* --- steps --------------------------------------------------------------------------------------
 */

static void say_raw(void)
{
	uint8_t m[sizeof(struct link_ipc)] = { 0 };
	size_t n = (size_t)byte() << 8;

	n |= byte();
	take(m, n < sizeof(m) ? n : sizeof(m));
	/* the worker's own check lets only messages of this size through */
	fake_say_bytes(alpha->link, m, sizeof(m));
}

static void say_event(void)
{
	struct link_ipc m = { .event = byte(), .state = byte() & 3, .hint = byte() % 11 };

	m.session = byte() & 3;
	m.tag = byte();
	m.attempts = byte() & 3;
	m.value = byte();
	snprintf(m.words, sizeof(m.words), "a-b-c-d");
	if (m.event == LINK_EV_STORE) {
		snprintf(m.record.guest, sizeof(m.record.guest), "beta");
		m.record.cur.epoch = 1 + byte() % 3;
		m.record.next.epoch = byte() % 4;
	} else {
		take(&m.message, byte());
	}
	fake_say(alpha->link, &m);
}

static void say_request(void)
{
	static const char *const targets[] = { "", "host", "alpha", "beta", "nobody" };
	struct link_ipc m = { .event = LINK_EV_REQUEST, .state = LINK_UP };
	struct message *r = &m.message;

	m.session = byte() & 3 ? alpha->session : byte();
	r->id = byte();
	r->kind = MSG_PREPARE;
	r->prepare.operation = byte() % (MSG_OP_MAX + 2);
	r->prepare.claimed_uid = byte();
	snprintf(r->prepare.target, sizeof(r->prepare.target), "%s", targets[byte() % 5]);
	fake_say(alpha->link, &m);
}

static void say_commit(void)
{
	struct link_ipc m = { .event = LINK_EV_REQUEST, .state = LINK_UP };

	m.session = byte() & 3 ? alpha->session : byte();
	m.message.id = 1u + byte();
	m.message.kind = MSG_COMMIT;
	memcpy(m.message.commit.ticket, ticket.ticket, sizeof(ticket.ticket));
	m.message.commit.ticket[0] ^= byte() & 1;
	fake_say(alpha->link, &m);
}

static void say_query(void)
{
	struct link_ipc m = { .event = LINK_EV_REQUEST, .state = LINK_UP };

	m.session = alpha->session;
	m.message.id = 1u + byte();
	m.message.kind = MSG_QUERY;
	m.message.query.question = byte() % (MSG_Q_MAX + 2);
	m.message.query.page = byte();
	fake_say(alpha->link, &m);
}

static void say_answer(void)
{
	struct link_ipc m = { .event = LINK_EV_ANSWER, .state = LINK_UP };
	static const uint32_t outcomes[] = { 1, 2, 3, 5, 6, 9, 100, 101, 102, 103 };

	m.tag = byte() & 1 ? alpha->calls[byte() % GUEST_CALLS].tag : byte();
	m.message.id = 1;
	m.message.kind = MSG_RESULT;
	m.message.result.outcome = outcomes[byte() % 10];
	m.message.result.value = byte();
	if (byte() & 1) {
		m.head.op = LINK_OP_REFUSED;
		m.error = -1 - byte() % 7;
	}
	fake_say(alpha->link, &m);
}

static void ask_guest(void)
{
	struct msg_query q = { .question = MSG_Q_PING };

	if (guest_query(byte() & 1 ? alpha : beta, &q, 1000, on_answer, NULL) == 0)
		answers++;
}

static void person_switches(void)
{
	static const char *const targets[] = { "host", "alpha", "beta" };
	struct intent i = { .target = targets[byte() % 3], .force = byte() & 1 };
	struct seat_request r = { .done = on_switched };

	seat_switch(&fake_h, &i, "a person", &r);
}

static void person_answers(void)
{
	requests_answer(&fake_h, alpha->question.number, byte() & 1);
}

static void worker_dies(void)
{
	fake_die(alpha->link);
	fake_restart(alpha->link);
	alpha->connected = byte() & 1;
}

static void policy_changes(void)
{
	static const char *const policies[] = { "* * * * allow\n", "* * * * deny\n",
		"* * * * ask timeout=1s\n", "switch * * * allow when=focused rate=2/h\n",
		"guest.list * * * allow\nswitch alpha beta 0 ask\n" };

	fake_policy(policies[byte() % 5]);
}

static void ddc_answers(void)
{
	fake_ddc_answers(byte() % (DDC_STATUS_MAX + 1), byte());
}

static void guest_goes(void)
{
	guest_remove(alpha);
	alpha = fake_guest("alpha", 1);
}

static void window_opens(void)
{
	alpha->window_end_ms = byte() & 1 ? hostd_now_ms() + 1000 : 0;
}

static void loop_turns(void)
{
	for (int i = 0; i < 8 && sd_event_run(fake_h.event, 0) > 0; i++)
		;
}

static void power_is_asked(void)
{
	power_cancel(&fake_h, on_cancelled, NULL);
}

static void (*const steps[])(void) = { say_raw, say_event, say_request, say_commit, say_query,
	say_answer, ask_guest, person_switches, person_answers, worker_dies, policy_changes,
	ddc_answers, guest_goes, window_opens, loop_turns, power_is_asked };

/* --- what must hold ----------------------------------------------------------------------------
 */

static void look(void)
{
	const struct world *w = hostd_world(&fake_h);

	if (!alpha->link->running)
		fake_restart(alpha->link);
	must(w->holder >= 0 && w->holder < w->n_machines);
	must(beta->session == 7 && beta->link->running && !beta->link->rejected && !beta->paired);
	must(seat_is_busy(&fake_h) || w->machines[w->holder].known);
	must(!alpha->ticket.live || alpha->session == alpha->ticket.session);
	must(!alpha->question.number || alpha->session);
	must(alpha->held == (alpha->question.number || alpha->ticket.live || alpha->commit_id));
	must(answers >= 0 && answers <= 2 * GUEST_CALLS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link_ipc up = { .event = LINK_EV_UP, .session = 7, .state = LINK_UP };
	static char true_program[] = "/nonexistent/true";

	in = data;
	left = size;
	answers = 0;
	memset(&ticket, 0, sizeof(ticket));
	fake_begin();
	fake_config.shutdown_command[0] = true_program;
	fake_on_order = on_order;
	alpha = fake_guest("alpha", 1);
	beta = fake_guest("beta", 2);
	fake_ddc();
	fake_say(beta->link, &up);
	while (left > 0) {
		steps[byte() % ARRAY_SIZE(steps)]();
		look();
	}
	fake_end();
	must(answers == 0);
	return 0;
}
