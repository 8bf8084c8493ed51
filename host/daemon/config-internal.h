// SPDX-License-Identifier: GPL-2.0-or-later
/* What the readers of host.conf's sections share: config.c, config-monitor.c. */
#ifndef VA_HOSTD_CONFIG_INTERNAL_H
#define VA_HOSTD_CONFIG_INTERNAL_H

#include "host/daemon/config.h"

/* "0000:01:00.0", the domain of up to five digits. */
enum conf_verdict config_pci(const struct conf_at *at, const char *value, char ret[WORLD_PCI_SIZE]);
/* Any text shorter than size. */
enum conf_verdict config_text(const struct conf_at *at, const char *value, char *ret, size_t size);

/* The monitor whose section is being read: its identity comes in parts. */
struct monitor_reading {
	struct config *c;
	struct world_monitor *monitor;
	struct monitor_id id;
	unsigned int lines[WORLD_MAX_MONITORS]; /* of the monitors' sections */
};

/* A line of [monitor NAME]; value NULL: the section's own. */
enum conf_verdict monitor_config_entry(
	const struct conf_at *at, const char *name, const char *value, struct monitor_reading *r);
/* What must hold over all of them; file: for the report. */
void monitor_config_check(
	const struct monitor_reading *r, const char *file, struct conf_report *report);

#endif
