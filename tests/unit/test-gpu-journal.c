// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal's words and lines, and its file in a scratch folder. */
#include "host/gpu/journal.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST "virt-aid-gpu 1 boot win10\n"

static struct journal j;
static size_t used;

static int parse(const char *text)
{
	char boot[64] = "";

	j = (struct journal){ .fd = -1 };
	return journal_parse(text, strlen(text), &j, boot, &used);
}

static void words(void)
{
	static const char *const plain[] = { "a", "", "-", "--", "a b", "a%20", "100%", "\xc3\xbc",
		"a\nstep 1", "../../etc", ".", "\x7f", "win 10/x" };
	char coded[128], back[64];

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		CHECK_EQ(journal_encode(plain[i], coded, sizeof(coded)), 0);
		CHECK(!strpbrk(coded, " \n/"));
		CHECK_EQ(journal_decode(coded, strlen(coded), back, sizeof(back)), 0);
		CHECK_STR(back, plain[i]);
	}
	CHECK_EQ(journal_encode("abc", coded, 3), -ENAMETOOLONG);
	CHECK_EQ(journal_encode("a/c", coded, 5), -ENAMETOOLONG);
	CHECK_EQ(journal_encode("a/c", coded, 6), 0);
	CHECK_EQ(journal_decode("abc", 3, back, 3), -ENAMETOOLONG);
}

static void bad_words(void)
{
	static const char *const bad[] = { "", "%", "%4", "%4g", "%00", "a%", "a b", "a/b", "\n" };
	char back[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(journal_decode(bad[i], strlen(bad[i]), back, sizeof(back)), -EBADMSG);
}

static void lines(void)
{
	CHECK_EQ(parse(FIRST "step 0 service sddm.service systemd dm\n"
			     "step 1 override 0000:01:00.0 nvidia -\nundone 1\n"),
		0);
	CHECK_STR(j.guest, "win10");
	CHECK_EQ(j.state, JOURNAL_TAKING);
	CHECK_EQ(j.steps.n, 2);
	CHECK_EQ(j.steps.s[0].kind, STEP_SERVICE);
	CHECK_EQ(j.steps.s[0].state, STEP_BEGUN);
	CHECK_STR(j.steps.s[0].b, "dm");
	CHECK_EQ(j.steps.s[1].state, STEP_UNDONE);
	CHECK_STR(j.steps.s[1].b, "");
	CHECK_EQ(parse(FIRST "taken\n"), 0);
	CHECK_EQ(j.state, JOURNAL_TAKEN);
	CHECK_EQ(parse(FIRST "taken\nreturning\n"), 0);
	CHECK_EQ(j.state, JOURNAL_RETURNING);
}

/* Wherever it is cut, it is sound: only a whole line counts. */
static void torn(void)
{
	static const char text[] = FIRST "step 0 vtconsole vtcon1 - -\ntaken\n";
	const size_t first = sizeof(FIRST) - 1, second = first + 28;
	char boot[64];

	for (size_t n = 0; n < sizeof(text); n++) {
		j = (struct journal){ .fd = -1 };
		CHECK_EQ(journal_parse(text, n, &j, boot, &used), n < first ? -ENODATA : 0);
		CHECK_EQ(j.steps.n, n < second ? 0 : 1);
		CHECK_EQ(j.state, n < sizeof(text) - 1 ? JOURNAL_TAKING : JOURNAL_TAKEN);
		CHECK(used <= n);
	}
}

static void not_ours(void)
{
	static const char *const bad[] = { "precious\n", "virt-aid-gpu 2 boot win10\n",
		"virt-aid-gpu 1 boot\n", FIRST FIRST, FIRST "step 1 vtconsole vtcon1 - -\n",
		FIRST "step 0 vtconsole vtcon1 -\n", FIRST "step 0 vtconsole vtcon1 - - -\n",
		FIRST "step 0 shell x - -\n", FIRST "undone 0\n", FIRST "undone -1\n",
		FIRST "taken now\n", FIRST "\n", FIRST "step 0 vtconsole %zz - -\n",
		FIRST "step 99999999999 vtconsole vtcon1 - -\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(parse(bad[i]), -EBADMSG);
}

static void too_many_steps(void)
{
	static char text[STEPS_MAX * 64];
	size_t n = (size_t)snprintf(text, sizeof(text), FIRST);

	for (int i = 0; i < STEPS_MAX; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "step %d vtconsole vtcon%d - -\n", i, i);
	CHECK_EQ(parse(text), 0);
	CHECK_EQ(j.steps.n, STEPS_MAX);
	(void)snprintf(text + n, sizeof(text) - n, "step %d vtconsole x - -\n", STEPS_MAX);
	CHECK_EQ(parse(text), -EBADMSG);
}

static void file(void)
{
	static const struct step s = { .kind = STEP_VTCON, .subject = "vtcon1" };
	char root[] = "/tmp/va-journal-XXXXXX", guests[4][JOURNAL_NAME_SIZE], command[64];
	struct machine m;
	int lock;

	CHECK(mkdtemp(root) != NULL);
	CHECK_EQ(machine_init(&m, root, 100), 0);
	CHECK_EQ(journal_open(&m, "win 10", &j), -ENOENT);
	lock = journal_lock(&m);
	CHECK(lock >= 0);
	CHECK_EQ(journal_create(&m, "win 10", &j), 0);
	CHECK_EQ(journal_begin(&m, &j, &s), 0);
	CHECK_EQ(journal_begin(&m, &j, &s), 0);
	CHECK_EQ(journal_undone(&m, &j, 1), 0);
	CHECK_EQ(journal_set_state(&m, &j, JOURNAL_TAKEN), 0);
	/* a torn line at the end does not spoil the next one */
	CHECK_EQ(write(j.fd, "step 2 vt", 9), 9);
	journal_close(&j);
	CHECK_EQ(journal_create(&m, "win 10", &j), -EEXIST);
	CHECK_EQ(journal_list(&m, guests, 4), 1);
	CHECK_STR(guests[0], "win 10");
	CHECK_EQ(journal_open(&m, "win 10", &j), 0);
	CHECK_EQ(j.steps.n, 2);
	CHECK_EQ(journal_undone(&m, &j, 0), 0);
	journal_close(&j);
	CHECK_EQ(journal_open(&m, "win 10", &j), 0);
	CHECK_EQ(j.state, JOURNAL_TAKEN);
	CHECK_EQ(j.steps.s[0].state, STEP_UNDONE);
	CHECK_EQ(journal_remove(&m, &j), 0);
	CHECK_EQ(journal_list(&m, guests, 4), 0);
	close(lock);
	(void)snprintf(command, sizeof(command), "%s/run/virt-aid/gpu/lock", root);
	CHECK_EQ(unlink(command), 0);
	for (size_t i = 0; i < 4; i++) {
		static const char *const folders[] = { "/run/virt-aid/gpu", "/run/virt-aid", "/run",
			"" };

		(void)snprintf(command, sizeof(command), "%s%s", root, folders[i]);
		CHECK_EQ(rmdir(command), 0);
	}
}

TEST_MAIN({ "words", words }, { "bad_words", bad_words }, { "lines", lines }, { "torn", torn },
	{ "not_ours", not_ours }, { "too_many_steps", too_many_steps }, { "file", file });
