// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Log lines of the programs. Libraries do not log; a program logs once, at the boundary, saying
 * what was tried, on what, why it failed and what the user can do. Lines go to stderr, with
 * sd-daemon(3) priority prefixes ("<4>") when stderr is the journal, and the program's name else.
 *
 * Text that came from another machine goes through escape_str() first (base/escape.h).
 */
#ifndef VA_BASE_LOG_H
#define VA_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* name: of the program, a static string. Lines above max are dropped. */
void log_init(const char *name, enum log_level max);
void log_set_level(enum log_level max);
bool log_wants(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
