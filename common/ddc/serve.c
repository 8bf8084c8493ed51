// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: request in, reply out; see serve.h. The roster says which display is
 * meant; the library (or, for a quirk, the wire) does it; what a failure means is found out by
 * looking at the connector and the EDID. A monitor that is seen several times and has a serial
 * number is one monitor on several of our inputs: each way is tried, the ones that answered at
 * detection first. Without a serial they may be two monitors, so the request must say which.
 */
#include "common/ddc/serve.h"

#include "common/base/cleanup.h"
#include "common/ddc/caps.h"
#include "common/ddc/input.h"
#include "common/ddc/quirks.h"
#include "common/ddc/signal.h"
#include "common/ddc/wire.h"
#include "common/link/message.h"
#include "common/pci/connector.h"
#include "common/pci/pci.h"

#include <string.h>
#include <time.h>

#define CAPS_SIZE 4096
#define WAYS_MS   2000 /* no further way is tried after that; the caller's limit is 5 s */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

const char *ddc_status_name(uint32_t status)
{
	static const char *const names[] = {
		[DDC_OK] = "ok",
		[DDC_NO_MONITOR] = "no-monitor",
		[DDC_AMBIGUOUS] = "ambiguous",
		[DDC_NO_ANSWER] = "no-answer",
		[DDC_REFUSED] = "refused",
		[DDC_NO_ACCESS] = "no-access",
		[DDC_FORBIDDEN] = "forbidden",
		[DDC_BROKEN] = "broken",
		[DDC_NO_RIGHT] = "no-right",
	};

	return status < ARRAY_SIZE(names) ? names[status] : "broken";
}

static void conclude(struct ddc_reply *ret, const struct ddc_outcome *outcome)
{
	_Static_assert(sizeof(ret->detail) == sizeof(outcome->detail), "one size of detail");
	ret->status = outcome->status;
	memcpy(ret->detail, outcome->detail, sizeof(ret->detail));
}

static void fill_displays(const struct roster *r, struct ddc_reply *ret)
{
	for (size_t i = 0; i < r->n; i++)
		ret->displays[i] = r->entries[i].display;
	ret->n_displays = (uint32_t)r->n;
}

static struct ddc_outcome get(struct roster_entry *e, int32_t *ret_value)
{
	uint16_t value = 0;
	struct ddc_outcome outcome = ddc_lib_get(e->ref, QUIRK_INPUT_SOURCE, &value);

	*ret_value = outcome.status == DDC_OK ? value : -1;
	e->display.input = *ret_value;
	return outcome;
}

static struct ddc_outcome wire_outcome(int r)
{
	if (r == 0)
		return ddc_outcome(DDC_OK, "");
	if (r == -ENOENT || r == -EACCES || r == -EPERM)
		return ddc_outcome(DDC_NO_ACCESS, strerror(-r));
	return ddc_outcome(DDC_REFUSED, strerror(-r));
}

static struct ddc_outcome set(struct roster_entry *e, const struct ddc_request *q)
{
	uint16_t value = (uint16_t)q->value;
	struct ddc_outcome outcome;
	struct quirk_via via;

	if (!quirk_via(q->via, &via))
		return ddc_outcome(DDC_FORBIDDEN, "unknown way to set the input source");
	if (via.source != QUIRK_SOURCE_ADDRESS)
		return wire_outcome(wire_set(e->display.bus, via.source, via.feature, value));
	outcome = ddc_lib_set(e->ref, via.feature, value);
	/* a release of the library may refuse to open what did not answer it: write blind */
	if (outcome.status == DDC_NO_ANSWER && !e->display.answers)
		outcome = wire_outcome(wire_set(e->display.bus, via.source, via.feature, value));
	return outcome;
}

static struct ddc_outcome signal_outcome(int r)
{
	if (r == 0)
		return ddc_outcome(DDC_OK, "");
	return ddc_outcome(r == -EACCES || r == -EPERM || r == -EROFS ? DDC_NO_RIGHT : DDC_BROKEN,
		strerror(-r));
}

static struct ddc_outcome caps(struct roster_entry *e, struct ddc_reply *ret)
{
	char text[CAPS_SIZE];
	struct ddc_outcome outcome = ddc_lib_caps(e->ref, text, sizeof(text));
	int n = 0;

	if (outcome.status == DDC_OK)
		n = caps_input_values(text, strlen(text), ret->inputs, ARRAY_SIZE(ret->inputs));
	if (n < 0)
		outcome = ddc_outcome(DDC_OK, "the monitor declares no input sources");
	ret->n_displays = n > 0 ? (uint32_t)n : 0;
	return outcome;
}

/* Silence and refusal have one look on the wire, whether the monitor is deaf, off or gone. */
static struct ddc_outcome diagnose(const struct roster_entry *e, struct ddc_outcome outcome)
{
	uint8_t edid[EDID_BLOCK];

	if (outcome.status != DDC_NO_ANSWER && outcome.status != DDC_REFUSED)
		return outcome;
	if (wire_check_access(e->display.bus) == -ENOENT)
		return ddc_outcome(DDC_NO_MONITOR, "its bus has vanished");
	if (wire_read_edid(e->display.bus, edid) == 0)
		return outcome;
	if (*e->display.connector && connector_is_connected(PCI_SYSFS, e->display.connector) == 0)
		return ddc_outcome(DDC_NO_MONITOR, "unplugged");
	return ddc_outcome(DDC_NO_ANSWER, "not even its EDID: off, asleep, hidden or unplugged");
}

