// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who does what a plan says: monitors are written and read by the host's own DDC worker or by a
 * guest over its session; guests are stopped by their agent or through libvirt and started
 * through libvirt, each by a va-virt of its own; keyboards and mice move through inputs.c.
 */
#include "host/daemon/seat-internal.h"

#include <stdio.h>
#include <string.h>

#define AGENT_LIMIT_MS 10000u /* to say that it will; the limit of being off is the step's */

/* One act under way. */
struct act {
	struct execution *x;
	uint64_t number; /* of the execution: another one may come to the same address */
	execute_act_fn *done;
	struct hostd *h;
	bool is_read;
};

static struct act *act_new(struct hostd *h, struct execution *x, execute_act_fn *done, bool is_read)
{
	struct act *a = calloc(1, sizeof(*a));

	if (a)
		*a = (struct act){
			.x = x, .number = h->n_switches, .done = done, .h = h, .is_read = is_read
		};
	return a;
}

static void act_end(struct act *a, int error, int32_t value, const char *detail)
{
	struct act end = *a;

	free(a);
	if (end.h->execution && end.h->n_switches == end.number)
		end.done(end.x, error, value, detail);
}

static void on_host_done(
	enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	const struct ddc_reply *r = msg;
	char detail[160];

	(void)size;
	if (fd >= 0)
		close(fd);
	if (fate != WORKER_REPLIED) {
		act_end(userdata, fate == WORKER_LATE ? -ETIMEDOUT : -ECOMM, -1,
			"the host's DDC worker did not answer");
		return;
	}
	snprintf(detail, sizeof(detail), "%s",
		r->status == DDC_OK ? "" : ddc_status_text(r->status));
	act_end(userdata, r->status == DDC_OK ? 0 : -ECOMM, r->value, detail);
}

static void on_guest_done(struct guest *g, const struct msg_result *r, void *userdata)
{
	char detail[MSG_DETAIL_SIZE + NAME_MAX_LEN + 48];

	if (r->outcome == MSG_OUT_OK) {
		act_end(userdata, 0, (int32_t)(r->value & 0xffff), "");
		return;
	}
	snprintf(detail, sizeof(detail), "%s: %s%s%s", g->name, guest_outcome_words(r->outcome),
		r->detail[0] ? ": " : "", r->detail);
	act_end(userdata, r->outcome == MSG_OUT_UNKNOWN ? -ETIMEDOUT : -ECOMM, -1, detail);
}

static void ask_host(struct act *a, uint32_t op, const struct world_monitor *m, uint16_t value,
	uint32_t limit_ms)
{
	struct ddc_request r = { .head.op = op, .via = m->via, .value = value };
	int error;

	snprintf(r.key, sizeof(r.key), "%s", m->key);
	snprintf(r.connector, sizeof(r.connector), "%s", m->connector);
	error = monitors_ask(a->h, &r, limit_ms * 1000ull, on_host_done, a);
	if (error < 0)
		act_end(a, -ENOTCONN, -1, "the host has no DDC worker running");
}

static void ask_guest(struct act *a, struct guest *g, const struct world_monitor *m, uint16_t value,
	uint32_t limit_ms)
{
	int error;

	if (a->is_read) {
		struct msg_query q = { .question = MSG_Q_DDC_READ, .via = m->via };

		snprintf(q.target, sizeof(q.target), "%s", m->key);
		error = guest_query(g, &q, limit_ms, on_guest_done, a);
	} else {
		struct msg_prepare p = { .operation = MSG_OP_DDC_WRITE,
			.value = value,
			.via = m->via,
			.claimed_uid = MSG_UID_NONE };

		snprintf(p.target, sizeof(p.target), "%s", m->key);
		error = guest_call(g, &p, limit_ms, on_guest_done, a);
	}
	if (error < 0)
		act_end(a, -ENOTCONN, -1, "no session with the guest");
}

static void on_command_done(void *userdata, int error, const char *detail)
{
	act_end(userdata, error, -1, detail);
}

static void do_act(struct hostd *h, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done, bool is_read)
{
	struct act *a = act_new(h, x, done, is_read);

	if (!a)
		done(x, -ENOMEM, -1, "out of memory");
	else if (m->command[0] && !is_read)
		monitor_command(h, m, value, limit_ms, on_command_done, a);
	else if (machine == WORLD_HOST)
		ask_host(a, is_read ? DDC_GET : DDC_SET, m, value, limit_ms);
	else if (h->guests[machine] && guest_is_running(h->guests[machine]))
		ask_guest(a, h->guests[machine], m, value, limit_ms);
	else
		act_end(a, -ESRCH, -1, "the machine is gone");
}

void seat_act_write(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint16_t value, uint32_t limit_ms, execute_act_fn *done)
{
	do_act(ctx, x, machine, m, value, limit_ms, done, false);
}

void seat_act_read(void *ctx, struct execution *x, int machine, const struct world_monitor *m,
	uint32_t limit_ms, execute_act_fn *done)
{
	do_act(ctx, x, machine, m, 0, limit_ms, done, true);
}

