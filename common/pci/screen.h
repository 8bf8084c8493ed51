// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether this machine's graphics cards show a picture, as the kernel's mode setting sees it: that
 * a desktop, a greeter or a console drives an output, not what is drawn there. Read-only, no
 * libpci, a few small reads; nothing is probed.
 */
#ifndef VA_PCI_SCREEN_H
#define VA_PCI_SCREEN_H

enum screen {
	SCREEN_NOT_KNOWN, /* no connector says: a card without mode setting, or none at all */
	SCREEN_LIT,       /* an output with a monitor is on; a blanked one that keeps its mode is */
	SCREEN_DARK,      /* monitors are plugged in, no output is on */
	SCREEN_UNPLUGGED, /* no monitor is plugged in */
};

/*
 * The best of all connectors of real cards: those on the PCI bus that no hypervisor makes up. An
 * emulated card's picture is seen in a viewer's window and on no cable. sysfs: where it is
 * mounted, "/sys" but for tests. Whatever cannot be read is not known.
 */
enum screen screen_look(const char *sysfs);

/* "not known", "lit", "dark", "unplugged". */
const char *screen_name(enum screen screen);

#endif
