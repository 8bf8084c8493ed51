// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libddcutil, both generations behind one door: 1.4.x (Debian 12, Ubuntu 24.04) and 2.x (Debian
 * 13, Fedora). Only what all releases have in common is used. The library keeps global state, so
 * there are no objects here; a reference holds until the next detection. Every function opens
 * what it needs and closes it before it returns: an open bus blocks the GPU's unbind.
 * The library may block for seconds, and may end the process by an assertion: its callers sit in
 * a process of their own, with someone who watches the clock.
 */
#ifndef VA_DDC_DDC_LIB_H
#define VA_DDC_DDC_LIB_H

#include "common/ddc/ipc.h"

#define DDC_LIB_MAX_BUS 127 /* the library asserts on a bus number above */

/* How a call ended; detail is printable. */
struct ddc_outcome {
	enum ddc_status status;
	char detail[96];
};

struct ddc_lib_display {
	uint8_t edid[EDID_BLOCK];
	int bus;
	bool answers; /* DDC/CI worked at detection */
	void *ref;    /* the library's; holds until the next ddc_lib_detect() */
};

/*
 * Looks for monitors on all buses, 0.03 to 6 s for each. Into ret[max], also those that have an
 * EDID and no working DDC/CI; writing to them blind is allowed. Returns their number, or -1 with
 * *ret_outcome set.
 */
int ddc_lib_detect(struct ddc_lib_display *ret, size_t max, struct ddc_outcome *ret_outcome);

/* A feature that is a number; *ret_value is sh << 8 | sl. */
struct ddc_outcome ddc_lib_get(void *ref, uint8_t feature, uint16_t *ret_value);
/* Not verified: DDC_OK says that the wire acknowledged. */
struct ddc_outcome ddc_lib_set(void *ref, uint8_t feature, uint16_t value);
/* The capabilities string into ret[size], cut and terminated; seconds, unless cached. */
struct ddc_outcome ddc_lib_caps(void *ref, char *ret, size_t size);

/* "1.4.1": of the library that runs. */
const char *ddc_lib_version(void);

/* Sets an outcome; detail is made printable and cut. */
struct ddc_outcome ddc_outcome(enum ddc_status status, const char *detail);

#endif
