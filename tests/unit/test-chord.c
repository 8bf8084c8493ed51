// SPDX-License-Identifier: GPL-2.0-or-later
/* Hotkeys: as they are written, and as they are pressed, by people who also type. */
#include "common/input/chord.h"
#include "tests/unit/test.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>

static struct chord c;
static struct chord_reader r;
static uint64_t now;

static void writing(void)
{
	static const char *const bad[] = { "", "scrolllock", "f12+", "+f12", "f12 f11",
		"f12 f12 f12", "f12  f12", "f12+f12", "ctrl+alt", "f12 + f11", "a+b+c+d+e",
		"F12 F12", "f12+f11 f10", "leftctrl+rightctrlrightctrl", " f12 f12", "f1 f12",
		"f12 f1" };

	CHECK(chord_parse("scrolllock scrolllock", &c));
	CHECK_EQ(c.n_keys, 1);
	CHECK_EQ(c.keys[0], KEY_SCROLLLOCK);
	CHECK(chord_parse("leftctrl+rightctrl", &c));
	CHECK_EQ(c.n_keys, 2);
	CHECK_EQ(c.keys[0], KEY_LEFTCTRL);
	CHECK_EQ(c.keys[1], KEY_RIGHTCTRL);
	CHECK(chord_parse("leftctrl+leftalt+leftshift+f12", &c));
	CHECK_EQ(c.n_keys, 4);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (chord_parse(bad[i], &c))
			CHECK_STR(bad[i], "refused");
}

static void set_up(void)
{
	static const char *const texts[] = { "scrolllock scrolllock", "leftctrl+rightctrl",
		"leftctrl+leftalt+f12" };
	struct chord chords[3] = { 0 };

	for (uint32_t i = 0; i < 3; i++) {
		chord_parse(texts[i], &chords[i]);
		chords[i].action = CHORD_NEXT + i;
	}
	chord_reader_init(&r, chords, 3);
	now = 1000000;
}

/* "+scrolllock -scrolllock ~300": presses, releases, "*" repeats, "~" passes milliseconds. */
static const char *press(const char *keys)
{
	static char heard[100];
	char copy[400], *save = NULL;
	size_t n = 0;

	heard[0] = '\0';
	snprintf(copy, sizeof(copy), "%s", keys);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		uint32_t action;

		if (*w == '~') {
			now += strtoull(w + 1, NULL, 10) * 1000;
			continue;
		}
		action = chord_reader_feed(&r, chord_key(w + 1),
			*w == '+'   ? 1
			: *w == '*' ? 2
				    : 0,
			now);
		if (action)
			n += (size_t)snprintf(heard + n, sizeof(heard) - n, "%u", action);
		now += 20000;
	}
	return heard;
}

static void double_taps(void)
{
	set_up();
	CHECK_STR(press("+scrolllock -scrolllock +scrolllock -scrolllock"), "1");
	CHECK_STR(press("+scrolllock -scrolllock"), ""); /* three are one and a half */
	CHECK_STR(press("+scrolllock -scrolllock"), "1");
	CHECK_STR(press("~900 +scrolllock -scrolllock ~500 +scrolllock -scrolllock"), "");
	CHECK_STR(press("~900 +scrolllock -scrolllock +a -a +scrolllock -scrolllock"), "");
	CHECK_STR(press("~900 +scrolllock *scrolllock *scrolllock -scrolllock"), "");
	CHECK_STR(press("~900 +leftshift +scrolllock -scrolllock +scrolllock -scrolllock"), "");
	CHECK_STR(press("-leftshift ~900 +scrolllock +scrolllock -scrolllock"), "");
	/* released twice, as by two keyboards that show one key */
	CHECK_STR(press("~900 +scrolllock -scrolllock -scrolllock +scrolllock"), "1");
}

static void chords(void)
{
	set_up();
	CHECK_STR(press("+leftctrl +rightctrl"), "2");
	CHECK_STR(press("*rightctrl -rightctrl +rightctrl"), "2"); /* again: asked again */
	CHECK_STR(press("-leftctrl -rightctrl +rightctrl +leftctrl -leftctrl -rightctrl"), "2");
	CHECK_STR(press("+leftctrl +leftalt +f12"), "3");
	CHECK_STR(press("-f12 -leftalt -leftctrl"), "");
	CHECK_STR(press("+leftctrl +c +rightctrl -c"), ""); /* not while something else is down */
	CHECK_STR(press("-leftctrl -rightctrl +leftctrl -leftctrl +rightctrl -rightctrl"), "");
	CHECK_STR(press("+f12 +leftalt"), "");
}

static void more_keys_than_hands(void)
{
	set_up();
	for (int i = 0; i < 40; i++)
		CHECK_EQ(chord_reader_feed(&r, (uint16_t)(200 + i), 1, now), 0);
	CHECK_EQ(r.n_down, CHORD_DOWN);
	CHECK_STR(press("+leftctrl +rightctrl -leftctrl -rightctrl"), "");
	for (int i = 0; i < 40; i++)
		CHECK_EQ(chord_reader_feed(&r, (uint16_t)(200 + i), 0, now), 0);
	CHECK_EQ(r.n_down, 0);
	CHECK_STR(press("+leftctrl +rightctrl"), "2");
	chord_reader_forget(&r); /* the keyboard was pulled out with both down */
	CHECK_STR(press("+leftctrl -leftctrl +scrolllock -scrolllock +scrolllock"), "1");
}

TEST_MAIN({ "writing", writing }, { "double_taps", double_taps }, { "chords", chords },
	{ "more_keys_than_hands", more_keys_than_hands });
