// SPDX-License-Identifier: GPL-2.0-or-later
/* Which USB device is meant, and what it is: the cases that real desks have. */
#include "host/daemon/inputs-usb.h"
#include "tests/support/usbtree.h"
#include "tests/unit/test.h"

#include <errno.h>

#define KEYBOARD "03/01/01"
#define MOUSE    "03/01/02"

static struct usbtree tree;
static struct usb_device seen[USB_MAX_DEVICES];
static int n_seen;
static char why[200];

static void plug(const char *path, unsigned int device, const char *id, const char *serial,
	const char *label, const char *interfaces)
{
	const struct usbtree_device d = { path, device, id, serial, label, interfaces, NULL };

	usbtree_plug(&tree, &d);
}

static void scan(void)
{
	memset(seen, 0, sizeof(seen));
	n_seen = usb_scan(tree.root, seen, USB_MAX_DEVICES);
}

static const struct usb_device *at(const char *path)
{
	static const struct usb_device none;

	for (int i = 0; i < n_seen; i++)
		if (!strcmp(seen[i].path, path))
			return &seen[i];
	return &none;
}

/* The path of the one that matches, or what is wrong. */
static const char *match(const char *serial, const char *port, const char *id)
{
	struct config_input in = { .name = "x" };
	unsigned int v, p;
	int r;

	snprintf(in.serial, sizeof(in.serial), "%s", serial);
	snprintf(in.port, sizeof(in.port), "%s", port);
	in.has_id = sscanf(id, "%4x:%4x", &v, &p) == 2;
	in.vendor = in.has_id ? (uint16_t)v : 0;
	in.product = in.has_id ? (uint16_t)p : 0;
	r = usb_match(&in, seen, (size_t)n_seen, why, sizeof(why));
	return r >= 0 ? seen[r].path : r == -ENODEV || r == -ENOTUNIQ ? why : "?";
}

static void nothing_there(void)
{
	CHECK_EQ(usb_scan("/nonexistent", seen, USB_MAX_DEVICES), 0);
	usbtree_make(&tree);
	scan();
	CHECK_EQ(n_seen, 0);
	CHECK_STR(match("", "", "046d:c52b"), "not plugged in");
	CHECK(!usb_other_keyboard(tree.root));
	usbtree_remove(&tree);
}

/* Two alike, without serials: the port alone tells them apart. */
static void twins(void)
{
	usbtree_make(&tree);
	plug("1-2", 5, "0627:0001", "42", "QEMU USB Keyboard", KEYBOARD);
	plug("1-4.1", 6, "0627:0001", "42", "QEMU USB Keyboard", KEYBOARD);
	plug("1-4.3", 7, "0627:0002", NULL, NULL, MOUSE);
	scan();
	CHECK_EQ(n_seen, 3);
	CHECK_STR(match("", "", "0627:0001"),
		"several devices fit; add \"port =\" with one of 1-2, 1-4.1");
	CHECK_STR(
		match("42", "", ""), "several devices fit; add \"port =\" with one of 1-2, 1-4.1");
	CHECK_STR(match("", "1-4.1", "0627:0001"), "1-4.1");
	CHECK_STR(match("", "1-2", ""), "1-2");
	CHECK_STR(match("", "0000:00:14.0/4.1", ""), "1-4.1");
	CHECK_STR(match("", "1-4", "0627:0001"), "not plugged in"); /* no prefix of another */
	CHECK_STR(match("", "1-2", "0627:0002"), "not plugged in"); /* another in that port */
	CHECK_STR(match("", "", "0627:0002"), "1-4.3");
	usbtree_remove(&tree);
}

static void serial_alone(void)
{
	usbtree_make(&tree);
	plug("3-1", 5, "3434:0361", "A1", "Keychron", KEYBOARD);
	plug("3-2", 6, "3434:0361", "A2", "Keychron", KEYBOARD);
	scan();
	CHECK_STR(match("A2", "", ""), "3-2");
	CHECK_STR(match("A1", "", "3434:0361"), "3-1");
	CHECK_STR(match("A", "", ""), "not plugged in");
	usbtree_remove(&tree);
}

