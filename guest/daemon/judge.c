// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's own policy; see judge.h. common/policy decides, this file keeps what it needs. */
#include "guest/daemon/judge.h"

#include "common/base/log.h"
#include "common/policy/policy.h"

#include <stdio.h>
#include <string.h>

struct judge {
	char *dir;
	struct policy *policy;
	struct policy_rate *rates; /* one a rule */
	char why[128];
};

static int allow_all(struct judge *j, struct conf_report *report)
{
	static const char rule[] = "* * * * allow\n";

	policy_free(j->policy);
	j->policy = policy_new(POLICY_ON_GUEST);
	if (!j->policy)
		return -ENOMEM;
	return policy_add(j->policy, "built-in", rule, sizeof(rule) - 1, report);
}

int judge_load(struct judge *j)
{
	static struct conf_report report;
	int r;

	memset(&report, 0, sizeof(report));
	policy_free(TAKE(j->policy));
	r = policy_load_dir(&j->policy, POLICY_ON_GUEST, j->dir, &report);
	if (r == -ENOENT || (r == 0 && policy_n_rules(j->policy) == 0))
		r = allow_all(j, &report);
	if (r < 0)
		log_error("reading the policy in %s failed; what the host asks for is DENIED "
			  "until it is corrected:\n%s",
			j->dir, report.text);
	free(j->rates);
	j->rates = calloc(j->policy ? policy_n_rules(j->policy) + 1 : 1, sizeof(*j->rates));
	return r < 0 ? r : j->rates ? 0 : -ENOMEM;
}

int judge_new(struct judge **ret, const char *policy_dir)
{
	CLEANUP_FN(judge) struct judge *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->dir = strdup(policy_dir);
	if (!j->dir)
		return -ENOMEM;
	/* a policy that is wrong denies everything; it is no reason not to run */
	if (judge_load(j) == -ENOMEM)
		return -ENOMEM;
	*ret = TAKE(j);
	return 0;
}

void judge_free(struct judge *j)
{
	if (!j)
		return;
	policy_free(j->policy);
	free(j->rates);
	free(j->dir);
	free(j);
}

bool judge_allows(struct judge *j, const char *operation, const char *target, bool spend,
	uint64_t now_ms, const char **ret_why)
{
	struct policy_query q = { .guest = "host", .target = target, .uid = UINT32_MAX };
	struct policy_verdict v = { 0 };

	*ret_why = "the guest's policy says no";
	if (!j->policy || !j->rates || !policy_op_from_name(POLICY_ON_GUEST, operation, &q.op))
		return false;
	policy_decide(j->policy, &q, &v);
	if (v.reason != POLICY_NO_MATCH && v.file) {
		snprintf(j->why, sizeof(j->why), "the guest's policy says no: %s:%u", v.file,
			v.line);
		*ret_why = j->why;
	}
	if (v.decision != POLICY_ALLOW)
		return false;
	if (spend && !policy_rate_take(&v, j->rates, policy_n_rules(j->policy), now_ms)) {
		*ret_why = "too often, says the guest's policy";
		return false;
	}
	*ret_why = "";
	return true;
}
