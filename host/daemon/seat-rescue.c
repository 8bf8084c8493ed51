// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way home that is safe at any time. It takes the place of a switch under way, whose acts may
 * still be going on (a mouse half given away, a monitor that obeys and is deaf), so what it could
 * not do at once it tries again, a few times. It undoes nothing, and ends.
 */
#include "common/base/log.h"
#include "host/daemon/seat-internal.h"

#include <string.h>

#define ROUNDS     5
#define PAUSE_USEC 2000000ull

struct rescue {
	struct hostd *h;
	bool force;
	unsigned int round;
	struct seat_request request;
	sd_event_source *pause;
};

static void rescue_free(struct rescue *r)
{
	if (r)
		sd_event_source_disable_unref(r->pause);
	free(r);
}

static void end(struct rescue *r, enum exit_code code, const char *text)
{
	struct seat_request q = r->request;

	rescue_free(TAKE(r->h->rescue));
	if (q.done)
		q.done(q.userdata, code, text);
}

static void try_round(struct rescue *r);

static int on_pause(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct rescue *r = userdata;

	(void)s;
	(void)usec;
	r->pause = sd_event_source_disable_unref(r->pause);
	try_round(r);
	return 0;
}

static void on_step(void *userdata, int n, const struct step *s, const char *state, unsigned int ms,
	const char *detail)
{
	const struct seat_request *q = &((struct rescue *)userdata)->request;

	if (q->step)
		q->step(q->userdata, n, s, state, ms, detail);
}

static void on_done(void *userdata, enum exit_code code, const char *text)
{
	struct rescue *r = userdata;

	if (code != EXIT_CODE_FAILED || ++r->round == ROUNDS || r->h->stopping ||
		sd_event_add_time_relative(r->h->event, &r->pause, CLOCK_BOOTTIME, PAUSE_USEC,
			100000, on_pause, r) < 0)
		end(r, code, text);
}

static void try_round(struct rescue *r)
{
	struct intent i = {
		.target = r->h->machines[WORLD_HOST].name, .rescue = true, .force = r->force
	};
	struct seat_request q = { .step = on_step, .done = on_done, .userdata = r };

	seat_switch_now(r->h, &i, "a rescue", &q);
}

void seat_rescue_forget(struct hostd *h, const void *userdata)
{
	if (h->rescue && h->rescue->request.userdata == userdata)
		h->rescue->request = (struct seat_request){ 0 };
}

void seat_rescue_stop(struct hostd *h)
{
	rescue_free(TAKE(h->rescue));
}

void seat_rescue(struct hostd *h, bool force, const struct seat_request *request)
{
	struct rescue *r;

	if (h->rescue) {
		request->done(request->userdata, EXIT_CODE_BUSY, "a rescue is under way already");
		return;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		request->done(request->userdata, EXIT_CODE_FAILED, "out of memory");
		return;
	}
	*r = (struct rescue){ .h = h, .force = force, .request = *request };
	log_warn("rescue: everything comes home%s",
		h->execution ? "; the switch under way is given up" : "");
	h->rescue = r; /* from now on nobody else may */
	seat_give_up(h, "a rescue took its place");
	try_round(r);
}
