// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: a scanner for "vcp(... 60(01 03) ...)"; see caps.h. It reads the string
 * once, left to right, with a fixed amount of state: where it is (outside, among feature codes,
 * in the value list of one code) and how deep. Hex digits may be glued together (two make a
 * value), words and unprintable bytes separate, a parenthesis too many or too few does not stop
 * it. "page0(...)" inside vcp() holds feature codes too.
 */
#include "common/ddc/caps.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define INPUT_SOURCE 0x60

struct scan {
	const uint8_t *p, *end;
	uint16_t *ret;
	size_t max, n;
	bool found; /* feature 0x60 was declared */
};

struct token {
	const uint8_t *p;
	size_t n;
	bool hex; /* hex digits only */
};

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_word_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static bool starts_with(const struct token *t, const char *word)
{
	size_t n = strlen(word);

	if (t->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((t->p[i] | 0x20) != (uint8_t)word[i])
			return false;
	}
	return true;
}

/* The run of word bytes at s->p, which is one; s->p moves behind it. */
static struct token next_token(struct scan *s)
{
	struct token t = { .p = s->p, .hex = true };

	while (s->p < s->end && is_word_byte(*s->p)) {
		if (hex_value(*s->p) < 0)
			t.hex = false;
		s->p++;
	}
	t.n = (size_t)(s->p - t.p);
	return t;
}

/* True, and behind it, if an opening parenthesis comes next; blanks may stand before it. */
static bool take_open(struct scan *s)
{
	const uint8_t *q = s->p;

	while (q < s->end && *q == ' ')
		q++;
	if (q == s->end || *q != '(')
		return false;
	s->p = q + 1;
	return true;
}

static void add_value(struct scan *s, uint16_t value)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->ret[i] == value)
			return;
	}
	if (s->n < s->max)
		s->ret[s->n++] = value;
}

/*
 * The k-th value of a run of digits. Pairs from the right: what is left over of an odd run is a
 * one-digit value in front ("1030F" is 1, 03, 0F).
 */
static uint16_t run_value(const struct token *t, size_t k)
{
	size_t odd = t->n & 1, at = k * 2 - (k ? odd : 0);
	int hi = hex_value(t->p[at]);

	if (k == 0 && odd)
		return (uint16_t)hi;
	return (uint16_t)(hi << 4 | hex_value(t->p[at + 1]));
}

static size_t run_count(const struct token *t)
{
	return (t->n + 1) / 2;
}

/* A value list, from behind its parenthesis to the one that closes it, less deeper lists. */
static void scan_values(struct scan *s, bool wanted)
{
	size_t depth = 1;

	while (s->p < s->end && depth > 0) {
		if (*s->p == '(') {
			depth++;
			s->p++;
		} else if (*s->p == ')') {
			depth--;
			s->p++;
		} else if (is_word_byte(*s->p)) {
			struct token t = next_token(s);

			for (size_t k = 0; wanted && t.hex && depth == 1 && k < run_count(&t); k++)
				add_value(s, run_value(&t, k));
		} else {
			s->p++;
		}
	}
}

/* A run of feature codes; a list that follows belongs to the last of them. */
static void take_codes(struct scan *s, const struct token *t)
{
	bool last = false;

	for (size_t k = 0; k < run_count(t); k++) {
		last = run_value(t, k) == INPUT_SOURCE;
		s->found = s->found || last;
	}
	if (take_open(s))
		scan_values(s, last);
}

/*
 * Feature codes, s->p behind "vcp(". A ')' would end them; as stray ones are common, that is
 * believed only once a word follows ("mccs_ver(2.2)").
 */
static void scan_codes(struct scan *s)
{
	bool closed = false;
	size_t pages = 0;

	while (s->p < s->end) {
		if (*s->p == ')') {
			closed = pages == 0;
			pages -= pages > 0;
			s->p++;
		} else if (is_word_byte(*s->p)) {
			struct token t = next_token(s);

			if (t.hex) {
				take_codes(s, &t);
			} else if (closed) {
				s->p = t.p;
				return;
			} else if (take_open(s)) {
				if (starts_with(&t, "page"))
					pages++;
				else
					scan_values(s, false);
			}
		} else {
			s->p++;
		}
	}
}

static bool ends_with_vcp(const struct token *t)
{
	struct token tail = { .p = t->p, .n = t->n };

	if (t->n < 3)
		return false;
	tail.p += t->n - 3;
	tail.n = 3;
	return starts_with(&tail, "vcp");
}

int caps_input_values(const char *untrusted_caps, size_t size, uint16_t *ret, size_t max)
{
	struct scan s = { .p = (const uint8_t *)untrusted_caps, .ret = ret, .max = max };

	s.end = s.p + (size < CAPS_MAX_SIZE ? size : CAPS_MAX_SIZE);
	while (s.p < s.end) {
		struct token t;

		if (!is_word_byte(*s.p)) {
			s.p++;
			continue;
		}
		/* a word may be glued to the keyword, as in "SAMSUNGvcp(" */
		t = next_token(&s);
		if (ends_with_vcp(&t) && take_open(&s))
			scan_codes(&s);
	}
	return s.found ? (int)s.n : -ENOENT;
}
