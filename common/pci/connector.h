// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * DRM connectors and the I2C buses that lead to their monitors. A bus number holds for this
 * moment only; a connector's name, less its card number, holds as long as the cabling.
 */
#ifndef VA_PCI_CONNECTOR_H
#define VA_PCI_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONNECTOR_SIZE 32 /* "card0-HDMI-A-1", terminated */

/*
 * The connector that a bus belongs to: it is the connector's child (DisplayPort) or the target
 * of its link "ddc". Where several share a bus, one with a monitor is preferred. -ENODEV: none,
 * as with drivers that do not say.
 */
int connector_of_bus(const char *sysfs, int bus, char ret[CONNECTOR_SIZE]);

/* What the kernel says of a connector: 1 something is plugged in, 0 nothing, negative: unknown. */
int connector_is_connected(const char *sysfs, const char *connector);
/* The same of its encoder: 1 one is attached, though the output may sleep (DPMS), 0 none. */
int connector_is_enabled(const char *sysfs, const char *connector);

/* The EDID as the kernel last read it: bytes, 0 if it has none, or negative errno. */
ssize_t connector_read_edid(const char *sysfs, const char *connector, uint8_t *ret, size_t size);

/* "DP-1" and "card1-DP-1" both name "card1-DP-1". */
bool connector_is_named(const char *connector, const char *untrusted_name);

#endif
