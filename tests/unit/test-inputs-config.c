// SPDX-License-Identifier: GPL-2.0-or-later
/* The sections [input NAME] of host.conf: what they mean, and each mistake with its line. */
#include "common/input/hotkeys.h"
#include "host/daemon/inputs-config.h"
#include "tests/unit/test.h"

#include <errno.h>

static struct config_inputs c;
static struct config_hotkeys keys;
static struct conf_report report;

static enum conf_verdict entry(const struct conf_at *at, const char *value, void *userdata)
{
	const char *name = conf_section_name(at->section, "input");

	(void)userdata;
	if (!strcmp(at->section, "hotkey"))
		return hotkeys_config_entry(at, value, CHORD_ACTION_MAX, &keys);
	return name ? inputs_config_entry(at, name, value, &c) : CONF_UNKNOWN_SECTION;
}

static const char *parse(const char *text)
{
	memset(&c, 0, sizeof(c));
	memset(&keys, 0, sizeof(keys));
	memset(&report, 0, sizeof(report));
	conf_parse("h", text, strlen(text), entry, NULL, &report);
	inputs_config_check(&c, "h", &report);
	return report.text;
}

static void good(void)
{
	CHECK_STR(parse("[input keys]\nserial = AB 12\nport = 3-1.4\nid = 046D:c52b\nkind = both\n"
			"[input mouse]\nport = 10000:e0:14.0/2\n[input pad]\nid = 0000:0001\n"),
		"");
	CHECK_EQ(c.n, 3);
	CHECK_STR(c.list[0].name, "keys");
	CHECK_STR(c.list[0].serial, "AB 12");
	CHECK_STR(c.list[0].port, "3-1.4");
	CHECK(c.list[0].has_id);
	CHECK_EQ(c.list[0].vendor, 0x046d);
	CHECK_EQ(c.list[0].product, 0xc52b);
	CHECK_EQ(c.list[0].kind, INPUT_KIND_BOTH);
	CHECK_STR(c.list[1].port, "10000:e0:14.0/2");
	CHECK_EQ(c.list[1].kind, INPUT_KIND_LOOK);
	CHECK(c.list[2].has_id);
}

static void bad(void)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "[input keys]\nkind = mouse\n", "h: input keys fits every device; add" },
		{ "[input a]\nid = 1:2\n", "h:2: write the id as lsusb does" },
		{ "[input a]\nid = 046d:c52b0\n", "h:2: write the id" },
		{ "[input a]\nid = 046d-c52b\n", "h:2: write the id" },
		{ "[input a]\nid = 046g:c52b\n", "h:2: write the id" },
		{ "[input a]\nport = 3\n", "h:2: write the port" },
		{ "[input a]\nport = 3-\n", "h:2: write the port" },
		{ "[input a]\nport = 3-1/2\n", "h:2: write the port" },
		{ "[input a]\nport = ../../x\n", "h:2: write the port" },
		{ "[input a]\nport = 3-11111111111111111111111111111111111111111111\n",
			"h:2: write the port" },
		{ "[input a]\nserial = "
		  "0123456789012345678901234567890123456789012345678901234567890123\n",
			"h:2: a serial has 1 to 63 characters" },
		{ "[input a]\nid = 046d:c52b\nkind = keys\n", "h:3: " },
		{ "[input a]\nid = 046d:c52b\ncolour = red\n", "h:3: " },
		{ "[input a]\nid = 046d:c52b\n[input a]\nid = 046d:c52b\n",
			"h:3: input a is described twice" },
		{ "[hotkey]\nnext = scrolllock\n", "h:2: say: KEY KEY" },
		{ "[hotkey]\nupwards = f1 f1\n", "h:2: " },
		{ "[hotkey]\nnext = f1 f1\nhost = f1 f1\n", "h:3: \"f1 f1\" is next already" },
		{ "[input a/b]\nid = 046d:c52b\n", "h:1: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *says = parse(rows[i].text);

		if (strncmp(says, rows[i].says, strlen(rows[i].says)))
			CHECK_STR(says, rows[i].says);
	}
}

static void too_many(void)
{
	char text[2000] = "";
	size_t at = 0;

	for (int i = 0; i < WORLD_MAX_DEVICES + 1; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, "[input i%d]\nport = 1-%d\n", i, i);
	CHECK_STR(parse(text), "h:33: more than 16 inputs\n");
	CHECK_EQ(c.n, WORLD_MAX_DEVICES);
}

static void hotkeys(void)
{
	CHECK_STR(parse("[hotkey]\nnext = scrolllock scrolllock\nprev = leftmeta+f1\n"
			"host = leftctrl+rightctrl\nrescue = leftctrl+leftalt+pause\n"
			"host = f12 f12\n"),
		"");
	CHECK_EQ(keys.n, 5);
	CHECK_EQ(keys.list[0].action, CHORD_NEXT);
	CHECK_EQ(keys.list[1].action, CHORD_PREV);
	CHECK_EQ(keys.list[3].action, CHORD_RESCUE);
	CHECK_EQ(keys.list[3].n_keys, 3);
	CHECK_EQ(keys.list[4].action, CHORD_HOST);
}

TEST_MAIN({ "hotkeys", hotkeys }, { "good", good }, { "bad", bad }, { "too_many", too_many });