static struct ddc_outcome act(
	struct roster_entry *e, const struct ddc_request *q, struct ddc_reply *ret)
{
	int access = wire_check_access(e->display.bus);

	if (access == -EACCES)
		return ddc_outcome(DDC_NO_ACCESS, "no right to its /dev/i2c node (group i2c)");
	if (access < 0)
		return ddc_outcome(DDC_NO_ACCESS, "no /dev/i2c node (module i2c-dev)");
	switch (q->head.op) {
	case DDC_GET: return diagnose(e, get(e, &ret->value));
	case DDC_SET: return diagnose(e, set(e, q));
	default: return diagnose(e, caps(e, ret));
	}
}

/* The displays that are meant, after a fresh detection if the last one no longer holds. */
static size_t find(struct roster *r, const struct ddc_request *q,
	struct roster_entry *ret[DDC_MAX_DISPLAYS], struct ddc_outcome *ret_outcome)
{
	size_t n = roster_find(r, q->key, q->connector, q->pci, ret);
	bool again = !r->detected || (n == 0 && roster_has_appeared(q->key));

	for (size_t i = 0; i < n; i++)
		again = again || roster_is_stale(ret[i]);
	if (again) {
		*ret_outcome = roster_detect(r);
		if (ret_outcome->status != DDC_OK)
			return 0;
		n = roster_find(r, q->key, q->connector, q->pci, ret);
	}
	if (n == 0)
		*ret_outcome = ddc_outcome(DDC_NO_MONITOR, "none with that identity here");
	return n;
}

static struct ddc_outcome act_on_one(
	struct roster *r, const struct ddc_request *q, struct ddc_reply *ret)
{
	struct roster_entry *entries[DDC_MAX_DISPLAYS];
	struct ddc_outcome outcome = { 0 };
	size_t n = find(r, q, entries, &outcome);
	uint64_t started = now_ms();

	if (n > 1 && !monitor_has_serial(&entries[0]->display.id))
		return ddc_outcome(
			DDC_AMBIGUOUS, "several alike, without serials: name a connector");
	for (size_t i = 0; i < n; i++) {
		outcome = act(entries[i], q, ret);
		if (outcome.status == DDC_OK || now_ms() - started > WAYS_MS)
			break;
	}
	return outcome;
}

/* All cables from this machine to the monitor have a picture, or none has. */
static struct ddc_outcome set_signal(struct roster *r, const struct ddc_request *q)
{
	struct roster_entry *entries[DDC_MAX_DISPLAYS];
	struct ddc_outcome outcome = { 0 };
	size_t n;

	if (q->value)
		return signal_outcome(signal_send(PCI_SYSFS));
	n = find(r, q, entries, &outcome);
	for (size_t i = 0; i < n; i++) {
		if (!*entries[i]->display.connector)
			return ddc_outcome(DDC_BROKEN, "its driver does not name the connector");
		outcome = signal_outcome(signal_end(PCI_SYSFS, entries[i]->display.connector));
		if (outcome.status != DDC_OK)
			break;
	}
	return outcome;
}

static struct ddc_outcome detect(struct roster *r, struct ddc_reply *ret)
{
	struct ddc_outcome outcome = roster_detect(r);

	for (size_t i = 0; i < r->n; i++) {
		struct roster_entry *e = &r->entries[i];
		int32_t value;

		e->display.input = -1;
		if (e->display.answers)
			get(e, &value);
	}
	fill_displays(r, ret);
	return outcome;
}

static bool is_terminated(const char *untrusted_s, size_t size)
{
	return memchr(untrusted_s, '\0', size) != NULL;
}

static struct ddc_outcome check(const struct ddc_request *q)
{
	struct quirk_via via = { 0 };

	if (!is_terminated(q->key, sizeof(q->key)) || !is_terminated(q->pci, sizeof(q->pci)) ||
		!is_terminated(q->connector, sizeof(q->connector)))
		return ddc_outcome(DDC_BROKEN, "request with unterminated text");
	if (q->head.op < DDC_DETECT || q->head.op > DDC_CAPS)
		return ddc_outcome(DDC_BROKEN, "unknown operation");
	if ((q->head.op == DDC_SET || q->head.op == DDC_GET) && !quirk_via(q->via, &via))
		return ddc_outcome(DDC_FORBIDDEN, "unknown way to set the input source");
	if (q->head.op == DDC_SET && !via.feature && q->value > 1)
		return ddc_outcome(DDC_FORBIDDEN, "a picture is ended (0) or sent (1)");
	if (q->head.op == DDC_SET && !input_value_is_valid(q->value))
		return ddc_outcome(DDC_FORBIDDEN, "an input source is 0 to 0xffff");
	return ddc_outcome(DDC_OK, "");
}

void serve_request(
	struct roster *r, const struct ddc_request *untrusted_request, struct ddc_reply *ret)
{
	const struct ddc_request *q = untrusted_request;
	struct ddc_outcome outcome = check(q);
	uint64_t started = now_ms();

	memset(ret, 0, sizeof(*ret));
	ret->head.op = q->head.op;
	ret->head.id = q->head.id;
	ret->value = -1;
	if (outcome.status == DDC_OK) {
		switch (q->head.op) {
		case DDC_DETECT: outcome = detect(r, ret); break;
		case DDC_LIST: fill_displays(r, ret); break;
		case DDC_SET:
			outcome =
				q->via == MSG_VIA_SIGNAL ? set_signal(r, q) : act_on_one(r, q, ret);
			break;
		default: outcome = act_on_one(r, q, ret); break;
		}
	}
	conclude(ret, &outcome);
	ret->took_ms = (uint32_t)(now_ms() - started);
}
