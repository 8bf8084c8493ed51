// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sharing: what of a grabbed keyboard's or mouse's events goes on to a guest's virtual device
 * (Linux input subsystem, Documentation/input/event-codes.rst). Pure: events go in, events come
 * out. No key is ever left pressed: what a device has pressed at its guest is released when it is
 * taken away, and a device may be taken from the host only while no key of it is down there.
 */
#ifndef VA_INPUT_RELAY_H
#define VA_INPUT_RELAY_H

#include <linux/input.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_KEY_BYTES ((KEY_CNT + 7) / 8)
#define RELAY_NO_SINK   UINT32_MAX

/* A keyboard or mouse of the host. All zeros but sink: one that nobody has. */
struct relay_node {
	uint32_t sink;                   /* the guest that has it, RELAY_NO_SINK: the host */
	uint8_t down[RELAY_KEY_BYTES];   /* what is pressed on it, as EVIOCGKEY has it */
	uint8_t passed[RELAY_KEY_BYTES]; /* what is pressed at the guest because of it */
	bool moved;                      /* something was passed on since the last SYN_REPORT */
	bool dropped; /* events were lost: nothing counts until the next SYN_REPORT */
};

/*
 * What the virtual device can send. Not ScrollLock: it is what makes QEMU let go of the device
 * (grabToggle), and then nobody would hear it.
 */
bool relay_has_key(uint16_t code);
bool relay_has_axis(uint16_t code);

/* No key is down on it. */
bool relay_is_idle(const struct relay_node *n);

/*
 * An event of list[at]; true: *ret is to be sent to its sink. Two keyboards of one guest that
 * have the same key down press it once. Repeats are the guest's own business and are left out.
 */
bool relay_feed(struct relay_node *list, size_t n, size_t at, const struct input_event *e,
	struct input_event *ret);

/*
 * Releases what list[at] has pressed at its sink: the events to send, with a SYN_REPORT as the
 * last one; at most max (2 or more). Call until it returns 0.
 */
size_t relay_release(
	struct relay_node *list, size_t n, size_t at, struct input_event *ret, size_t max);

#endif
