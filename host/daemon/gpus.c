// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's GPUs, whoever has them now, and the one that its own screen needs: what host.conf
 * says, or the one that the firmware showed its screens on. Looked at when the configuration is
 * read; a GPU stays where it is.
 */
#include "common/base/log.h"
#include "common/pci/gpu.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

void gpus_find(struct hostd *h)
{
	struct pci_device found[HOSTD_MAX_GPUS];
	const char *wanted = h->config->primary_gpu;
	const char *sysfs = h->sysfs ? h->sysfs : PCI_SYSFS;
	int n = pci_list_gpus(sysfs, found, ARRAY_SIZE(found)), boot;

	if (n < 0)
		log_warn("the GPUs of this machine cannot be listed: %s", strerror(-n));
	h->n_gpus = n < 0 ? 0 : n;
	h->primary_gpu[0] = '\0';
	for (int i = 0; i < h->n_gpus; i++) {
		memcpy(h->gpus[i], found[i].addr, sizeof(found[i].addr));
		h->cards[i] = (struct learned_card){ pci_device_chip(&found[i]),
			pci_device_board(&found[i]) };
	}
	boot = pci_boot_gpu(sysfs, found, h->n_gpus);
	if (!strcmp(wanted, "auto") && boot >= 0)
		memcpy(h->primary_gpu, found[boot].addr, sizeof(found[boot].addr));
	if (strcmp(wanted, "auto") && strcmp(wanted, "none"))
		snprintf(h->primary_gpu, sizeof(h->primary_gpu), "%s", wanted);
	hostd_world_changed(h);
}
