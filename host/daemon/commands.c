// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The control socket's requests: a table of who may ask what, and the commands that are answered
 * from what the daemon knows. Reading is for the socket's group; what changes anything beyond
 * the seat (keys, the host's power, policy questions) is for root.
 */
#include "host/daemon/commands.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

enum exit_code exit_code_of_outcome(uint32_t outcome)
{
	switch (outcome) {
	case MSG_OUT_OK:
	case MSG_OUT_SCHEDULED: return EXIT_CODE_OK;
	case MSG_OUT_DENIED:
	case MSG_OUT_UNSUPPORTED:
	case MSG_OUT_NOT_FOUND:
	case MSG_OUT_AMBIGUOUS: return EXIT_CODE_REFUSED;
	case MSG_OUT_BUSY: return EXIT_CODE_BUSY;
	case MSG_OUT_UNCONFIRMED: return EXIT_CODE_UNCONFIRMED;
	case MSG_OUT_UNKNOWN: return EXIT_CODE_UNKNOWN;
	case MSG_OUT_NOT_SENT:
	case MSG_OUT_NOT_CONNECTED: return EXIT_CODE_NOT_CONNECTED;
	case MSG_OUT_NOT_PAIRED: return EXIT_CODE_NOT_PAIRED;
	default: return EXIT_CODE_FAILED;
	}
}

/* --- reading
 * ----------------------------------------------------------------------------------------- */

static void send_guests(struct hostd *h, struct control_client *c)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			control_send(c, "guest", show_guest(h, h->guests[i]));
}

static void send_monitors(struct hostd *h, struct control_client *c, bool displays)
{
	for (int i = 0; i < hostd_world(h)->n_monitors; i++)
		control_send(c, "monitor", show_monitor(h, i));
	for (int i = 0; displays && i < h->n_displays; i++)
		control_send(c, "display", show_display(&h->displays[i]));
}

static void send_inputs(struct hostd *h, struct control_client *c)
{
	for (int i = 0; i < hostd_world(h)->n_devices; i++)
		control_send(c, "input", show_input(h, i));
}

static void command_status(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	if (r->flags & CONTROL_FLAG_WATCH) {
		command_events(h, g, c, r);
		return;
	}
	control_send(c, "host", show_host(h));
	send_guests(h, c);
	send_monitors(h, c, false);
	send_inputs(h, c);
	control_finish(c, EXIT_CODE_OK, NULL, "%s", "");
}

static void command_list(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)g;
	(void)r;
	send_guests(h, c);
	control_finish(c, EXIT_CODE_OK, NULL, "%s", "");
}

static void command_monitors(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)g;
	(void)r;
	send_monitors(h, c, true);
	cables_show(h, c);
}

static void command_pending(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	int n = 0;

	(void)g;
	(void)r;
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->question.number) {
			control_send(c, "question", show_question(h->guests[i]));
			n++;
		}
	control_finish(c, EXIT_CODE_OK, NULL, "%s", n ? "" : "nobody asks for anything");
}

static void command_policy(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	char op[32], target[NAME_MAX_LEN + 1], text[512];
	unsigned int uid = UINT32_MAX;
	struct policy_query q = { .guest = r->name, .target = target };

	if (sscanf(r->arg, "%31s %63s %u", op, target, &uid) < 2) {
		control_finish(c, EXIT_CODE_USAGE, NULL, "say: operation target [uid]");
		return;
	}
	if (!policy_op_from_name(POLICY_ON_HOST, op, &q.op)) {
		control_finish(c, EXIT_CODE_USAGE, NULL,
			"no operation %s: switch, host.shutdown, guest.list, ddc.read", escape(op));
		return;
	}
	if (!strcmp(target, "-"))
		target[0] = '\0';
	q.uid = uid;
	q.focused = g && hostd_world(h)->holder == g->slot;
	policy_explain(h->policy, &q, text, sizeof(text));
	control_finish(c, EXIT_CODE_OK, NULL, "%s", text);
}

