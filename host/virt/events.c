// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * One callback per kind of libvirt event, each filling a struct events_event. Callbacks never
 * call libvirt about the domain (that may block); they use what the handle carries: UUID, name.
 *
 * That a guest opened or closed a port is told in one of two ways: libvirt 12.4 and later have an
 * event for every channel; before, QEMU's own VSERPORT_CHANGE passes through the QEMU driver's
 * side door. Which one works is known only when registering, for the daemon may be older than
 * the library. Either is a hint (QEMU sends at most one a second); the XML is read on connect.
 */
#include "host/virt/events.h"

#include "common/base/escape.h"
#include "host/virt/domxml.h"
#include "host/virt/virterr.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

static void start(struct events_event *v, virDomainPtr dom, enum events_kind kind)
{
	const char *name = virDomainGetName(dom);

	*v = (struct events_event){ .kind = kind };
	if (virDomainGetUUIDString(dom, v->uuid) < 0)
		v->uuid[0] = '\0';
	if (name)
		(void)snprintf(v->name, sizeof(v->name), "%s", name);
}

static void finish(struct events *e, const struct events_event *v)
{
	if (v->uuid[0])
		e->on_event(v, e->userdata);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *userdata)
{
	struct events_event v;

	(void)conn;
	start(&v, dom, EVENTS_CHANGED);
	switch (event) {
	case VIR_DOMAIN_EVENT_STARTED:
		v.kind = EVENTS_STARTED;
		v.reset = detail != VIR_DOMAIN_EVENT_STARTED_BOOTED;
		break;
	case VIR_DOMAIN_EVENT_SUSPENDED:
	case VIR_DOMAIN_EVENT_PMSUSPENDED: v.kind = EVENTS_PAUSED; break;
	case VIR_DOMAIN_EVENT_RESUMED:
		v.kind = EVENTS_RESUMED;
		v.reset = true; /* its clock stood still; or its memory is another one's */
		break;
	case VIR_DOMAIN_EVENT_STOPPED: v.kind = EVENTS_STOPPED; break;
	default: break; /* defined, undefined, shutting down, crashed: ask */
	}
	finish(userdata, &v);
	return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *userdata)
{
	struct events_event v;

	(void)conn;
	start(&v, dom, EVENTS_RESET);
	v.reset = true;
	finish(userdata, &v);
}

static void on_wakeup(virConnectPtr conn, virDomainPtr dom, int reason, void *userdata)
{
	struct events_event v;

	(void)conn, (void)reason;
	start(&v, dom, EVENTS_CHANGED);
	v.reset = true;
	finish(userdata, &v);
}

static void on_device(virConnectPtr conn, virDomainPtr dom, const char *alias, void *userdata)
{
	struct events_event v;

	(void)conn, (void)alias;
	start(&v, dom, EVENTS_CHANGED);
	finish(userdata, &v);
}

#if LIBVIR_VERSION_NUMBER >= 12004000
/* state: 1 connected, 2 disconnected, as for the guest agent's event */
static void on_channel(virConnectPtr conn, virDomainPtr dom, const char *channel, int state,
	int reason, void *userdata)
{
	struct events_event v;

	(void)conn, (void)reason;
	if (!channel || strcmp(channel, DOMXML_CHANNEL))
		return;
	start(&v, dom, EVENTS_PORT);
	v.open = state == 1;
	finish(userdata, &v);
}
#endif

/* The value of a key in a flat JSON object that QEMU wrote; NULL if it is not there. */
static const char *json_value(const char *json, const char *key)
{
	char quoted[32];
	const char *s;

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	s = strstr(json, quoted);
	if (!s)
		return NULL;
	s += strlen(quoted);
	s += strspn(s, " \t");
	if (*s++ != ':')
		return NULL;
	return s + strspn(s, " \t");
}

bool events_parse_vserport(const char *details, char *ret_alias, size_t size, bool *ret_open)
{
	const char *open = details ? json_value(details, "open") : NULL;
	const char *id = details ? json_value(details, "id") : NULL;
	size_t len;

	if (!open || !id || *id++ != '"')
		return false;
	len = strcspn(id, "\"");
	if (id[len] != '"' || len >= size)
		return false;
	memcpy(ret_alias, id, len);
	ret_alias[len] = '\0';
	*ret_open = !strncmp(open, "true", 4);
	return *ret_open || !strncmp(open, "false", 5);
}

static void on_vserport(virConnectPtr conn, virDomainPtr dom, const char *event, long long sec,
	unsigned int usec, const char *details, void *userdata)
{
	struct events_event v;

	(void)conn, (void)event, (void)sec, (void)usec;
	start(&v, dom, EVENTS_PORT);
	if (events_parse_vserport(details, v.alias, sizeof(v.alias), &v.open) && v.alias[0])
		finish(userdata, &v);
}

static int add(struct events *e, size_t slot, int id, virConnectDomainEventGenericCallback cb)
{
	e->any[slot] = virConnectDomainEventRegisterAny(e->conn, NULL, id, cb, e, NULL);
	if (e->any[slot] < 0)
		return virterr_take(NULL, 0);
	return 0;
}

static void add_ports(struct events *e, size_t slot)
{
#if LIBVIR_VERSION_NUMBER >= 12004000
	e->ports = add(e, slot, VIR_DOMAIN_EVENT_ID_CHANNEL_LIFECYCLE,
			   VIR_DOMAIN_EVENT_CALLBACK(on_channel)) == 0;
	if (e->ports)
		return;
#else
	(void)slot;
#endif
	e->qemu = virConnectDomainQemuMonitorEventRegister(
		e->conn, NULL, "VSERPORT_CHANGE", on_vserport, e, NULL, 0);
	e->ports = e->qemu >= 0;
	if (!e->ports)
		(void)virterr_take(NULL, 0); /* another hypervisor: its XML must do */
}

int events_init(struct events *e, virConnectPtr conn, events_fn *on_event, void *userdata)
{
	int r;

	*e = (struct events){
		.conn = conn, .on_event = on_event, .userdata = userdata, .qemu = -1
	};
	for (size_t i = 0; i < EVENTS_MAX; i++)
		e->any[i] = -1;
	r = add(e, 0, VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle));
	if (r < 0)
		return r;
	/* the others may be missing in a driver */
	(void)add(e, 1, VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot));
	(void)add(e, 2, VIR_DOMAIN_EVENT_ID_PMWAKEUP, VIR_DOMAIN_EVENT_CALLBACK(on_wakeup));
	(void)add(e, 3, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device));
	(void)add(e, 4, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, VIR_DOMAIN_EVENT_CALLBACK(on_device));
	add_ports(e, 5);
	return 0;
}

void events_done(struct events *e)
{
	if (!e->conn)
		return;
	for (size_t i = 0; i < EVENTS_MAX; i++)
		if (e->any[i] >= 0)
			virConnectDomainEventDeregisterAny(e->conn, e->any[i]);
	if (e->qemu >= 0)
		virConnectDomainQemuMonitorEventDeregister(e->conn, e->qemu);
	virResetLastError();
	e->conn = NULL;
}
