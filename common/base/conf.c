// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration files; see conf.h. inih splits "key = value" and knows comments; the reader that
 * feeds it hands over one line at a time, so that lines are counted here, and keeps from it what
 * it would take silently: sections (it cuts long ones), continued lines, lines without "=", lines
 * longer than its buffer, control characters.
 */
#include "common/base/conf.h"

#include "common/base/cleanup.h"
#include "common/base/safefile.h"

#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define BOM "\xef\xbb\xbf" /* some editors' mark of UTF-8 */

struct conf_reader {
	const char *next, *end;
	struct conf_at at;
	char section[CONF_LINE_MAX + 1];
	bool skip_section; /* unknown: said once, not once more for each key */
	conf_entry_fn *entry;
	void *userdata;
	unsigned int n_errors_before;
};

/* --- errors ----------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 4, 0)))
report_vadd(struct conf_report *r, const char *file, unsigned int line, const char *fmt, va_list ap)
{
	char what[512], where[16] = "";
	int n;

	if (line > 0)
		snprintf(where, sizeof(where), ":%u", line);
	if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
		what[0] = '\0';
	r->n_errors++;
	n = snprintf(r->text + r->len, sizeof(r->text) - r->len, "%s%s: %s\n", file, where, what);
	if (n > 0 && (size_t)n < sizeof(r->text) - r->len)
		r->len += (size_t)n;
	else
		r->text[r->len] = '\0'; /* no half lines */
}

void conf_report_add(
	struct conf_report *r, const char *file, unsigned int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_vadd(r, file, line, fmt, ap);
	va_end(ap);
}

void conf_error(const struct conf_at *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_vadd(at->report, at->file, at->line, fmt, ap);
	va_end(ap);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void take_verdict(struct conf_reader *r, enum conf_verdict verdict)
{
	switch (verdict) {
	case CONF_OK:
	case CONF_BAD: break;
	case CONF_UNKNOWN_SECTION:
		if (!r->skip_section)
			conf_error(&r->at,
				"no section [%s] is known; remove it, or look for a typing "
				"error",
				escape(r->section));
		r->skip_section = true;
		break;
	case CONF_UNKNOWN_KEY:
		conf_error(&r->at,
			"no key \"%s\" is known in [%s]; remove it, or look for a typing "
			"error",
			escape(r->at.key), escape(r->section));
		break;
	}
}

static int on_entry(void *userdata, const char *section, const char *key, const char *value)
{
	struct conf_reader *r = userdata;

	(void)section; /* ours has not been cut */
	if (r->skip_section)
		return 1;
	if (key[0] == '\0') {
		conf_error(&r->at, "there is no key before the \"=\"");
		return 1;
	}
	r->at.key = key;
	take_verdict(r, r->entry(&r->at, value, r->userdata));
	r->at.key = NULL;
	return 1;
}

static void take_section(struct conf_reader *r, const char *line)
{
	size_t len = strcspn(line + 1, "]");
	const char *rest = line + 1 + len;

	r->skip_section = false;
	if (*rest == ']')
		rest += 1 + strspn(rest + 1, " \t");
	if (line[1 + len] != ']' || len == 0 || (*rest != '\0' && *rest != ';' && *rest != '#')) {
		conf_error(&r->at, "a section is a line of its own, as in [name]");
		r->skip_section = true;
		return;
	}
	memcpy(r->section, line + 1, len);
	r->section[len] = '\0';
	take_verdict(r, r->entry(&r->at, NULL, r->userdata));
}

/* The next line, without spaces around it, into line. False at the end. */
static bool next_line(struct conf_reader *r, char line[CONF_LINE_MAX + 1])
{
	const char *start = r->next, *eol;
	size_t len;

	if (start >= r->end)
		return false;
	eol = memchr(start, '\n', (size_t)(r->end - start));
	r->next = eol ? eol + 1 : r->end;
	eol = eol ? eol : r->end;
	r->at.line++;
	line[0] = '\0';
	while (start < eol && (*start == ' ' || *start == '\t'))
		start++;
	while (eol > start && (eol[-1] == ' ' || eol[-1] == '\t' || eol[-1] == '\r'))
		eol--;
	len = (size_t)(eol - start);
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)start[i] < 0x20 && start[i] != '\t') || start[i] == 0x7f) {
			conf_error(&r->at, "holds a control character; write plain text");
			return true;
		}
	if (len > CONF_LINE_MAX) {
		conf_error(&r->at, "is longer than %u bytes; shorten it", CONF_LINE_MAX);
		return true;
	}
	memcpy(line, start, len);
	line[len] = '\0';
	return true;
}

/* Before a comment, for what comes after " ;" is none of the entry's. */
static bool has_equals(const char *line)
{
	for (const char *p = line; *p; p++) {
		if (*p == '=')
			return true;
		if (*p == ';' && p > line && (p[-1] == ' ' || p[-1] == '\t'))
			return false;
	}
	return false;
}

/* inih's reader, in the place of fgets(). */
static char *feed(char *buf, int size, void *stream)
{
	struct conf_reader *r = stream;
	char line[CONF_LINE_MAX + 1];

	while (next_line(r, line)) {
		switch (line[0]) {
		case '\0':
		case '#':
		case ';': continue;
		case '[': take_section(r, line); continue;
		default: break;
		}
		/* of the first line that it is given inih takes one off, and looks behind it */
		if (!strncmp(line, BOM, strlen(BOM))) {
			conf_error(&r->at, "begins with a byte order mark; remove it");
			continue;
		}
		if (!has_equals(line)) {
			conf_error(&r->at, "is neither a comment nor \"key = value\"");
			continue;
		}
		if (snprintf(buf, (size_t)size, "%s\n", line) >= size) {
			conf_error(&r->at, "is longer than %d bytes; shorten it", size - 2);
			continue;
		}
		return buf;
	}
	return NULL;
}

int conf_parse(const char *file, const char *text, size_t len, conf_entry_fn *entry, void *userdata,
	struct conf_report *report)
{
	struct conf_reader r = {
		.next = text,
		.end = text + len,
		.entry = entry,
		.userdata = userdata,
		.n_errors_before = report->n_errors,
	};

	r.at = (struct conf_at){ .file = file, .section = r.section, .report = report };
	if (len >= strlen(BOM) && !memcmp(text, BOM, strlen(BOM)))
		r.next += strlen(BOM);
	if (ini_parse_stream(feed, &r, on_entry, &r) != 0 && report->n_errors == r.n_errors_before)
		conf_report_add(report, file, 0, "cannot be parsed");
	return report->n_errors == r.n_errors_before ? 0 : -EINVAL;
}

int conf_read(const char *path, conf_entry_fn *entry, void *userdata, struct conf_report *report)
{
	CLEANUP(free) char *text = malloc(CONF_FILE_MAX + 1);
	size_t len;
	int r;

	if (!text)
		return -ENOMEM;
	r = safefile_read(AT_FDCWD, path, SAFEFILE_CONFIG, text, CONF_FILE_MAX + 1, &len);
	if (r == -ENOENT)
		return r;
	if (r < 0) {
		conf_report_add(report, path, 0, "%s", safefile_error(r));
		return -EINVAL;
	}
	return conf_parse(path, text, len, entry, userdata, report);
}
