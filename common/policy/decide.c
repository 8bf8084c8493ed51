// SPDX-License-Identifier: GPL-2.0-or-later
/* Queries against a policy; see policy.h. Pure: no clock, no files, nothing kept. */
#include "common/policy/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	bool on[2]; /* enum policy_side */
} operations[POLICY_OP_COUNT] = {
	[POLICY_SWITCH] = { "switch", { true, false } },
	[POLICY_HOST_SHUTDOWN] = { "host.shutdown", { true, false } },
	[POLICY_GUEST_LIST] = { "guest.list", { true, false } },
	[POLICY_DDC_READ] = { "ddc.read", { true, true } },
	[POLICY_DDC_WRITE] = { "ddc.write", { false, true } },
	[POLICY_GUEST_SHUTDOWN] = { "guest.shutdown", { false, true } },
};

const char *policy_op_name(enum policy_op op)
{
	return (unsigned int)op < POLICY_OP_COUNT ? operations[op].name : "*";
}

bool policy_op_from_name(enum policy_side side, const char *name, enum policy_op *ret)
{
	for (unsigned int i = 0; i < POLICY_OP_COUNT; i++)
		if (operations[i].on[side] && !strcmp(operations[i].name, name)) {
			*ret = (enum policy_op)i;
			return true;
		}
	return false;
}

const char *policy_decision_name(enum policy_decision d)
{
	return d == POLICY_ALLOW ? "allow" : d == POLICY_ASK ? "ask" : "deny";
}

/* --- matching --------------------------------------------------------------------------------- */

/* Is name one of "a,b,c"? self: who is meant by the item "self", or NULL. */
static bool list_has(const char *list, const char *name, const char *self)
{
	size_t name_len = strlen(name);

	for (;;) {
		size_t len = strcspn(list, ",");

		if (len == name_len && !memcmp(list, name, len))
			return true;
		if (self && len == 4 && !memcmp(list, "self", 4) && !strcmp(self, name))
			return true;
		if (list[len] == '\0')
			return false;
		list += len + 1;
	}
}

static bool uid_matches(const char *list, uint32_t uid)
{
	if (!strcmp(list, "*"))
		return true;
	for (;;) {
		uint64_t n;

		if (!conf_scan_number(list, false, UINT32_MAX - 1, &n, &list))
			return false; /* cannot be: it was checked */
		if (n == uid)
			return true;
		if (*list++ == '\0')
			return false;
	}
}

static bool target_matches(const struct policy *p, const char *list, const struct policy_query *q)
{
	if (!strcmp(list, "*"))
		return true;
	if (!strcmp(list, "-"))
		return q->target[0] == '\0';
	/* a machine that is called "self" cannot be meant: the word is taken */
	if (p->side == POLICY_ON_HOST && !strcmp(q->target, "self"))
		return false;
	return list_has(list, q->target, p->side == POLICY_ON_HOST ? q->guest : NULL);
}

/* All but when=. */
static bool rule_matches(
	const struct policy *p, const struct policy_rule *r, const struct policy_query *q)
{
	return (r->op == POLICY_ANY_OP || r->op == q->op) &&
	       (!strcmp(r->guest, "*") || list_has(r->guest, q->guest, NULL)) &&
	       target_matches(p, r->target, q) && uid_matches(r->uid, q->uid);
}

void policy_decide(const struct policy *p, const struct policy_query *q, struct policy_verdict *ret)
{
	*ret = (struct policy_verdict){ .decision = POLICY_DENY, .reason = POLICY_NO_MATCH };
	if (p->broken) {
		ret->reason = POLICY_IS_BROKEN;
		ret->file = p->broken_file ? p->broken_file : "(policy)";
		ret->line = p->broken_line;
		return;
	}
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct policy_rule *r = &p->rules[i];

		if (!rule_matches(p, r, q) || (r->when_focused && !q->focused))
			continue;
		*ret = (struct policy_verdict){
			.decision = r->decision,
			.reason = POLICY_BY_RULE,
			.file = r->file,
			.line = r->line,
			.rule = (unsigned int)i,
			.delay_s = r->delay_s,
			.timeout_s = r->timeout_s,
			.rate_n = r->rate_n,
			.rate_s = r->rate_s,
			.notify = r->notify,
		};
		return;
	}
}

/* --- rates ------------------------------------------------------------------------------------ */

bool policy_rate_take(
	const struct policy_verdict *v, struct policy_rate *rates, size_t n, uint64_t now_ms)
{
	uint64_t now_us = now_ms * 1000, each_us, full_at;

	if (v->reason != POLICY_BY_RULE || v->rate_n == 0)
		return true;
	if (v->rule >= n)
		return false;
	each_us = (uint64_t)v->rate_s * 1000000 / v->rate_n;
	full_at = rates[v->rule].full_at_us;
	if (full_at < now_us)
		full_at = now_us;
	/* so much time to be full again: so many tokens are gone */
	if (full_at - now_us > each_us * (v->rate_n - 1))
		return false;
	rates[v->rule].full_at_us = full_at + each_us;
	return true;
}

/* --- explaining ------------------------------------------------------------------------------- */

struct text {
	char *out;
	size_t size, len;
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->len + 1 >= t->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->out + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < t->size - t->len ? (size_t)n : t->size - t->len - 1;
}

static void text_add_verdict(
	struct text *t, const struct policy_query *q, const struct policy_verdict *v)
{
	switch (v->reason) {
	case POLICY_IS_BROKEN:
		text_add(t,
			"deny: the policy is broken, so everything is denied; the first error is ");
		if (v->line > 0)
			text_add(t, "%s:%u\n", v->file, v->line);
		else
			text_add(t, "in %s\n", v->file);
		return;
	case POLICY_NO_MATCH: text_add(t, "deny: no rule matches\n"); return;
	case POLICY_BY_RULE: break;
	}
	text_add(t, "%s: %s:%u", policy_decision_name(v->decision), v->file, v->line);
	if (v->decision == POLICY_ASK)
		text_add(t, ", on the host, within %u s", v->timeout_s);
	if (v->decision != POLICY_DENY && q->op == POLICY_HOST_SHUTDOWN)
		text_add(t, ", %u s before it happens", v->delay_s);
	if (v->rate_n > 0)
		text_add(t, ", at most %u in %u s", v->rate_n, v->rate_s);
	if (v->notify)
		text_add(t, ", and the host's user is told");
	text_add(t, "\n");
}

void policy_explain(const struct policy *p, const struct policy_query *q, char *out, size_t size)
{
	struct text t = { .out = out, .size = size };
	struct policy_verdict v;

	if (size == 0)
		return;
	out[0] = '\0';
	policy_decide(p, q, &v);
	text_add(&t, "%s asks for %s", q->guest, policy_op_name(q->op));
	if (q->target[0])
		text_add(&t, " %s", q->target);
	if (q->uid == UINT32_MAX)
		text_add(&t, ", for no user");
	else
		text_add(&t, ", for its user %u", q->uid);
	if (p->side == POLICY_ON_HOST)
		text_add(&t, ", %s the seat", q->focused ? "holding" : "not holding");
	text_add(&t, "\n");
	for (size_t i = 0; i < p->n_rules && !p->broken; i++) {
		const struct policy_rule *r = &p->rules[i];

		if (v.reason == POLICY_BY_RULE && i >= v.rule)
			break;
		if (rule_matches(p, r, q))
			text_add(&t, "passed by: %s:%u would %s, but only when=focused\n", r->file,
				r->line, policy_decision_name(r->decision));
	}
	text_add_verdict(&t, q, &v);
}
