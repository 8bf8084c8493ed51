// SPDX-License-Identifier: GPL-2.0-or-later
/* Who said to wait for the end of the switch under way; first come, first served. */
#include "host/daemon/seat-internal.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_MAX 8

struct seat_queued {
	struct seat_queued *next;
	struct intent intent;
	char target[NAME_MAX_LEN + 1], who[NAME_MAX_LEN + 1];
	struct seat_request request;
};

bool seat_queue_add(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r)
{
	struct seat_queued **p = &h->queue, *q;
	int n = 0;

	for (; *p; p = &(*p)->next)
		n++;
	q = n < QUEUE_MAX ? calloc(1, sizeof(*q)) : NULL;
	if (!q)
		return false;
	q->intent = *i;
	q->request = *r;
	snprintf(q->target, sizeof(q->target), "%s", i->target);
	snprintf(q->who, sizeof(q->who), "%s", who);
	q->intent.target = q->target;
	*p = q;
	return true;
}

void seat_queue_next(struct hostd *h)
{
	while (h->queue && !h->execution && !h->handover && !h->recovery && !h->rescue) {
		struct seat_queued *q = h->queue;

		h->queue = q->next;
		seat_switch(h, &q->intent, q->who, &q->request);
		free(q);
	}
}

void seat_queue_forget(struct hostd *h, const void *userdata)
{
	for (struct seat_queued **p = &h->queue; *p;) {
		struct seat_queued *q = *p;

		if (q->request.userdata != userdata) {
			p = &q->next;
			continue;
		}
		*p = q->next; /* nobody waits: nobody wants it any more */
		free(q);
	}
}

void seat_queue_free(struct hostd *h)
{
	while (h->queue) {
		struct seat_queued *q = h->queue;

		h->queue = q->next;
		free(q);
	}
}
