// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration files, "[section]" and "key = value" lines (va-host.conf(5)); a thin layer over
 * inih that knows files and lines. "#" and ";" begin a comment at the start of a line, " ;" after
 * a value. A line holds at most CONF_LINE_MAX bytes and is never continued on the next one.
 *
 * Nothing is taken silently: whatever the program's own table of sections and keys does not know
 * is an error. All errors of a file are collected, one a line, as "FILE:LINE: what; what to do".
 */
#ifndef VA_BASE_CONF_H
#define VA_BASE_CONF_H

#include "common/base/escape.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_FILE_MAX    (64u << 10)
#define CONF_LINE_MAX    197u /* inih's own buffer is 200 bytes in every distribution */
#define CONF_REPORT_SIZE 4096

/* Initialise with { 0 }. */
struct conf_report {
	unsigned int n_errors; /* also counts those that found no room in text */
	size_t len;
	char text[CONF_REPORT_SIZE]; /* lines, each with its newline; terminated */
};

/* line 0: the file as a whole. Foreign text in the arguments goes through escape() first. */
void conf_report_add(struct conf_report *r, const char *file, unsigned int line, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* Where the parser is. */
struct conf_at {
	const char *file;
	unsigned int line;
	const char *section; /* "" before the first; "guest zorg" for [guest zorg] */
	const char *key;     /* NULL at the section's own line */
	struct conf_report *report;
};

enum conf_verdict {
	CONF_OK,
	CONF_UNKNOWN_SECTION,
	CONF_UNKNOWN_KEY,
	CONF_BAD, /* the callback has reported it */
};

void conf_error(const struct conf_at *at, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Called for each section line (key and value NULL) and each entry, in the order of the file. */
typedef enum conf_verdict conf_entry_fn(
	const struct conf_at *at, const char *value, void *userdata);

/* Parses text[len]; file is its name in messages. 0, or -EINVAL with report saying why. */
int conf_parse(const char *file, const char *text, size_t len, conf_entry_fn *entry, void *userdata,
	struct conf_report *report);

/*
 * Reads and parses a file that passes safefile_read(); what does not is an error in the report
 * as well. -ENOENT (not in the report: the caller knows whether it must exist), or -EINVAL.
 */
int conf_read(const char *path, conf_entry_fn *entry, void *userdata, struct conf_report *report);

/* If section is "KIND NAME", the name; else NULL. Does not check it. */
const char *conf_section_name(const char *section, const char *kind);

/* Values. Each stores and returns CONF_OK, or reports what would be right and returns CONF_BAD. */
enum conf_verdict conf_bool(const struct conf_at *at, const char *value, bool *ret);
/* "15", "15s", "2min", "1h" */
enum conf_verdict conf_seconds(const struct conf_at *at, const char *value, unsigned int min,
	unsigned int max, unsigned int *ret);
enum conf_verdict conf_uint(const struct conf_at *at, const char *value, unsigned int min,
	unsigned int max, unsigned int *ret);
/* Decimal, or hexadecimal with 0x; 0 to 65535. */
enum conf_verdict conf_u16(const struct conf_at *at, const char *value, uint16_t *ret);
/* name_is_valid(). */
enum conf_verdict conf_name(
	const struct conf_at *at, const char *value, char ret[NAME_MAX_LEN + 1]);
/* An absolute path of less than size bytes, without "..". */
enum conf_verdict conf_path(const struct conf_at *at, const char *value, char *ret, size_t size);
/* One of words[n]: its index. */
enum conf_verdict conf_word(const struct conf_at *at, const char *value, const char *const *words,
	size_t n, unsigned int *ret);

/*
 * The number at the start of s in base 10 (16 after "0x", with hex), without sign or space; what
 * follows it in *ret_rest. False: there is none, or it is above max.
 */
bool conf_scan_number(const char *s, bool hex, uint64_t max, uint64_t *ret, const char **ret_rest);

#endif
