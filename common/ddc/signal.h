// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a connector sends a picture. The kernel is told that nothing is plugged in there, and
 * desktops then leave it, of whatever kind they are; the console stays, and is blanked, which a
 * desktop does not feel. A monitor that chooses its input by itself goes elsewhere.
 * The kernel's files: /sys/class/drm/CONNECTOR/status, "off" and "detect" (drm_sysfs.c,
 * status_store), and its card's graphics/fbN/blank, FB_BLANK_POWERDOWN and FB_BLANK_UNBLANK
 * (fbsysfs.c, store_blank).
 */
#ifndef VA_DDC_SIGNAL_H
#define VA_DDC_SIGNAL_H

/*
 * No picture is sent any more. 0, or negative errno: -EACCES, -EROFS: not ours to say. A console
 * that cannot be blanked is no error: there may be none that draws.
 */
int signal_end(const char *sysfs, const char *connector);

/*
 * What is plugged in where the kernel sees nothing is looked for again, whoever ended it, and
 * gets a picture. That needs no monitor's name: one that is hidden may not even have an EDID.
 * 0, or the first negative errno; the others are tried all the same.
 */
int signal_send(const char *sysfs);

#endif