/* --- machines ----------------------------------------------------------------------------------
 */

static void on_virt_done(void *userdata, int error, const char *detail)
{
	char text[EXECUTE_TEXT_SIZE] = "";

	act_end(userdata, error, -1, error ? escape_str(detail, text, sizeof(text)) : "");
}

static void ask_virt(struct act *a, struct guest *g, enum virt_op op, uint32_t limit_ms)
{
	struct virt_request r = { .head.op = op, .limit_ms = limit_ms };
	int error = -ENOENT;

	snprintf(r.uuid, sizeof(r.uuid), "%s", g->uuid);
	if (g->uuid[0])
		error = virt_do(a->h, &r, on_virt_done, a, NULL);
	if (error < 0)
		act_end(a, error, -1,
			g->uuid[0] ? "va-virt cannot be started"
				   : "it is not libvirt's: nobody here can start or stop it");
}

static void ask_shutdown(struct act *a, struct guest *g, uint32_t limit_ms)
{
	struct msg_prepare p = { .operation = MSG_OP_GUEST_SHUTDOWN, .claimed_uid = MSG_UID_NONE };

	if (limit_ms > AGENT_LIMIT_MS)
		limit_ms = AGENT_LIMIT_MS;
	if (guest_call(g, &p, limit_ms, on_guest_done, a) < 0)
		act_end(a, -ENOTCONN, -1, "no session with the guest");
}

/* For an act on a guest, *ret; NULL: it could not begin, and done was called. */
static struct act *act_on_guest(
	struct hostd *h, struct execution *x, int machine, execute_act_fn *done, struct guest **ret)
{
	struct act *a = act_new(h, x, done, false);

	*ret = h->guests[machine];
	if (!a) {
		done(x, -ENOMEM, -1, "out of memory");
	} else if (!*ret) {
		act_end(a, -ESRCH, -1, "the machine is gone");
		return NULL;
	}
	return a;
}

void seat_act_stop(void *ctx, struct execution *x, int machine, enum step_how how,
	uint32_t limit_ms, execute_act_fn *done)
{
	struct guest *g;
	struct act *a = act_on_guest(ctx, x, machine, done, &g);

	if (!a)
		return;
	if (how == STOP_AGENT)
		ask_shutdown(a, g, limit_ms);
	else
		ask_virt(a, g, how == STOP_FORCE ? VIRT_DESTROY : VIRT_SHUTDOWN, limit_ms);
}

void seat_act_start(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	struct guest *g;
	struct act *a = act_on_guest(ctx, x, machine, done, &g);

	if (a)
		ask_virt(a, g, VIRT_START, limit_ms);
}

static void ask_sign(struct hostd *h, struct execution *x, int machine, enum msg_question question,
	uint32_t limit_ms, execute_act_fn *done, guest_answer_fn *on_told)
{
	struct guest *g;
	struct act *a = act_on_guest(h, x, machine, done, &g);
	struct msg_query q = { .question = question };

	if (a && guest_query(g, &q, limit_ms, on_told, a) < 0)
		act_end(a, -ENOTCONN, -1, "its agent does not answer");
}

void seat_act_ping(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	ask_sign(ctx, x, machine, MSG_Q_PING, limit_ms, done, on_guest_done);
}

static void on_screen_told(struct guest *g, const struct msg_result *r, void *userdata)
{
	if (r->outcome == MSG_OUT_OK)
		act_end(userdata, 0, (int32_t)msg_screen_of(r->value), "");
	else if (r->outcome == MSG_OUT_UNSUPPORTED || r->outcome == MSG_OUT_DENIED)
		/* it lives, and does not look or does not tell */
		act_end(userdata, 0, MSG_SCREEN_NOT_KNOWN, "");
	else
		on_guest_done(g, r, userdata);
}

void seat_act_screen(
	void *ctx, struct execution *x, int machine, uint32_t limit_ms, execute_act_fn *done)
{
	ask_sign(ctx, x, machine, MSG_Q_STATUS, limit_ms, done, on_screen_told);
}

/* --- keyboards and mice
 * --------------------------------------------------------------------------- */

static void move(struct hostd *h, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done, bool attach)
{
	struct act *a = act_new(h, x, done, false);
	int error;

	if (!a) {
		done(x, -ENOMEM, -1, "out of memory");
		return;
	}
	error = attach ? inputs_attach(h, device, machine, limit_ms, on_virt_done, a)
		       : inputs_detach(h, device, machine, limit_ms, on_virt_done, a);
	if (error < 0)
		act_end(a, error, -1,
			error == -EBUSY      ? "it is on its way already"
			: error == -ENOTCONN ? "that guest is not libvirt's (any more)"
					     : "");
}

void seat_act_attach(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done)
{
	move(ctx, x, device, machine, limit_ms, done, true);
}

void seat_act_detach(void *ctx, struct execution *x, int device, int machine, uint32_t limit_ms,
	execute_act_fn *done)
{
	move(ctx, x, device, machine, limit_ms, done, false);
}