/* --- switch
 * -------------------------------------------------------------------------------------------- */

static void on_switch_step(void *userdata, int n, const struct step *s, const char *state,
	unsigned int ms, const char *detail)
{
	struct control_client *c = userdata;
	struct hostd *h = control_client_data(c);

	control_send(c, "step", show_step_taken(&h->world, n, s, state, ms, detail));
}

static void on_switch_done(void *userdata, enum exit_code code, const char *text)
{
	control_finish(userdata, code, NULL, "%s", text);
}

static void command_switch(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	struct intent i = {
		.target = r->name,
		.force = r->flags & CONTROL_FLAG_FORCE,
		.no_start = r->flags & CONTROL_FLAG_NO_START,
		.wait = r->flags & CONTROL_FLAG_WAIT,
		.timeout_ms = r->value < 86400 ? r->value * 1000 : 86400000,
	};
	struct seat_request request = {
		.step = on_switch_step, .done = on_switch_done, .userdata = c
	};
	char who[32];
	struct plan plan;

	(void)g;
	if (r->flags & CONTROL_FLAG_DRY_RUN) {
		plan_switch(hostd_world(h), &i, &plan);
		for (int n = 0; n < plan.n_steps; n++)
			control_send(c, "step", show_step(&h->world, n, &plan.steps[n]));
		control_finish(c, plan.refusal, NULL, "%s",
			plan.reason[0] ? plan.reason : "nothing was done (--dry-run)");
		return;
	}
	snprintf(who, sizeof(who), "uid %u", control_client_uid(c));
	seat_switch(h, &i, who, &request);
}

static void command_handover(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)g;
	handover_command(h, r, c);
}

static void command_rescue(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	struct seat_request request = {
		.step = on_switch_step, .done = on_switch_done, .userdata = c
	};
	bool force = r->flags & CONTROL_FLAG_FORCE;

	(void)g;
	if (force && !control_client_is_privileged(c)) {
		control_finish(c, EXIT_CODE_REFUSED, NULL,
			"with --force guests are stopped, which is for root: use sudo");
		return;
	}
	seat_rescue(h, force, &request);
}

/* --- what changes more than the seat
 * ------------------------------------------------------------------- */

static void on_scheduled(void *userdata, enum exit_code code, uint32_t delay_s, const char *text)
{
	json_object *extra = json_object_new_object();

	json_object_object_add(extra, "delay_s", json_object_new_int64(delay_s));
	control_finish(userdata, code, extra, "%s", text);
}

static void on_cancelled(void *userdata, enum exit_code code, uint32_t delay_s, const char *text)
{
	(void)delay_s;
	control_finish(userdata, code, NULL, "%s", text);
}

static void command_shutdown(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	uint32_t delay = r->value == UINT32_MAX ? h->config->shutdown_delay_s : r->value;
	char by[32];

	(void)g;
	if (delay > 3600 * 24) {
		control_finish(c, EXIT_CODE_USAGE, NULL, "a delay of more than a day");
		return;
	}
	snprintf(by, sizeof(by), "uid %u", control_client_uid(c));
	power_schedule(h, delay, by, on_scheduled, c);
}

static void command_cancel(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)g;
	(void)r;
	power_cancel(h, on_cancelled, c);
}

static void command_answer(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	int error = requests_answer(h, r->value, r->flags & CONTROL_FLAG_YES);

	(void)g;
	if (error < 0)
		control_finish(c, EXIT_CODE_FAILED, NULL,
			"question %u is not open (any more): va-host pending", r->value);
	else
		control_finish(c, EXIT_CODE_OK, NULL, "question %u answered", r->value);
}

static void command_reload(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	char error[CONFIG_ERROR_SIZE] = "";
	int error_code = hostd_reload(h, error);

	(void)g;
	(void)r;
	control_finish(c,
		error_code == -EBUSY ? EXIT_CODE_BUSY
		: error_code < 0     ? EXIT_CODE_FAILED
				     : EXIT_CODE_OK,
		NULL, "%s", error_code < 0 ? error : "configuration and policy are read again");
}

