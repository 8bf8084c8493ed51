// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Policy files: text in, rules out; see policy.h. A line is taken as a whole or is an error, and
 * whatever could be meant in two ways, or would have no effect, is an error too.
 */
#include "common/policy/internal.h"

#include <string.h>

#define N_FIELDS  5
#define N_OPTIONS 5

/* One line under way. */
struct parser {
	struct policy *p;
	struct conf_at at;
	struct policy_rule rule;
	unsigned int seen; /* options, as bits */
};

/* --- fields ----------------------------------------------------------------------------------- */

static bool parse_op(struct parser *s, const char *word)
{
	bool host = s->p->side == POLICY_ON_HOST;

	if (!strcmp(word, "*")) {
		s->rule.op = POLICY_ANY_OP;
		return true;
	}
	if (policy_op_from_name(s->p->side, word, &s->rule.op))
		return true;
	conf_error(&s->at, "no operation \"%s\" is decided on a %s; there are %s, and *",
		escape(word), host ? "host" : "guest",
		host ? "switch, host.shutdown, guest.list, ddc.read"
		     : "ddc.write, guest.shutdown, ddc.read");
	return false;
}

/* "a,b,c", each by check(). */
static bool each_item(const char *list, bool (*check)(const char *item))
{
	char item[NAME_MAX_LEN + 1];

	for (;;) {
		size_t len = strcspn(list, ",");

		if (len == 0 || len >= sizeof(item))
			return false;
		memcpy(item, list, len);
		item[len] = '\0';
		if (!check(item))
			return false;
		if (list[len] == '\0')
			return true;
		list += len + 1;
	}
}

static bool is_guest_name(const char *item)
{
	return name_is_valid(item) && strcmp(item, "host") && strcmp(item, "self");
}

static bool is_target_name(const char *item)
{
	return name_is_valid(item);
}

static bool is_guests_target_name(const char *item)
{
	return name_is_valid(item) && strcmp(item, "self");
}

static bool is_uid(const char *item)
{
	const char *rest;
	uint64_t n;

	return conf_scan_number(item, false, UINT32_MAX - 1, &n, &rest) && *rest == '\0';
}

static bool parse_guest(struct parser *s, const char *word)
{
	s->rule.guest = word;
	if (!strcmp(word, "*"))
		return true;
	if (s->p->side == POLICY_ON_GUEST) {
		if (!strcmp(word, "host"))
			return true;
		conf_error(&s->at, "\"%s\" in the place of who asks; on a guest that is host, or *",
			escape(word));
		return false;
	}
	if (each_item(word, is_guest_name))
		return true;
	conf_error(&s->at,
		"\"%s\" in the place of who asks; it wants *, or names of guests with "
		"commas and without spaces between them",
		escape(word));
	return false;
}

static bool parse_target(struct parser *s, const char *word)
{
	bool host = s->p->side == POLICY_ON_HOST;

	s->rule.target = word;
	if (!strcmp(word, "*") || !strcmp(word, "-") ||
		each_item(word, host ? is_target_name : is_guests_target_name))
		return true;
	conf_error(&s->at,
		"\"%s\" in the place of the target; it wants *, - for none, or names%s with "
		"commas and without spaces between them",
		escape(word), host ? ", host and self" : "");
	return false;
}

static bool parse_uid(struct parser *s, const char *word)
{
	s->rule.uid = word;
	if (!strcmp(word, "*") || each_item(word, is_uid))
		return true;
	conf_error(&s->at,
		"\"%s\" in the place of the uid; it wants *, or numbers with commas and "
		"without spaces between them",
		escape(word));
	return false;
}

static bool parse_verdict(struct parser *s, const char *word)
{
	for (enum policy_decision d = POLICY_DENY; d <= POLICY_ASK; d++)
		if (!strcmp(policy_decision_name(d), word)) {
			s->rule.decision = d;
			if (d != POLICY_ASK || s->p->side == POLICY_ON_HOST)
				return true;
			conf_error(&s->at, "a guest has nobody to ask; it wants allow or deny");
			return false;
		}
	conf_error(&s->at, "\"%s\" in the place of the verdict; it wants allow, deny or ask",
		escape(word));
	return false;
}

