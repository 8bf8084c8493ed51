// SPDX-License-Identifier: GPL-2.0-or-later
/* Switching this machine off: by logind where there is one, else by a configured command. */
#ifndef VA_GUEST_POWEROFF_H
#define VA_GUEST_POWEROFF_H

#include "common/base/cleanup.h"

#include <systemd/sd-event.h>

struct poweroff;

/* error: 0 or negative errno; detail: a few words for people, "" where all went well. */
typedef void poweroff_reply_fn(int error, const char *detail, void *userdata);

/* command: one absolute path without arguments, or NULL; copied. */
int poweroff_new(struct poweroff **ret, sd_event *event, const char *command);
void poweroff_free(struct poweroff *p);
DEFINE_CLEANUP(poweroff, poweroff_free);

/*
 * Asks for it. reply is called once, perhaps before this returns. -EBUSY: already under way,
 * reply is not called.
 */
int poweroff_ask(struct poweroff *p, poweroff_reply_fn *reply, void *userdata);

#endif
