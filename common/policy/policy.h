// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who may have what done, as lines of files (va-policy(5)):
 *
 *	operation  guest  target  uid  verdict  [option=value ...]
 *
 *   rule    = op guest target uid verdict *option
 *   op      = "*" / an operation of this side
 *   guest   = "*" / name *("," name)  on a guest: "*" or "host", who is the one that asks
 *   target  = "*" / "-" / name *("," name)  "-": none; "self": the guest itself; "host"
 *   uid     = "*" / number *("," number)  as the other side claims: narrows, never widens
 *   verdict = "allow" / "deny" / "ask"  "ask" on the host only
 *   option  = when=focused|any / rate=N/(s|min|h) / delay=Ns / timeout=Ns / notify=yes|no
 *
 * The first rule that matches decides; none: deny; any error in any file: deny everything, for
 * to go on with what is left could widen what a file meant to narrow. "when" is part of the
 * match, "rate" is not. Pure, but for dir.c, which reads the files.
 */
#ifndef VA_POLICY_POLICY_H
#define VA_POLICY_POLICY_H

#include "common/base/cleanup.h"
#include "common/base/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_LINE_MAX      512u
#define POLICY_RULES_MAX     1024u
#define POLICY_FILES_MAX     64u
#define POLICY_DELAY_S       15u /* of host.shutdown, where no delay= says otherwise */
#define POLICY_DELAY_MAX_S   86400u
#define POLICY_TIMEOUT_S     20u /* of ask, where no timeout= says otherwise */
#define POLICY_TIMEOUT_MAX_S 60u
#define POLICY_RATE_MAX      1000u

enum policy_side { POLICY_ON_HOST, POLICY_ON_GUEST };

enum policy_op {
	POLICY_SWITCH,         /* on the host */
	POLICY_HOST_SHUTDOWN,  /* on the host */
	POLICY_GUEST_LIST,     /* on the host: also the status question */
	POLICY_DDC_READ,       /* on both: what monitors there are, which input they show */
	POLICY_DDC_WRITE,      /* on the guest */
	POLICY_GUEST_SHUTDOWN, /* on the guest */
	POLICY_OP_COUNT,
};

enum policy_decision { POLICY_DENY = 0, POLICY_ALLOW, POLICY_ASK };

enum policy_reason {
	POLICY_BY_RULE,
	POLICY_NO_MATCH,
	POLICY_IS_BROKEN, /* file and line: of the first error */
};

/* All strings borrowed. */
struct policy_query {
	enum policy_op op;
	const char *guest;  /* who asks; on a guest: "host" */
	const char *target; /* "" where the operation has none */
	uint32_t uid;       /* UINT32_MAX: no user; matches "*" only */
	bool focused;       /* the guest holds the seat now */
};

struct policy_verdict {
	enum policy_decision decision;
	enum policy_reason reason;
	const char *file; /* the policy's; NULL with POLICY_NO_MATCH */
	unsigned int line;
	unsigned int rule;      /* its number, for policy_rate_take() */
	unsigned int delay_s;   /* of host.shutdown */
	unsigned int timeout_s; /* of ask */
	unsigned int rate_n;    /* 0: no limit; else so many ... */
	unsigned int rate_s;    /* ... in so many seconds */
	bool notify;            /* tell those who follow va-host events */
};

struct policy;

/* Without a rule; denies everything. NULL: no memory. */
struct policy *policy_new(enum policy_side side);
void policy_free(struct policy *p);
DEFINE_CLEANUP(policy, policy_free);

/*
 * Adds the rules of text[len] behind those that are there; file is its name in messages and
 * verdicts. 0; -EINVAL with report saying why, or -ENOMEM: the policy is broken from now on.
 */
int policy_add(struct policy *p, const char *file, const char *text, size_t len,
	struct conf_report *report);

/* Reads the files *.policy of a folder, in the order of their names as bytes. *ret is a policy
 * in any case but -ENOMEM; with -EINVAL or -ENOENT it is a broken one, and report says why.
 * Files and folder must be root's or this user's, and not writable by others. */
int policy_load_dir(
	struct policy **ret, enum policy_side side, const char *dir, struct conf_report *report);

/* Declares it broken: something about file (line 0: as a whole) is wrong. */
void policy_break(struct policy *p, const char *file, unsigned int line);
bool policy_is_broken(const struct policy *p);
size_t policy_n_rules(const struct policy *p);

void policy_decide(
	const struct policy *p, const struct policy_query *q, struct policy_verdict *ret);

/*
 * The decision as text for a person: each rule that was looked at and passed by because of
 * when=, the one that decided, the verdict. Cut to fit. The query's strings must be printable.
 */
void policy_explain(const struct policy *p, const struct policy_query *q, char *out, size_t size);

/*
 * What rate= has seen. The caller keeps one array of policy_n_rules() for each guest, zeroed at
 * first and whenever the policy is read again.
 */
struct policy_rate {
	uint64_t full_at_us; /* when the bucket is full again */
};

/*
 * Takes one token of the rule that the verdict came from: at most rate_n at once, one more
 * each rate_s / rate_n. False: none left, which is a deny. Once for each request, at PREPARE.
 */
bool policy_rate_take(
	const struct policy_verdict *v, struct policy_rate *rates, size_t n, uint64_t now_ms);

/* "switch", "host.shutdown", ... */
const char *policy_op_name(enum policy_op op);
/* False: no such operation on this side. */
bool policy_op_from_name(enum policy_side side, const char *name, enum policy_op *ret);
const char *policy_decision_name(enum policy_decision d);

#endif
