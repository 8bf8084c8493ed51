// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The USB bus as sysfs shows it, and which of its devices a configured input means. Read-only,
 * no state; every function that reads takes the place where sysfs is mounted, "/sys" but for
 * tests. What a device is follows from its interfaces and HID report descriptors (HID 1.11 6.2.2),
 * never from its name.
 */
#ifndef VA_HOSTD_INPUTS_USB_H
#define VA_HOSTD_INPUTS_USB_H

#include "host/daemon/inputs-config.h"

#define USB_MAX_DEVICES 128
#define USB_TEXT_SIZE   64

struct usb_device {
	char path[24];        /* the kernel's name for its place, "3-1.4": bus and ports */
	char place[40];       /* the same by the controller: "0000:00:14.0/1.4"; "" not on PCI */
	uint16_t bus, device; /* another one at each plug */
	uint16_t vendor, product;
	char serial[USB_TEXT_SIZE], label[USB_TEXT_SIZE]; /* the device's words: untrusted; or "" */
	bool hub, keyboard, pointer;
};

/* All that the kernel has bound, by path, into ret[max]: their number (0 without USB), or negative
 * errno. */
int usb_scan(const char *sysfs, struct usb_device *ret, size_t max);

/* Keyboards and pointers among the top collections of a report descriptor; adds to *ret_... */
void usb_hid_kinds(const uint8_t *untrusted_d, size_t size, bool *ret_keyboard, bool *ret_pointer);

/* The host has a keyboard that is not on USB: a laptop's own, a Bluetooth one. */
bool usb_other_keyboard(const char *sysfs);

/*
 * Index of the one device that fits all that is configured; -ENODEV: none is plugged in;
 * -ENOTUNIQ: several fit. why[size] then says so, with what tells them apart.
 */
int usb_match(const struct config_input *in, const struct usb_device *list, size_t n, char *why,
	size_t size);

#endif
