// SPDX-License-Identifier: GPL-2.0-or-later
/* What the watcher would report, once, as text; see list.h. Blocks where libvirt does. */
#include "host/virt/list.h"

#include "common/base/escape.h"
#include "common/base/exitcode.h"
#include "common/base/log.h"
#include "host/virt/describe.h"
#include "host/virt/virterr.h"

#include <stdio.h>

static const char *channel_word(const struct describe *d)
{
	if (!(d->domain.flags & VIRT_FLAG_CHANNEL))
		return "none";
	if (d->domain.state == VIRT_STATE_OFF)
		return "defined";
	return d->domain.flags & VIRT_FLAG_PORT_OPEN ? "open" : "closed";
}

static void print_domain(const struct describe *d)
{
	const struct virt_domain *v = &d->domain;

	printf("%s\n  %s  %s\n", escape(v->name), v->uuid, describe_state_name(v->state));
	printf("  channel   %s", channel_word(d));
	if (d->channel_path[0])
		printf(", %s", escape_str(d->channel_path, (char[440]){ 0 }, 440));
	printf("\n  has       %s%s%s\n", v->flags & VIRT_FLAG_FWCFG ? "fw_cfg " : "",
		v->flags & VIRT_FLAG_GENID ? "genid " : "",
		v->flags & VIRT_FLAG_PERSISTENT ? "definition" : "no definition (transient)");
	printf("  devices  ");
	for (uint32_t i = 0; i < v->n_hostdevs; i++)
		printf(" %s", v->hostdevs[i]);
	for (uint32_t i = 0; i < v->n_usb; i++)
		printf(" usb:%04x:%04x@%u/%u", v->usb[i].vendor, v->usb[i].product, v->usb[i].bus,
			v->usb[i].device);
	printf("%s\n", v->n_hostdevs || v->n_usb ? "" : " none");
	if (v->flags & VIRT_FLAG_RAW_VFIO)
		printf("  note      passes devices by raw QEMU arguments; some may not be shown\n");
}

static int list_domain(virDomainPtr dom)
{
	struct describe d;
	char detail[160];
	int r = describe_domain(dom, 0, &d, detail, sizeof(detail));

	if (r == -ENOENT)
		return 0; /* undefined meanwhile */
	if (r < 0)
		log_error("domain %s: %s", escape(d.domain.name), detail);
	if (describe_is_usable(r))
		print_domain(&d);
	return r < 0;
}

int list_main(const char *uri)
{
	virConnectPtr conn = virConnectOpen(uri);
	virDomainPtr *domains = NULL;
	char detail[160];
	int n = -1, bad = 0;

	if (conn)
		n = virConnectListAllDomains(conn, &domains, 0);
	if (n < 0) {
		(void)virterr_take(detail, sizeof(detail));
		log_error("listing the domains of libvirt at %s: %s; is libvirtd running, and "
			  "may you use it?",
			escape(uri), detail);
		if (conn)
			virConnectClose(conn);
		return EXIT_CODE_NOT_CONNECTED;
	}
	for (int i = 0; i < n; i++) {
		bad += list_domain(domains[i]);
		virDomainFree(domains[i]);
	}
	free(domains);
	virConnectClose(conn);
	if (n == 0)
		printf("no domains\n");
	return bad ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}
