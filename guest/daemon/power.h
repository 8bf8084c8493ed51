// SPDX-License-Identifier: GPL-2.0-or-later
/* Switching this machine off: by logind where there is one, else by a configured command. */
#ifndef VA_GUEST_POWER_H
#define VA_GUEST_POWER_H

#include "common/base/cleanup.h"

#include <systemd/sd-event.h>

struct power;

/* error: 0 or negative errno; detail: a few words for people, "" where all went well. */
typedef void power_reply_fn(int error, const char *detail, void *userdata);

/* command: one absolute path without arguments, or NULL; copied. */
int power_new(struct power **ret, sd_event *event, const char *command);
void power_free(struct power *p);
DEFINE_CLEANUP(power, power_free);

/*
 * Asks for it. reply is called once, perhaps before this returns. -EBUSY: already under way,
 * reply is not called.
 */
int power_off(struct power *p, power_reply_fn *reply, void *userdata);

#endif