static void command_pair(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)r;
	keys_command_pair(h, g, c);
}

static void command_unpair(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)r;
	keys_command_unpair(h, g, c);
}

static void command_rekey(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	(void)r;
	keys_command_rekey(h, g, c);
}

static void command_ddc_somewhere(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	if (g)
		command_ddc(h, g, c, r);
	else
		command_host_ddc(h, c, r);
}

/* --- the table
 * ------------------------------------------------------------------------------------------- */

typedef void command_fn(struct hostd *h, struct guest *g, struct control_client *c,
	const struct control_request *r);

enum needs { NO_GUEST = 0, A_GUEST = 1, MAYBE_GUEST = 2 };

static const struct command {
	command_fn *run;
	bool privileged;
	enum needs needs;
} commands[CONTROL_OP_MAX + 1] = {
	[CONTROL_STATUS] = { command_status, false, NO_GUEST },
	[CONTROL_LIST] = { command_list, false, NO_GUEST },
	[CONTROL_SWITCH] = { command_switch, false, NO_GUEST },
	[CONTROL_SHUTDOWN] = { command_shutdown, true, NO_GUEST },
	[CONTROL_CANCEL] = { command_cancel, true, NO_GUEST },
	[CONTROL_PING] = { command_ping, false, A_GUEST },
	[CONTROL_PAIR] = { command_pair, true, A_GUEST },
	[CONTROL_UNPAIR] = { command_unpair, true, A_GUEST },
	[CONTROL_REKEY] = { command_rekey, true, A_GUEST },
	[CONTROL_MONITORS] = { command_monitors, false, NO_GUEST },
	[CONTROL_DDC_DETECT] = { command_ddc_somewhere, false, MAYBE_GUEST },
	[CONTROL_DDC_GET] = { command_ddc_somewhere, false, MAYBE_GUEST },
	[CONTROL_DDC_SET] = { command_ddc_somewhere, true, MAYBE_GUEST },
	[CONTROL_GUEST_SHUTDOWN] = { command_guest_shutdown, true, A_GUEST },
	[CONTROL_PENDING] = { command_pending, false, NO_GUEST },
	[CONTROL_ANSWER] = { command_answer, true, NO_GUEST },
	[CONTROL_POLICY] = { command_policy, false, A_GUEST },
	[CONTROL_RELOAD] = { command_reload, true, NO_GUEST },
	[CONTROL_RESCUE] = { command_rescue, false, NO_GUEST },
	[CONTROL_EVENTS] = { command_events, false, NO_GUEST },
	[CONTROL_INPUTS] = { command_inputs, false, NO_GUEST },
	[CONTROL_HANDOVER] = { command_handover, true, NO_GUEST },
};

void commands_handle(struct control_client *c, const struct control_request *r, void *userdata)
{
	struct hostd *h = userdata;
	const struct command *command = &commands[r->op];
	struct guest *g = NULL;

	control_client_set_data(c, h);
	if (!command->run) {
		control_finish(c, EXIT_CODE_USAGE, NULL, "va-hostd does not do that");
		return;
	}
	if (command->privileged && !control_client_is_privileged(c)) {
		control_finish(c, EXIT_CODE_REFUSED, NULL, "only root may do that: use sudo");
		return;
	}
	if (command->needs == A_GUEST || (command->needs == MAYBE_GUEST && r->name[0])) {
		g = guest_find(h, r->name);
		if (!g) {
			control_finish(c, EXIT_CODE_REFUSED, NULL,
				"no guest is called %s (va-host list)", escape(r->name));
			return;
		}
	}
	command->run(h, g, c, r);
}

void commands_gone(struct control_client *c, void *userdata)
{
	struct hostd *h = userdata;

	events_gone(h, c);
	handover_forget(h, c, NULL);
	seat_forget(h, c);
	power_forget(h, c);
	keys_forget_client(h, c);
	commands_guest_gone(h, c);
	cables_forget(h, c);
}
