// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: giving back is undoing the journal's steps from the last to the first,
 * each twice if need be. First the reservations of all devices are turned to their home drivers,
 * so that nothing else gets hold of one in the gap. A GPU that does not come, or sees no monitor
 * although it did before, is removed and found again once. What fails then does not keep the
 * consoles and services behind it from coming back: a session on another card, or a text
 * console, is better than none.
 */
#include "host/gpu/device.h"
#include "host/gpu/flow.h"
#include "host/gpu/options.h"
#include "host/gpu/tell.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

/* vfio-pci lets go of a device only when its user has; QEMU may still be there. */
static int check_unused(struct machine *m, const struct journal *j)
{
	char comm[32];
	pid_t pid;

	for (size_t i = 0; i < j->steps.n; i++) {
		const struct step *s = &j->steps.s[i];

		if (s->kind == STEP_OVERRIDE && s->state == STEP_BEGUN &&
			device_user(m, s->subject, &pid, comm) > 0)
			return machine_fail(m, -EBUSY,
				"%s is in use by %s (pid %d); stop the guest first", s->subject,
				escape(comm), (int)pid);
	}
	return 0;
}

static void point_home(struct machine *m, const struct journal *j)
{
	char now[PCI_DRIVER_SIZE];

	for (size_t i = 0; i < j->steps.n; i++) {
		const struct step *s = &j->steps.s[i];

		/* what fails here is tried again by the step's own undo */
		if (s->kind == STEP_OVERRIDE && s->state == STEP_BEGUN &&
			device_read_override(m, s->subject, now) == 0 && strcmp(now, s->a) != 0)
			(void)device_write_override(m, s->subject, s->a);
	}
}

static const char *home_of(const struct journal *j, const char *addr)
{
	for (size_t i = 0; i < j->steps.n; i++)
		if (j->steps.s[i].kind == STEP_OVERRIDE && !strcmp(j->steps.s[i].subject, addr))
			return j->steps.s[i].a;
	return "";
}

/* After two tries. The last rung of all, a reboot, is the user's. */
static int climb(struct machine *m, const struct journal *j, const struct step *s)
{
	struct pci_device dev;
	const char *home = home_of(j, s->subject);
	int r;

	if (s->kind != STEP_OVERRIDE && s->kind != STEP_PICTURE)
		return -EIO;
	if (pci_read_device(m->sys, s->subject, &dev) == 0 && !pci_device_is_gpu(&dev))
		return -EIO;
	log_warn("%s; removing %s and looking for it again", m->why, s->subject);
	r = device_find_again(m, s->subject, home);
	return r < 0 ? r : step_undo(m, s);
}

static int undo(struct machine *m, const struct journal *j, const struct step *s)
{
	int r = step_undo(m, s);

	if (r < 0 && s->kind != STEP_PICTURE)
		r = step_undo(m, s);
	if (r < 0 && r != -EBUSY && climb(m, j, s) == 0)
		r = 0;
	if (r < 0 && s->kind == STEP_PICTURE) {
		/* somebody may have pulled the cable */
		log_warn("%s, although it did before; check cable and monitor", s->subject);
		r = 0;
	}
	return r;
}

/* Whatever came back and whatever not, the host is what can be looked at now. */
static void tell(struct machine *m, const char *guest)
{
	CLEANUP(free) struct conf_report *report = calloc(1, sizeof(*report));
	struct options o;

	if (!report || options_read(m, &o, report) < 0 || o.tell)
		tell_returned(m, guest);
}

static int end(struct machine *m, struct journal *j, int first, const char *why)
{
	if (j->steps.n)
		tell(m, j->guest);
	if (first == 0)
		return journal_remove(m, j);
	journal_close(j);
	(void)snprintf(m->why, sizeof(m->why), "%s", why);
	return first;
}

int flow_return(struct machine *m, struct journal *j)
{
	char why[MACHINE_WHY_SIZE] = "";
	int r = j->stale ? 0 : check_unused(m, j), first = 0;

	m->interrupted = NULL; /* nobody wants to stop half-way back */
	if (r < 0)
		return r;
	if (j->stale) /* the machine was started afresh since; nothing of it is true any more */
		return journal_remove(m, j);
	/* what cannot be written here is still undone: an undo may be repeated */
	(void)journal_set_state(m, j, JOURNAL_RETURNING);
	point_home(m, j);
	for (size_t i = j->steps.n; i-- > 0;) {
		if (j->steps.s[i].state != STEP_BEGUN)
			continue;
		r = undo(m, j, &j->steps.s[i]);
		/* without its card, a console may have found nothing to draw on: again then */
		if (r == 0 && first != 0 && j->steps.s[i].kind == STEP_VTCON)
			continue;
		if (r == 0) {
			(void)journal_undone(m, j, i);
		} else if (first == 0) {
			first = r;
			memcpy(why, m->why, sizeof(why));
		}
	}
	return end(m, j, first, why);
}

static int recover_one(struct machine *m, const char *guest)
{
	CLEANUP(free) struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = journal_open(m, guest, j);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (j->state != JOURNAL_TAKEN || j->stale)
		return flow_return(m, j);
	journal_close(j);
	return 0;
}

int flow_recover(struct machine *m)
{
	CLEANUP(free)
	char(*guests)[JOURNAL_NAME_SIZE] = calloc(JOURNAL_FILES_MAX, JOURNAL_NAME_SIZE);
	int n, r, first = 0;

	if (!guests)
		return machine_fail(m, -ENOMEM, "out of memory");
	n = journal_list(m, guests, JOURNAL_FILES_MAX);
	for (int i = 0; i < n; i++) {
		r = recover_one(m, guests[i]);
		if (r < 0) {
			log_error("%s: not all could be put back: %s", escape(guests[i]), m->why);
			first = first ? first : r;
		}
	}
	return n < 0 ? n : first;
}
