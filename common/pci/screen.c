// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: /sys/class/drm/cardN-NAME/{status,enabled}, see screen.h. "enabled" says
 * that an encoder is attached to the connector; that stays so while the output only sleeps
 * (DPMS), which a key ends, so "dpms" is not looked at. What one connector can prove counts in
 * the order of enum sign: one that is on is proof, one that says nothing keeps the others from
 * proving the contrary.
 */
#include "common/pci/screen.h"
#include "common/base/cleanup.h"
#include "common/pci/attr.h"
#include "common/pci/connector.h"

#include <dirent.h>
#include <string.h>

#define DRM_CLASS "class/drm"

enum sign { SIGN_NONE, SIGN_UNPLUGGED, SIGN_UNSURE, SIGN_DARK, SIGN_MUTE, SIGN_LIT };

/* Makers of cards that exist in a hypervisor only. */
static const unsigned long emulated[] = {
	0x1013, /* Cirrus */
	0x1234, /* bochs, std VGA */
	0x15ad, /* VMware */
	0x1af4, /* virtio */
	0x1b36, /* QXL */
};

/* "card0-HDMI-A-1": how many of it are the card's name; 0: not a connector with a cable. */
static int card_length(const char *name)
{
	const char *dash = strchr(name, '-');

	if (strncmp(name, "card", 4) != 0 || !dash || strlen(name) >= CONNECTOR_SIZE)
		return 0;
	if (strncmp(dash, "-Writeback-", 11) == 0 || strncmp(dash, "-Virtual-", 9) == 0)
		return 0;
	return (int)(dash - name);
}

static bool is_real(const char *sysfs, const char *name, int card)
{
	char path[ATTR_PATH_SIZE], bus[ATTR_NAME_SIZE];
	unsigned long vendor;

	if (attr_path(path, "%s/%s/%.*s/device/subsystem", sysfs, DRM_CLASS, card, name) < 0 ||
		attr_link_name(path, bus) < 0 || strcmp(bus, "pci") != 0)
		return false;
	if (attr_path(path, "%s/%s/%.*s/device/vendor", sysfs, DRM_CLASS, card, name) < 0 ||
		attr_read_number(path, &vendor) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(emulated); i++)
		if (vendor == emulated[i])
			return false;
	return true;
}

/* NVIDIA's own driver attaches no encoder, so that "disabled" says nothing there. */
static bool is_mute(const char *sysfs, const char *name, int card)
{
	char path[ATTR_PATH_SIZE], driver[ATTR_NAME_SIZE];

	return attr_path(path, "%s/%s/%.*s/device/driver", sysfs, DRM_CLASS, card, name) == 0 &&
	       attr_link_name(path, driver) == 0 && strcmp(driver, "nvidia") == 0;
}

static enum sign sign_of(const char *sysfs, const char *name)
{
	int card = card_length(name), plugged, enabled;

	if (!card || !is_real(sysfs, name, card))
		return SIGN_NONE;
	plugged = connector_is_connected(sysfs, name);
	enabled = connector_is_enabled(sysfs, name);
	/* an analogue output may not know whether anything is plugged in */
	if (enabled == 1 && plugged != 0)
		return SIGN_LIT;
	if (is_mute(sysfs, name, card))
		return SIGN_MUTE;
	if (plugged == 0)
		return SIGN_UNPLUGGED;
	return plugged == 1 && enabled == 0 ? SIGN_DARK : SIGN_UNSURE;
}

enum screen screen_look(const char *sysfs)
{
	char path[ATTR_PATH_SIZE];
	enum sign best = SIGN_NONE;
	struct dirent *e;
	DIR *dir;

	if (attr_path(path, "%s/%s", sysfs, DRM_CLASS) < 0)
		return SCREEN_NOT_KNOWN;
	dir = opendir(path);
	if (!dir)
		return SCREEN_NOT_KNOWN;
	while ((e = readdir(dir))) {
		enum sign sign = sign_of(sysfs, e->d_name);

		if (sign > best)
			best = sign;
	}
	closedir(dir);
	switch (best) {
	case SIGN_LIT: return SCREEN_LIT;
	case SIGN_DARK: return SCREEN_DARK;
	case SIGN_UNPLUGGED: return SCREEN_UNPLUGGED;
	default: return SCREEN_NOT_KNOWN;
	}
}

const char *screen_name(enum screen screen)
{
	switch (screen) {
	case SCREEN_LIT: return "lit";
	case SCREEN_DARK: return "dark";
	case SCREEN_UNPLUGGED: return "unplugged";
	default: return "not known";
	}
}
