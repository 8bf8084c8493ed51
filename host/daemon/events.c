// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clients that follow what changes: "va-host events", "va-host status --watch".
 *
 * Theory of operation: what is told is state, not history. All objects that status shows are kept
 * as they were told last; after a change, those that differ now are told to everybody, and what
 * has gone is told as gone, then a "sync". A client that reads too slowly is left out until it
 * has read what it was sent, and is then told everything anew: it may miss what was in between,
 * never the last word, and no queue grows. Steps of a switch are told as they happen.
 */
#include "host/daemon/commands.h"

#include "common/control/control.h"

#include <stdio.h>
#include <string.h>

#define GATHER_USEC 20000ull  /* changes come in flocks */
#define BEHIND_USEC 500000ull /* when to look whether slow clients have caught up */
#define BEHIND_SIZE 65536u    /* bytes a client may leave unread */

struct follower {
	struct control_client *c; /* NULL: free */
	bool behind, fresh;       /* is to be told everything */
};

struct events {
	struct hostd *h;
	struct follower followers[CONTROL_CLIENTS];
	json_object *told; /* "type name" -> object */
	sd_event_source *gather;
	bool pending;
};

static bool anybody(const struct events *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->followers); i++)
		if (e->followers[i].c)
			return true;
	return false;
}

/* --- what is so now ------------------------------------------------------------------------------
 */

static void keep(json_object *all, const char *type, json_object *taken)
{
	json_object *name = NULL;
	char key[NAME_MAX_LEN + 32];

	if (!json_object_object_get_ex(taken, "name", &name))
		json_object_object_get_ex(taken, "guest", &name);
	snprintf(key, sizeof(key), "%s %s", type, name ? json_object_get_string(name) : "");
	json_object_object_add(all, key, taken);
}

/* What counts down is no change. */
static void keep_question(json_object *all, const struct guest *g)
{
	json_object *o = show_question(g);

	json_object_object_del(o, "expires_s");
	keep(all, "question", o);
}

static json_object *look(struct hostd *h)
{
	json_object *all = json_object_new_object();
	const struct world *w = hostd_world(h);

	keep(all, "host", show_host(h));
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			keep(all, "guest", show_guest(h, h->guests[i]));
	for (int i = 0; i < w->n_monitors; i++)
		keep(all, "monitor", show_monitor(h, i));
	for (int i = 0; i < w->n_devices; i++)
		keep(all, "input", show_input(h, i));
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->question.number)
			keep_question(all, h->guests[i]);
	return all;
}

/* --- telling -------------------------------------------------------------------------------------
 */

/* "guest zorg" -> "guest" */
static const char *type_of(const char *key, char type[16])
{
	snprintf(type, 16, "%.*s", (int)strcspn(key, " "), key);
	return type;
}

/* o is borrowed */
static void tell(struct events *e, const char *type, json_object *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(e->followers); i++) {
		struct follower *f = &e->followers[i];

		if (f->c && !f->behind && !f->fresh)
			control_send(f->c, type, json_object_get(o));
	}
}

static void tell_gone(struct events *e, const char *key)
{
	json_object *o = json_object_new_object();
	char type[16];

	json_object_object_add(o, "kind", json_object_new_string(type_of(key, type)));
	json_object_object_add(o, "name", json_object_new_string(key + strcspn(key, " ") + 1));
	tell(e, "gone", o);
	json_object_put(o);
}

/* True if anything was told. */
static bool tell_changes(struct events *e, json_object *now)
{
	bool any = false;
	char type[16];

	json_object_object_foreach(now, key, o)
	{
		json_object *before = NULL;

		if (!json_object_object_get_ex(e->told, key, &before) ||
			!json_object_equal(before, o)) {
			tell(e, type_of(key, type), o);
			any = true;
		}
	}
	json_object_object_foreach(e->told, old, unused)
	{
		(void)unused;
		if (!json_object_object_get_ex(now, old, NULL)) {
			tell_gone(e, old);
			any = true;
		}
	}
	return any;
}

static void tell_everything(struct events *e, struct follower *f)
{
	char type[16];

	json_object_object_foreach(e->told, key, o)
		control_send(f->c, type_of(key, type), json_object_get(o));
	control_send(f->c, "sync", NULL);
	f->fresh = f->behind = false;
}

static void arm(struct events *e, uint64_t usec)
{
	if (e->pending)
		return;
	e->pending = true;
	sd_event_source_set_time_relative(e->gather, usec);
	sd_event_source_set_enabled(e->gather, SD_EVENT_ONESHOT);
}

static int on_gather(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct events *e = userdata;
	json_object *now;

	(void)s;
	(void)usec;
	e->pending = false;
	if (!anybody(e))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(e->followers); i++)
		if (e->followers[i].c && control_client_queued(e->followers[i].c) > BEHIND_SIZE)
			e->followers[i].behind = true;
	now = look(e->h);
	if (tell_changes(e, now))
		tell(e, "sync", NULL);
	json_object_put(e->told);
	e->told = now;
	for (size_t i = 0; i < ARRAY_SIZE(e->followers); i++) {
		struct follower *f = &e->followers[i];

		if (!f->c || (!f->fresh && !f->behind))
			continue;
		if (control_client_queued(f->c) <= BEHIND_SIZE)
			tell_everything(e, f);
		else
			arm(e, BEHIND_USEC);
	}
	return 0;
}

void events_poke(struct hostd *h)
{
	if (h->events && anybody(h->events))
		arm(h->events, GATHER_USEC);
}

void events_step(struct hostd *h, int n, const struct step *s, const char *state, unsigned int ms,
	const char *detail)
{
	json_object *o;

	if (!h->events || !anybody(h->events))
		return;
	o = show_step_taken(hostd_world(h), n, s, state, ms, detail);
	tell(h->events, "step", o);
	json_object_put(o);
	events_poke(h);
}

void events_request(const struct guest *g, const struct msg_prepare *p, const char *outcome)
{
	struct events *e = g->h->events;
	json_object *o;

	if (!e || !anybody(e))
		return;
	o = show_request(g, p);
	json_object_object_add(o, "outcome", json_object_new_string(outcome));
	tell(e, "request", o);
	json_object_put(o);
}

/* --- coming and going ----------------------------------------------------------------------------
 */

void command_events(
	struct hostd *h, struct guest *g, struct control_client *c, const struct control_request *r)
{
	struct events *e = h->events;

	(void)g;
	(void)r;
	for (size_t i = 0; e && i < ARRAY_SIZE(e->followers); i++)
		if (!e->followers[i].c) {
			e->followers[i] = (struct follower){ .c = c, .fresh = true };
			arm(e, 0);
			return;
		}
	control_finish(c, EXIT_CODE_BUSY, NULL, "too many clients follow already");
}

void events_gone(struct hostd *h, const struct control_client *c)
{
	for (size_t i = 0; h->events && i < ARRAY_SIZE(h->events->followers); i++)
		if (h->events->followers[i].c == c)
			h->events->followers[i] = (struct follower){ 0 };
}

int events_start(struct hostd *h)
{
	struct events *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->h = h;
	r = sd_event_add_time(h->event, &e->gather, CLOCK_MONOTONIC, 0, 1000, on_gather, e);
	if (r < 0) {
		free(e);
		return r;
	}
	sd_event_source_set_enabled(e->gather, SD_EVENT_OFF);
	e->told = json_object_new_object();
	h->events = e;
	return 0;
}

void events_stop(struct hostd *h)
{
	struct events *e = TAKE(h->events);

	if (!e)
		return;
	sd_event_source_disable_unref(e->gather);
	json_object_put(e->told);
	free(e);
}
