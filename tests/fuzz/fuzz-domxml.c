// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a domain definition: no crash, an error or a struct within its bounds. */
#include "host/virt/domxml.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
	if (!truth)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domxml x;
	char err[100] = "", address[VIRT_PCI_SIZE], arg[256];
	size_t n = size < sizeof(arg) ? size : sizeof(arg) - 1;
	int r = domxml_parse(data, size, &x, err, sizeof(err));

	must(r <= 0 && (r == 0) == (err[0] == '\0'));
	must(memchr(x.name, 0, sizeof(x.name)) && memchr(x.uuid, 0, sizeof(x.uuid)));
	must(memchr(x.channel_path, 0, sizeof(x.channel_path)) != NULL);
	must(memchr(x.channel_alias, 0, sizeof(x.channel_alias)) != NULL);
	must(x.n_hostdevs <= DOMXML_MAX_DEVS && (x.flags & VIRT_FLAG_PERSISTENT) == 0);
	for (uint32_t i = 0; i < x.n_hostdevs; i++)
		must(memchr(x.hostdevs[i], 0, VIRT_PCI_SIZE) && strlen(x.hostdevs[i]) >= 12);
	must((x.flags & VIRT_FLAG_PORT_OPEN) == 0 || (x.flags & VIRT_FLAG_CHANNEL));

	memcpy(arg, data, n);
	arg[n] = '\0';
	if (domxml_vfio_address(arg, address))
		must(strlen(address) >= 12);
	return 0;
}
