// SPDX-License-Identifier: GPL-2.0-or-later
/* Boot GPU and reset; see gpu.h. */
#include "common/pci/gpu.h"
#include "common/pci/attr.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_one(const char *path)
{
	unsigned long n;

	return attr_read_number(path, &n) == 0 && n == 1;
}

/* Of the DRM cards below the device, or, as in the first kernels that had it, of itself. */
static bool has_boot_display(const char *sysfs, const char *addr)
{
	char path[ATTR_PATH_SIZE];
	bool found = false;
	struct dirent *e;
	DIR *dir;

	if (attr_path(path, "%s/bus/pci/devices/%s/boot_display", sysfs, addr) == 0 && is_one(path))
		return true;
	if (attr_path(path, "%s/bus/pci/devices/%s/drm", sysfs, addr) < 0)
		return false;
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)))
		found = !strncmp(e->d_name, "card", 4) &&
			attr_path(path, "%s/bus/pci/devices/%s/drm/%.20s/boot_display", sysfs, addr,
				e->d_name) == 0 &&
			is_one(path);
	if (dir)
		closedir(dir);
	return found;
}

static bool has_first_framebuffer(const char *sysfs, const char *addr)
{
	char path[ATTR_PATH_SIZE], name[ATTR_NAME_SIZE];
	struct stat st;

	if (attr_path(path, "%s/class/graphics/fb0/device", sysfs) == 0 &&
		attr_link_name(path, name) == 0 && !strcmp(name, addr))
		return true;
	return attr_path(path, "%s/bus/pci/devices/%s/graphics/fb0", sysfs, addr) == 0 &&
	       stat(path, &st) == 0;
}

unsigned int pci_boot_signs(const char *sysfs, const struct pci_device *gpu)
{
	return (gpu->boot_vga ? PCI_BOOT_VGA : 0) |
	       (has_boot_display(sysfs, gpu->addr) ? PCI_BOOT_DISPLAY : 0) |
	       (has_first_framebuffer(sysfs, gpu->addr) ? PCI_BOOT_FRAMEBUFFER : 0);
}

int pci_boot_gpu(const char *sysfs, const struct pci_device *gpus, int n)
{
	static const unsigned int order[] = { PCI_BOOT_DISPLAY, PCI_BOOT_VGA,
		PCI_BOOT_FRAMEBUFFER };

	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (int i = 0; i < n; i++)
			if (pci_boot_signs(sysfs, &gpus[i]) & order[k])
				return i;
	return -1;
}

int pci_reset_methods(const char *sysfs, const char *addr, char ret[PCI_RESET_SIZE])
{
	char path[ATTR_PATH_SIZE];
	ssize_t n;

	ret[0] = '\0';
	if (attr_path(path, "%s/bus/pci/devices/%s/reset_method", sysfs, addr) < 0)
		return -ENAMETOOLONG;
	n = attr_read(path, ret, PCI_RESET_SIZE - 1);
	if (n == -ENOENT) /* without any way there is no such attribute, either */
		return attr_path(path, "%s/bus/pci/devices/%s/reset", sysfs, addr) == 0 &&
				       access(path, F_OK) == 0
			       ? -ENODATA
			       : 0;
	if (n < 0)
		return (int)n;
	ret[n] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return 0;
}
