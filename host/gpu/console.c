// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: only what exists and draws on the card is touched, each by its own name,
 * and recorded. A console counts if its name says "frame buffer"; the firmware's framebuffer
 * counts if its memory lies in one of the card's own ranges, as /proc/iomem has it: there is one
 * such framebuffer and several cards.
 */
#include "host/gpu/console.h"

#include "host/gpu/vendor.h"

#include "common/base/cleanup.h"
#include "common/pci/connector.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VTCONSOLES "/sys/class/vtconsole"
#define PLATFORM   "/sys/bus/platform/drivers"

static const char *const bootfb_drivers[] = { "efi-framebuffer", "simple-framebuffer",
	"vesa-framebuffer" };

/* "start-end : name", indented; true if such a range of the firmware's lies in [start, end]. */
static bool iomem_has_bootfb(const struct machine *m, uint64_t start, uint64_t end)
{
	static const char *const names[] = { "BOOTFB", "efifb", "simplefb", "vesafb",
		"simple-framebuffer" };
	char path[ATTR_PATH_SIZE], line[256];
	bool found = false;
	FILE *f;

	if (machine_path(m, path, "/proc/iomem") < 0)
		return false;
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned long long from, to;

		if (sscanf(line, " %llx-%llx", &from, &to) != 2 || from < start || to > end)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			found = found || strstr(line, names[i]);
	}
	if (f)
		(void)fclose(f);
	return found;
}

/* "resource": a line "0xstart 0xend 0xflags" for each of the card's ranges. */
static bool draws_bootfb(const struct machine *m, const char *addr)
{
	char text[2048], *save = NULL;

	if (machine_read(m, text, sizeof(text), "/sys/bus/pci/devices/%s/resource", addr) < 0)
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long start, end;

		if (sscanf(line, "%llx %llx", &start, &end) == 2 && end > start &&
			iomem_has_bootfb(m, start, end))
			return true;
	}
	return false;
}

static bool has_framebuffer(const struct machine *m, const char *addr)
{
	char path[ATTR_PATH_SIZE];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/graphics", addr);
	dir = machine_opendir(m, path);
	if (dir)
		closedir(dir);
	return dir != NULL;
}

static void plan_vtcons(const struct machine *m, struct steps *ret)
{
	char text[128], name[16];

	for (unsigned int i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "vtcon%u", i);
		if (machine_read(m, text, sizeof(text), VTCONSOLES "/%s/name", name) <= 0 ||
			!strstr(text, "frame buffer"))
			continue;
		if (machine_read(m, text, sizeof(text), VTCONSOLES "/%s/bind", name) > 0 &&
			text[0] == '1')
			(void)steps_add(ret, STEP_VTCON, name, NULL, NULL);
	}
}

static void plan_bootfb(const struct machine *m, struct steps *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(bootfb_drivers); i++) {
		char path[ATTR_PATH_SIZE];
		struct dirent *e;
		DIR *dir;

		(void)snprintf(path, sizeof(path), PLATFORM "/%s", bootfb_drivers[i]);
		dir = machine_opendir(m, path);
		while (dir && (e = readdir(dir)))
			if (fnmatch("*-framebuffer.[0-9]*", e->d_name, 0) == 0)
				(void)steps_add(
					ret, STEP_BOOTFB, e->d_name, bootfb_drivers[i], NULL);
		if (dir)
			closedir(dir);
	}
}

void console_plan(
	const struct machine *m, const struct pci_device *gpus, size_t n, struct steps *ret)
{
	bool draws = false, firmware = false;

	for (size_t i = 0; i < n; i++) {
		bool boot = draws_bootfb(m, gpus[i].addr);

		draws = draws || boot || has_framebuffer(m, gpus[i].addr);
		firmware = firmware || (boot && !vendor_of_driver(gpus[i].driver)->keep_bootfb);
	}
	if (draws)
		plan_vtcons(m, ret);
	if (firmware)
		plan_bootfb(m, ret);
}

int console_release(struct machine *m, const char *vtcon)
{
	return machine_write(m, "0", VTCONSOLES "/%s/bind", vtcon);
}

int console_restore(struct machine *m, const char *vtcon)
{
	DIR *dir = machine_opendir(m, "/sys/class/graphics");
	char text[16];
	struct dirent *e;
	bool any = false;

	while (dir && (e = readdir(dir)))
		any = any || fnmatch("fb[0-9]*", e->d_name, 0) == 0;
	if (dir)
		closedir(dir);
	if (!any || (machine_read(m, text, sizeof(text), VTCONSOLES "/%s/bind", vtcon) > 0 &&
			    text[0] == '1'))
		return 0;
	return machine_write(m, "1", VTCONSOLES "/%s/bind", vtcon);
}

int bootfb_release(struct machine *m, const char *name, const char *driver)
{
	if (!machine_exists(m, PLATFORM "/%s/%s", driver, name))
		return 0;
	return machine_write(m, name, PLATFORM "/%s/unbind", driver);
}

int bootfb_restore(struct machine *m, const char *name, const char *driver)
{
	char any[ATTR_NAME_SIZE];

	/* gone for good (newer kernels take the device away), there again, or drawn by a driver */
	if (!machine_exists(m, "/sys/bus/platform/devices/%s", name) ||
		machine_link_name(m, any, "/sys/bus/platform/devices/%s/driver", name) == 0 ||
		machine_exists(m, "/sys/class/graphics/fb0"))
		return 0;
	return machine_write(m, name, PLATFORM "/%s/bind", driver);
}

/* Calls connector_is_connected() for each connector of the GPU; asks the driver to look first. */
static bool any_connector(struct machine *asked, const struct machine *m, const char *addr)
{
	DIR *dir = machine_opendir(m, "/sys/class/drm");
	char card[ATTR_NAME_SIZE];
	bool lit = false;
	struct dirent *e;

	while (dir && !lit && (e = readdir(dir))) {
		char name[CONNECTOR_SIZE];
		const char *dash = strchr(e->d_name, '-');

		if (!dash || strncmp(e->d_name, "card", 4) != 0 ||
			strlen(e->d_name) >= sizeof(name))
			continue;
		(void)snprintf(name, sizeof(name), "%s", e->d_name);
		if (machine_link_name(m, card, "/sys/class/drm/%.*s/device",
			    (int)(dash - e->d_name), e->d_name) < 0 ||
			strcmp(card, addr) != 0)
			continue;
		if (asked)
			(void)machine_write(asked, "detect", "/sys/class/drm/%s/status", name);
		lit = connector_is_connected(m->sys, name) == 1;
	}
	if (dir)
		closedir(dir);
	return lit;
}

bool connector_is_lit(const struct machine *m, const char *addr)
{
	return any_connector(NULL, m, addr);
}

int connector_wait(struct machine *m, const char *addr)
{
	uint64_t end = machine_now_ms() + m->limit.connector;

	do {
		if (connector_is_lit(m, addr))
			return 0;
	} while (machine_wait(m, end));
	if (any_connector(m, m, addr))
		return 0;
	return machine_fail(m, -ENODATA, "%s sees no monitor", addr);
}
