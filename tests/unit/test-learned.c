// SPDX-License-Identifier: GPL-2.0-or-later
/* What was seen of monitors' cables: who is believed, what is kept, what the file may hold. */
#include "host/daemon/learned.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define DESK "9f2d6c01a77be450"
#define WALL "0123456789abcdef"
#define CARD "0000:01:00.0"
#define SLOT "0000:02:00.0"

static const struct learned_sight shown = { DESK, CARD, true, false, 0x0f, WORLD_HOST, 0 };
static const struct learned_sight silent = { DESK, SLOT, false, false, -1, 1, 0 };

static void only_the_one_that_answers_is_shown(void)
{
	struct learned_sight s[3] = { silent, shown, { WALL, CARD, true, false, 0x11, 0, 0 } };

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

/* The host has CARD; alpha SLOT and, where asked for, NEXT. The monitor is cabled to both. */
#define NEXT "0000:03:00.0"

static struct world_machine machines[2];
static struct world world = { .machines = machines, .n_machines = 2 };

static struct world_monitor desk(const char *alphas, uint16_t value)
{
	struct world_monitor m = { .name = "desk", .key = DESK, .n_inputs = 2, .shown = -1 };

	memset(machines, 0, sizeof(machines));
	snprintf(machines[0].name, sizeof(machines[0].name), "host");
	snprintf(machines[1].name, sizeof(machines[1].name), "alpha");
	machines[0].known = machines[1].known = true;
	machines[0].state = machines[1].state = WORLD_RUNNING;
	machines[1].n_gpus = 2;
	snprintf(machines[1].gpus[0], WORLD_PCI_SIZE, SLOT);
	snprintf(machines[1].gpus[1], WORLD_PCI_SIZE, NEXT);
	snprintf(m.inputs[0].name, sizeof(m.inputs[0].name), "dp");
	snprintf(m.inputs[0].gpu, WORLD_PCI_SIZE, CARD);
	m.sources[0] = (struct input_source){ 0x0f, INPUT_NOT_READ };
	snprintf(m.inputs[1].name, sizeof(m.inputs[1].name), "hdmi");
	snprintf(m.inputs[1].gpu, WORLD_PCI_SIZE, "%s", alphas);
	m.sources[1] = (struct input_source){ value, INPUT_NOT_READ };
	return m;
}

static struct learned seen_cables(uint16_t at_card, uint16_t at_slot)
{
	struct learned l = { 0 };

	learned_take(&l, &(struct learned_cable){ DESK, CARD, at_card });
	learned_take(&l, &(struct learned_cable){ DESK, SLOT, at_slot });
	return l;
}

static void a_card_is_believed_where_it_alone_may_be_meant(void)
{
	static const struct learned_card two[] = { { 0x10de2204, 0x10431111 },
		{ 0x10de2204, 0x14622222 } };
	static const struct learned_card other[] = { { 0x10de2204, 0 }, { 0x100273bf, 0 } };
	static const struct learned_card gap[] = { { 0, 0 }, { 0x100273bf, 0 } };
	struct learned_card seen = { 0x10de2204, 0x14622222 };

	CHECK_EQ(learned_find_card(two, 2, &seen), 1);
	CHECK_EQ(learned_find_card(other, 2, &seen), 0);
	CHECK_EQ(learned_find_card(&other[1], 1, &seen), -ENOENT);
	CHECK_EQ(learned_find_card(gap, 2, &seen), -ENOENT); /* left over is no proof */
	CHECK_EQ(learned_find_card(gap, 1, &seen), 0);       /* the only one it has */
	CHECK_EQ(learned_find_card(gap, 0, &seen), -ENOENT);
	seen.board = 0;
	CHECK_EQ(learned_find_card(two, 2, &seen), -ENOTUNIQ);
	seen.chip = 0; /* an agent that does not say */
	CHECK_EQ(learned_find_card(other, 2, &seen), -ENOTUNIQ);
	CHECK_EQ(learned_find_card(other, 1, &seen), 0);
}

static void what_agrees_is_no_contradiction(void)
{
	struct learned l = seen_cables(0x0f, 0x11);
	struct world_monitor m = desk(SLOT, 0x11);
	struct learned_sight s[2] = { silent, shown };
	struct learned_clash c[LEARNED_MAX_CLASHES];

	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 0);
	m = desk(SLOT, 0x12);
	m.sources[1].read = 0x11; /* it reads as another value */
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 0);
	m = desk(SLOT, 0x12);
	m.unreadable = true;
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 0);
	m = desk(SLOT, 0x12);
	m.found = true;
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 0);
	m = desk(SLOT, 0x12);
	s[0].twin = s[1].twin = true;
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 0);
}

