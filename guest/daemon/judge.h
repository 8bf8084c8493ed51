// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's own policy on what the host may do to it: /etc/virt-aid/guest-policy.d, the same
 * language as the host's (va-policy(5)). A directory without any file allows everything, for a
 * guest that was paired trusts its host; a file with an error denies everything.
 */
#ifndef VA_GUEST_JUDGE_H
#define VA_GUEST_JUDGE_H

#include "common/base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct judge;

int judge_new(struct judge **ret, const char *policy_dir);
void judge_free(struct judge *j);
DEFINE_CLEANUP(judge, judge_free);

/* Reads the directory again. 0, or -EINVAL: everything is denied, and the log says why. */
int judge_load(struct judge *j);

/*
 * May the host do this now? operation: a policy word ("ddc.write"); target: the word's target or
 * "". spend: count it against rate= (once for each request, when it is prepared). why (static or
 * j's) names the rule that said no.
 */
bool judge_allows(struct judge *j, const char *operation, const char *target, bool spend,
	uint64_t now_ms, const char **ret_why);

#endif
