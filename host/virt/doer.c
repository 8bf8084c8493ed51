// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * One blocking libvirt call for the daemon. What it asks for may be so already (a guest that
 * stopped by itself meanwhile): that is success, with a word about it. The request's limit is a
 * timer whose signal handler sends the answer "timed out" and leaves, wherever libvirt hangs;
 * libvirtd may still carry the operation out.
 */
#include "host/virt/doer.h"

#include "common/base/log.h"
#include "common/worker/child.h"
#include "host/virt/describe.h"
#include "host/virt/usb.h"
#include "host/virt/virterr.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

static struct virt_reply late; /* prepared for the signal handler */

static void on_alarm(int sig)
{
	(void)sig;
	if (send(WORKER_FD, &late, sizeof(late), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		_exit(1);
	_exit(0);
}

static void limit_time(const struct virt_request *r)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval t = { .it_value = {
				       .tv_sec = r->limit_ms / 1000,
				       .tv_usec = (suseconds_t)(r->limit_ms % 1000) * 1000,
			       } };

	late.head = r->head;
	late.error = -ETIMEDOUT;
	(void)snprintf(late.detail, sizeof(late.detail), "libvirt did not answer within %u ms",
		r->limit_ms);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static int already(struct virt_reply *reply, const char *what)
{
	(void)snprintf(reply->detail, sizeof(reply->detail), "%s", what);
	return 0;
}

static int start(virDomainPtr dom, struct virt_reply *reply)
{
	int r;

	if (virDomainIsActive(dom) == 1)
		return already(reply, "it runs already");
	if (virDomainCreate(dom) == 0)
		return 0;
	r = virterr_take(reply->detail, sizeof(reply->detail));
	if (virDomainIsActive(dom) == 1) /* someone else was quicker */
		return already(reply, "it runs already");
	return r;
}

static int shut_down(virDomainPtr dom, struct virt_reply *reply)
{
	int r;

	if (virDomainIsActive(dom) == 0)
		return already(reply, "it does not run");
	if (virDomainShutdownFlags(dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0)
		return 0;
	r = virterr_take(reply->detail, sizeof(reply->detail));
	if (r != -EOPNOTSUPP)
		return r;
	if (virDomainShutdown(dom) == 0)
		return already(reply, "");
	return virterr_take(reply->detail, sizeof(reply->detail));
}

static int destroy(virDomainPtr dom, struct virt_reply *reply)
{
	if (virDomainIsActive(dom) == 0)
		return already(reply, "it does not run");
	if (virDomainDestroyFlags(dom, VIR_DOMAIN_DESTROY_GRACEFUL) == 0)
		return 0;
	if (virDomainDestroy(dom) == 0)
		return already(reply, "it did not end by itself and was killed");
	return virterr_take(reply->detail, sizeof(reply->detail));
}

/* As it will be at its next start: what is left to set up is seen here. */
static int describe_next(virDomainPtr dom, struct virt_reply *reply)
{
	struct describe d;
	int r = describe_domain(
		dom, VIR_DOMAIN_XML_INACTIVE, &d, reply->detail, sizeof(reply->detail));

	reply->flags = d.domain.flags;
	return r;
}

static int act(virDomainPtr dom, const struct virt_request *r, struct virt_reply *reply)
{
	switch (r->head.op) {
	case VIRT_START: return start(dom, reply);
	case VIRT_SHUTDOWN: return shut_down(dom, reply);
	case VIRT_DESTROY: return destroy(dom, reply);
	case VIRT_DESCRIBE: return describe_next(dom, reply);
	case VIRT_ATTACH_USB: return usb_attach(dom, &r->usb, reply->detail, sizeof(reply->detail));
	case VIRT_DETACH_USB: return usb_detach(dom, &r->usb, reply->detail, sizeof(reply->detail));
	default: return -EOPNOTSUPP;
	}
}

static int obey(const char *uri, const struct virt_request *r, struct virt_reply *reply)
{
	virConnectPtr conn = virConnectOpen(uri);
	virDomainPtr dom;
	int result;

	if (!conn) {
		result = virterr_take(reply->detail, sizeof(reply->detail));
		return result == -EACCES ? result : -ENOTCONN;
	}
	dom = virDomainLookupByUUIDString(conn, r->uuid);
	if (dom) {
		result = act(dom, r, reply);
		if (result == -ENOTCONN) /* it broke: that says nothing of what was done */
			result = -ETIMEDOUT;
		virDomainFree(dom);
	} else {
		result = virterr_take(reply->detail, sizeof(reply->detail));
	}
	virConnectClose(conn);
	return result;
}

int doer_main(const char *uri)
{
	struct virt_request r;
	struct virt_reply reply = { 0 };
	ssize_t n = child_receive(&r, sizeof(r), NULL, false);

	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(r)) {
		log_error("a request of %zd bytes; %zu expected", n, sizeof(r));
		return 1;
	}
	r.uuid[sizeof(r.uuid) - 1] = '\0';
	reply.head = r.head;
	limit_time(&r);
	reply.error = obey(uri, &r, &reply);
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	return child_send(&reply, sizeof(reply), -1) < 0;
}
