// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * The live XML is the only truth about who has a device: it is read before and, for a detach,
 * after. A device is named by bus and device number, because ids do not tell two alike from each
 * other; the ids go along, so that libvirt refuses when something else has been plugged in there
 * since. Other devices of the domain, and its persistent definition, are never touched.
 */
#include "host/virt/usb.h"

#include "common/base/cleanup.h"
#include "host/virt/domxml.h"
#include "host/virt/virterr.h"

#include <stdio.h>
#include <string.h>

#define USB_XML_SIZE 256

static void say(char *detail, size_t size, const char *what)
{
	(void)snprintf(detail, size, "%s", what);
}

/* 1: the running domain has it, 0: it has not, or a negative errno. */
static int has_device(virDomainPtr dom, const struct virt_usb *usb, char *detail, size_t size)
{
	CLEANUP(free) char *xml = virDomainGetXMLDesc(dom, 0);
	struct domxml x;
	int r;

	if (!xml)
		return virterr_take(detail, size);
	r = domxml_parse(xml, strlen(xml), &x, detail, size);
	if (r < 0)
		return r;
	for (uint32_t i = 0; x.live && i < x.n_usb; i++)
		if (x.usb[i].bus == usb->bus && x.usb[i].device == usb->device)
			return 1;
	return 0;
}

static void device_xml(const struct virt_usb *usb, char out[USB_XML_SIZE])
{
	char ids[96] = "";

	if (usb->vendor)
		(void)snprintf(ids, sizeof(ids), "<vendor id='0x%04x'/><product id='0x%04x'/>",
			usb->vendor, usb->product);
	(void)snprintf(out, USB_XML_SIZE,
		"<hostdev mode='subsystem' type='usb' managed='yes'><source>%s"
		"<address bus='%u' device='%u'/></source></hostdev>",
		ids, usb->bus, usb->device);
}

int usb_attach(virDomainPtr dom, const struct virt_usb *usb, char *detail, size_t size)
{
	char xml[USB_XML_SIZE];
	int r;

	if (!usb->bus || !usb->device)
		return -EINVAL;
	if (virDomainIsActive(dom) == 0) {
		say(detail, size, "it does not run");
		return -EBUSY;
	}
	r = has_device(dom, usb, detail, size);
	if (r < 0)
		return r;
	if (r > 0) {
		say(detail, size, "it has the device already");
		return 0;
	}
	device_xml(usb, xml);
	if (virDomainAttachDeviceFlags(dom, xml, VIR_DOMAIN_AFFECT_LIVE) == 0)
		return 0;
	return virterr_take(detail, size);
}

int usb_detach(virDomainPtr dom, const struct virt_usb *usb, char *detail, size_t size)
{
	struct virt_usb by_address = { .bus = usb->bus, .device = usb->device };
	char xml[USB_XML_SIZE];
	int r;

	if (!usb->bus || !usb->device)
		return -EINVAL;
	r = virDomainIsActive(dom) == 0 ? 0 : has_device(dom, usb, detail, size);
	if (r < 0)
		return r;
	if (r == 0) {
		say(detail, size, "it does not have the device");
		return 0;
	}
	device_xml(&by_address, xml);
	if (virDomainDetachDeviceFlags(dom, xml, VIR_DOMAIN_AFFECT_LIVE) < 0) {
		r = virterr_take(detail, size);
		/* it stopped, or let go, meanwhile */
		return has_device(dom, usb, NULL, 0) == 0 || virDomainIsActive(dom) == 0 ? 0 : r;
	}
	r = has_device(dom, usb, detail, size);
	if (r > 0) {
		say(detail, size, "asked for, but the guest has not let go of it");
		return -EBUSY;
	}
	return 0;
}
