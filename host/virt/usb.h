// SPDX-License-Identifier: GPL-2.0-or-later
/* USB devices into and out of a running domain. Blocking calls, for the doer. */
#ifndef VA_VIRT_USB_H
#define VA_VIRT_USB_H

#include "host/virt/ipc.h"

#include <libvirt/libvirt.h>

/*
 * Gives the host's device at that bus and device number to the domain, until it stops: its
 * definition stays as it is. 0, with a word in detail[size] where it has it already; -EBUSY: the
 * domain does not run, or another one has the device; else a negative errno of virterr_take().
 * -EINVAL: no address.
 */
int usb_attach(virDomainPtr dom, const struct virt_usb *usb, char *detail, size_t size);

/*
 * Takes it back. What the domain does not have (any more) is success, with a word about it; a
 * device that was pulled out meanwhile is taken out of the domain's XML all the same.
 * -EBUSY: asked for, and the domain still has it.
 */
int usb_detach(virDomainPtr dom, const struct virt_usb *usb, char *detail, size_t size);

#endif
