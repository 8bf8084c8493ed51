// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: /sys/class/drm/cardN-NAME, read-only; see connector.h. For DisplayPort the
 * bus in use is the child of the connector, and "ddc", where there is one, may be another bus;
 * so a child counts for more than a link.
 */
#include "common/pci/connector.h"
#include "common/pci/attr.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DRM_CLASS "class/drm"

enum score { SCORE_NONE, SCORE_LINK, SCORE_LINK_LIT, SCORE_CHILD, SCORE_CHILD_LIT };

static bool is_connector(const char *name)
{
	return strncmp(name, "card", 4) == 0 && strchr(name, '-') && strlen(name) < CONNECTOR_SIZE;
}

static bool owns_child(const char *sysfs, const char *connector, const char *bus)
{
	char path[ATTR_PATH_SIZE];
	struct stat st;

	return attr_path(path, "%s/%s/%s/%s", sysfs, DRM_CLASS, connector, bus) == 0 &&
	       stat(path, &st) == 0;
}

static bool links_to(const char *sysfs, const char *connector, const char *bus)
{
	char path[ATTR_PATH_SIZE], target[ATTR_NAME_SIZE];

	return attr_path(path, "%s/%s/%s/ddc", sysfs, DRM_CLASS, connector) == 0 &&
	       attr_link_name(path, target) == 0 && strcmp(target, bus) == 0;
}

static enum score score_of(const char *sysfs, const char *connector, const char *bus)
{
	bool child = owns_child(sysfs, connector, bus);

	if (!child && !links_to(sysfs, connector, bus))
		return SCORE_NONE;
	if (connector_is_connected(sysfs, connector) == 1)
		return child ? SCORE_CHILD_LIT : SCORE_LINK_LIT;
	return child ? SCORE_CHILD : SCORE_LINK;
}

int connector_of_bus(const char *sysfs, int bus, char ret[CONNECTOR_SIZE])
{
	char path[ATTR_PATH_SIZE], name[24];
	enum score best = SCORE_NONE;
	struct dirent *e;
	DIR *dir;

	snprintf(name, sizeof(name), "i2c-%d", bus);
	if (attr_path(path, "%s/%s", sysfs, DRM_CLASS) < 0)
		return -ENAMETOOLONG;
	dir = opendir(path);
	if (!dir)
		return -ENODEV;
	while ((e = readdir(dir))) {
		enum score score;

		if (!is_connector(e->d_name))
			continue;
		score = score_of(sysfs, e->d_name, name);
		/* of equals the first by name, since the directory has no order */
		if (score > best || (score == best && score && strcmp(e->d_name, ret) < 0)) {
			best = score;
			memcpy(ret, e->d_name, strlen(e->d_name) + 1);
		}
	}
	closedir(dir);
	return best == SCORE_NONE ? -ENODEV : 0;
}

/* 1 the attribute says yes, 0 it says no, -ENODATA it says neither, or why it cannot be read. */
static int read_answer(const char *sysfs, const char *connector, const char *attribute,
	const char *yes, const char *no)
{
	char path[ATTR_PATH_SIZE], text[32];
	ssize_t n;

	if (!is_connector(connector) || strchr(connector, '/'))
		return -EINVAL;
	if (attr_path(path, "%s/%s/%s/%s", sysfs, DRM_CLASS, connector, attribute) < 0)
		return -ENAMETOOLONG;
	n = attr_read(path, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, yes) == 0)
		return 1;
	return strcmp(text, no) == 0 ? 0 : -ENODATA;
}

int connector_is_connected(const char *sysfs, const char *connector)
{
	return read_answer(sysfs, connector, "status", "connected", "disconnected");
}

int connector_is_enabled(const char *sysfs, const char *connector)
{
	return read_answer(sysfs, connector, "enabled", "enabled", "disabled");
}

ssize_t connector_read_edid(const char *sysfs, const char *connector, uint8_t *ret, size_t size)
{
	char path[ATTR_PATH_SIZE];

	if (!is_connector(connector) || strchr(connector, '/'))
		return -EINVAL;
	if (attr_path(path, "%s/%s/%s/edid", sysfs, DRM_CLASS, connector) < 0)
		return -ENAMETOOLONG;
	return attr_read(path, ret, size);
}

bool connector_is_named(const char *connector, const char *untrusted_name)
{
	const char *dash = strchr(connector, '-');

	return strcmp(connector, untrusted_name) == 0 ||
	       (dash && strcmp(dash + 1, untrusted_name) == 0);
}
