// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * conf_parse() on any bytes. Each error is counted and names a line that exists; inih never sees
 * a line that it would refuse or take for something else; values are in their ranges.
 */
#include "common/base/conf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
	size_t n_lines;
	unsigned int last_line;
};

static void must(bool cond)
{
	if (!cond)
		abort();
}

static enum conf_verdict on_value(const struct conf_at *at, const char *value)
{
	static const char *const words[] = { "a", "bc" };
	enum conf_verdict v = CONF_OK;
	unsigned int n = 0;
	uint16_t u = 0;
	char name[NAME_MAX_LEN + 1] = "", path[16] = "";
	bool b = false;

	switch (at->key[0]) {
	case 'b': return conf_bool(at, value, &b);
	case 'u': return conf_u16(at, value, &u);
	case 's':
		v = conf_seconds(at, value, 3, 7200, &n);
		must(v == CONF_BAD || (n >= 3 && n <= 7200));
		return v;
	case 'i':
		v = conf_uint(at, value, 2, 4000000000u, &n);
		must(v == CONF_BAD || (n >= 2 && n <= 4000000000u));
		return v;
	case 'n':
		v = conf_name(at, value, name);
		must(v == CONF_BAD || name_is_valid(name));
		return v;
	case 'p':
		v = conf_path(at, value, path, sizeof(path));
		must(v == CONF_BAD || (path[0] == '/' && strlen(path) < sizeof(path)));
		return v;
	case 'w':
		v = conf_word(at, value, words, 2, &n);
		must(v == CONF_BAD || n < 2);
		return v;
	case 'f': return CONF_OK;
	default: return CONF_UNKNOWN_KEY;
	}
}

static enum conf_verdict on_entry(const struct conf_at *at, const char *value, void *userdata)
{
	struct state *s = userdata;

	must(at->line >= 1 && at->line <= s->n_lines && at->line >= s->last_line);
	s->last_line = at->line;
	must(strlen(at->section) <= CONF_LINE_MAX && !strpbrk(at->section, "]\n"));
	must((at->key == NULL) == (value == NULL));
	if (at->section[0] == 'X')
		return CONF_UNKNOWN_SECTION;
	if (!at->key)
		return CONF_OK;
	must(at->key[0] != '\0' && strlen(at->key) + strlen(value) <= CONF_LINE_MAX);
	must(!strpbrk(at->key, "=\n") && !strchr(value, '\n'));
	return on_value(at, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf_report report;
	struct state s = { .n_lines = 1 };
	int r;

	for (size_t i = 0; i < size; i++)
		s.n_lines += data[i] == '\n';
	report = (struct conf_report){ 0 };
	r = conf_parse("f", (const char *)data, size, on_entry, &s, &report);
	must((r == 0) == (report.n_errors == 0));
	must(report.len < sizeof(report.text) && strlen(report.text) == report.len);
	must(report.len == 0 || report.text[report.len - 1] == '\n');
	/* "f: what", without a line: inih refused what the reader had let through */
	must(strncmp(report.text, "f: ", 3) && !strstr(report.text, "\nf: "));
	return 0;
}
