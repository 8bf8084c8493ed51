// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a connector sends a picture. The kernel is told that nothing is plugged in there, and
 * whoever draws (a desktop, the console) then leaves it: the same for all desktops and drivers,
 * without being the one who draws. A monitor that chooses its input by itself goes elsewhere.
 * Files /sys/class/drm/CONNECTOR/status, "off" and "detect" (kernel: drm_sysfs.c, status_store).
 */
#ifndef VA_DDC_SIGNAL_H
#define VA_DDC_SIGNAL_H

/* No picture is sent any more. 0, or negative errno: -EACCES, -EROFS: not ours to say. */
int signal_end(const char *sysfs, const char *connector);

/*
 * What is plugged in where the kernel sees nothing is looked for again, whoever ended it, and
 * gets a picture. That needs no monitor's name: one that is hidden may not even have an EDID.
 * 0, or the first negative errno; the others are tried all the same.
 */
int signal_send(const char *sysfs);

#endif
