// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What people are told of monitors that nobody configured: a section for host.conf each.
 *
 * Theory of operation: of a monitor of which not all was seen, the host's DDC worker is asked
 * once which inputs it declares. That takes seconds, so it is done for somebody who asks and not
 * amid a switch, one monitor after the other; the answer ends when all have been asked.
 */
#include "host/daemon/cables-internal.h"

#include "host/daemon/commands.h"

#include <stdio.h>
#include <string.h>

/* Somebody waits for what a monitor declares. */
struct inquiry {
	struct inquiry *next;
	struct hostd *h;
	struct control_client *client; /* NULL: left */
	char key[MONITOR_KEY_SIZE];
};

static struct inquiry *inquiries;

/* One of those that are told: not configured, and not the same one as before. */
static bool is_told(const struct hostd *h, int display)
{
	const struct ddc_display *d = &h->displays[display];

	for (int k = 0; k < display && !d->twin; k++)
		if (!strcmp(h->displays[k].key, d->key))
			return false;
	return cables_is_new(h, d->key);
}

static const struct cables_hint *hint_of(const struct cables *c, const char *key)
{
	for (int i = 0; i < c->n_hints; i++)
		if (!strcmp(c->hints[i].key, key))
			return &c->hints[i];
	return NULL;
}

static void send_sections(struct hostd *h, struct control_client *client)
{
	struct learned_sight s[CABLES_SIGHTS];
	struct learned_missing missing = { .w = hostd_world(h), .sights = s };

	missing.n_sights = cables_sights(h, s);
	for (int i = 0; i < h->n_displays; i++) {
		const struct ddc_display *d = &h->displays[i];
		const struct cables_hint *hint = hint_of(h->cables, d->key);
		struct world_monitor m;

		if (!is_told(h, i))
			continue;
		missing.declared = hint ? hint->inputs : NULL;
		missing.n_declared = hint ? hint->n : 0;
		learned_monitor(&h->cables->learned, d->key, &m);
		control_send(client, "section",
			show_section(d->key, d->twin ? d->connector : "", d->twin ? NULL : &m,
				&missing));
	}
}

/* r NULL: none. The oldest gives way: there are never more displays than hints. */
static void keep_hint(struct cables *c, const char *key, const struct ddc_reply *r)
{
	struct cables_hint *hint;

	if (hint_of(c, key))
		return;
	if (c->n_hints == DDC_MAX_DISPLAYS)
		memmove(c->hints, c->hints + 1, sizeof(c->hints[0]) * (size_t)--c->n_hints);
	hint = &c->hints[c->n_hints++];
	*hint = (struct cables_hint){ 0 };
	memcpy(hint->key, key, sizeof(hint->key));
	for (uint32_t i = 0; r && i < r->n_displays && i < ARRAY_SIZE(r->inputs); i++)
		if (hint->n < LEARNED_MAX_HINTS)
			hint->inputs[hint->n++] = r->inputs[i];
}

static void on_declared(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct inquiry *q = userdata;
	struct hostd *h = q->h;
	const struct ddc_reply *r = msg;
	bool ok = fate == WORKER_REPLIED && r->status == DDC_OK;

	(void)size;
	if (fd >= 0)
		close(fd);
	for (struct inquiry **p = &inquiries; *p; p = &(*p)->next)
		if (*p == q) {
			*p = q->next;
			break;
		}
	/* without an answer it is not asked again: that may have cost a worker */
	if (h->cables)
		keep_hint(h->cables, q->key, ok ? r : NULL);
	if (q->client && fate == WORKER_STOPPED)
		control_finish(q->client, EXIT_CODE_FAILED, NULL, "va-hostd stops");
	else if (q->client)
		cables_show(h, q->client);
	free(q);
}

static bool inquire(struct hostd *h, const struct ddc_display *d, struct control_client *client)
{
	struct ddc_request r = { .head.op = DDC_CAPS };
	struct inquiry *q = calloc(1, sizeof(*q));

	if (!q)
		return false;
	q->h = h;
	q->client = client;
	memcpy(q->key, d->key, sizeof(q->key));
	memcpy(r.key, d->key, sizeof(r.key));
	memcpy(r.pci, d->pci, sizeof(r.pci));
	memcpy(r.connector, d->connector, sizeof(r.connector));
	if (monitors_ask(h, &r, DDC_LIMIT_CAPS_USEC, on_declared, q) < 0) {
		free(q);
		return false;
	}
	q->next = inquiries;
	inquiries = q;
	return true;
}

void cables_show(struct hostd *h, struct control_client *client)
{
	struct world_monitor m;

	for (int i = 0; h->cables && i < h->n_displays && !seat_is_busy(h); i++) {
		const struct ddc_display *d = &h->displays[i];

		if (is_told(h, i) && d->answers && !d->twin && !hint_of(h->cables, d->key) &&
			learned_monitor(&h->cables->learned, d->key, &m) < 2 &&
			inquire(h, d, client))
			return;
	}
	if (h->cables)
		send_sections(h, client);
	cables_look_again(h); /* for the next time */
	control_finish(client, EXIT_CODE_OK, NULL, "%s", "");
}

void cables_forget(struct hostd *h, const struct control_client *client)
{
	(void)h;
	for (struct inquiry *q = inquiries; q; q = q->next)
		if (q->client == client)
			q->client = NULL;
}