static void another_value_than_configured(void)
{
	struct learned l = seen_cables(0x0f, 0x11);
	struct world_monitor m = desk(SLOT, 0x12);
	struct learned_sight s[2] = { silent, shown };
	struct learned_clash c[LEARNED_MAX_CLASHES];

	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 1);
	CHECK_STR(c[0].line, "input.hdmi = 0x11 " SLOT);
	CHECK(strstr(c[0].text, "alpha (" SLOT ") as hdmi (0x12), but it reads 0x11") != NULL);
	CHECK(strstr(c[0].text,
		      "host.conf is followed; if 0x12 does switch there, add read=0x11") != NULL);
	/* the guest does not see it any more: nothing is said of what was */
	CHECK_EQ(learned_clashes(&l, &world, &m, &s[1], 1, c), 0);
}

static void swapped_cables(void)
{
	struct learned l = seen_cables(0x11, 0x0f);
	struct world_monitor m = desk(SLOT, 0x11);
	struct learned_sight s[2] = { silent, shown };
	struct learned_clash c[LEARNED_MAX_CLASHES];

	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 2);
	CHECK_STR(c[0].line, "input.dp = 0x0f " SLOT);
	CHECK_STR(c[1].line, "input.hdmi = 0x11 " CARD);
	CHECK(strstr(c[1].text, "the host (" CARD ")") != NULL);
	CHECK(strstr(c[1].text, "which is input hdmi;") != NULL);
}

static void seen_at_another_card_than_configured(void)
{
	struct learned l = seen_cables(0x0f, 0x11);
	struct world_monitor m = desk(NEXT, 0x11);
	struct learned_sight s[3] = { silent, shown, silent };
	struct learned_clash c[LEARNED_MAX_CLASHES];

	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 1);
	CHECK_STR(c[0].line, "input.hdmi = 0x11 " SLOT);
	CHECK(strstr(c[0].text, "hdmi is cabled to " NEXT ", but alpha sees it at " SLOT " only") !=
		NULL);
	/* it sees it there, too: then the other one is missing */
	snprintf(s[2].gpu, sizeof(s[2].gpu), NEXT);
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 3, c), 1);
	CHECK_STR(c[0].line, "input.NAME = 0x11 " SLOT);
	CHECK(strstr(c[0].text, "alpha sees it at " SLOT ", of which host.conf says nothing") !=
		NULL);
	/* nobody knows at which of its cards: not guessed */
	s[0].gpu[0] = '\0';
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 2, c), 0);
}

static void no_more_are_told_than_there_is_room_for(void)
{
	struct learned l = { 0 };
	struct world_monitor m = desk(SLOT, 0x11);
	struct learned_sight s[20];
	struct learned_clash c[LEARNED_MAX_CLASHES];

	for (int i = 0; i < 20; i++) {
		s[i] = shown;
		snprintf(s[i].gpu, sizeof(s[i].gpu), "0000:%02x:00.0", 0x40 + i);
	}
	CHECK_EQ(learned_clashes(&l, &world, &m, s, 20, c), LEARNED_MAX_CLASHES);
}

static void a_section_says_what_is_missing(void)
{
	struct learned l = { 0 };
	struct world_monitor m;
	char out[LEARNED_SECTION_SIZE];

	learned_section(DESK, "card0-DP-1", NULL, NULL, out);
	CHECK(strstr(out, "key = " DESK "\nconnector = card0-DP-1\n# add") != NULL);
	learned_take(&l, &(struct learned_cable){ DESK, CARD, 0x0f });
	learned_take(&l, &(struct learned_cable){ DESK, SLOT, 0x1211 });
	learned_monitor(&l, DESK, &m);
	learned_section(DESK, "", &m, NULL, out);
	CHECK_STR(out, "[monitor seen-9f2d6c01]\nkey = " DESK "\ninput.in-0f = 0x0f " CARD
		       "\ninput.in-1211 = 0x1211 " SLOT "\n");
}

