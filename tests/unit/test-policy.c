// SPDX-License-Identifier: GPL-2.0-or-later
/* Policies: what the first match decides, that every error denies all, rates, explanations. */
#include "common/policy/policy.h"

#include "tests/unit/test.h"

#include <sys/stat.h>

#define NOBODY UINT32_MAX

static const char example[] =
	"# operation       guest    target       uid      verdict  options\n"
	"switch            zorg     debby,host   1000     allow    when=focused rate=10/min\n"
	"switch            *        *            *        ask      timeout=20s\n"
	"guest.list        *        -            *        allow    rate=30/min\n"
	"ddc.read          *        self         *        allow    rate=30/min\n"
	"\n"
	"host.shutdown     debby    -            0,1000   ask      delay=25s rate=2/h\r\n"
	"host.shutdown     *        -            *        deny     notify=yes\n"
	"*                 *        *            *        deny";

static struct policy *policy_of(enum policy_side side, const char *text, struct conf_report *r)
{
	struct policy *p = policy_new(side);

	*r = (struct conf_report){ 0 };
	if (p)
		policy_add(p, "t.policy", text, strlen(text), r);
	return p;
}

/* The line that decides, 0: none; the verdict in *v. */
static unsigned int line_for(const struct policy *p, enum policy_op op, const char *guest,
	const char *target, uint32_t uid, bool focused, struct policy_verdict *v)
{
	struct policy_query q = { op, guest, target, uid, focused };

	policy_decide(p, &q, v);
	return v->line;
}

static void first_match_wins(void)
{
	struct conf_report r;
	CLEANUP_FN(policy) struct policy *p = policy_of(POLICY_ON_HOST, example, &r);
	struct policy_verdict v;

	CHECK_STR(r.text, "");
	CHECK_EQ(policy_n_rules(p), 7);
	CHECK(!policy_is_broken(p));
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "debby", 1000, true, &v), 2);
	CHECK_EQ(v.decision, POLICY_ALLOW);
	CHECK_EQ(v.rate_n, 10);
	CHECK_EQ(v.rate_s, 60);
	CHECK_STR(v.file, "t.policy");
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "host", 1000, true, &v), 2);
	/* each field, and the focus, is part of the match */
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "debby", 1000, false, &v), 3);
	CHECK_EQ(v.decision, POLICY_ASK);
	CHECK_EQ(v.timeout_s, 20);
	CHECK_EQ(v.rate_n, 0);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "debby", 100, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "debby", 10001, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "debby", NOBODY, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "deb", 1000, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zorg", "debby,host", 1000, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "zor", "debby", 1000, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_SWITCH, "debby", "debby", 1000, true, &v), 3);
	CHECK_EQ(line_for(p, POLICY_GUEST_LIST, "any", "", 1, false, &v), 4);
	CHECK_EQ(line_for(p, POLICY_GUEST_LIST, "any", "x", 1, false, &v), 9);
	CHECK_EQ(line_for(p, POLICY_DDC_READ, "zorg", "zorg", 1, false, &v), 5);
	CHECK_EQ(line_for(p, POLICY_DDC_READ, "zorg", "debby", 1, false, &v), 9);
	CHECK_EQ(line_for(p, POLICY_DDC_READ, "zorg", "self", 1, false, &v), 9);
	CHECK_EQ(v.decision, POLICY_DENY);
	CHECK_EQ(line_for(p, POLICY_HOST_SHUTDOWN, "debby", "", 0, false, &v), 7);
	CHECK_EQ(v.delay_s, 25);
	CHECK_EQ(v.timeout_s, POLICY_TIMEOUT_S);
	CHECK_EQ(v.rate_s, 3600);
	CHECK_EQ(line_for(p, POLICY_HOST_SHUTDOWN, "debby", "", 2, false, &v), 8);
	CHECK_EQ(v.decision, POLICY_DENY);
	CHECK(v.notify);
	CHECK_EQ(line_for(p, POLICY_GUEST_SHUTDOWN, "debby", "", 2, false, &v), 9);
}

static void no_match_is_deny(void)
{
	struct conf_report r;
	CLEANUP_FN(policy) struct policy *p = policy_of(POLICY_ON_HOST, "switch a b * allow\n", &r);
	CLEANUP_FN(policy) struct policy *empty = policy_of(POLICY_ON_HOST, "\n# nothing\n", &r);
	struct policy_verdict v;

	line_for(p, POLICY_SWITCH, "b", "b", 0, true, &v);
	CHECK_EQ(v.decision, POLICY_DENY);
	CHECK_EQ(v.reason, POLICY_NO_MATCH);
	CHECK(!v.file);
	line_for(empty, POLICY_SWITCH, "b", "b", 0, true, &v);
	CHECK_EQ(v.decision, POLICY_DENY);
	CHECK(!policy_is_broken(empty));
}

