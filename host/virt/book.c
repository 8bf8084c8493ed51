// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The book of domains; see book.h. An array with linear search: a thousand domains are looked
 * through in microseconds, and an event is rare.
 */
#include "host/virt/book.h"

#include <string.h>

struct entry {
	struct describe known;
	bool told;      /* since this connection began */
	bool dirty;     /* to be asked */
	bool asking;    /* being asked ... */
	bool overtaken; /* ... and an event came meanwhile */
	bool failed;    /* the answer was an error; retry later */
	bool seen;      /* in the list, or in an event, since this connection began */
};

struct book {
	struct entry **entries;
	size_t n, size;
	size_t turn; /* where book_next() goes on */
	bool listing, syncing;
	book_tell_fn *tell;
	void *userdata;
};

struct book *book_new(book_tell_fn *tell, void *userdata)
{
	struct book *b = calloc(1, sizeof(*b));

	if (b) {
		b->tell = tell;
		b->userdata = userdata;
	}
	return b;
}

void book_free(struct book *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++)
		free(b->entries[i]);
	free(b->entries);
	free(b);
}

static struct entry *find(const struct book *b, const char *uuid)
{
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->entries[i]->known.domain.uuid, uuid))
			return b->entries[i];
	return NULL;
}

static int grow(struct book *b)
{
	size_t size = b->size ? b->size * 2 : 16;
	struct entry **more;

	if (b->n == BOOK_MAX_DOMAINS)
		return -ENOSPC;
	if (b->n < b->size)
		return 0;
	more = reallocarray(b->entries, size, sizeof(*more));
	if (!more)
		return -ENOMEM;
	b->entries = more;
	b->size = size;
	return 0;
}

static int find_or_add(struct book *b, const char *uuid, const char *name, struct entry **ret)
{
	struct entry *e = find(b, uuid);
	int r;

	if (!e) {
		r = grow(b);
		if (r < 0)
			return r;
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		/* a name heard later is a change, to be told when the answer has it */
		memcpy(e->known.domain.uuid, uuid, strlen(uuid) + 1);
		memcpy(e->known.domain.name, name, strlen(name) + 1);
		b->entries[b->n++] = e;
	}
	*ret = e;
	return 0;
}

static void tell(struct book *b, struct entry *e, enum virt_op op)
{
	e->told = true;
	b->tell(op, &e->known.domain, b->userdata);
}

static void sync_check(struct book *b)
{
	if (!b->syncing || b->listing)
		return;
	for (size_t i = 0; i < b->n; i++)
		if (!b->entries[i]->told)
			return;
	b->syncing = false;
	b->tell(VIRT_EV_SYNCED, NULL, b->userdata);
}

static void mark(struct entry *e)
{
	e->dirty = true;
	e->failed = false;
	if (e->asking)
		e->overtaken = true;
}

static void drop(struct book *b, size_t i)
{
	struct entry *e = b->entries[i];

	memmove(&b->entries[i], &b->entries[i + 1], (b->n - i - 1) * sizeof(*b->entries));
	b->n--;
	b->tell(VIRT_EV_GONE, &e->known.domain, b->userdata);
	free(e);
}

static void set_state(struct book *b, struct entry *e, uint32_t state)
{
	e->known.domain.state = state;
	if (state == VIRT_STATE_OFF) {
		e->known.domain.flags &= ~VIRT_FLAG_PORT_OPEN;
		e->known.channel_path[0] = '\0';
	}
	tell(b, e, VIRT_EV_DOMAIN);
}

/* The guest's port, by QEMU's id or by its name. A first opening may come before the XML. */
static void port_event(struct book *b, struct entry *e, const struct events_event *v)
{
	struct virt_domain *d = &e->known.domain;

	if (!e->known.channel_alias[0] && v->alias[0]) {
		mark(e);
		return;
	}
	if (v->alias[0] && strcmp(v->alias, e->known.channel_alias) != 0)
		return;
	d->flags = v->open ? d->flags | VIRT_FLAG_PORT_OPEN : d->flags & ~VIRT_FLAG_PORT_OPEN;
	b->tell(VIRT_EV_CHANNEL, d, b->userdata);
}

