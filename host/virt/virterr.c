// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt's errors translated; see virterr.h. */
#include "host/virt/virterr.h"

#include "common/base/escape.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

static void silent(void *userdata, virErrorPtr error)
{
	(void)userdata, (void)error;
}

void virterr_init(void)
{
	virSetErrorFunc(NULL, silent);
}

static int errno_of(const virError *e)
{
	/* the RPC client's own troubles, whatever their code, mean that the daemon has gone */
	if (e->domain == VIR_FROM_RPC)
		return -ENOTCONN;
	switch (e->code) {
	case VIR_ERR_NO_DOMAIN: return -ENOENT;
	case VIR_ERR_NO_CONNECT:
	case VIR_ERR_INVALID_CONN:
	case VIR_ERR_RPC:
	case VIR_ERR_NO_SERVER: return -ENOTCONN;
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_AUTH_CANCELLED:
	case VIR_ERR_AUTH_UNAVAILABLE:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_OPERATION_DENIED: return -EACCES;
	case VIR_ERR_OPERATION_INVALID:
	case VIR_ERR_RESOURCE_BUSY: return -EBUSY;
	case VIR_ERR_OPERATION_TIMEOUT: return -ETIMEDOUT;
	case VIR_ERR_NO_SUPPORT:
	case VIR_ERR_INVALID_ARG: /* how drivers refuse flags they do not know */
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
	case VIR_ERR_OPERATION_UNSUPPORTED: return -EOPNOTSUPP;
	case VIR_ERR_HOOK_SCRIPT_FAILED: return -ECANCELED;
	case VIR_ERR_NO_MEMORY: return -ENOMEM;
	default: return -EIO;
	}
}

void virterr_words(const char *message, char *text, size_t size)
{
	const char *end = strstr(message, " begin -) ");
	const char *words = end ? strstr(end, ": ") : NULL, *last;
	char copy[1024];

	(void)snprintf(copy, sizeof(copy), "%s", words && words[2] ? words + 2 : message);
	while (copy[0] && copy[strlen(copy) - 1] == '\n')
		copy[strlen(copy) - 1] = '\0';
	last = words ? strrchr(copy, '\n') : NULL;
	escape_str(last ? last + 1 : copy, text, size);
}

int virterr_take(char *text, size_t size)
{
	const virError *e = virGetLastError();
	int r = e ? errno_of(e) : -EIO;

	if (text)
		virterr_words(e && e->message ? e->message : "libvirt gave no reason", text, size);
	virResetLastError();
	return r;
}
