// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's hand on its va-ddc: started with the first request, let go when nothing was asked
 * for a minute, so that an idle guest carries no libddcutil.
 */
#ifndef VA_GUEST_DDC_H
#define VA_GUEST_DDC_H

#include "common/base/cleanup.h"
#include "common/ddc/ipc.h"
#include "common/link/message.h"

struct ddc;

/* reply: NULL unless fate is WORKER_REPLIED; its strings are terminated, its counts in range. */
typedef void ddc_reply_fn(enum worker_fate fate, const struct ddc_reply *reply, void *userdata);

/* program: absolute path of va-ddc, copied. Starts nothing yet. */
int ddc_new(struct ddc **ret, sd_event *event, const char *program);
void ddc_free(struct ddc *d);
DEFINE_CLEANUP(ddc, ddc_free);

/* Asks; reply is called exactly once, later. Negative errno: it will not be called. */
int ddc_ask(struct ddc *d, struct ddc_request *q, ddc_reply_fn *reply, void *userdata);
bool ddc_is_resident(const struct ddc *d);

/* What a fate and a status mean to whoever asked; *ret_detail: a few words, static or reply's. */
enum msg_outcome ddc_outcome(
	enum worker_fate fate, const struct ddc_reply *reply, const char **ret_detail);
/* "DEL U2720Q" into out[size]. */
void ddc_display_label(const struct ddc_display *d, char *out, size_t size);

#endif