/* --- options ---------------------------------------------------------------------------------- */

static bool parse_when(struct parser *s, const char *value)
{
	s->rule.when_focused = !strcmp(value, "focused");
	if (s->p->side == POLICY_ON_GUEST) {
		conf_error(&s->at, "when= means nothing on a guest; remove it");
		return false;
	}
	if (s->rule.when_focused || !strcmp(value, "any"))
		return true;
	conf_error(&s->at, "when=%s; it wants focused or any", escape(value));
	return false;
}

static bool parse_rate(struct parser *s, const char *value)
{
	static const struct {
		const char *word;
		unsigned int seconds;
	} units[] = { { "/s", 1 }, { "/min", 60 }, { "/h", 3600 } };
	const char *rest;
	uint64_t n;

	if (s->rule.decision == POLICY_DENY) {
		conf_error(&s->at, "rate= has no effect on deny; remove it");
		return false;
	}
	if (conf_scan_number(value, false, POLICY_RATE_MAX, &n, &rest) && n > 0)
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (!strcmp(units[i].word, rest)) {
				s->rule.rate_n = (unsigned int)n;
				s->rule.rate_s = units[i].seconds;
				return true;
			}
	conf_error(&s->at, "rate=%s; it wants 1 to %u for each s, min or h, such as 10/min",
		escape(value), POLICY_RATE_MAX);
	return false;
}

/* "Ns" */
static bool parse_seconds(struct parser *s, const char *what, const char *value, unsigned int min,
	unsigned int max, unsigned int *ret)
{
	const char *rest;
	uint64_t n;

	if (conf_scan_number(value, false, max, &n, &rest) && n >= min && !strcmp(rest, "s")) {
		*ret = (unsigned int)n;
		return true;
	}
	conf_error(&s->at, "%s=%s; it wants %u to %u seconds, such as 15s", what, escape(value),
		min, max);
	return false;
}

static bool parse_delay(struct parser *s, const char *value)
{
	if (s->rule.op != POLICY_HOST_SHUTDOWN || s->rule.decision == POLICY_DENY) {
		conf_error(&s->at, "delay= has an effect on host.shutdown only, with allow or ask; "
				   "remove it");
		return false;
	}
	return parse_seconds(s, "delay", value, 0, POLICY_DELAY_MAX_S, &s->rule.delay_s);
}

static bool parse_timeout(struct parser *s, const char *value)
{
	if (s->rule.decision != POLICY_ASK) {
		conf_error(&s->at, "timeout= has an effect on ask only; remove it");
		return false;
	}
	return parse_seconds(s, "timeout", value, 1, POLICY_TIMEOUT_MAX_S, &s->rule.timeout_s);
}

static bool parse_notify(struct parser *s, const char *value)
{
	s->rule.notify = !strcmp(value, "yes");
	if (s->rule.notify || !strcmp(value, "no"))
		return true;
	conf_error(&s->at, "notify=%s; it wants yes or no", escape(value));
	return false;
}

