// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From typed words to a request; see command.h. Pure.
 *
 * Theory of operation: the help line of a command is its grammar. Every capital word has one
 * meaning in all commands; the table at the end of this file says which member of the request it
 * fills.
 */
#include "common/control/command.h"

#include "common/base/cleanup.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 32

/* The next word of a line, without its brackets; false at the end. */
static bool next_word(const char **line, char word[WORD_MAX], bool *ret_optional)
{
	size_t n = strcspn(*line, " "), skip;

	if (n == 0)
		return false;
	skip = (*line)[0] == '[';
	*ret_optional = skip;
	snprintf(word, WORD_MAX, "%.*s", (int)(n - 2 * skip), *line + skip);
	*line += n;
	*line += strspn(*line, " ");
	return true;
}

static bool line_fits(
	const char *line, char *const *words, size_t n, const char *args[COMMAND_ARGS])
{
	char word[WORD_MAX];
	size_t at = 0, n_args = 0;
	bool optional;

	for (size_t i = 0; i < COMMAND_ARGS; i++)
		args[i] = NULL;
	while (next_word(&line, word, &optional)) {
		if (!isupper((unsigned char)word[0])) {
			if (at >= n || strcmp(words[at], word) != 0)
				return false;
			at++;
		} else if (at < n && n_args < COMMAND_ARGS) {
			args[n_args++] = words[at++];
		} else if (!optional) {
			return false;
		}
	}
	return at == n;
}

const struct command *command_match(const struct command_program *p, char *const *words, size_t n,
	const char *args[COMMAND_ARGS], const struct command **ret_near)
{
	*ret_near = NULL;
	for (size_t i = 0; i < p->n_commands; i++) {
		const char *line = p->commands[i].line;
		size_t first = strcspn(line, " ");

		if (line_fits(line, words, n, args))
			return &p->commands[i];
		if (n > 0 && !*ret_near && strlen(words[0]) == first &&
			!strncmp(words[0], line, first))
			*ret_near = &p->commands[i];
	}
	return NULL;
}

/* --- arguments ------------------------------------------------------------------------------ */

static char problem[160];

static const char *complain(const char *word, const char *typed, const char *what)
{
	char shown[ESCAPE_MAX + 1];

	snprintf(problem, sizeof(problem), "%s: \"%s\" %s", word,
		escape_str(typed, shown, sizeof(shown)), what);
	return problem;
}

static const char *take_name(const char *word, const char *typed, struct control_request *ret)
{
	if (!name_is_valid(typed))
		return complain(word, typed, "is not a name (letters, digits, . _ -)");
	snprintf(ret->name, sizeof(ret->name), "%s", typed);
	return NULL;
}

static const char *take_text(const char *word, const char *typed, struct control_request *ret)
{
	size_t n = strlen(ret->arg);

	if (strlen(typed) + n + 2 > sizeof(ret->arg))
		return complain(word, typed, "is too long");
	for (const char *s = typed; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return complain(word, typed, "is not plain text");
	/* several words of text stand in one argument, a blank between */
	snprintf(ret->arg + n, sizeof(ret->arg) - n, "%s%s", n ? " " : "", typed);
	return NULL;
}

static const char *take_number(const char *word, const char *typed, struct control_request *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(typed, &end, 0);
	if (!isdigit((unsigned char)typed[0]) || *end || errno || n > UINT32_MAX)
		return complain(word, typed, "is not a number (12, or 0x0c)");
	ret->value = (uint32_t)n;
	return NULL;
}

static const char *take_value(const char *word, const char *typed, struct control_request *ret)
{
	const char *wrong = take_number(word, typed, ret);

	if (!wrong && ret->value > 0xffff)
		return complain(word, typed, "is above 0xffff");
	return wrong;
}

static const struct {
	const char *word;
	const char *(*take)(const char *word, const char *typed, struct control_request *ret);
} takers[] = {
	{ "GUEST", take_name },
	{ "TARGET", take_name },
	{ "MONITOR", take_text },
	{ "CODE", take_text },
	{ "VALUE", take_value },
	{ "N", take_number },
	{ "OPERATION", take_text },
	{ "TO", take_text },
	{ "UID", take_text },
};

const char *command_fill(
	const struct command *c, const char *const args[COMMAND_ARGS], struct control_request *ret)
{
	const char *line = c->line;
	char word[WORD_MAX];
	size_t at = 0;
	bool optional;

	*ret = (struct control_request){ .op = (uint32_t)c->op, .flags = c->flags };
	while (next_word(&line, word, &optional)) {
		const char *wrong = NULL;

		if (!isupper((unsigned char)word[0]))
			continue;
		for (size_t i = 0; args[at] && i < ARRAY_SIZE(takers); i++)
			if (!strcmp(takers[i].word, word))
				wrong = takers[i].take(word, args[at], ret);
		if (wrong)
			return wrong;
		at++;
	}
	return NULL;
}
