// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hotkeys on the keyboards that this machine has, where the configuration names some: va-input
 * hears them, and the host is asked for the switch as any user here could ask it.
 */
#ifndef VA_GUEST_HOTKEY_H
#define VA_GUEST_HOTKEY_H

#include "common/input/hotkeys.h"
#include "guest/daemon/channel.h"

struct hotkey;

/*
 * *ret is NULL where no hotkey is configured: then nothing is opened, watched or started. All are
 * borrowed and outlive it; nodes: where eventN are, "/dev/input". Negative errno.
 */
int hotkey_new(struct hotkey **ret, sd_event *event, struct channel *channel,
	const struct config_hotkeys *keys, const char *program, const char *nodes);
void hotkey_free(struct hotkey *h);
DEFINE_CLEANUP(hotkey, hotkey_free);

/* How a request of a hotkey ended. NULL is fine. */
void hotkey_take_event(struct hotkey *h, const struct link_event *ev);

#endif
