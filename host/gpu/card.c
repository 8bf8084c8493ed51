// SPDX-License-Identifier: GPL-2.0-or-later
/* Cards; see card.h. */
#include "host/gpu/card.h"

#include "host/gpu/console.h"
#include "host/gpu/journal.h"
#include "host/gpu/vendor.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void find_taker(struct machine *m, const char *addr, char ret[256])
{
	CLEANUP(free)
	char(*guests)[JOURNAL_NAME_SIZE] = calloc(JOURNAL_FILES_MAX, JOURNAL_NAME_SIZE);
	CLEANUP(free) struct journal *j = calloc(1, sizeof(*j));
	int n = guests && j ? journal_list(m, guests, JOURNAL_FILES_MAX) : 0;

	ret[0] = '\0';
	for (int i = 0; i < n; i++) {
		if (journal_read(m, guests[i], j) < 0)
			continue;
		if (!j->stale && steps_have(&j->steps, STEP_OVERRIDE, addr))
			(void)snprintf(ret, 256, "%s", j->guest);
		journal_close(j);
	}
}

static void add_members(struct machine *m, struct card *c)
{
	struct pci_device all[PCI_MAX_DEVICES];
	int n = pci_list_group(m->sys, c->pci.group, all, PCI_MAX_DEVICES);

	for (int i = 0; i < n; i++)
		if (!pci_device_is_bridge(&all[i]) && strcmp(all[i].addr, c->pci.addr) != 0)
			c->members[c->n_members++] = all[i];
}

static void add_troubles(struct machine *m, struct card *c)
{
	struct pci_device slot[8];
	int n = pci_list_slot(m->sys, c->pci.addr, slot, ARRAY_SIZE(slot));
	char kernel[96];
	struct trouble_facts f = { .gpu = &c->pci,
		.apu = vendor_is_apu(&c->pci, slot, n),
		.boots = c->boots,
		.vendor_reset = machine_exists(m, "/sys/module/vendor_reset"),
		.reset_known = c->reset_known,
		.reset = c->reset,
		.kernel = kernel };

	(void)machine_read(m, kernel, sizeof(kernel), "/proc/sys/kernel/osrelease");
	c->n_troubles = trouble_list(&f, c->troubles);
}

int card_read(struct machine *m, const char *addr, struct card *ret)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES), boot;

	*ret = (struct card){ 0 };
	if (n < 0)
		return machine_fail(
			m, n, "graphics cards cannot be listed: %s", strerrordesc_np(-n));
	boot = pci_boot_gpu(m->sys, gpus, n);
	for (int i = 0; i < n; i++) {
		if (strcmp(gpus[i].addr, addr) != 0)
			continue;
		ret->pci = gpus[i];
		ret->boots = i == boot;
		ret->boot_signs = pci_boot_signs(m->sys, &gpus[i]);
		pci_device_name(&gpus[i], ret->name);
		ret->reset_known = pci_reset_methods(m->sys, addr, ret->reset);
		add_members(m, ret);
		add_troubles(m, ret);
		find_taker(m, addr, ret->taken_by);
		return 0;
	}
	return machine_fail(
		m, -ENODEV, "%s is no graphics card of this machine; see \"list\"", escape(addr));
}

int card_claim(struct machine *m, const char *addr, struct claim *c)
{
	struct pci_device slot[8];
	int n = pci_list_slot(m->sys, addr, slot, ARRAY_SIZE(slot));

	for (int i = 0; i < n && c->n < PLAN_DEVICES_MAX; i++) {
		if (pci_device_is_bridge(&slot[i]))
			continue;
		memcpy(c->d[c->n].addr, slot[i].addr, PCI_ADDR_SIZE);
		c->d[c->n++].managed = true;
	}
	return n < 0 ? machine_fail(m, n, "%s cannot be read: %s", addr, strerrordesc_np(-n)) : 0;
}

/* --- ways back -----------------------------------------------------------------------------------
 */

static void __attribute__((format(printf, 3, 4)))
add_way(char ret[WAYS_MAX][WAY_SIZE], size_t *n, const char *fmt, ...)
{
	va_list ap;

	if (*n == WAYS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(ret[(*n)++], WAY_SIZE, fmt, ap);
	va_end(ap);
}

static bool goes(const struct claim *c, const char *addr)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->d[i].addr, addr))
			return true;
	return false;
}

static void add_other_cards(
	struct machine *m, const struct claim *c, char ret[WAYS_MAX][WAY_SIZE], size_t *n)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int count = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);

	for (int i = 0; i < count; i++)
		if (!goes(c, gpus[i].addr) && gpus[i].driver[0] && !vendor_is_stub(gpus[i].driver))
			add_way(ret, n, "the host keeps the card %s (%s)%s", gpus[i].addr,
				gpus[i].driver,
				connector_is_lit(m, gpus[i].addr) ? ", which has a monitor"
								  : ", without a monitor now");
}

/* "sl: local remote st ...": a listener on port 22. */
static bool listens(const struct machine *m, const char *table)
{
	char path[ATTR_PATH_SIZE], line[256];
	unsigned int port, state;
	bool found = false;
	FILE *f;

	if (machine_path(m, path, "/proc/net/%s", table) < 0)
		return false;
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " %*[^:]: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port,
				&state) == 2 &&
			port == 22 && state == 0x0a;
	if (f)
		(void)fclose(f);
	return found;
}

/* On a port of its own. */
static bool runs_sshd(const struct machine *m)
{
	DIR *dir = machine_opendir(m, "/proc");
	bool found = false;
	struct dirent *e;
	char comm[32];

	while (dir && !found && (e = readdir(dir)))
		found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
			machine_read(m, comm, sizeof(comm), "/proc/%.20s/comm", e->d_name) > 0 &&
			(!strcmp(comm, "sshd") || !strcmp(comm, "dropbear"));
	if (dir)
		closedir(dir);
	return found;
}

size_t ways_back(
	struct machine *m, const struct claim *c, const char *guest, char ret[WAYS_MAX][WAY_SIZE])
{
	size_t n = 0;

	add_other_cards(m, c, ret, &n);
	if (listens(m, "tcp") || listens(m, "tcp6") || runs_sshd(m))
		add_way(ret, &n, "a login by network (ssh)");
	if (guest[0] && !strchr(guest, '/') &&
		machine_exists(m, "/var/lib/virt-aid/guests/%s/link.key", guest))
		add_way(ret, &n, "the agent in %s: va-guest switch host, va-guest shutdown host",
			escape(guest));
	if (machine_exists(m, "/run/systemd/shutdown/scheduled"))
		add_way(ret, &n, "a shutdown that is scheduled (shutdown -c cancels it)");
	return n;
}
