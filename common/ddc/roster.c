// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: what libddcutil lists, joined with what sysfs says about the buses; see
 * roster.h. A display whose EDID does not parse has no identity and is left out: nobody could
 * name it.
 */
#include "common/ddc/roster.h"

#include "common/ddc/quirks.h"
#include "common/ddc/wire.h"
#include "common/pci/attr.h"
#include "common/pci/connector.h"
#include "common/pci/pci.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char *const sysfs = PCI_SYSFS;

/* Calls see(bus) for each I2C bus until it returns non-zero, and returns that. */
static int for_each_bus(int (*see)(int bus, const void *arg), const void *arg)
{
	char path[ATTR_PATH_SIZE];
	struct dirent *e;
	int r = 0;
	DIR *dir;

	if (attr_path(path, "%s/class/i2c-dev", sysfs) < 0)
		return 0;
	dir = opendir(path);
	while (dir && r == 0 && (e = readdir(dir))) {
		unsigned int bus;
		char rest;

		if (sscanf(e->d_name, "i2c-%7u%c", &bus, &rest) == 1)
			r = see((int)bus, arg);
	}
	if (dir)
		closedir(dir);
	return r;
}

static int is_beyond_the_library(int bus, const void *arg)
{
	(void)arg;
	return bus > DDC_LIB_MAX_BUS ? bus : 0;
}

static void locate(struct ddc_display *d, int bus)
{
	char addr[PCI_ADDR_SIZE] = "", connector[CONNECTOR_SIZE] = "";
	struct pci_device gpu;

	_Static_assert(sizeof(addr) <= sizeof(d->pci), "a PCI address fits");
	_Static_assert(sizeof(connector) == sizeof(d->connector), "a connector fits");
	d->bus = bus;
	if (pci_address_of_bus(sysfs, bus, addr) < 0)
		addr[0] = '\0';
	if (connector_of_bus(sysfs, bus, connector) < 0)
		connector[0] = '\0';
	if (pci_read_device(sysfs, addr, &gpu) == 0) {
		d->gpu = pci_device_chip(&gpu);
		d->board = pci_device_board(&gpu);
	}
	memcpy(d->pci, addr, sizeof(addr));
	memcpy(d->connector, connector, sizeof(connector));
}

static bool same_place(const struct ddc_display *a, const struct ddc_display *b)
{
	return strcmp(a->pci, b->pci) == 0 && strcmp(a->connector, b->connector) == 0 &&
	       a->bus == b->bus;
}

static int32_t input_before(const struct roster *old, const struct ddc_display *d)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct ddc_display *o = &old->entries[i].display;

		if (strcmp(o->key, d->key) == 0 && same_place(o, d))
			return o->input;
	}
	return -1;
}

static void mark_twins(struct roster *r)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->n; k++) {
			if (i != k && !strcmp(r->entries[i].display.key, r->entries[k].display.key))
				r->entries[i].display.twin = 1;
		}
	}
}

static void add(struct roster *r, const struct roster *old, const struct ddc_lib_display *found)
{
	struct roster_entry *e = &r->entries[r->n];
	struct ddc_display *d = &e->display;

	if (edid_parse(found->edid, sizeof(found->edid), &d->id) < 0)
		return;
	monitor_key(&d->id, d->key);
	locate(d, found->bus);
	d->answers = found->answers;
	d->input = input_before(old, d);
	e->ref = found->ref;
	r->n++;
}

struct ddc_outcome roster_detect(struct roster *r)
{
	struct ddc_lib_display found[DDC_MAX_DISPLAYS];
	struct ddc_outcome outcome;
	struct roster old = *r;
	int n, beyond = for_each_bus(is_beyond_the_library, NULL);

	/* whatever comes, the library's old references are no good any more */
	memset(r, 0, sizeof(*r));
	if (beyond) {
		char text[80];

		snprintf(text, sizeof(text), "bus i2c-%d: libddcutil takes none above %d", beyond,
			DDC_LIB_MAX_BUS);
		return ddc_outcome(DDC_BROKEN, text);
	}
	n = ddc_lib_detect(found, DDC_MAX_DISPLAYS, &outcome);
	if (n < 0)
		return outcome;
	for (int i = 0; i < n; i++)
		add(r, &old, &found[i]);
	mark_twins(r);
	r->detected = true;
	return outcome;
}

static bool is_meant(
	const struct ddc_display *d, const char *key, const char *connector, const char *pci)
{
	return strcmp(d->key, key) == 0 && (!*pci || strcmp(d->pci, pci) == 0) &&
	       (!*connector || connector_is_named(d->connector, connector));
}

size_t roster_find(struct roster *r, const char *key, const char *connector, const char *pci,
	struct roster_entry *ret[DDC_MAX_DISPLAYS])
{
	size_t n = 0;

	for (uint32_t answers = 2; answers-- > 0;) {
		for (size_t i = 0; i < r->n; i++) {
			struct ddc_display *d = &r->entries[i].display;

			if (d->answers == answers && is_meant(d, key, connector, pci))
				ret[n++] = &r->entries[i];
		}
	}
	return n;
}

bool roster_is_stale(const struct roster_entry *entry)
{
	char key[MONITOR_KEY_SIZE];
	struct ddc_display now = { 0 };
	uint8_t edid[EDID_BLOCK];

	locate(&now, entry->display.bus);
	if (!same_place(&now, &entry->display))
		return true;
	/* no EDID there proves nothing: hidden inputs may look unplugged */
	if (!*now.connector ||
		connector_read_edid(sysfs, now.connector, edid, sizeof(edid)) != EDID_BLOCK ||
		edid_parse(edid, sizeof(edid), &now.id) < 0)
		return false;
	monitor_key(&now.id, key);
	return strcmp(key, entry->display.key) != 0;
}

/* Only buses of connectors: those below a GPU that are none may be power controllers. */
static int has_key(int bus, const void *key)
{
	char connector[CONNECTOR_SIZE], path[ATTR_PATH_SIZE], name[64] = "";
	char found[MONITOR_KEY_SIZE];
	uint8_t edid[EDID_BLOCK];
	struct monitor_id id;

	if (connector_of_bus(sysfs, bus, connector) < 0 ||
		attr_path(path, "%s/bus/i2c/devices/i2c-%d/name", sysfs, bus) < 0 ||
		attr_read(path, name, sizeof(name) - 1) < 0 || quirk_bus_is_off_limits(name))
		return 0;
	if (wire_read_edid(bus, edid) < 0 || edid_parse(edid, sizeof(edid), &id) < 0)
		return 0;
	monitor_key(&id, found);
	return strcmp(found, key) == 0;
}

bool roster_has_appeared(const char *key)
{
	return for_each_bus(has_key, key) != 0;
}