/* The same keyboard by its cable and by its receiver has two product ids, and is two devices. */
static void cable_and_receiver(void)
{
	usbtree_make(&tree);
	plug("1-1", 5, "3434:0361", NULL, "Keyboard", KEYBOARD);
	plug("1-3", 6, "3434:d030", NULL, "Link", KEYBOARD " " MOUSE " 03/00/00");
	scan();
	CHECK_STR(match("", "", "3434:d030"), "1-3");
	CHECK(at("1-3")->keyboard && at("1-3")->pointer); /* they move together */
	CHECK(at("1-1")->keyboard && !at("1-1")->pointer);
	usbtree_remove(&tree);
}

/* A name is no kind, and a kind needs no name. */
static void names_prove_nothing(void)
{
	usbtree_make(&tree);
	plug("1-1", 2, "1234:0001", NULL, "Gaming Keyboard RGB", "ff/00/00");
	plug("1-2", 3, "046a:0011", NULL, "Cherry GmbH", KEYBOARD);
	plug("1-3", 4, "046a:0012", NULL, NULL, "08/06/50 " MOUSE);
	plug("1-4", 5, "046a:0013", NULL, "", "03/01/00"); /* HID, of neither kind */
	plug("1-5", 6, "046a:0014", NULL, "keyboard mouse", "03/00/01");
	scan();
	CHECK(!at("1-1")->keyboard && !at("1-1")->pointer);
	CHECK(at("1-2")->keyboard && !at("1-2")->pointer);
	CHECK(!at("1-3")->keyboard && at("1-3")->pointer);
	CHECK(!at("1-4")->keyboard && !at("1-4")->pointer);
	/* the protocol means something in the boot subclass only */
	CHECK(!at("1-5")->keyboard && !at("1-5")->pointer);
	usbtree_remove(&tree);
}

static void hubs_and_half_made_devices(void)
{
	const struct usbtree_device hub = { "1-1", 2, "05e3:0610", NULL, "Hub", "09/00/00", "09" };
	char driver[200];

	usbtree_make(&tree);
	usbtree_plug(&tree, &hub);
	plug("1-1.2", 4, "046d:c31c", NULL, NULL, KEYBOARD);
	plug("1-1.3", 5, "046d:c31d", NULL, NULL, KEYBOARD);
	/* added, but not bound yet */
	snprintf(driver, sizeof(driver),
		"%s/devices/pci0000:00/0000:00:14.0/usb1/1-1.3/driver/module", tree.root);
	remove(driver);
	*strrchr(driver, '/') = '\0';
	remove(driver);
	scan();
	CHECK_EQ(n_seen, 2);
	CHECK(at("1-1")->hub);
	CHECK_STR(match("", "", "05e3:0610"), "not plugged in"); /* all on it would come along */
	CHECK_STR(match("", "", "046d:c31d"), "not plugged in");
	CHECK_STR(match("", "1-1.2", ""), "1-1.2");
	CHECK_STR(at("1-1.2")->place, "0000:00:14.0/1.2");
	usbtree_remove(&tree);
}

/* --- report descriptors
 * --------------------------------------------------------------------------- */

static const uint8_t keyboard_report[] = { 0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19,
	0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, 0xc0 };
static const uint8_t mouse_report[] = { 0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00,
	0x05, 0x09, 0x19, 0x01, 0x29, 0x03, 0x81, 0x02, 0xc0, 0xc0 };
/* a consumer control with a keyboard usage that is not a top collection, then a system control */
static const uint8_t media_report[] = { 0x05, 0x0c, 0x09, 0x01, 0xa1, 0x01, 0x05, 0x01, 0x09, 0x06,
	0xa1, 0x01, 0xc0, 0xc0, 0x05, 0x01, 0x09, 0x80, 0xa1, 0x01, 0xc0 };
static const uint8_t two_in_one[] = { 0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0xc0, 0x0b, 0x06, 0x00,
	0x01, 0x00, 0xa1, 0x01, 0xc0 };
static const uint8_t touchpad[] = { 0x05, 0x0d, 0x09, 0x05, 0xa1, 0x01, 0xc0 };
static const uint8_t keypad[] = { 0x05, 0x01, 0x09, 0x07, 0xa1, 0x01, 0xc0 };
static const uint8_t long_item[] = { 0xfe, 0x03, 0xa1, 1, 2, 3, 0x05, 0x01, 0x09, 0x06, 0xa1,
	0x01 };
