// SPDX-License-Identifier: GPL-2.0-or-later
/* What was seen of monitors' cables: who is believed, what is kept, what the file may hold. */
#include "host/daemon/learned.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <unistd.h>

#define DESK "9f2d6c01a77be450"
#define WALL "0123456789abcdef"
#define CARD "0000:01:00.0"
#define SLOT "0000:02:00.0"

static const struct learned_sight shown = { DESK, CARD, true, false, 0x0f };
static const struct learned_sight silent = { DESK, SLOT, false, false, -1 };

static void only_the_one_that_answers_is_shown(void)
{
	struct learned_sight s[3] = { silent, shown, { WALL, CARD, true, false, 0x11 } };

	CHECK_EQ(learned_who_is_shown(s, 3, DESK), 1);
	CHECK_EQ(learned_who_is_shown(s, 3, WALL), -1); /* seen on one cable only */
	CHECK_EQ(learned_who_is_shown(s, 0, DESK), -1);
	s[0].answers = true;
	s[0].input = 0x0f;
	CHECK_EQ(learned_who_is_shown(s, 3, DESK), -1); /* it answers everywhere */
}

static void what_cannot_be_read_or_told_apart_is_not_guessed(void)
{
	struct learned_sight s[2] = { silent, shown };

	s[1].input = -1;
	CHECK_EQ(learned_who_is_shown(s, 2, DESK), -1);
	s[1] = shown;
	s[0].twin = true;
	CHECK_EQ(learned_who_is_shown(s, 2, DESK), -1);
}

static void what_is_seen_counts_more_than_what_was(void)
{
	struct learned l = { 0 };
	struct world_monitor m;

	CHECK_EQ(learned_take(&l, &(struct learned_cable){ DESK, CARD, 0x0f }), LEARNED_NEW);
	CHECK_EQ(learned_take(&l, &(struct learned_cable){ DESK, CARD, 0x0f }), LEARNED_KNOWN);
	CHECK_EQ(learned_take(&l, &(struct learned_cable){ WALL, CARD, 0x0f }), LEARNED_NEW);
	CHECK_EQ(learned_monitor(&l, DESK, &m), 1);
	CHECK_EQ(learned_take(&l, &(struct learned_cable){ DESK, SLOT, 0x11 }), LEARNED_NEW);
	CHECK_EQ(learned_monitor(&l, DESK, &m), 2);
	CHECK_STR(m.inputs[1].gpu, SLOT);
	CHECK_EQ(m.sources[1].write, 0x11);
	/* the cables are swapped: neither of the old two is true any more */
	CHECK_EQ(
		learned_take(&l, &(struct learned_cable){ DESK, SLOT, 0x0f }), LEARNED_CONTRADICTS);
	CHECK_EQ(learned_monitor(&l, DESK, &m), 1);
	CHECK_EQ(learned_monitor(&l, WALL, &m), 1);
}

static void the_oldest_gives_way(void)
{
	struct learned l = { 0 };
	struct world_monitor m;

	for (int i = 0; i <= LEARNED_MAX; i++) {
		struct learned_cable c = { "", CARD, 0x0f };

		snprintf(c.key, sizeof(c.key), "%016x", (unsigned int)i);
		CHECK_EQ(learned_take(&l, &c), LEARNED_NEW);
	}
	CHECK_EQ(l.n, LEARNED_MAX);
	CHECK_EQ(learned_monitor(&l, "0000000000000000", &m), 0);
	CHECK_EQ(learned_monitor(&l, "0000000000000020", &m), 1);
}

static void a_section_says_what_is_missing(void)
{
	struct learned l = { 0 };
	struct world_monitor m;
	char out[LEARNED_SECTION_SIZE];

	learned_section(DESK, "card0-DP-1", NULL, out);
	CHECK(strstr(out, "key = " DESK "\nconnector = card0-DP-1\n# add") != NULL);
	learned_take(&l, &(struct learned_cable){ DESK, CARD, 0x0f });
	learned_take(&l, &(struct learned_cable){ DESK, SLOT, 0x1211 });
	learned_monitor(&l, DESK, &m);
	learned_section(DESK, "", &m, out);
	CHECK_STR(out, "[monitor seen-9f2d6c01]\nkey = " DESK "\ninput.in-0f = 0x0f " CARD
		       "\ninput.in-1211 = 0x1211 " SLOT "\n");
}

static int parse(const char *text)
{
	static struct learned l;
	int r = learned_parse(text, strlen(text), &l);

	if (r < 0)
		return l.n ? 1000 : r; /* it must be empty then */
	return l.n;
}

static void a_damaged_file_is_an_empty_one(void)
{
#define HEAD "[learned]\nversion = 1\n"
	CHECK_EQ(parse(HEAD), 0);
	CHECK_EQ(parse(HEAD "[monitor " DESK "]\ninput = 0x0f " CARD "\n"), 1);
	CHECK(parse("") < 0);
	CHECK(parse("[learned]\nversion = 2\n") < 0);
	CHECK(parse("[monitor " DESK "]\ninput = 0x0f " CARD "\n") < 0);
	CHECK(parse(HEAD "[monitor desk]\ninput = 0x0f " CARD "\n") < 0);
	CHECK(parse(HEAD "[monitor " DESK "]\ninput = 0x10000 " CARD "\n") < 0);
	CHECK(parse(HEAD "[monitor " DESK "]\ninput = 0x0f ../etc\n") < 0);
	CHECK(parse(HEAD "[monitor " DESK "]\ninput = 0x0f\n") < 0);
	CHECK(parse(HEAD "[monitor " DESK "]\ninput = 0x0f " CARD "\n[monitor " DESK
			 "]\ninput = 0x0f " CARD "\n") < 0);
}

static void what_is_written_is_read(void)
{
	char dir[] = "/tmp/va-learned-XXXXXX", path[64];
	struct learned l = { 0 }, back;

	CHECK(mkdtemp(dir) != NULL);
	CHECK_EQ(learned_read(&back, dir), 0);
	CHECK_EQ(back.n, 0);
	for (int i = 0; i < LEARNED_MAX; i++) {
		struct learned_cable c = { "", CARD, (uint16_t)(0xff00 + i) };

		snprintf(c.key, sizeof(c.key), "%016x", (unsigned int)i);
		learned_take(&l, &c);
	}
	CHECK_EQ(learned_write(&l, dir), 0);
	CHECK_EQ(learned_read(&back, dir), 0);
	CHECK_EQ(back.n, l.n);
	CHECK(!memcmp(back.cables, l.cables, sizeof(l.cables)));
	snprintf(path, sizeof(path), "%s/monitors", dir);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(dir), 0); /* and nothing else is left there */
}

TEST_MAIN({ "only_the_one_that_answers_is_shown", only_the_one_that_answers_is_shown },
	{ "what_cannot_be_read_or_told_apart_is_not_guessed",
		what_cannot_be_read_or_told_apart_is_not_guessed },
	{ "what_is_seen_counts_more_than_what_was", what_is_seen_counts_more_than_what_was },
	{ "the_oldest_gives_way", the_oldest_gives_way },
	{ "a_section_says_what_is_missing", a_section_says_what_is_missing },
	{ "a_damaged_file_is_an_empty_one", a_damaged_file_is_an_empty_one },
	{ "what_is_written_is_read", what_is_written_is_read });
