// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the name of a device, by libpci's database; see pci.h. A file of its own,
 * so that only programs that print names load libpci. libpci ends the process on an error unless
 * its handler does not return; ours jumps back here, and numbers stand for the name. Its access
 * method is named outright, because finding one out would try the I/O ports.
 */
#include "common/pci/pci.h"

#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>

static jmp_buf failed;

static void __attribute__((noreturn)) on_error(char *fmt, ...)
{
	(void)fmt;
	longjmp(failed, 1);
}

static void on_message(char *fmt, ...)
{
	(void)fmt;
}

static void make_printable(char *s)
{
	for (; *s; s++) {
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
	}
}

void pci_device_name(const struct pci_device *dev, char ret[PCI_NAME_SIZE])
{
	struct pci_access *access = pci_alloc();
	/* wider than what is kept: libpci says "<too long>" for what does not fit */
	char name[PCI_NAME_SIZE * 4];
	const char *found;

	snprintf(ret, PCI_NAME_SIZE, "%04x:%04x", dev->vendor, dev->device);
	if (!access)
		return;
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	access->error = on_error;
	access->warning = on_message;
	access->debug = on_message;
	if (setjmp(failed) == 0) {
		pci_init(access);
		found = pci_lookup_name(access, name, sizeof(name),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, dev->vendor, dev->device);
		if (found)
			snprintf(ret, PCI_NAME_SIZE, "%s", found);
		make_printable(ret);
		pci_cleanup(access);
	}
}
