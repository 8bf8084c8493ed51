// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * A loop over descriptor 3: a question comes, libvirt is asked, the answer goes back. The
 * connection is opened at the first question and again when a call shows that it is dead. There
 * is no event loop here, so nothing but the next call notices.
 */
#include "host/virt/fetch.h"

#include "common/worker/child.h"
#include "host/virt/virterr.h"

#include <string.h>

static int ensure_open(virConnectPtr *conn, const char *uri, struct fetch_message *m)
{
	if (*conn && virConnectIsAlive(*conn) == 1)
		return 0;
	if (*conn)
		virConnectClose(*conn);
	*conn = virConnectOpen(uri);
	if (*conn)
		return 0;
	return virterr_take(m->detail, sizeof(m->detail));
}

static void free_domains(virDomainPtr *domains, int n)
{
	for (int i = 0; i < n; i++)
		virDomainFree(domains[i]);
	free(domains);
}

static int list(virConnectPtr conn, struct fetch_message *m)
{
	struct fetch_message event = { .head = { .op = FETCH_EV_LISTED } };
	virDomainPtr *domains = NULL;
	int n = virConnectListAllDomains(conn, &domains, 0), r = 0;

	if (n < 0)
		return virterr_take(m->detail, sizeof(m->detail));
	for (int i = 0; i < n && r == 0; i++) {
		describe_handle(domains[i], &event.known);
		r = child_send(&event, sizeof(event), -1);
	}
	free_domains(domains, n);
	return r;
}

static int ask(virConnectPtr conn, struct fetch_message *m)
{
	virDomainPtr dom = virDomainLookupByUUIDString(conn, m->known.domain.uuid);
	int r;

	if (!dom)
		return virterr_take(m->detail, sizeof(m->detail));
	r = describe_domain(dom, 0, &m->known, m->detail, sizeof(m->detail));
	virDomainFree(dom);
	return r;
}

static int answer(virConnectPtr *conn, const char *uri, struct fetch_message *m)
{
	int r = 0;

	/* the second time with a new connection, if the first one was dead already */
	for (int i = 0; i < 2; i++) {
		r = ensure_open(conn, uri, m);
		if (r < 0)
			return r;
		switch (m->head.op) {
		case FETCH_OPEN: return 0;
		case FETCH_LIST: r = list(*conn, m); break;
		case FETCH_ASK: r = ask(*conn, m); break;
		default: return -EOPNOTSUPP;
		}
		if (r == 0 || virConnectIsAlive(*conn) == 1)
			return r;
	}
	return r;
}

int fetch_main(const char *uri)
{
	virConnectPtr conn = NULL;
	struct fetch_message m;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = child_receive(&m, sizeof(m), NULL, false)) > 0) {
		if (n != (ssize_t)sizeof(m))
			return 1;
		m.detail[0] = '\0';
		m.known.domain.uuid[sizeof(m.known.domain.uuid) - 1] = '\0';
		m.error = answer(&conn, uri, &m);
		r = child_send(&m, sizeof(m), -1);
	}
	if (conn)
		virConnectClose(conn);
	return 0;
}
