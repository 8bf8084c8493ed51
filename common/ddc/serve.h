// SPDX-License-Identifier: GPL-2.0-or-later
/* What a va-ddc does for one request, whoever it came from: a daemon, or someone at a terminal. */
#ifndef VA_DDC_SERVE_H
#define VA_DDC_SERVE_H

#include "common/ddc/ipc.h"
#include "common/ddc/roster.h"

/*
 * Carries the request out and fills in all of ret. No bus is open when this returns. A request
 * that breaks its own rules (unterminated text, unknown operation) is answered with DDC_BROKEN;
 * one for something that this program does not write, with DDC_FORBIDDEN.
 */
void serve_request(
	struct roster *r, const struct ddc_request *untrusted_request, struct ddc_reply *ret);

/* "ok", "no-monitor", ...: for people and for --json. */
const char *ddc_status_name(uint32_t status);

#endif