static const uint8_t cut[] = { 0x05, 0x01, 0x0b, 0x06, 0x00 };
/* closes more than it opened */
static const uint8_t unbalanced[] = { 0xc0, 0xc0, 0x05, 0x01, 0x09, 0x06, 0xa1, 0x01 };
/* a physical collection at the top is no application */
static const uint8_t physical[] = { 0x05, 0x01, 0x09, 0x06, 0xa1, 0x00, 0xc0 };

static void report_descriptors(void)
{
	static const struct {
		const uint8_t *d;
		size_t n;
		bool keyboard, pointer;
	} rows[] = {
		{ keyboard_report, sizeof(keyboard_report), true, false },
		{ mouse_report, sizeof(mouse_report), false, true },
		{ media_report, sizeof(media_report), false, false },
		{ two_in_one, sizeof(two_in_one), true, true },
		{ touchpad, sizeof(touchpad), false, true },
		{ keypad, sizeof(keypad), false, false },
		{ long_item, sizeof(long_item), true, false },
		{ cut, sizeof(cut), false, false },
		{ unbalanced, sizeof(unbalanced), true, false },
		{ physical, sizeof(physical), false, false },
		{ NULL, 0, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool keyboard = false, pointer = false;

		usb_hid_kinds(rows[i].d, rows[i].n, &keyboard, &pointer);
		CHECK_EQ((int)(i * 4 + keyboard * 2u + pointer),
			(int)(i * 4 + rows[i].keyboard * 2u + rows[i].pointer));
	}
}

/* Beyond the boot protocol: what the HID driver has read counts. */
static void hid_of_a_receiver(void)
{
	usbtree_make(&tree);
	plug("1-3", 6, "046d:c547", NULL, "USB Receiver", "03/00/00 03/00/00");
	usbtree_hid(&tree, "1-3:1.0", mouse_report, sizeof(mouse_report));
	usbtree_hid(&tree, "1-3:1.1", keyboard_report, sizeof(keyboard_report));
	scan();
	CHECK(at("1-3")->keyboard && at("1-3")->pointer);
	usbtree_remove(&tree);
}

static void keyboards_not_on_usb(void)
{
	static const char letters[] =
		"402000007 ff803078f800d001 feffffdfffefffff fffffffffffffffe\n";
	static const char lid[] = "0\n", power[] = "10000000000000 0\n";

	usbtree_make(&tree);
	usbtree_put(&tree, "class/input/input0/id/bustype", "0019\n", 5);
	usbtree_put(&tree, "class/input/input0/capabilities/key", power, strlen(power));
	usbtree_put(&tree, "class/input/input1/id/bustype", "0003\n", 5); /* on USB */
	usbtree_put(&tree, "class/input/input1/capabilities/key", letters, strlen(letters));
	usbtree_put(&tree, "class/input/input2/id/bustype", "0006\n", 5); /* a program's */
	usbtree_put(&tree, "class/input/input2/capabilities/key", letters, strlen(letters));
	usbtree_put(&tree, "class/input/input3/id/bustype", "0011\n", 5);
	usbtree_put(&tree, "class/input/input3/capabilities/key", lid, strlen(lid));
	CHECK(!usb_other_keyboard(tree.root));
	usbtree_put(&tree, "class/input/input3/capabilities/key", letters, strlen(letters));
	CHECK(usb_other_keyboard(tree.root));
	usbtree_remove(&tree);
}

static void odd_files(void)
{
	usbtree_make(&tree);
	plug("1-1", 2, "zzzz:0001", NULL, NULL, KEYBOARD);
	plug("1-2", 99999, "046d:0001", NULL, NULL, KEYBOARD);
	plug("1-3", 3, "046d:0001", "  \x01\xff tail  ", NULL, KEYBOARD);
	usbtree_put(&tree, "bus/usb/devices/1-9/nothing", "", 0);
	scan();
	CHECK_EQ(n_seen, 1);
	CHECK_STR(seen[0].serial, "  \x01\xff tail");
	usbtree_remove(&tree);
}

TEST_MAIN({ "nothing_there", nothing_there }, { "twins", twins }, { "serial_alone", serial_alone },
	{ "cable_and_receiver", cable_and_receiver },
	{ "names_prove_nothing", names_prove_nothing },
	{ "hubs_and_half_made_devices", hubs_and_half_made_devices },
	{ "report_descriptors", report_descriptors }, { "hid_of_a_receiver", hid_of_a_receiver },
	{ "keyboards_not_on_usb", keyboards_not_on_usb }, { "odd_files", odd_files });
