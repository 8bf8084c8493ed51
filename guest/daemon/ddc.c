// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's hand on its va-ddc; see ddc.h.
 *
 * Theory of operation: one worker, one idle timer. A reply is checked before anyone sees it, for
 * its strings come from monitors.
 */
#include "guest/daemon/ddc.h"

#include <stdio.h>
#include <string.h>

#define IDLE_USEC          (60ull * 1000000)
#define IDLE_ACCURACY_USEC (10ull * 1000000)

struct ddc {
	sd_event *event;
	char *program;
	struct worker *worker;
	sd_event_source *idle;
	unsigned int asked; /* requests under way */
	bool warm;          /* it has answered: its first detection is over */
};

struct question {
	struct ddc *ddc;
	ddc_reply_fn *reply;
	void *userdata;
};

static bool ends(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

static bool display_is_sane(const struct ddc_display *d)
{
	return ends(d->key, sizeof(d->key)) && ends(d->connector, sizeof(d->connector)) &&
	       ends(d->pci, sizeof(d->pci)) && ends(d->id.maker, sizeof(d->id.maker)) &&
	       ends(d->id.name, sizeof(d->id.name)) &&
	       ends(d->id.serial_str, sizeof(d->id.serial_str));
}

static bool reply_is_sane(const struct ddc_reply *untrusted_r)
{
	const struct ddc_reply *r = untrusted_r;

	if (r->status > DDC_STATUS_MAX || !ends(r->detail, sizeof(r->detail)))
		return false;
	if (r->head.op == DDC_CAPS)
		return r->n_displays <= sizeof(r->inputs) / sizeof(r->inputs[0]);
	if (r->n_displays > DDC_MAX_DISPLAYS)
		return false;
	for (uint32_t i = 0; i < r->n_displays; i++)
		if (!display_is_sane(&r->displays[i]))
			return false;
	return true;
}

static int on_idle(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct ddc *d = userdata;

	(void)s;
	(void)usec;
	if (d->asked == 0) {
		worker_free(d->worker);
		d->worker = NULL;
		d->warm = false;
	}
	return 0;
}

static void on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct question q = *(struct question *)userdata;
	const struct ddc_reply *reply = msg;

	(void)size;
	free(userdata);
	q.ddc->warm = fate == WORKER_REPLIED;
	if (fd >= 0)
		close(fd);
	if (--q.ddc->asked == 0) {
		sd_event_source_set_time_relative(q.ddc->idle, IDLE_USEC);
		sd_event_source_set_enabled(q.ddc->idle, SD_EVENT_ONESHOT);
	}
	if (fate == WORKER_REPLIED && !reply_is_sane(reply))
		fate = WORKER_DIED;
	q.reply(fate, fate == WORKER_REPLIED ? reply : NULL, q.userdata);
}

static int start_worker(struct ddc *d)
{
	const char *argv[] = { d->program, NULL };
	struct worker_spec spec = {
		.name = "va-ddc",
		.argv = argv,
		.min_size = sizeof(struct ddc_reply),
		.max_size = sizeof(struct ddc_reply),
	};

	return worker_new(&d->worker, d->event, &spec);
}

static uint64_t limit_of(const struct ddc *d, uint32_t op)
{
	uint64_t first = d->warm || op == DDC_DETECT ? 0 : DDC_LIMIT_DETECT_USEC;

	if (op == DDC_DETECT)
		return DDC_LIMIT_DETECT_USEC;
	return first + (op == DDC_SET ? DDC_LIMIT_SET_USEC : DDC_LIMIT_GET_USEC);
}

int ddc_ask(struct ddc *d, struct ddc_request *q, ddc_reply_fn *reply, void *userdata)
{
	CLEANUP(free) struct question *question = malloc(sizeof(*question));
	int r = question ? 0 : -ENOMEM;

	if (r == 0 && !d->worker)
		r = start_worker(d);
	if (r < 0)
		return r;
	*question = (struct question){ .ddc = d, .reply = reply, .userdata = userdata };
	r = worker_call(d->worker, q, sizeof(*q), -1, limit_of(d, q->head.op), on_reply, question);
	if (r < 0)
		return r;
	d->asked++;
	sd_event_source_set_enabled(d->idle, SD_EVENT_OFF);
	(void)TAKE(question);
	return 0;
}

bool ddc_is_resident(const struct ddc *d)
{
	return d->worker != NULL;
}

int ddc_new(struct ddc **ret, sd_event *event, const char *program)
{
	CLEANUP_FN(ddc) struct ddc *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->event = sd_event_ref(event);
	d->program = strdup(program);
	if (!d->program)
		return -ENOMEM;
	r = sd_event_add_time(event, &d->idle, CLOCK_MONOTONIC, 0, IDLE_ACCURACY_USEC, on_idle, d);
	if (r >= 0)
		r = sd_event_source_set_enabled(d->idle, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE(d);
	return 0;
}

void ddc_free(struct ddc *d)
{
	if (!d)
		return;
	worker_free(d->worker); /* ends what is under way, with a reply each */
	sd_event_source_disable_unref(d->idle);
	sd_event_unref(d->event);
	free(d->program);
	free(d);
}

enum msg_outcome ddc_outcome(
	enum worker_fate fate, const struct ddc_reply *reply, const char **ret_detail)
{
	static const struct {
		enum msg_outcome outcome;
		const char *detail;
	} by_status[] = {
		[DDC_OK] = { MSG_OUT_OK, "" },
		[DDC_NO_MONITOR] = { MSG_OUT_NOT_FOUND, "no such monitor on this machine's GPUs" },
		[DDC_AMBIGUOUS] = { MSG_OUT_AMBIGUOUS, "several monitors with this identity" },
		[DDC_NO_ANSWER] = { MSG_OUT_FAILED, "the monitor does not answer DDC/CI" },
		[DDC_REFUSED] = { MSG_OUT_FAILED, "the monitor did not acknowledge" },
		[DDC_NO_ACCESS] = { MSG_OUT_FAILED, "no access to /dev/i2c-*: load i2c-dev, "
						    "join group i2c" },
		[DDC_FORBIDDEN] = { MSG_OUT_DENIED, "va-ddc does not write that" },
		[DDC_BROKEN] = { MSG_OUT_FAILED, "" },
		[DDC_NO_RIGHT] = { MSG_OUT_FAILED, "no right to end the picture; see [ddc] "
						   "signal, va-guest.conf(5)" },
	};

	if (fate != WORKER_REPLIED) {
		*ret_detail = fate == WORKER_LATE
				      ? "va-ddc did not answer in time; a write may have happened"
				      : "va-ddc ended; a write may have happened";
		return MSG_OUT_FAILED;
	}
	*ret_detail = by_status[reply->status].detail;
	if (**ret_detail == '\0')
		*ret_detail = reply->detail;
	return by_status[reply->status].outcome;
}

void ddc_display_label(const struct ddc_display *d, char *out, size_t size)
{
	if (d->id.name[0])
		snprintf(out, size, "%s %s", d->id.maker, d->id.name);
	else
		snprintf(out, size, "%s %04x", d->id.maker, d->id.product);
}
