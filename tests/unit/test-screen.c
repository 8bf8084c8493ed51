// SPDX-License-Identifier: GPL-2.0-or-later
/* What screens show, on made-up trees of /sys/class/drm; see screen.h. */
#include "common/pci/screen.h"
#include "tests/support/programs.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define AMD "0x1002"
#define QXL "0x1b36"

static int n_trees;
static char sys[128];

static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void make_dir(char out[256], const char *name)
{
	snprintf(out, 256, "%s/%s", sys, name);
	CHECK(mkdir(out, 0755) == 0 || access(out, F_OK) == 0);
}

static void new_tree(void)
{
	char path[256];

	snprintf(sys, sizeof(sys), "%s/tree%d", program_folder(), n_trees++);
	CHECK(mkdir(sys, 0755) == 0);
	make_dir(path, "class");
	make_dir(path, "class/drm");
	put(path, "version", "drm 1.1.0 20060810\n");
}

static void link_in(const char *dir, const char *name, const char *target)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	CHECK(symlink(target, path) == 0);
}

static void add_card(int n, const char *bus, const char *vendor, const char *driver)
{
	char path[256], name[64], text[64];

	snprintf(name, sizeof(name), "class/drm/card%d", n);
	make_dir(path, name);
	snprintf(name, sizeof(name), "class/drm/card%d/device", n);
	make_dir(path, name);
	if (vendor) {
		snprintf(text, sizeof(text), "%s\n", vendor);
		put(path, "vendor", text);
	}
	snprintf(text, sizeof(text), "../../bus/%s", bus);
	link_in(path, "subsystem", text);
	snprintf(text, sizeof(text), "../../bus/pci/drivers/%s", driver);
	link_in(path, "driver", text);
}

static void add(const char *connector, const char *status, const char *enabled)
{
	char path[256], name[96], text[32];

	snprintf(name, sizeof(name), "class/drm/%s", connector);
	make_dir(path, name);
	snprintf(text, sizeof(text), "%s\n", status);
	put(path, "status", text);
	if (!enabled)
		return;
	snprintf(text, sizeof(text), "%s\n", enabled);
	put(path, "enabled", text);
	put(path, "dpms", "Off\n");
}

static void amd(void)
{
	new_tree();
	add_card(0, "pci", AMD, "amdgpu");
}

static void one_card(void)
{
	amd();
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add("card0-HDMI-A-1", "disconnected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_UNPLUGGED);
	add("card0-DP-1", "connected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_DARK);
	/* blanked, as all of them are here: still lit */
	add("card0-DP-2", "connected", "enabled");
	CHECK_EQ(screen_look(sys), SCREEN_LIT);
}

/* The mode stays for a while after the monitor has gone. */
static void on_without_a_monitor(void)
{
	amd();
	add("card0-DP-1", "disconnected", "enabled");
	CHECK_EQ(screen_look(sys), SCREEN_UNPLUGGED);
}

static void an_analogue_output_is_unsure(void)
{
	amd();
	add("card0-HDMI-A-1", "disconnected", "disabled");
	add("card0-VGA-1", "unknown", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add("card0-HDMI-A-1", "connected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_DARK);
	add("card0-VGA-1", "unknown", "enabled");
	CHECK_EQ(screen_look(sys), SCREEN_LIT);
}

/* A window of a viewer is not the screen on the desk. */
static void emulated_cards_do_not_count(void)
{
	static const char *const vendors[] = { QXL, "0x1af4", "0x1234", "0x15ad", "0x1013" };

	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		new_tree();
		add_card(0, "pci", vendors[i], "qxl");
		add("card0-VGA-1", "connected", "enabled");
		CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	}
	add_card(1, "pci", AMD, "amdgpu");
	add("card1-DP-1", "connected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_DARK);
	add("card1-DP-1", "connected", "enabled");
	add("card0-VGA-1", "connected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_LIT);
}

static void neither_do_these(void)
{
	amd();
	add("card0-Virtual-1", "connected", "enabled");
	add("card0-Writeback-1", "unknown", "enabled");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	/* the firmware's framebuffer, and an adapter on USB */
	add_card(1, "platform", AMD, "simple-framebuffer");
	add("card1-Unknown-1", "connected", "enabled");
	add_card(2, "usb", NULL, "udl");
	add("card2-DVI-I-1", "connected", "enabled");
	/* a connector whose card is gone */
	add("card7-DP-1", "connected", "enabled");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add("card0-DP-1", "disconnected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_UNPLUGGED);
}

/* It says "disabled" whatever it shows. */
static void nvidias_driver_proves_nothing_dark(void)
{
	new_tree();
	add_card(0, "pci", "0x10de", "nvidia");
	add("card0-DP-1", "connected", "disabled");
	add("card0-DP-2", "disconnected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add_card(1, "pci", AMD, "amdgpu");
	add("card1-DP-1", "connected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add("card1-DP-1", "connected", "enabled");
	CHECK_EQ(screen_look(sys), SCREEN_LIT);
	new_tree();
	add_card(0, "pci", "0x10de", "nouveau");
	add("card0-DP-1", "connected", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_DARK);
}

static void what_cannot_be_read(void)
{
	amd();
	add("card0-DP-1", "connected", NULL);
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add("card0-DP-1", "connected", "perhaps");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	add("card0-DP-1", "", "disabled");
	CHECK_EQ(screen_look(sys), SCREEN_NOT_KNOWN);
	CHECK_EQ(screen_look("/nonexistent"), SCREEN_NOT_KNOWN);
	CHECK_STR(screen_name(SCREEN_NOT_KNOWN), "not known");
	CHECK_STR(screen_name(SCREEN_UNPLUGGED), "unplugged");
}

TEST_MAIN({ "one_card", one_card }, { "on_without_a_monitor", on_without_a_monitor },
	{ "an_analogue_output_is_unsure", an_analogue_output_is_unsure },
	{ "emulated_cards_do_not_count", emulated_cards_do_not_count },
	{ "neither_do_these", neither_do_these },
	{ "nvidias_driver_proves_nothing_dark", nvidias_driver_proves_nothing_dark },
	{ "what_cannot_be_read", what_cannot_be_read });