static void the_guests_own(void)
{
	struct conf_report r;
	CLEANUP_FN(policy)
	struct policy *p = policy_of(POLICY_ON_GUEST,
		"ddc.write host 1f2e3d4c5b6a7988 * allow\n"
		"ddc.read * * * allow rate=1/s\n"
		"guest.shutdown host - 0 deny\n"
		"* * * * allow\n",
		&r);
	struct policy_verdict v;

	CHECK_STR(r.text, "");
	CHECK_EQ(line_for(p, POLICY_DDC_WRITE, "host", "1f2e3d4c5b6a7988", NOBODY, false, &v), 1);
	CHECK_EQ(line_for(p, POLICY_DDC_WRITE, "host", "ffffffffffffffff", NOBODY, false, &v), 4);
	CHECK_EQ(line_for(p, POLICY_DDC_READ, "host", "", NOBODY, false, &v), 2);
	CHECK_EQ(line_for(p, POLICY_GUEST_SHUTDOWN, "host", "", 0, false, &v), 3);
	CHECK_EQ(line_for(p, POLICY_GUEST_SHUTDOWN, "host", "", NOBODY, false, &v), 4);
}

static void errors(void)
{
	static const struct {
		enum policy_side side;
		const char *line, *says;
	} cases[] = {
		{ POLICY_ON_HOST, "switsch * * * allow",
			"no operation \"switsch\" is decided on a host" },
		{ POLICY_ON_HOST, "ddc.write * * * allow", "no operation \"ddc.write\"" },
		{ POLICY_ON_HOST, "switch,guest.list * * * allow", "no operation" },
		{ POLICY_ON_GUEST, "switch * * * allow",
			"decided on a guest; there are ddc.write" },
		{ POLICY_ON_HOST, "switch", "has 1 words" },
		{ POLICY_ON_HOST, "switch zorg host 1000", "has 4 words; a rule has at least 5" },
		{ POLICY_ON_HOST, "switch zorg, host * allow",
			"\"zorg,\" in the place of who asks" },
		{ POLICY_ON_HOST, "switch ,zorg host * allow", "in the place of who asks" },
		{ POLICY_ON_HOST, "switch a,*,b host * allow", "in the place of who asks" },
		{ POLICY_ON_HOST, "switch - host * allow", "in the place of who asks" },
		{ POLICY_ON_HOST, "switch host host * allow", "in the place of who asks" },
		{ POLICY_ON_HOST, "switch self host * allow", "in the place of who asks" },
		{ POLICY_ON_HOST, "switch ../x host * allow", "in the place of who asks" },
		{ POLICY_ON_GUEST, "ddc.write zorg * * allow", "on a guest that is host, or *" },
		{ POLICY_ON_HOST, "switch * a;b * allow", "\"a;b\" in the place of the target" },
		{ POLICY_ON_HOST, "switch * -,a * allow", "in the place of the target" },
		{ POLICY_ON_GUEST, "ddc.write * self * allow", "in the place of the target" },
		{ POLICY_ON_HOST, "switch * * root allow", "\"root\" in the place of the uid" },
		{ POLICY_ON_HOST, "switch * * -1 allow", "in the place of the uid" },
		{ POLICY_ON_HOST, "switch * * 4294967295 allow", "in the place of the uid" },
		{ POLICY_ON_HOST, "switch * * 1, allow", "in the place of the uid" },
		{ POLICY_ON_HOST, "switch * * * yes", "it wants allow, deny or ask" },
		{ POLICY_ON_HOST, "switch * * * ALLOW", "it wants allow, deny or ask" },
		{ POLICY_ON_GUEST, "ddc.write * * * ask", "a guest has nobody to ask" },
		{ POLICY_ON_HOST, "switch * * * allow when=now", "it wants focused or any" },
		{ POLICY_ON_GUEST, "ddc.read * * * allow when=any", "means nothing on a guest" },
		{ POLICY_ON_HOST, "switch * * * allow when=any when=any", "when= twice" },
		{ POLICY_ON_HOST, "switch * * * allow rate=0/s", "rate=0/s; it wants 1 to 1000" },
		{ POLICY_ON_HOST, "switch * * * allow rate=1001/s", "it wants 1 to 1000" },
		{ POLICY_ON_HOST, "switch * * * allow rate=5/d", "it wants 1 to 1000" },
		{ POLICY_ON_HOST, "switch * * * allow rate=5", "it wants 1 to 1000" },
		{ POLICY_ON_HOST, "switch * * * deny rate=5/s", "rate= has no effect on deny" },
		{ POLICY_ON_HOST, "switch * * * allow delay=5s", "effect on host.shutdown only" },
		{ POLICY_ON_HOST, "host.shutdown * - * deny delay=5s",
			"effect on host.shutdown only" },
		{ POLICY_ON_HOST, "host.shutdown * - * ask delay=5",
			"delay=5; it wants 0 to 86400" },
		{ POLICY_ON_HOST, "host.shutdown * - * ask delay=1min", "it wants 0 to 86400" },
		{ POLICY_ON_HOST, "host.shutdown * - * ask delay=86401s", "it wants 0 to 86400" },
		{ POLICY_ON_HOST, "switch * * * allow timeout=5s", "effect on ask only" },
		{ POLICY_ON_HOST, "switch * * * ask timeout=0s", "it wants 1 to 60" },
		{ POLICY_ON_HOST, "switch * * * ask timeout=61s", "it wants 1 to 60" },
		{ POLICY_ON_HOST, "switch * * * deny notify=maybe", "it wants yes or no" },
		{ POLICY_ON_HOST, "switch * * * deny colour=red",
			"no option \"colour=\" is known" },
		{ POLICY_ON_HOST, "switch * * * deny notify", "no option \"notify\" is known" },
		{ POLICY_ON_HOST, "switch * * * deny # never", "no option \"#\" is known" },
		{ POLICY_ON_HOST, "switch * * * deny \xc3\xa4", "not plain ASCII" },
		{ POLICY_ON_HOST, "# \033[2J", "not plain ASCII" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conf_report r;
		char text[256], where[] = "t.policy:2: ";
		CLEANUP_FN(policy) struct policy *p = NULL;
		struct policy_verdict v;

		/* between two good rules that would allow all: neither may count */
		snprintf(text, sizeof(text), "* * * * allow\n%s\n* * * * allow\n", cases[i].line);
		p = policy_of(cases[i].side, text, &r);
		if (!strstr(r.text, cases[i].says))
			printf("# \"%s\" gave: %s\n", cases[i].line, r.text);
		CHECK(strstr(r.text, cases[i].says));
		CHECK(!strncmp(r.text, where, strlen(where)));
		CHECK_EQ(r.n_errors, 1);
		CHECK(policy_is_broken(p));
		CHECK_EQ(line_for(p, POLICY_DDC_READ, "host", "x", 0, true, &v), 2);
		CHECK_EQ(v.decision, POLICY_DENY);
		CHECK_EQ(v.reason, POLICY_IS_BROKEN);
		CHECK_STR(v.file, "t.policy");
	}
}

static void limits(void)
{
	static char text[POLICY_RULES_MAX * 16 + 64], line[1024];
	struct conf_report r;
	size_t len = 0;
	CLEANUP_FN(policy) struct policy *p = NULL;
	CLEANUP_FN(policy) struct policy *q = NULL;

	for (unsigned int i = 0; i < POLICY_RULES_MAX; i++, len += 13)
		memcpy(text + len, "* * * * deny\n", 14);
	p = policy_of(POLICY_ON_HOST, text, &r);
	CHECK_EQ(r.n_errors, 0);
	CHECK_EQ(policy_n_rules(p), POLICY_RULES_MAX);
	CHECK_EQ(policy_add(p, "u.policy", "* * * * deny", 12, &r), -EINVAL);
	CHECK(strstr(r.text, "u.policy:1: there are more than 1024 rules"));
	CHECK(policy_is_broken(p));

	memset(line, ' ', sizeof(line));
	memcpy(line, "* * * * deny", 12);
	line[POLICY_LINE_MAX] = '\0';
	q = policy_of(POLICY_ON_HOST, line, &r);
	CHECK_EQ(r.n_errors, 0);
	line[POLICY_LINE_MAX] = ' ';
	line[POLICY_LINE_MAX + 1] = '\0';
	CHECK_EQ(policy_add(q, "v.policy", line, strlen(line), &r), -EINVAL);
	CHECK(strstr(r.text, "v.policy:1: is longer than 512 bytes"));
	/* the first error stays the one that is named */
	CHECK_EQ(policy_add(q, "w.policy", "x", 1, &r), -EINVAL);
	struct policy_verdict v;
	CHECK_EQ(line_for(q, POLICY_SWITCH, "a", "b", 0, true, &v), 1);
	CHECK_STR(v.file, "v.policy");
}

static void rates(void)
{
	struct policy_verdict v = {
		.reason = POLICY_BY_RULE, .rule = 1, .rate_n = 3, .rate_s = 60
	};
	struct policy_rate a[2] = { 0 }, b[2] = { 0 };
	uint64_t t = 1000000;

	for (int i = 0; i < 3; i++)
		CHECK(policy_rate_take(&v, a, 2, t));
	CHECK(!policy_rate_take(&v, a, 2, t));
	CHECK(!policy_rate_take(&v, a, 2, t + 19999));
	CHECK(policy_rate_take(&v, a, 2, t + 20000));
	CHECK(!policy_rate_take(&v, a, 2, t + 20001));
	/* a refused one costs nothing; another guest has its own */
	CHECK(policy_rate_take(&v, b, 2, t + 20001));
	CHECK(policy_rate_take(&v, a, 2, t + 40000));
	/* an hour later it is full, and no more than full */
	t += 3600000;
	for (int i = 0; i < 3; i++)
		CHECK(policy_rate_take(&v, a, 2, t));
	CHECK(!policy_rate_take(&v, a, 2, t));
	/* a caller whose array is of another policy gets no free ride */
	CHECK(!policy_rate_take(&v, a, 1, t + 3600000));
	v.rate_n = 0;
	CHECK(policy_rate_take(&v, a, 0, t));
}

/* Over any stretch of time, no more than a full bucket and what came in meanwhile. */
static void rates_in_the_long_run(void)
{
	static const unsigned int ns[] = { 1, 7, 30, 1000 }, seconds[] = { 1, 60, 3600 };

	for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
		for (size_t k = 0; k < ARRAY_SIZE(seconds); k++) {
			struct policy_verdict v = {
				.reason = POLICY_BY_RULE, .rate_n = ns[i], .rate_s = seconds[k]
			};
			struct policy_rate rate = { 0 };
			uint64_t step = seconds[k] * 1000ull / ns[i] / 3 + 1, taken = 0, t;

			for (t = 0; t < 20000 * step; t += step)
				taken += policy_rate_take(&v, &rate, 1, t);
			CHECK(taken <= ns[i] + t * ns[i] / (seconds[k] * 1000ull) + 1);
			/* and not much less: a bucket of one loses what falls between two looks */
			CHECK(taken * 100 >= t * ns[i] / (seconds[k] * 1000ull) * 98);
		}
}

static void explained(void)
{
	struct conf_report r;
	CLEANUP_FN(policy) struct policy *p = policy_of(POLICY_ON_HOST, example, &r);
	CLEANUP_FN(policy) struct policy *bad = policy_of(POLICY_ON_HOST, "\nx\n", &r);
	struct policy_query q = { POLICY_SWITCH, "zorg", "debby", 1000, false };
	char out[512], small[20];

	policy_explain(p, &q, out, sizeof(out));
	CHECK_STR(out, "zorg asks for switch debby, for its user 1000, not holding the seat\n"
		       "passed by: t.policy:2 would allow, but only when=focused\n"
		       "ask: t.policy:3, on the host, within 20 s\n");
	q.focused = true;
	policy_explain(p, &q, out, sizeof(out));
	CHECK_STR(out, "zorg asks for switch debby, for its user 1000, holding the seat\n"
		       "allow: t.policy:2, at most 10 in 60 s\n");
	q = (struct policy_query){ POLICY_HOST_SHUTDOWN, "debby", "", 0, false };
	policy_explain(p, &q, out, sizeof(out));
	CHECK_STR(out, "debby asks for host.shutdown, for its user 0, not holding the seat\n"
		       "ask: t.policy:7, on the host, within 20 s, 25 s before it happens, "
		       "at most 2 in 3600 s\n");
	q.guest = "zorg";
	q.uid = NOBODY;
	policy_explain(p, &q, out, sizeof(out));
	CHECK_STR(out, "zorg asks for host.shutdown, for no user, not holding the seat\n"
		       "deny: t.policy:8, and the host's user is told\n");
	policy_explain(bad, &q, out, sizeof(out));
	CHECK(strstr(out, "deny: the policy is broken, so everything is denied; the first error is "
			  "t.policy:2\n"));
	for (size_t size = 1; size <= sizeof(small); size++) {
		memset(small, 'Z', sizeof(small));
		policy_explain(p, &q, small, size);
		CHECK_EQ(strlen(small), size - 1);
	}
}

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static void drop(const char *dir, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* The line that decides a switch, and from which file, with the folder as it is now. */
static int from_dir(const char *dir, struct conf_report *r, char file[64], unsigned int *ret_line)
{
	CLEANUP_FN(policy) struct policy *p = NULL;
	struct policy_verdict v;
	int result;

	*r = (struct conf_report){ 0 };
	result = policy_load_dir(&p, POLICY_ON_HOST, dir, r);
	*ret_line = line_for(p, POLICY_SWITCH, "zorg", "host", 0, true, &v);
	snprintf(file, 64, "%s", v.file && strrchr(v.file, '/') ? strrchr(v.file, '/') + 1 : "-");
	if ((result < 0) != policy_is_broken(p) || (result < 0 && v.decision != POLICY_DENY))
		return 1;
	return result;
}

static void the_folder(void)
{
	char dir[] = "/tmp/va-policy-XXXXXX", file[64], away[80];
	struct conf_report r;
	unsigned int line;

	CHECK(mkdtemp(dir));
	CHECK_EQ(from_dir(dir, &r, file, &line), 0);
	CHECK_STR(file, "-");
	put(dir, "50-default.policy", "switch * * * deny\n", 0644);
	put(dir, "README", "no policy\n", 0666);
	put(dir, "10-old.policy.bak", "no policy\n", 0644);
	put(dir, "20-user.policy~", "no policy\n", 0644);
	put(dir, ".10-x.policy", "no policy\n", 0644);
	CHECK_EQ(from_dir(dir, &r, file, &line), 0);
	CHECK_STR(file, "50-default.policy");
	put(dir, "30-user.policy", "\nswitch zorg * * allow\n", 0644);
	CHECK_EQ(from_dir(dir, &r, file, &line), 0);
	CHECK_STR(file, "30-user.policy");
	CHECK_EQ(line, 2);
	put(dir, "Z.policy", "switch zorg host * allow\n", 0644); /* before digits in no locale */
	put(dir, "100.policy", "switch zorg host * allow\n", 0644);
	CHECK_EQ(from_dir(dir, &r, file, &line), 0);
	CHECK_STR(file, "100.policy");
	drop(dir, "100.policy");
	/* each kind of bad file denies everything, and is named */
	put(dir, "90-bad.policy", "switch * * *\n", 0644);
	CHECK_EQ(from_dir(dir, &r, file, &line), -EINVAL);
	CHECK(strstr(r.text, "90-bad.policy:1: has 4 words"));
	CHECK_STR(file, "90-bad.policy");
	drop(dir, "90-bad.policy");
	put(dir, "90-open.policy", "", 0646);
	CHECK_EQ(from_dir(dir, &r, file, &line), -EINVAL);
	CHECK(strstr(r.text, "90-open.policy: is open to other users"));
	drop(dir, "90-open.policy");
	put(dir, "a b.policy", "", 0644);
	CHECK_EQ(from_dir(dir, &r, file, &line), -EINVAL);
	CHECK(strstr(r.text, "a b.policy: has a name that is not plain"));
	drop(dir, "a b.policy");
	snprintf(away, sizeof(away), "%s/40-link.policy", dir);
	CHECK_EQ(symlink("30-user.policy", away), 0);
	CHECK_EQ(from_dir(dir, &r, file, &line), -EINVAL);
	CHECK(strstr(r.text, "40-link.policy: is a symbolic link"));
	unlink(away);
	CHECK_EQ(from_dir(dir, &r, file, &line), 0);
	CHECK_EQ(chmod(dir, 0777), 0);
	CHECK_EQ(from_dir(dir, &r, file, &line), -EINVAL);
	CHECK(strstr(r.text, ": is open to other users"));
	chmod(dir, 0700);
	drop(dir, "50-default.policy"), drop(dir, "README"), drop(dir, "10-old.policy.bak");
	drop(dir, "20-user.policy~"), drop(dir, ".10-x.policy"), drop(dir, "30-user.policy");
	drop(dir, "Z.policy");
	CHECK_EQ(rmdir(dir), 0);
	CHECK_EQ(from_dir(dir, &r, file, &line), -ENOENT);
	CHECK(strstr(r.text, ": does not exist"));
}

TEST_MAIN({ "first_match_wins", first_match_wins }, { "no_match_is_deny", no_match_is_deny },
	{ "the_guests_own", the_guests_own }, { "errors", errors }, { "limits", limits },
	{ "rates", rates }, { "rates_in_the_long_run", rates_in_the_long_run },
	{ "explained", explained }, { "the_folder", the_folder });
