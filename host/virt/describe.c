// SPDX-License-Identifier: GPL-2.0-or-later
/* Asking libvirt about one domain; see describe.h. */
#include "host/virt/describe.h"

#include "host/virt/virterr.h"

#include <stdio.h>
#include <string.h>

/* State and XML are two questions; a domain that starts in between is asked again. */
#define DESCRIBE_TRIES 3

const char *describe_state_name(uint32_t state)
{
	static const char *const names[] = {
		[VIRT_STATE_OFF] = "off",
		[VIRT_STATE_RUNNING] = "running",
		[VIRT_STATE_PAUSED] = "paused",
		[VIRT_STATE_STOPPING] = "stopping",
	};

	return state <= VIRT_STATE_MAX ? names[state] : "?";
}

void describe_handle(virDomainPtr dom, struct describe *ret)
{
	const char *name = virDomainGetName(dom);

	*ret = (struct describe){ 0 };
	if (virDomainGetUUIDString(dom, ret->domain.uuid) < 0)
		ret->domain.uuid[0] = '\0';
	if (name)
		(void)snprintf(ret->domain.name, sizeof(ret->domain.name), "%s", name);
	/* an active domain has a number, any other (unsigned)-1 */
	ret->domain.state = virDomainGetID(dom) == UINT32_MAX ? VIRT_STATE_OFF : VIRT_STATE_RUNNING;
}

static uint32_t state_of(int state, bool active)
{
	switch (state) {
	case VIR_DOMAIN_RUNNING:
	case VIR_DOMAIN_BLOCKED: return VIRT_STATE_RUNNING;
	case VIR_DOMAIN_PAUSED:
	case VIR_DOMAIN_PMSUSPENDED: return VIRT_STATE_PAUSED;
	case VIR_DOMAIN_SHUTDOWN: return VIRT_STATE_STOPPING;
	case VIR_DOMAIN_SHUTOFF: return VIRT_STATE_OFF;
	case VIR_DOMAIN_CRASHED: /* kept for a look at it: it still holds its devices */
		return active ? VIRT_STATE_PAUSED : VIRT_STATE_OFF;
	default: return active ? VIRT_STATE_RUNNING : VIRT_STATE_OFF;
	}
}

static int ask_once(virDomainPtr dom, unsigned int xml_flags, struct domxml *x, int *ret_state,
	char *detail, size_t size)
{
	CLEANUP(free) char *xml = NULL;
	int reason;

	if (virDomainGetState(dom, ret_state, &reason, 0) < 0)
		return virterr_take(detail, size);
	xml = virDomainGetXMLDesc(dom, xml_flags);
	if (!xml)
		return virterr_take(detail, size);
	return domxml_parse(xml, strlen(xml), x, detail, size);
}

int describe_domain(
	virDomainPtr dom, unsigned int xml_flags, struct describe *ret, char *detail, size_t size)
{
	struct virt_domain *d = &ret->domain;
	struct domxml x = { 0 };
	int state = VIR_DOMAIN_NOSTATE, persistent, r = -EIO;
	bool agree = false;

	detail[0] = '\0';
	describe_handle(dom, ret);
	for (int i = 0; i < DESCRIBE_TRIES && !agree; i++) {
		r = ask_once(dom, xml_flags, &x, &state, detail, size);
		if (!describe_is_usable(r))
			return r;
		agree = r < 0 || (xml_flags & VIR_DOMAIN_XML_INACTIVE) ||
			x.live == (state_of(state, x.live) != VIRT_STATE_OFF);
	}
	d->state = state_of(state, x.live);
	d->flags = x.flags;
	persistent = virDomainIsPersistent(dom);
	if (persistent < 0)
		return virterr_take(detail, size);
	if (persistent)
		d->flags |= VIRT_FLAG_PERSISTENT;
	d->n_hostdevs = x.n_hostdevs;
	memcpy(d->hostdevs, x.hostdevs, sizeof(d->hostdevs));
	d->n_usb = x.n_usb;
	memcpy(d->usb, x.usb, sizeof(d->usb));
	memcpy(ret->channel_path, x.channel_path, sizeof(ret->channel_path));
	memcpy(ret->channel_alias, x.channel_alias, sizeof(ret->channel_alias));
	return r;
}
