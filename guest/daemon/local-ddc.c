// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Local requests about this machine's own monitors: detect, get, set.
 *
 * Theory of operation: a monitor is named by its key, its connector or its model name. The
 * worker lists what it knows; exactly one must fit; then it is asked by key and connector.
 */
#include "guest/daemon/local-internal.h"

#include "guest/daemon/words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void ask_worker(struct ask *a, struct ddc_request *q, ddc_reply_fn *reply)
{
	int r = ddc_ask(a->local->deps.ddc, q, reply, a);

	if (r == -EBUSY || r == -EAGAIN)
		ask_finish(a, EXIT_CODE_BUSY, NULL, "va-ddc is busy: try again");
	else if (r < 0)
		ask_finish(a, EXIT_CODE_FAILED, NULL,
			"va-ddc cannot be started: is virt-aid's libexec directory complete?");
}

/* True if there is something to go on with; else the ask has ended. */
static bool replied(struct ask *a, enum worker_fate fate, const struct ddc_reply *reply)
{
	const char *detail = "";
	enum msg_outcome outcome = ddc_outcome(fate, reply, &detail);

	if (outcome == MSG_OUT_OK)
		return true;
	ask_finish_outcome(a, (uint32_t)outcome, detail, NULL);
	return false;
}

static void on_detected(enum worker_fate fate, const struct ddc_reply *reply, void *userdata)
{
	struct ask *a = userdata;

	if (!replied(a, fate, reply))
		return;
	for (uint32_t i = 0; a->client && i < reply->n_displays; i++) {
		const struct ddc_display *d = &reply->displays[i];
		json_object *o = json_object_new_object();
		char label[32];

		ddc_display_label(d, label, sizeof(label));
		json_object_object_add(o, "key", json_object_new_string(d->key));
		json_object_object_add(o, "model", json_object_new_string(label));
		json_object_object_add(o, "connector", json_object_new_string(d->connector));
		json_object_object_add(o, "pci", json_object_new_string(d->pci));
		json_object_object_add(
			o, "input", d->input < 0 ? NULL : json_object_new_int(d->input));
		json_object_object_add(o, "answers", json_object_new_boolean(d->answers != 0));
		json_object_object_add(o, "twin", json_object_new_boolean(d->twin != 0));
		control_send(a->client, "display", o);
	}
	ask_finish(a, EXIT_CODE_OK, NULL, reply->n_displays ? "" : "no monitor on this machine");
}

static void on_done(enum worker_fate fate, const struct ddc_reply *reply, void *userdata)
{
	struct ask *a = userdata;
	json_object *extra;
	char text[64];

	if (!replied(a, fate, reply))
		return;
	if (a->request.op == CONTROL_DDC_SET) {
		ask_finish(a, EXIT_CODE_OK, NULL, "acknowledged");
		return;
	}
	extra = json_object_new_object();
	json_object_object_add(extra, "value", json_object_new_int(reply->value));
	snprintf(text, sizeof(text), "input source 0x%02x",
		reply->value < 0 ? 0u : (unsigned int)reply->value);
	ask_finish(a, EXIT_CODE_OK, extra, text);
}

static bool is_called(const struct ddc_display *d, const char *name)
{
	return !strcmp(d->key, name) || !strcmp(d->connector, name) ||
	       (d->id.name[0] && !strcasecmp(d->id.name, name));
}

static void on_listed(enum worker_fate fate, const struct ddc_reply *reply, void *userdata)
{
	struct ask *a = userdata;
	struct ddc_request q = { 0 };
	const struct ddc_display *found = NULL;
	unsigned int fit = 0;

	if (!replied(a, fate, reply))
		return;
	for (uint32_t i = 0; i < reply->n_displays; i++)
		if (is_called(&reply->displays[i], a->request.arg)) {
			found = &reply->displays[i];
			fit++;
		}
	if (fit != 1) {
		ask_finish(a, EXIT_CODE_FAILED, NULL,
			fit ? "several monitors are called that: name the connector"
			    : "no monitor is called that: see 'va-guest ddc detect'");
		return;
	}
	q.head.op = a->request.op == CONTROL_DDC_SET ? DDC_SET : DDC_GET;
	memcpy(q.key, found->key, sizeof(q.key));
	memcpy(q.connector, found->connector, sizeof(q.connector));
	memcpy(q.pci, found->pci, sizeof(q.pci));
	q.value = a->request.value;
	ask_worker(a, &q, on_done);
}

void ask_ddc(struct ask *a)
{
	struct ddc_request q = { 0 };

	if (!a->local->deps.ddc) {
		ask_finish(a, EXIT_CODE_REFUSED, NULL, "DDC is off: see ddc= in guest.conf");
		return;
	}
	if (a->request.op == CONTROL_DDC_SET && a->request.value > 0xffff) {
		ask_finish(a, EXIT_CODE_USAGE, NULL, "a value is between 0 and 0xffff");
		return;
	}
	if (a->request.op == CONTROL_DDC_DETECT) {
		q.head.op = DDC_DETECT;
		ask_worker(a, &q, on_detected);
	} else {
		q.head.op = DDC_LIST;
		ask_worker(a, &q, on_listed);
	}
}
