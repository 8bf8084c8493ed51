// SPDX-License-Identifier: GPL-2.0-or-later
/* Freeing a GPU; see flow.h. */
#include "host/gpu/device.h"
#include "host/gpu/flow.h"
#include "host/gpu/tell.h"
#include "host/gpu/vendor.h"

#include "common/base/escape.h"
#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

static int run(struct machine *m, struct journal *j, const struct step *s)
{
	int r;

	if (machine_is_interrupted(m))
		return machine_fail(m, -EINTR, "interrupted");
	r = journal_begin(m, j, s);
	return r < 0 ? r : step_do(m, s);
}

/* Before the host's screen is touched: nothing to undo, and a refusal costs nothing. */
static int load_stub(struct machine *m)
{
	const char *argv[] = { "modprobe", "vfio-pci", NULL };

	if (machine_exists(m, "/sys/bus/pci/drivers/vfio-pci"))
		return 0;
	return machine_must_run(m, m->limit.module, MACHINE_SELF, argv);
}

static bool is_peoples(enum step_kind kind)
{
	return kind == STEP_USER_UNIT || kind == STEP_SERVICE || kind == STEP_SESSION ||
	       kind == STEP_PROCESS || kind == STEP_LEAVE;
}

static int name_holders(struct machine *m, const struct plan *p, bool keep)
{
	char names[300] = "", one[160];

	for (size_t i = 0; i < p->n_holders; i++) {
		size_t len = strlen(names);

		if (p->holders[i].soft)
			continue;
		holder_describe(&p->holders[i], one, sizeof(one));
		(void)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", one);
	}
	return machine_fail(m, -EBUSY, "the card is still held by %s%s", names,
		keep ? "; it does not let go when told that the card is gone (keep-session = no "
		       "ends the session)"
		     : "");
}

static bool keeps_still(const struct plan *p)
{
	for (size_t i = 0; i < p->n_holders; i++)
		if (plan_is_screen(&p->holders[i]))
			return true;
	return false;
}

/*
 * Waits until nobody holds the cards. What is still there after half of the time, or came
 * meanwhile, is stopped as well, each once.
 */
static int wait_until_free(
	struct machine *m, struct journal *j, struct plan *p, const struct options *o)
{
	uint64_t now = machine_now_ms(), end = now + m->limit.holders;
	uint64_t patience = now + m->limit.holders / 2;
	struct step s;
	int r;

	for (;;) {
		r = plan_look_again(m, p);
		if (r <= 0)
			return r;
		for (size_t i = 0; i < p->n_holders; i++) {
			if (!plan_step_for(p, &p->holders[i], o, &j->steps, &s))
				continue;
			/* it may still be on its way out with what it belongs to */
			if (s.kind == STEP_PROCESS && p->holders[i].kind != HOLDER_PROCESS &&
				!o->keep && machine_now_ms() < patience)
				continue;
			r = run(m, j, &s);
			if (r < 0)
				return r;
		}
		if (!machine_wait(m, end))
			return machine_is_interrupted(m)
				       ? machine_fail(m, -EINTR, "interrupted")
				       : name_holders(m, p, o->keep && keeps_still(p));
	}
}

/* Devices that only had to let go of the card's driver are the host's again at once. */
static int resume(struct machine *m, struct journal *j)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->steps.n; i++) {
		if (j->steps.s[i].kind != STEP_PAUSE || j->steps.s[i].state == STEP_UNDONE)
			continue;
		r = step_undo(m, &j->steps.s[i]);
		if (r == 0)
			r = journal_undone(m, j, i);
	}
	return r;
}

/* What libvirt binds itself must be on no driver, all else on vfio-pci. */
static int verify(struct machine *m, const struct plan *p)
{
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct plan_device *d = &p->devices[i];
		struct pci_device now;

		if (pci_read_device(m->sys, d->pci.addr, &now) < 0)
			return machine_fail(m, -ENODEV, "%s has vanished", d->pci.addr);
		if (d->managed ? now.driver[0] && !vendor_is_stub(now.driver)
			       : strcmp(now.driver, "vfio-pci") != 0)
			return machine_fail(m, -EBUSY, "%s is on %s", d->pci.addr,
				now.driver[0] ? now.driver : "no driver");
	}
	return 0;
}

static int take_steps(struct machine *m, struct journal *j, struct plan *p, const struct options *o)
{
	bool free = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->steps.n; i++) {
		const struct step *s = &p->steps.s[i];

		/* processes go only if they do not go with what they belong to */
		if (s->kind == STEP_PROCESS)
			continue;
		if (!is_peoples(s->kind) && !free) {
			r = wait_until_free(m, j, p, o);
			free = true;
		}
		if (r == 0)
			r = run(m, j, s);
	}
	if (r == 0)
		r = resume(m, j);
	if (r == 0)
		r = verify(m, p);
	return r < 0 ? r : journal_set_state(m, j, JOURNAL_TAKEN);
}

int flow_take(struct machine *m, const char *guest, struct plan *p, const struct options *o)
{
	char why[MACHINE_WHY_SIZE];
	struct journal j;
	int r = load_stub(m), back;

	if (r == 0)
		r = journal_create(m, guest, &j);
	if (r < 0)
		return r;
	/* while the host can still reach its monitors */
	if (o->tell && p->ends_sessions)
		tell_taking(m, guest);
	r = take_steps(m, &j, p, o);
	if (r == 0) {
		journal_close(&j);
		return 0;
	}
	memcpy(why, m->why, sizeof(why));
	back = flow_return(m, &j);
	if (back < 0)
		log_error("%s: after that, not all could be put back: %s; try \"va-gpu recover\"",
			escape(guest), m->why);
	memcpy(m->why, why, sizeof(why));
	return r;
}
