// SPDX-License-Identifier: GPL-2.0-or-later
/* Definitions to claims; see intake.h. The XML itself is domxml's business. */
#include "host/gpu/intake.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"
#include "host/virt/domxml.h"

#include <poll.h>
#include <string.h>

int intake_read(struct machine *m, int fd, char **ret, size_t *ret_len)
{
	const size_t max = DOMXML_MAX_SIZE + 1;
	CLEANUP(free) char *text = malloc(max);
	uint64_t end = machine_now_ms() + m->limit.intake, now;
	size_t len = 0;

	if (!text)
		return machine_fail(m, -ENOMEM, "out of memory");
	while (len < max) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		now = machine_now_ms();
		if (now >= end)
			return machine_fail(m, -ETIMEDOUT,
				"the guest's definition did not end within %u s",
				(m->limit.intake + 999) / 1000);
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(fd, text + len, max - len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return machine_fail(m, -errno, "the guest's definition cannot be read: %s",
				strerrordesc_np(errno));
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

int intake_add(struct machine *m, struct claim *c, const char *untrusted_addr, bool managed)
{
	char addr[PCI_ADDR_SIZE];

	if (pci_address_parse(untrusted_addr, addr) < 0)
		return machine_fail(m, -EINVAL, "\"%s\" is no PCI address; one is 0000:01:00.0",
			escape(untrusted_addr));
	if (c->n == PLAN_DEVICES_MAX)
		return machine_fail(m, -E2BIG, "more than %d devices", PLAN_DEVICES_MAX);
	memcpy(c->d[c->n].addr, addr, sizeof(addr));
	c->d[c->n++].managed = managed;
	return 0;
}

int intake_xml(
	struct machine *m, const char *xml, size_t len, struct claim *ret, char ret_guest[256])
{
	struct domxml x;
	char err[160] = "";
	int r = domxml_parse(xml, len, &x, err, sizeof(err));

	*ret = (struct claim){ 0 };
	if (r < 0)
		return machine_fail(m, r, "the guest's definition: %s", err);
	memcpy(ret_guest, x.name, sizeof(x.name));
	for (uint32_t i = 0; r == 0 && i < x.n_hostdevs; i++)
		r = intake_add(m, ret, x.hostdevs[i], x.managed >> i & 1);
	return r;
}
