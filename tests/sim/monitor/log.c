// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one write() a line, so that readers never see half of one.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/sim/monitor/log.h"

static size_t add_number(char *line, size_t size, size_t len, const char *name, int value)
{
	if (value < 0)
		return len;
	return len + (size_t)snprintf(line + len, size - len, ",\"%s\":%d", name, value);
}

void log_event(void *ctx, const struct sim_event *event)
{
	const int *fd = ctx;
	char line[256];
	size_t len;

	if (*fd < 0)
		return;
	len = (size_t)snprintf(line, sizeof(line), "{\"ms\":%.3f,\"event\":\"%s\"",
		(double)event->now / 1000, event->kind);
	len = add_number(line, sizeof(line), len, "input", event->input);
	len = add_number(line, sizeof(line), len, "feature", event->feature);
	len = add_number(line, sizeof(line), len, "value", event->value);
	len = add_number(line, sizeof(line), len, "source", event->source);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "}\n");
	if (write(*fd, line, len) < 0)
		return; /* a full disk must not stop the monitor */
}
