// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The monitors that the last detection found, and where. Kept between requests, so that a switch
 * costs one write and not a detection; what may have changed meanwhile (bus numbers, cables) is
 * looked up in sysfs each time, without touching a wire.
 */
#ifndef VA_DDC_ROSTER_H
#define VA_DDC_ROSTER_H

#include "common/ddc/ddc-lib.h"
#include "common/ddc/ipc.h"

struct roster_entry {
	struct ddc_display display;
	void *ref; /* of libddcutil */
};

struct roster {
	struct roster_entry entries[DDC_MAX_DISPLAYS];
	size_t n;
	bool detected; /* a detection has been made */
};

/* Looks afresh; what was last read of an input stays with a display that is still there. */
struct ddc_outcome roster_detect(struct roster *r);

/*
 * The entries with that key; connector and pci narrow it down unless "". Into ret[], those that
 * answered at detection first; returns their number.
 */
size_t roster_find(struct roster *r, const char *key, const char *connector, const char *pci,
	struct roster_entry *ret[DDC_MAX_DISPLAYS]);

/* Its bus is gone or hangs elsewhere, or the kernel sees another monitor there. */
bool roster_is_stale(const struct roster_entry *entry);

/*
 * A monitor with that key answers on a connector's bus, though the last detection did not see
 * it: some show not even their EDID on an input that is hidden. Milliseconds.
 */
bool roster_has_appeared(const char *key);

#endif