int book_event(struct book *b, const struct events_event *v)
{
	struct entry *e;
	int r = find_or_add(b, v->uuid, v->name, &e);

	if (r < 0)
		return r;
	e->seen = true;
	switch (v->kind) {
	case EVENTS_PORT: port_event(b, e, v); break;
	case EVENTS_STOPPED:
		mark(e);
		set_state(b, e, VIRT_STATE_OFF);
		break;
	case EVENTS_PAUSED:
		mark(e);
		set_state(b, e, VIRT_STATE_PAUSED);
		break;
	case EVENTS_RESUMED:
		mark(e);
		/* also the first thing heard of one that starts: its channel is not known yet */
		if (e->known.domain.state == VIRT_STATE_PAUSED)
			set_state(b, e, VIRT_STATE_RUNNING);
		break;
	case EVENTS_STARTED:
	case EVENTS_CHANGED: mark(e); break;
	case EVENTS_RESET: break;
	}
	if (v->reset && e->told)
		b->tell(VIRT_EV_RESET, &e->known.domain, b->userdata);
	sync_check(b);
	return 0;
}

void book_list_begin(struct book *b)
{
	b->listing = b->syncing = true;
	for (size_t i = 0; i < b->n; i++) {
		b->entries[i]->told = b->entries[i]->seen = false;
		mark(b->entries[i]);
	}
}

int book_listed(struct book *b, const struct describe *d)
{
	bool known = find(b, d->domain.uuid) != NULL;
	struct entry *e;
	int r = find_or_add(b, d->domain.uuid, d->domain.name, &e);

	if (r < 0)
		return r;
	if (!known) {
		e->known.domain.state = d->domain.state;
		mark(e);
	}
	e->seen = true;
	return 0;
}

void book_list_end(struct book *b)
{
	b->listing = false;
	for (size_t i = b->n; i-- > 0;)
		if (!b->entries[i]->seen)
			drop(b, i);
	sync_check(b);
}

void book_list_expire(struct book *b)
{
	if (b->listing)
		return;
	for (size_t i = 0; i < b->n; i++)
		if (!b->entries[i]->told)
			tell(b, b->entries[i], VIRT_EV_DOMAIN);
	sync_check(b);
}

const char *book_next(struct book *b)
{
	for (size_t k = 0; k < b->n; k++) {
		struct entry *e = b->entries[(b->turn + k) % b->n];

		if (!e->dirty || e->asking)
			continue;
		b->turn = (b->turn + k + 1) % b->n;
		e->dirty = e->overtaken = false;
		e->asking = true;
		return e->known.domain.uuid;
	}
	return NULL;
}

static void take_answer(struct book *b, struct entry *e, const struct describe *d)
{
	/* both are zeroed where they hold no text, so a byte by byte comparison is right */
	bool same = !memcmp(&e->known.domain, &d->domain, sizeof(d->domain));

	e->known = *d;
	e->seen = true;
	if (!same || !e->told)
		tell(b, e, VIRT_EV_DOMAIN);
}

void book_answer(struct book *b, const char *uuid, int error, const struct describe *d)
{
	for (size_t i = 0; i < b->n; i++) {
		struct entry *e = b->entries[i];

		if (strcmp(e->known.domain.uuid, uuid) != 0 || !e->asking)
			continue;
		e->asking = false;
		if (e->overtaken)
			e->overtaken = false; /* and it is dirty: it will be asked again */
		else if (error == -ENOENT)
			drop(b, i);
		else if (describe_is_usable(error))
			take_answer(b, e, d);
		else
			e->failed = true;
		break;
	}
	sync_check(b);
}

void book_forget_questions(struct book *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->entries[i]->asking)
			b->entries[i]->dirty = true;
		b->entries[i]->asking = b->entries[i]->overtaken = false;
	}
	b->listing = b->syncing = false;
}

bool book_retry(struct book *b)
{
	bool any = false;

	for (size_t i = 0; i < b->n; i++) {
		if (!b->entries[i]->failed)
			continue;
		mark(b->entries[i]);
		any = true;
	}
	return any;
}

const struct describe *book_find(const struct book *b, const char *uuid)
{
	const struct entry *e = find(b, uuid);

	return e ? &e->known : NULL;
}

void book_doubt(struct book *b, const char *uuid)
{
	struct entry *e = find(b, uuid);

	if (e)
		mark(e);
}
