// SPDX-License-Identifier: GPL-2.0-or-later
/* Log lines; see log.h. One write per line, so that lines of several processes do not mix. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAX_LINE 1024

static const char *log_name = "virt-aid";
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_journal;

void log_init(const char *name, enum log_level max)
{
	log_name = name;
	log_max = max;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(enum log_level max)
{
	log_max = max;
}

bool log_wants(enum log_level level)
{
	return level <= log_max;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_MAX_LINE];
	va_list ap;
	int n, m;

	if (!log_wants(level))
		return;
	if (log_journal)
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	else
		n = snprintf(line, sizeof(line), "%s: ", log_name);
	if (n < 0 || (size_t)n >= sizeof(line) - 2)
		return;
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n = (int)strlen(line);
	line[n++] = '\n';
	/* a log line that cannot be written has nowhere to be reported */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
