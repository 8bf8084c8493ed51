// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What host.conf says about keyboards, mice and other USB devices that move with the seat:
 * sections [input NAME] (va-host.conf(5)).
 */
#ifndef VA_HOSTD_INPUTS_CONFIG_H
#define VA_HOSTD_INPUTS_CONFIG_H

#include "common/base/conf.h"
#include "host/daemon/world.h"

enum input_kind {
	INPUT_KIND_LOOK = 0, /* by its interfaces */
	INPUT_KIND_KEYBOARD,
	INPUT_KIND_MOUSE,
	INPUT_KIND_BOTH, /* a receiver: they move together */
	INPUT_KIND_OTHER,
};

/* A device; all that is given must fit. */
struct config_input {
	char name[NAME_MAX_LEN + 1];
	char serial[64]; /* as the device says; "" : any */
	char port[40];   /* usb_device.path or .place; "" : any */
	bool has_id;
	uint16_t vendor, product;
	uint32_t kind; /* enum input_kind */
};

struct config_inputs {
	struct config_input list[WORLD_MAX_DEVICES];
	int n;
};

/* A line of [input NAME]; value NULL: the section's own. */
enum conf_verdict inputs_config_entry(
	const struct conf_at *at, const char *name, const char *value, struct config_inputs *ret);
/* What must hold over all of them; file: for the report. */
void inputs_config_check(
	const struct config_inputs *c, const char *file, struct conf_report *report);

#endif
