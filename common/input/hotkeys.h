// SPDX-License-Identifier: GPL-2.0-or-later
/* The section [hotkey] of host.conf and guest.conf (va-host.conf(5), va-guest.conf(5)). */
#ifndef VA_INPUT_HOTKEYS_H
#define VA_INPUT_HOTKEYS_H

#include "common/base/cleanup.h"
#include "common/base/conf.h"
#include "common/input/chord.h"

struct config_hotkeys {
	struct chord list[CHORD_MAX];
	int n;
};

/* A line: "next = scrolllock scrolllock". max_action: enum chord_action, the last one there is. */
enum conf_verdict hotkeys_config_entry(const struct conf_at *at, const char *value,
	uint32_t max_action, struct config_hotkeys *ret);

#endif
