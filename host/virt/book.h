// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The watcher's book of domains, by UUID: what is known, what the core has been told, what must
 * be asked again. Pure: events, answers and the list of domains go in; messages for the core and
 * the next domain to ask about come out. Reads no clock, does no I/O.
 *
 * Asking can take as long as a domain's hook runs, so events win over answers: an answer to a
 * question that an event has overtaken is thrown away and the question is asked again. What an
 * event itself proves (stopped, paused) is told at once.
 */
#ifndef VA_VIRT_BOOK_H
#define VA_VIRT_BOOK_H

#include "common/base/cleanup.h"
#include "host/virt/describe.h"
#include "host/virt/events.h"

#define BOOK_MAX_DOMAINS 4096

struct book;

/* op: VIRT_EV_DOMAIN, _GONE, _CHANNEL, _RESET with a domain, or _SYNCED with NULL. */
typedef void book_tell_fn(enum virt_op op, const struct virt_domain *domain, void *userdata);

/* NULL: out of memory. */
struct book *book_new(book_tell_fn *tell, void *userdata);
void book_free(struct book *b);
DEFINE_CLEANUP(book, book_free);

/* 0; -ENOMEM, -ENOSPC: one domain too many, it stays unknown. */
int book_event(struct book *b, const struct events_event *e);

/*
 * A new connection: everything is to be listed, asked and told again. Then each domain of the
 * list, then its end: who was not in it, nor in an event since, has gone. After that
 * VIRT_EV_SYNCED comes as soon as each domain was told, or when book_list_expire() is called,
 * which tells those whose answer is still out with what the list said.
 */
void book_list_begin(struct book *b);
int book_listed(struct book *b, const struct describe *d);
void book_list_end(struct book *b);
void book_list_expire(struct book *b);

/* The next domain to ask about, now being asked; NULL: none. Valid until the next call. */
const char *book_next(struct book *b);
/* The answer: error as of describe_domain(); -ENOENT removes it, others ask for a retry. */
void book_answer(struct book *b, const char *uuid, int error, const struct describe *d);
/* Nobody will answer what is being asked: the connection is lost. */
void book_forget_questions(struct book *b);
/* Those whose answer was an error shall be asked again. True if there are any. */
bool book_retry(struct book *b);

/* NULL: unknown. Valid until the next call that changes the book. */
const struct describe *book_find(const struct book *b, const char *uuid);
/* Its channel turned out to be stale: ask again. */
void book_doubt(struct book *b, const char *uuid);

#endif
