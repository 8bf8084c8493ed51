// SPDX-License-Identifier: GPL-2.0-or-later
/* Values of configuration files; see conf.h. Pure. */
#include "common/base/conf.h"

#include <stdio.h>
#include <string.h>

const char *conf_section_name(const char *section, const char *kind)
{
	size_t len = strlen(kind);

	if (strncmp(section, kind, len) || (section[len] != ' ' && section[len] != '\t'))
		return NULL;
	section += len;
	return section + strspn(section, " \t");
}

bool conf_scan_number(const char *s, bool hex, uint64_t max, uint64_t *ret, const char **ret_rest)
{
	unsigned int base = hex && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
	const char *p = base == 16 ? s + 2 : s, *first = p;
	uint64_t n = 0;

	for (;; p++) {
		unsigned int digit;

		if (*p >= '0' && *p <= '9')
			digit = (unsigned int)(*p - '0');
		else if (base == 16 && *p >= 'a' && *p <= 'f')
			digit = (unsigned int)(*p - 'a') + 10;
		else if (base == 16 && *p >= 'A' && *p <= 'F')
			digit = (unsigned int)(*p - 'A') + 10;
		else
			break;
		if (digit > max || n > (max - digit) / base)
			return false;
		n = n * base + digit;
	}
	if (p == first)
		return false;
	*ret = n;
	*ret_rest = p;
	return true;
}

enum conf_verdict conf_bool(const struct conf_at *at, const char *value, bool *ret)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], value)) {
			*ret = i % 2 == 1;
			return CONF_OK;
		}
	conf_error(at, "%s is \"%s\"; it wants yes or no", at->key, escape(value));
	return CONF_BAD;
}

enum conf_verdict conf_uint(const struct conf_at *at, const char *value, unsigned int min,
	unsigned int max, unsigned int *ret)
{
	const char *rest;
	uint64_t n;

	if (!conf_scan_number(value, false, max, &n, &rest) || *rest || n < min) {
		conf_error(at, "%s is \"%s\"; it wants a number from %u to %u", at->key,
			escape(value), min, max);
		return CONF_BAD;
	}
	*ret = (unsigned int)n;
	return CONF_OK;
}

enum conf_verdict conf_seconds(const struct conf_at *at, const char *value, unsigned int min,
	unsigned int max, unsigned int *ret)
{
	static const struct {
		const char *word;
		unsigned int seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "min", 60 }, { "h", 3600 } };
	const char *rest;
	uint64_t n;

	if (conf_scan_number(value, false, UINT32_MAX, &n, &rest)) {
		rest += strspn(rest, " \t");
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (!strcmp(units[i].word, rest) && n * units[i].seconds >= min &&
				n * units[i].seconds <= max) {
				*ret = (unsigned int)(n * units[i].seconds);
				return CONF_OK;
			}
	}
	conf_error(at, "%s is \"%s\"; it wants a time from %us to %us, such as %us or 1min",
		at->key, escape(value), min, max, min);
	return CONF_BAD;
}

enum conf_verdict conf_u16(const struct conf_at *at, const char *value, uint16_t *ret)
{
	const char *rest;
	uint64_t n;

	if (!conf_scan_number(value, true, UINT16_MAX, &n, &rest) || *rest) {
		conf_error(at,
			"%s is \"%s\"; it wants a number from 0 to 65535, such as 15 or 0x0f",
			at->key, escape(value));
		return CONF_BAD;
	}
	*ret = (uint16_t)n;
	return CONF_OK;
}

enum conf_verdict conf_name(const struct conf_at *at, const char *value, char ret[NAME_MAX_LEN + 1])
{
	if (!name_is_valid(value)) {
		conf_error(at,
			"%s is \"%s\"; a name has 1 to %d letters, digits, dots, dashes and "
			"underscores, and begins with none but a letter, digit or underscore",
			at->key ? at->key : "the section's name", escape(value), NAME_MAX_LEN);
		return CONF_BAD;
	}
	snprintf(ret, NAME_MAX_LEN + 1, "%s", value);
	return CONF_OK;
}

enum conf_verdict conf_path(const struct conf_at *at, const char *value, char *ret, size_t size)
{
	size_t len = strlen(value);
	bool up = strstr(value, "/../") || (len >= 3 && !strcmp(value + len - 3, "/.."));

	if (value[0] != '/' || up || len >= size) {
		conf_error(at,
			"%s is \"%s\"; it wants an absolute path without \"..\", shorter than "
			"%zu bytes",
			at->key, escape(value), size);
		return CONF_BAD;
	}
	memcpy(ret, value, len + 1);
	return CONF_OK;
}

enum conf_verdict conf_word(const struct conf_at *at, const char *value, const char *const *words,
	size_t n, unsigned int *ret)
{
	char list[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int k;

		if (!strcmp(words[i], value)) {
			*ret = (unsigned int)i;
			return CONF_OK;
		}
		k = snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", words[i]);
		if (k > 0 && (size_t)k < sizeof(list) - len)
			len += (size_t)k;
	}
	conf_error(at, "%s is \"%s\"; it wants one of: %s", at->key, escape(value), list);
	return CONF_BAD;
}
