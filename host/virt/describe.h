// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything known of one domain, by asking libvirt. These calls block for as long as libvirt
 * holds the domain's lock (a hook, a start), which can be for ever: only in processes that may
 * be killed.
 */
#ifndef VA_VIRT_DESCRIBE_H
#define VA_VIRT_DESCRIBE_H

#include "host/virt/domxml.h"
#include "host/virt/ipc.h"

#include <libvirt/libvirt.h>

struct describe {
	struct virt_domain domain; /* head is 0 */
	char channel_path[108];    /* as in struct domxml */
	char channel_alias[64];
};

/* UUID and name, without asking anyone. The state is a first guess by the domain's id. */
void describe_handle(virDomainPtr dom, struct describe *ret);

/*
 * The same, asked of libvirt; xml_flags: 0 or VIR_DOMAIN_XML_INACTIVE. 0, or a negative errno of
 * virterr_take() or domxml_parse() and its text in detail; with domxml_parse()'s -EINVAL, -E2BIG
 * and -EBADMSG the state is right all the same.
 */
int describe_domain(
	virDomainPtr dom, unsigned int xml_flags, struct describe *ret, char *detail, size_t size);

/* True for the errors after which *ret may be used. */
static inline bool describe_is_usable(int error)
{
	return error == 0 || error == -EINVAL || error == -E2BIG || error == -EBADMSG;
}

/* "off", "running", "paused", "stopping"; "?" for others. */
const char *describe_state_name(uint32_t state);

#endif
