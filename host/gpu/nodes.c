// SPDX-License-Identifier: GPL-2.0-or-later
/* Device nodes of a card; see nodes.h. Read-only. */
#include "host/gpu/nodes.h"

#include "host/gpu/vendor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE "/sys/bus/pci/devices/%s"

void nodes_add_path(const struct machine *m, struct nodes *ret, bool soft, const char *fmt, ...)
{
	struct node *n = &ret->n_[ret->n];
	char path[ATTR_PATH_SIZE];
	struct stat st;
	va_list ap;

	if (ret->n == NODES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(n->name, sizeof(n->name), fmt, ap);
	va_end(ap);
	if (machine_path(m, path, "%s", n->name) < 0 || stat(path, &st) < 0)
		return;
	n->rdev = S_ISCHR(st.st_mode) ? st.st_rdev : 0;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	n->soft = soft;
	ret->n++;
}

/* Calls add for each entry of a folder that starts with one of the two beginnings. */
static void each_entry(const struct machine *m, struct nodes *ret, const char *folder,
	const char *begins, const char *or_begins,
	void (*add)(const struct machine *m, struct nodes *ret, const char *name))
{
	DIR *dir = machine_opendir(m, folder);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, begins, strlen(begins)) ||
			!strncmp(e->d_name, or_begins, strlen(or_begins)))
			add(m, ret, e->d_name);
	if (dir)
		closedir(dir);
}

static void add_dri(const struct machine *m, struct nodes *ret, const char *name)
{
	nodes_add_path(m, ret, false, "/dev/dri/%s", name);
}

static void add_fb(const struct machine *m, struct nodes *ret, const char *name)
{
	nodes_add_path(m, ret, false, "/dev/%s", name);
}

static void add_snd(const struct machine *m, struct nodes *ret, const char *name)
{
	nodes_add_path(m, ret, true, "/dev/snd/%s", name);
}

/* sound/cardN holds controlCN, pcmCNDxp, hwCNDx; all lie flat in /dev/snd */
static void add_sound_cards(const struct machine *m, const char *addr, struct nodes *ret)
{
	char path[ATTR_PATH_SIZE];
	struct dirent *e;
	DIR *dir;

	(void)snprintf(path, sizeof(path), DEVICE "/sound", addr);
	dir = machine_opendir(m, path);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, "card", 4) != 0)
			continue;
		(void)snprintf(path, sizeof(path), DEVICE "/sound/%.20s", addr, e->d_name);
		each_entry(m, ret, path, "controlC", "pcmC", add_snd);
		each_entry(m, ret, path, "hwC", "midiC", add_snd);
	}
	if (dir)
		closedir(dir);
}

/* Open I2C buses hold up the unbind until they are closed. */
static void add_buses(const struct machine *m, const char *addr, struct nodes *ret)
{
	DIR *dir = machine_opendir(m, "/sys/bus/i2c/devices");
	char owner[PCI_ADDR_SIZE], *end;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		long bus;

		if (strncmp(e->d_name, "i2c-", 4) != 0)
			continue;
		bus = strtol(e->d_name + 4, &end, 10);
		if (*end == '\0' && bus >= 0 && bus < 100000 &&
			pci_address_of_bus(m->sys, (int)bus, owner) == 0 && !strcmp(owner, addr))
			nodes_add_path(m, ret, false, "/dev/i2c-%ld", bus);
	}
	if (dir)
		closedir(dir);
}

static void add_nvidia(const struct machine *m, const char *addr, struct nodes *ret)
{
	static const char *const shared[] = { "nvidiactl", "nvidia-modeset", "nvidia-uvm",
		"nvidia-uvm-tools" };
	char text[1024], *minor;

	(void)machine_read(m, text, sizeof(text), "/proc/driver/nvidia/gpus/%s/information", addr);
	minor = strstr(text, "Device Minor:");
	if (minor)
		nodes_add_path(m, ret, false, "/dev/nvidia%ld",
			strtol(minor + strlen("Device Minor:"), NULL, 10));
	/* the modules cannot go while one of these is open */
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		nodes_add_path(m, ret, false, "/dev/%s", shared[i]);
}

/* ROCm's one node for all cards: whose users matter where this is the only one. */
static void add_kfd(const struct machine *m, struct nodes *ret)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES), on_amdgpu = 0;

	for (int i = 0; i < n; i++)
		on_amdgpu += !strcmp(gpus[i].driver, "amdgpu");
	if (on_amdgpu == 1)
		nodes_add_path(m, ret, false, "/dev/kfd");
}

void nodes_add_device(const struct machine *m, const struct pci_device *dev, struct nodes *ret)
{
	char path[ATTR_PATH_SIZE];

	(void)snprintf(path, sizeof(path), DEVICE "/drm", dev->addr);
	each_entry(m, ret, path, "card", "renderD", add_dri);
	(void)snprintf(path, sizeof(path), DEVICE "/graphics", dev->addr);
	each_entry(m, ret, path, "fb", "fb", add_fb);
	add_sound_cards(m, dev->addr, ret);
	add_buses(m, dev->addr, ret);
	if (!strcmp(dev->driver, "nvidia"))
		add_nvidia(m, dev->addr, ret);
	if (!strcmp(dev->driver, "amdgpu"))
		add_kfd(m, ret);
}

const struct node *nodes_find(const struct nodes *nodes, const struct stat *st)
{
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node *n = &nodes->n_[i];

		if (n->rdev ? S_ISCHR(st->st_mode) && st->st_rdev == n->rdev
			    : st->st_dev == n->dev && st->st_ino == n->ino)
			return n;
	}
	return NULL;
}

const struct node *nodes_find_mapping(const struct nodes *nodes, dev_t dev, ino_t ino)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (nodes->n_[i].dev == dev && nodes->n_[i].ino == ino)
			return &nodes->n_[i];
	return NULL;
}
