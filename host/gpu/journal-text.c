// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The journal's text; see journal.h. Pure. A line is words with one blank between:
 *
 *	virt-aid-gpu 1 BOOTID GUEST	the first
 *	step N KIND SUBJECT A B		step N, counted from 0, begins
 *	undone N
 *	taken | returning
 *
 * The last line may be torn; it does not count then. Anything else is not ours.
 */
#include "host/gpu/journal.h"

#include "common/base/conf.h"

#include <errno.h>
#include <string.h>

static bool is_plain(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '%' && c != '/';
}

int journal_encode(const char *word, char *ret, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	bool dash = strcmp(word, "-") == 0;
	size_t n = 0;

	if (word[0] == '\0')
		word = "-";
	for (const unsigned char *p = (const unsigned char *)word; *p; p++) {
		bool plain = is_plain(*p) && !dash;

		if (n + (plain ? 1 : 3) >= size)
			return -ENAMETOOLONG;
		if (plain) {
			ret[n++] = (char)*p;
			continue;
		}
		ret[n++] = '%';
		ret[n++] = hex[*p >> 4];
		ret[n++] = hex[*p & 15];
	}
	ret[n] = '\0';
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int journal_decode(const char *text, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	if (len == 0)
		return -EBADMSG;
	if (len == 1 && text[0] == '-')
		len = 0;
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (!is_plain((unsigned char)c) && c != '%')
			return -EBADMSG;
		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return -EBADMSG;
			c = high * 16 + low;
			i += 2;
		}
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return 0;
}

/* The next word of [*p, end), up to a blank; its length, 0 if there is none. */
static size_t next_word(const char **p, const char *end, const char **ret)
{
	const char *blank;

	*ret = *p;
	blank = memchr(*p, ' ', (size_t)(end - *p));
	*p = blank ? blank + 1 : end;
	return (size_t)((blank ? blank : end) - *ret);
}

static int read_word(const char **p, const char *end, char *ret, size_t size)
{
	const char *word;
	size_t len = next_word(p, end, &word);

	return journal_decode(word, len, ret, size);
}

static int read_index(const char **p, const char *end, uint64_t *ret)
{
	char word[8];
	const char *rest;

	if (read_word(p, end, word, sizeof(word)) < 0 ||
		!conf_scan_number(word, false, STEPS_MAX, ret, &rest) || *rest)
		return -EBADMSG;
	return 0;
}

static int read_step(struct journal *j, const char *p, const char *end)
{
	char kind[32], subject[STEP_WORD_SIZE], a[STEP_WORD_SIZE], b[STEP_WORD_SIZE];
	struct step *s;
	uint64_t index;
	int k;

	if (read_index(&p, end, &index) < 0 || index != j->steps.n ||
		read_word(&p, end, kind, sizeof(kind)) < 0 ||
		read_word(&p, end, subject, sizeof(subject)) < 0 ||
		read_word(&p, end, a, sizeof(a)) < 0 || read_word(&p, end, b, sizeof(b)) < 0 ||
		p != end)
		return -EBADMSG;
	k = step_kind_by_name(kind);
	s = k < 0 ? NULL : steps_add(&j->steps, (enum step_kind)k, subject, a, b);
	if (!s)
		return -EBADMSG;
	s->state = STEP_BEGUN;
	return 0;
}

static int read_line(struct journal *j, const char *p, const char *end)
{
	char word[32];
	uint64_t index;

	if (read_word(&p, end, word, sizeof(word)) < 0)
		return -EBADMSG;
	if (!strcmp(word, "step"))
		return read_step(j, p, end);
	if (!strcmp(word, "undone")) {
		if (read_index(&p, end, &index) < 0 || index >= j->steps.n || p != end)
			return -EBADMSG;
		j->steps.s[index].state = STEP_UNDONE;
		return 0;
	}
	if (p != end)
		return -EBADMSG;
	if (!strcmp(word, "taken"))
		j->state = JOURNAL_TAKEN;
	else if (!strcmp(word, "returning"))
		j->state = JOURNAL_RETURNING;
	else
		return -EBADMSG;
	return 0;
}

static int read_first(struct journal *j, const char *p, const char *end, char boot[64])
{
	char word[32];

	if (read_word(&p, end, word, sizeof(word)) < 0 || strcmp(word, "virt-aid-gpu") != 0 ||
		read_word(&p, end, word, sizeof(word)) < 0 || strcmp(word, "1") != 0)
		return -EBADMSG;
	if (read_word(&p, end, boot, 64) < 0 ||
		read_word(&p, end, j->guest, sizeof(j->guest)) < 0 || p != end)
		return -EBADMSG;
	if (boot[0] == '\0')
		memcpy(boot, "-", 2);
	return 0;
}

int journal_parse(const char *text, size_t len, struct journal *j, char boot[64], size_t *ret_used)
{
	const char *nul = memchr(text, '\0', len);
	const char *end = nul ? nul : text + len, *p = text, *newline;
	bool first = true;
	int r = 0;

	while (r == 0 && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		r = first ? read_first(j, p, newline, boot) : read_line(j, p, newline);
		first = false;
		p = newline + 1;
	}
	*ret_used = (size_t)(p - text);
	return r < 0 ? r : first ? -ENODATA : 0;
}