static bool parse_option(struct parser *s, char *word)
{
	static const struct {
		const char *name;
		bool (*parse)(struct parser *s, const char *value);
	} options[N_OPTIONS] = {
		{ "when", parse_when },
		{ "rate", parse_rate },
		{ "delay", parse_delay },
		{ "timeout", parse_timeout },
		{ "notify", parse_notify },
	};
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (unsigned int i = 0; value && i < N_OPTIONS; i++) {
		if (strcmp(options[i].name, word))
			continue;
		if (s->seen & 1u << i) {
			conf_error(&s->at, "%s= twice; remove one", word);
			return false;
		}
		s->seen |= 1u << i;
		return options[i].parse(s, value);
	}
	conf_error(&s->at,
		"no option \"%s%s\" is known; there are when=, rate=, delay=, timeout=, "
		"notify=",
		escape(word), value ? "=" : "");
	return false;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool parse_words(struct parser *s, char *text)
{
	static bool (*const fields[N_FIELDS])(struct parser * s, const char *word) = {
		parse_op,
		parse_guest,
		parse_target,
		parse_uid,
		parse_verdict,
	};
	size_t n = 0;
	char *word;

	while ((word = strsep(&text, " \t"))) {
		if (*word == '\0')
			continue;
		if (n < N_FIELDS ? !fields[n](s, word) : !parse_option(s, word))
			return false;
		n++;
	}
	if (n >= N_FIELDS)
		return true;
	conf_error(&s->at,
		"has %zu words; a rule has at least %d: operation guest target uid verdict", n,
		N_FIELDS);
	return false;
}

static int add_rule(struct policy *p, const struct policy_rule *rule)
{
	struct policy_rule *more;

	/* doubled whenever it is full, that is, at each power of two */
	if ((p->n_rules & (p->n_rules - 1)) == 0) {
		more = realloc(p->rules, (p->n_rules ? p->n_rules * 2 : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->rules = more;
	}
	p->rules[p->n_rules++] = *rule;
	return 0;
}

/* One line without its end. 0, -EINVAL (reported) or -ENOMEM. */
static int parse_line(struct parser *s, const char *line, size_t len)
{
	CLEANUP(free) char *text = NULL;
	int r;

	if (len > POLICY_LINE_MAX) {
		conf_error(&s->at, "is longer than %u bytes; split it into several rules",
			POLICY_LINE_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++)
		if ((line[i] < 0x20 && line[i] != '\t') || line[i] > 0x7e) {
			conf_error(&s->at, "holds a character that is not plain ASCII; replace it");
			return -EINVAL;
		}
	while (len > 0 && (*line == ' ' || *line == '\t'))
		line++, len--;
	if (len == 0 || *line == '#')
		return 0;
	text = strndup(line, len);
	if (!text)
		return -ENOMEM;
	s->seen = 0;
	s->rule = (struct policy_rule){
		.text = text,
		.file = s->p->files[s->p->n_files - 1],
		.line = s->at.line,
		.delay_s = POLICY_DELAY_S,
		.timeout_s = POLICY_TIMEOUT_S,
	};
	if (!parse_words(s, text))
		return -EINVAL;
	if (s->p->n_rules >= POLICY_RULES_MAX) {
		conf_error(&s->at, "there are more than %u rules", POLICY_RULES_MAX);
		return -EINVAL;
	}
	r = add_rule(s->p, &s->rule);
	if (r == 0)
		text = NULL; /* the rule's */
	return r;
}

static int parse_text(struct policy *p, const char *file, const char *text, size_t len,
	struct conf_report *report)
{
	struct parser s = { .p = p, .at = { .file = file, .section = "", .report = report } };
	const char *end = text + len;
	int result = 0;

	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		const char *next = eol ? eol + 1 : end;
		int r;

		eol = eol ? eol : end;
		if (eol > text && eol[-1] == '\r')
			eol--;
		s.at.line++;
		r = parse_line(&s, text, (size_t)(eol - text));
		if (r < 0) {
			policy_break(p, file, s.at.line);
			result = r;
		}
		if (r == -ENOMEM || report->n_errors >= POLICY_RULES_MAX)
			break;
		text = next;
	}
	return result;
}

int policy_add(struct policy *p, const char *file, const char *text, size_t len,
	struct conf_report *report)
{
	char *name;

	if (p->n_files >= POLICY_FILES_MAX) {
		conf_report_add(
			report, file, 0, "there are more than %u policy files", POLICY_FILES_MAX);
		policy_break(p, file, 0);
		return -EINVAL;
	}
	name = strdup(file);
	if (!name) {
		policy_break(p, file, 0);
		return -ENOMEM;
	}
	p->files[p->n_files++] = name;
	return parse_text(p, name, text, len, report);
}

/* --- the policy as a whole -------------------------------------------------------------------- */

struct policy *policy_new(enum policy_side side)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (p)
		p->side = side;
	return p;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_rules; i++)
		free(p->rules[i].text);
	for (size_t i = 0; i < p->n_files; i++)
		free(p->files[i]);
	free(p->rules);
	free(p->broken_file);
	free(p);
}

void policy_break(struct policy *p, const char *file, unsigned int line)
{
	if (p->broken)
		return;
	p->broken = true;
	p->broken_file = strdup(file);
	p->broken_line = line;
}

bool policy_is_broken(const struct policy *p)
{
	return p->broken;
}

size_t policy_n_rules(const struct policy *p)
{
	return p->n_rules;
}
