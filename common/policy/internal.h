// SPDX-License-Identifier: GPL-2.0-or-later
/* A policy as it is kept; shared by parse.c and decide.c. */
#ifndef VA_POLICY_INTERNAL_H
#define VA_POLICY_INTERNAL_H

#include "common/policy/policy.h"

#define POLICY_ANY_OP POLICY_OP_COUNT

struct policy_rule {
	char *text;                       /* owned; the fields below point into it */
	const char *guest, *target, *uid; /* checked lists, as written */
	const char *file;                 /* the policy's */
	unsigned int line;
	enum policy_op op; /* or POLICY_ANY_OP */
	enum policy_decision decision;
	bool when_focused;
	bool notify;
	unsigned int delay_s, timeout_s, rate_n, rate_s;
};

struct policy {
	enum policy_side side;
	struct policy_rule *rules;
	size_t n_rules;
	char *files[POLICY_FILES_MAX];
	size_t n_files;
	bool broken;
	char *broken_file; /* may be NULL all the same: no memory for it */
	unsigned int broken_line;
};

#endif
