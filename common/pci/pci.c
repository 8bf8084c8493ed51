// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one device at a time out of /sys/bus/pci/devices; see pci.h. A device may
 * vanish between two reads (a hand-over is the reason to look): then it is not there, which is
 * no error of the list. Nothing is opened for writing and nothing is kept open.
 */
#include "common/pci/pci.h"
#include "common/base/cleanup.h"
#include "common/pci/attr.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCI_DEVICES "bus/pci/devices"

static int hex_field(const char **p, int min, int max_digits, unsigned long *ret)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t n = strspn(*p, digits);

	if (n < (size_t)min || n > (size_t)max_digits)
		return -EINVAL;
	*ret = strtoul(*p, NULL, 16);
	*p += n;
	return 0;
}

int pci_address_parse(const char *untrusted_addr, char ret[PCI_ADDR_SIZE])
{
	const char *p = untrusted_addr;
	const char *colon = strchr(p, ':');
	unsigned long domain = 0, bus, dev, func;

	if (colon && strchr(colon + 1, ':')) {
		if (hex_field(&p, 4, 5, &domain) < 0 || *p++ != ':')
			return -EINVAL;
	}
	if (hex_field(&p, 2, 2, &bus) < 0 || *p++ != ':' || hex_field(&p, 2, 2, &dev) < 0 ||
		*p++ != '.' || hex_field(&p, 1, 1, &func) < 0 || *p != '\0')
		return -EINVAL;
	if (dev > 0x1f || func > 7)
		return -EINVAL;
	snprintf(ret, PCI_ADDR_SIZE, "%04lx:%02lx:%02lx.%lx", domain, bus, dev, func);
	return 0;
}

bool pci_address_same_slot(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

bool pci_device_is_gpu(const struct pci_device *dev)
{
	return dev->class == 0x0300 || dev->class == 0x0302 || dev->class == 0x0380;
}

bool pci_device_is_bridge(const struct pci_device *dev)
{
	return dev->class >> 8 == 0x06;
}

static int read_number(const char *sysfs, const char *addr, const char *name, unsigned long max,
	unsigned long *ret)
{
	char path[ATTR_PATH_SIZE];
	int r = attr_path(path, "%s/%s/%s/%s", sysfs, PCI_DEVICES, addr, name);

	if (r < 0)
		return r;
	r = attr_read_number(path, ret);
	if (r == -ENOENT || r == -ENXIO)
		return -ENODEV;
	if (r < 0)
		return r;
	return *ret <= max ? 0 : -EIO;
}

static void read_links(const char *sysfs, struct pci_device *dev)
{
	char path[ATTR_PATH_SIZE], target[ATTR_NAME_SIZE];
	char *end;

	if (attr_path(path, "%s/%s/%s/driver", sysfs, PCI_DEVICES, dev->addr) == 0 &&
		attr_link_name(path, target) == 0 && strlen(target) < sizeof(dev->driver))
		memcpy(dev->driver, target, strlen(target) + 1);
	dev->group = -1;
	if (attr_path(path, "%s/%s/%s/iommu_group", sysfs, PCI_DEVICES, dev->addr) == 0 &&
		attr_link_name(path, target) == 0) {
		long group = strtol(target, &end, 10);

		if (end != target && *end == '\0' && group >= 0 && group <= INT32_MAX)
			dev->group = (int32_t)group;
	}
}

int pci_read_device(const char *sysfs, const char *addr, struct pci_device *ret)
{
	char plain[PCI_ADDR_SIZE];
	unsigned long class, vendor, device, boot = 0;
	int r;

	/* it becomes part of a path */
	if (pci_address_parse(addr, plain) < 0 || strcmp(plain, addr) != 0)
		return -ENODEV;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->addr, plain, sizeof(plain));
	r = read_number(sysfs, addr, "class", 0xffffff, &class);
	if (r == 0)
		r = read_number(sysfs, addr, "vendor", 0xffff, &vendor);
	if (r == 0)
		r = read_number(sysfs, addr, "device", 0xffff, &device);
	if (r < 0)
		return r;
	ret->class = (uint16_t)(class >> 8);
	ret->vendor = (uint16_t)vendor;
	ret->device = (uint16_t)device;
	if (read_number(sysfs, addr, "subsystem_vendor", 0xffff, &vendor) == 0 &&
		read_number(sysfs, addr, "subsystem_device", 0xffff, &device) == 0) {
		ret->board_vendor = (uint16_t)vendor;
		ret->board_device = (uint16_t)device;
	}
	ret->boot_vga = read_number(sysfs, addr, "boot_vga", 1, &boot) == 0 && boot == 1;
	read_links(sysfs, ret);
	return 0;
}

/* Domains of five digits come after those of four. */
static int compare(const void *a, const void *b)
{
	const struct pci_device *x = a, *y = b;
	size_t nx = strlen(x->addr), ny = strlen(y->addr);

	if (nx != ny)
		return nx < ny ? -1 : 1;
	return strcmp(x->addr, y->addr);
}

struct filter {
	bool (*takes)(const struct filter *f, const struct pci_device *dev);
	int32_t group;
	const char *addr;
};

static int list(const char *sysfs, const struct filter *f, struct pci_device *ret, size_t max)
{
	char path[ATTR_PATH_SIZE];
	struct dirent *e;
	size_t n = 0;
	DIR *dir;
	int r = attr_path(path, "%s/%s", sysfs, PCI_DEVICES);

	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((e = readdir(dir))) {
		struct pci_device dev;

		if (pci_read_device(sysfs, e->d_name, &dev) < 0 || !f->takes(f, &dev))
			continue;
		if (n == max) {
			closedir(dir);
			return -E2BIG;
		}
		ret[n++] = dev;
	}
	closedir(dir);
	qsort(ret, n, sizeof(*ret), compare);
	return (int)n;
}

static bool takes_gpu(const struct filter *f, const struct pci_device *dev)
{
	(void)f;
	return pci_device_is_gpu(dev);
}

static bool takes_group(const struct filter *f, const struct pci_device *dev)
{
	return dev->group == f->group;
}

static bool takes_slot(const struct filter *f, const struct pci_device *dev)
{
	return pci_address_same_slot(dev->addr, f->addr);
}

int pci_list_gpus(const char *sysfs, struct pci_device *ret, size_t max)
{
	return list(sysfs, &(struct filter){ .takes = takes_gpu }, ret, max);
}

int pci_list_group(const char *sysfs, int32_t group, struct pci_device *ret, size_t max)
{
	if (group < 0)
		return 0;
	return list(sysfs, &(struct filter){ .takes = takes_group, .group = group }, ret, max);
}

int pci_list_slot(const char *sysfs, const char *addr, struct pci_device *ret, size_t max)
{
	return list(sysfs, &(struct filter){ .takes = takes_slot, .addr = addr }, ret, max);
}

/*
 * The last component of the real path that is an address; those before it are the bridges. Not
 * i2c-N/device, which newer kernels no longer have.
 */
int pci_address_of_bus(const char *sysfs, int bus, char ret[PCI_ADDR_SIZE])
{
	char path[ATTR_PATH_SIZE];
	CLEANUP(free) char *real = NULL;
	char *save = NULL;
	int r = attr_path(path, "%s/bus/i2c/devices/i2c-%d", sysfs, bus);

	if (r < 0)
		return r;
	real = realpath(path, NULL);
	if (!real)
		return -ENODEV;
	r = -ENODEV;
	for (char *p = strtok_r(real, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
		/* with the domain, so that no other "xx:yy.z" passes */
		if (strlen(p) >= 12 && pci_address_parse(p, ret) == 0)
			r = 0;
	}
	return r;
}
