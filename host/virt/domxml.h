// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this project wants to know of a libvirt domain definition (libvirt formatdomain), live or
 * inactive: its channel, its PCI and USB devices, its fw_cfg item and generation id. Pure: bytes
 * in, struct out. No network, no files, no document type declarations (so no entities), no
 * recursion.
 */
#ifndef VA_VIRT_DOMXML_H
#define VA_VIRT_DOMXML_H

#include "host/virt/ipc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DOMXML_CHANNEL  "org.virtaid.0"
#define DOMXML_FWCFG    "opt/org.virtaid/pair"
#define DOMXML_MAX_SIZE (4u << 20) /* bytes; libvirt's own limit for one string on its wire */
#define DOMXML_MAX_DEVS (VIRT_MAX_GPUS * 4)

struct domxml {
	char name[256]; /* empty when missing or longer */
	char uuid[VIRT_UUID_SIZE];
	bool live;      /* has a domain id: the XML of a running domain */
	uint32_t flags; /* VIRT_FLAG_*, without VIRT_FLAG_PERSISTENT */
	uint32_t n_hostdevs;
	char hostdevs[DOMXML_MAX_DEVS][VIRT_PCI_SIZE]; /* each once, in order */
	uint32_t managed; /* bit n: libvirt gives hostdevs[n] to vfio-pci and back itself */
	uint32_t n_usb;
	struct virt_usb usb[VIRT_MAX_USB]; /* USB hostdevs, in order */
	/*
	 * The socket behind the channel, as sockaddr_un.sun_path takes it; empty when the XML has
	 * none (libvirt makes the path up at start) or one too long to connect to.
	 */
	char channel_path[108];
	char channel_alias[64]; /* QEMU's id of the port, for VSERPORT_CHANGE; empty if none */
};

/*
 * Reads xml[size] (no terminator needed). 0, or with "line N: what" in err[errsz]: -E2BIG (over
 * DOMXML_MAX_SIZE), -EINVAL (not well-formed, no domain, an address that is none), -EBADMSG (a
 * document type declaration), -ENOMEM. *ret is zeroed on error.
 */
int domxml_parse(const void *xml, size_t size, struct domxml *ret, char *err, size_t errsz);

/*
 * The PCI address in a QEMU argument such as "vfio-pci,host=01:00.0,x-vga=on" or
 * {"driver":"vfio-pci","host":"0000:01:00.0"}, in full form. False if there is none.
 */
bool domxml_vfio_address(const char *arg, char ret[VIRT_PCI_SIZE]);

#endif
