// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Policy files of any bytes (the first says for which side). One with an error denies
 * everything; one without decides as its own first matching line, taken alone, would.
 */
#include "common/policy/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool cond)
{
	if (!cond)
		abort();
}

/* Line number n of the text, 1 and up. */
static const char *line_of(const char *text, size_t size, unsigned int n, size_t *ret_len)
{
	const char *end = text + size, *eol;

	for (; n > 1; n--)
		text = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1;
	eol = memchr(text, '\n', (size_t)(end - text));
	*ret_len = (size_t)((eol ? eol : end) - text);
	return text;
}

static void check_verdict(enum policy_side side, const struct policy *p, const char *text,
	size_t size, const struct policy_query *q)
{
	static struct conf_report report;
	struct policy_verdict v, alone;
	struct policy *one;
	const char *line;
	char out[200];
	size_t len;

	policy_decide(p, q, &v);
	policy_explain(p, q, out, sizeof(out));
	must(strlen(out) < sizeof(out));
	if (v.reason != POLICY_BY_RULE) {
		must(v.decision == POLICY_DENY);
		must(policy_is_broken(p) == (v.reason == POLICY_IS_BROKEN));
		return;
	}
	must(v.rule < policy_n_rules(p) && v.rate_n <= POLICY_RATE_MAX);
	must(v.delay_s <= POLICY_DELAY_MAX_S && v.timeout_s <= POLICY_TIMEOUT_MAX_S);
	must(side == POLICY_ON_HOST || v.decision != POLICY_ASK);
	line = line_of(text, size, v.line, &len);
	one = policy_new(side);
	if (!one)
		return;
	report = (struct conf_report){ 0 };
	must(policy_add(one, "one", line, len, &report) == 0);
	policy_decide(one, q, &alone);
	must(alone.reason == POLICY_BY_RULE && alone.decision == v.decision);
	policy_free(one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const targets[] = { "", "host", "a", "self", "debby" };
	static const uint32_t uids[] = { 0, 1000, UINT32_MAX };
	static struct conf_report report;
	enum policy_side side;
	struct policy *p;
	const char *text;
	int r;

	if (size == 0)
		return 0;
	side = data[0] & 1 ? POLICY_ON_GUEST : POLICY_ON_HOST;
	text = (const char *)data + 1;
	size--;
	p = policy_new(side);
	if (!p)
		return 0;
	report = (struct conf_report){ 0 };
	r = policy_add(p, "f", text, size, &report);
	must((r == 0) == (report.n_errors == 0) && (r == 0) == !policy_is_broken(p));
	must(strlen(report.text) == report.len);
	for (unsigned int op = 0; op < POLICY_OP_COUNT; op++)
		for (size_t t = 0; t < ARRAY_SIZE(targets); t++)
			for (size_t u = 0; u < ARRAY_SIZE(uids); u++) {
				struct policy_query q = { (enum policy_op)op, t & 1 ? "a" : "zorg",
					targets[t], uids[u], (op + u) & 1 };

				if (side == POLICY_ON_GUEST)
					q.guest = "host";
				check_verdict(side, p, text, size, &q);
			}
	policy_free(p);
	return 0;
}