static void a_section_offers_what_is_declared(void)
{
	static const uint16_t declared[] = { 0x0f, 0x11 };
	struct learned_missing missing = { &world, NULL, 0, declared, 2 };
	struct learned l = { 0 };
	struct world_monitor m;
	char out[LEARNED_SECTION_SIZE];

	learned_take(&l, &(struct learned_cable){ DESK, CARD, 0x0f });
	learned_monitor(&l, DESK, &m);
	learned_section(DESK, "", &m, &missing, out);
	CHECK(strstr(out, "\ninput.in-0f = 0x0f " CARD "\n") != NULL);
	CHECK(strstr(out, "a hint, many declare wrong ones:\n# input.in-11 = 0x11 PCI-ADDRESS\n") !=
		NULL);
	CHECK(strstr(out, "# input.in-0f") == NULL); /* known already */
}

static void a_section_asks_which_of_a_guests_cards(void)
{
	struct learned_sight s[2] = { silent, shown };
	struct learned_missing missing = { &world, s, 2, NULL, 0 };
	struct learned l = { 0 };
	struct world_monitor m;
	char out[LEARNED_SECTION_SIZE];

	(void)desk(SLOT, 0x11);
	learned_monitor(&l, DESK, &m);
	s[0].gpu[0] = '\0';
	s[0].why = -ENOTUNIQ;
	learned_section(DESK, "", &m, &missing, out);
	CHECK(strstr(out, "# alpha sees it, too, but of its graphics cards several may be") !=
		NULL);
	CHECK(strstr(out, "\n# input.alpha = VALUE " SLOT " or " NEXT "\n") != NULL);
	/* the guest is shown: then the value is known */
	s[0].answers = true;
	s[0].input = 0x11;
	s[1].answers = false;
	s[0].why = -ENOENT;
	learned_section(DESK, "", &m, &missing, out);
	CHECK(strstr(out, "\n# input.alpha = 0x11 " SLOT " or " NEXT "\n") != NULL);
	CHECK(strstr(out, "none of those it has") != NULL);
}

static void no_section_is_longer_than_its_room(void)
{
	uint16_t declared[64];
	struct learned_sight s[64];
	struct learned_missing missing = { &world, s, 64, declared, 64 };
	char out[LEARNED_SECTION_SIZE + 1];

	(void)desk(SLOT, 0x11);
	for (int i = 0; i < 64; i++) {
		declared[i] = (uint16_t)(0x100 + i);
		s[i] = silent;
		s[i].gpu[0] = '\0';
	}
	memset(out, 'x', sizeof(out));
	learned_section(DESK, "", NULL, &missing, out);
	CHECK(memchr(out, '\0', LEARNED_SECTION_SIZE) != NULL);
	CHECK_EQ(out[LEARNED_SECTION_SIZE], 'x');
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
	{ "a_card_is_believed_where_it_alone_may_be_meant",
		a_card_is_believed_where_it_alone_may_be_meant },
	{ "what_agrees_is_no_contradiction", what_agrees_is_no_contradiction },
	{ "another_value_than_configured", another_value_than_configured },
	{ "swapped_cables", swapped_cables },
	{ "seen_at_another_card_than_configured", seen_at_another_card_than_configured },
	{ "no_more_are_told_than_there_is_room_for", no_more_are_told_than_there_is_room_for },
	{ "a_section_offers_what_is_declared", a_section_offers_what_is_declared },
	{ "a_section_asks_which_of_a_guests_cards", a_section_asks_which_of_a_guests_cards },
	{ "no_section_is_longer_than_its_room", no_section_is_longer_than_its_room },
	{ "a_section_says_what_is_missing", a_section_says_what_is_missing },
	{ "a_damaged_file_is_an_empty_one", a_damaged_file_is_an_empty_one },
	{ "what_is_written_is_read", what_is_written_is_read });
