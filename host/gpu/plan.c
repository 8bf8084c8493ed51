// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: first what is to be freed, then whether it can be (group, driver, family),
 * then who is in the way, and last the steps in their order: people's programs, consoles, the
 * reservation, the drivers. All refusals come from here, before anything is touched.
 */
#include "host/gpu/plan.h"

#include "host/gpu/console.h"
#include "host/gpu/device.h"
#include "host/gpu/vendor.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"
#include "common/pci/gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void plan_note(struct plan *p, const char *fmt, ...)
{
	va_list ap;

	if (p->n_notes == PLAN_NOTES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(p->notes[p->n_notes++], PLAN_NOTE_SIZE, fmt, ap);
	va_end(ap);
}

static bool is_hosts(const struct pci_device *dev)
{
	return dev->driver[0] && !vendor_is_stub(dev->driver);
}

static bool is_claimed(const struct claim *c, const char *addr)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->d[i].addr, addr))
			return true;
	return false;
}

static bool is_boot_gpu(const struct machine *m, const struct pci_device *dev)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);
	int boot = pci_boot_gpu(m->sys, gpus, n);

	return boot >= 0 && !strcmp(gpus[boot].addr, dev->addr);
}

static int add_device(struct machine *m, struct plan *p, const struct pci_device *dev, bool managed)
{
	struct plan_device *d = &p->devices[p->n_devices++];

	d->pci = *dev;
	d->managed = managed;
	d->gpu = pci_device_is_gpu(dev);
	d->boots = is_boot_gpu(m, dev);
	return device_read_override(m, dev->addr, d->override);
}

/*
 * GPUs that the host uses, and those that libvirt would not bind itself; with them the other
 * claimed functions of the same cards, which go first and come back last.
 */
static int choose_devices(struct machine *m, const struct claim *c, struct plan *p)
{
	struct pci_device dev[PLAN_DEVICES_MAX];
	bool wanted[PLAN_DEVICES_MAX] = { false };
	int r = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (pci_read_device(m->sys, c->d[i].addr, &dev[i]) < 0)
			return machine_fail(m, -ENODEV,
				"this machine has no PCI device %s; correct the guest's definition",
				c->d[i].addr);
		wanted[i] = pci_device_is_gpu(&dev[i]) &&
			    (is_hosts(&dev[i]) || (!dev[i].driver[0] && !c->d[i].managed));
	}
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		bool sibling = false;

		for (size_t k = 0; k < c->n; k++)
			sibling = sibling ||
				  (wanted[k] && pci_address_same_slot(c->d[i].addr, c->d[k].addr));
		if (sibling && !pci_device_is_gpu(&dev[i]) &&
			(is_hosts(&dev[i]) || (!dev[i].driver[0] && !c->d[i].managed)))
			r = add_device(m, p, &dev[i], c->d[i].managed);
	}
	for (size_t i = 0; r == 0 && i < c->n; i++)
		if (wanted[i])
			r = add_device(m, p, &dev[i], c->d[i].managed);
	return r;
}

/* QEMU takes a group only as a whole, and finds out after the host's screen is gone. */
static int check_group(struct machine *m, const struct claim *c, const struct pci_device *dev)
{
	struct pci_device members[PCI_MAX_DEVICES];
	char names[240] = "";
	int n;

	if (dev->group < 0)
		return machine_fail(m, -EOPNOTSUPP,
			"%s is in no IOMMU group: switch the IOMMU on in the firmware (VT-d, "
			"AMD-Vi) "
			"and, with Intel, boot with intel_iommu=on",
			dev->addr);
	n = pci_list_group(m->sys, dev->group, members, PCI_MAX_DEVICES);
	if (n < 0)
		return machine_fail(
			m, n, "IOMMU group %d cannot be read: %s", dev->group, strerrordesc_np(-n));
	for (int i = 0; i < n; i++) {
		size_t len = strlen(names);

		if (pci_device_is_bridge(&members[i]) || !is_hosts(&members[i]) ||
			is_claimed(c, members[i].addr))
			continue;
		(void)snprintf(names + len, sizeof(names) - len, "%s%.*s (%.*s)", len ? ", " : "",
			PCI_ADDR_SIZE - 1, members[i].addr, PCI_DRIVER_SIZE - 1, members[i].driver);
	}
	if (!names[0])
		return 0;
	return machine_fail(m, -EPERM,
		"IOMMU group %d cannot be given away without %s: add them to the guest, or move "
		"the "
		"card to another slot",
		dev->group, names);
}

static int check_driver(struct machine *m, const struct plan *p, const struct plan_device *d,
	const struct options *o)
{
	const struct vendor_driver *v = vendor_of_driver(d->pci.driver);
	struct pci_device slot[8], gpus[PCI_MAX_DEVICES];
	int n = pci_list_slot(m->sys, d->pci.addr, slot, ARRAY_SIZE(slot));
	char users[16];

	if (d->boots && !o->apu && vendor_is_apu(&d->pci, slot, n))
		return machine_fail(m, -EPERM,
			"%s is the graphics of an AMD processor, and shows the host's picture: "
			"taking "
			"it is known to hang or power off machines (take-apu = yes in " OPTIONS_FILE
			" to do it all the same)",
			d->pci.addr);
	if (!v->unbind_hangs)
		return 0;
	n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);
	for (int i = 0; i < n; i++) {
		bool stays = !strcmp(gpus[i].driver, d->pci.driver);

		for (size_t k = 0; k < p->n_devices; k++)
			stays = stays && strcmp(p->devices[k].pci.addr, gpus[i].addr) != 0;
		if (!stays)
			continue;
		if (machine_read(m, users, sizeof(users), "/sys/module/%s/refcnt", v->name) > 0 &&
			!strcmp(users, "0"))
			continue;
		return machine_fail(m, -EBUSY,
			"the driver %s of %s also drives %s and is in use; it cannot let go of one "
			"card alone without a risk to hang: give %s to vfio-pci at boot",
			v->name, d->pci.addr, gpus[i].addr, d->pci.addr);
	}
	return 0;
}

/* Whether all cards of the driver go, so that its modules can. */
static bool all_go(const struct machine *m, const struct plan *p, const char *driver)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);

	for (int i = 0; i < n; i++) {
		bool goes = false;

		for (size_t k = 0; k < p->n_devices; k++)
			goes = goes || !strcmp(p->devices[k].pci.addr, gpus[i].addr);
		if (!goes && !strcmp(gpus[i].driver, driver))
			return false;
	}
	return true;
}

/* Any card that stays with a driver of the host's. */
static bool host_keeps_one(const struct machine *m, const struct plan *p)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);

	for (int i = 0; i < n; i++) {
		bool stays = is_hosts(&gpus[i]);

		for (size_t k = 0; k < p->n_devices; k++)
			stays = stays && strcmp(p->devices[k].pci.addr, gpus[i].addr) != 0;
		if (stays)
			return true;
	}
	return false;
}

static void plan_unload(const struct machine *m, const struct vendor_driver *v, struct steps *list)
{
	char modules[STEP_WORD_SIZE] = "";

	for (size_t i = 0; i < VENDOR_MODULES_MAX && v->modules[i]; i++) {
		size_t len = strlen(modules);

		if (machine_exists(m, "/sys/module/%s", v->modules[i]))
			(void)snprintf(modules + len, sizeof(modules) - len, "%s%s", len ? "," : "",
				v->modules[i]);
	}
	if (modules[0] && !steps_have(list, STEP_UNLOAD, modules))
		(void)steps_add(list, STEP_UNLOAD, modules, NULL, NULL);
}

/* Sound devices of the chipset that show themselves through the graphics driver. */
static void plan_pause(struct machine *m, const struct plan *p, struct steps *list)
{
	DIR *dir = machine_opendir(m, "/sys/bus/pci/drivers/snd_hda_intel");
	char override[PCI_DRIVER_SIZE];
	struct dirent *e;
	struct pci_device dev;

	while (dir && (e = readdir(dir))) {
		bool ours = false;

		if (pci_read_device(m->sys, e->d_name, &dev) < 0 || dev.vendor != 0x8086)
			continue;
		for (size_t i = 0; i < p->n_devices; i++)
			ours = ours || !strcmp(p->devices[i].pci.addr, dev.addr);
		if (!ours && device_read_override(m, dev.addr, override) == 0)
			(void)steps_add(list, STEP_PAUSE, dev.addr, dev.driver, override);
	}
	if (dir)
		closedir(dir);
}

static void plan_drivers(struct machine *m, struct plan *p)
{
	struct steps *list = &p->steps;

	for (size_t i = 0; i < p->n_devices; i++) {
		const struct plan_device *d = &p->devices[i];

		(void)steps_add(list, STEP_OVERRIDE, d->pci.addr, d->pci.driver, d->override);
	}
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct plan_device *d = &p->devices[i];
		const struct vendor_driver *v = vendor_of_driver(d->pci.driver);

		if (!d->pci.driver[0])
			continue;
		if (v->holds_audio)
			plan_pause(m, p, list);
		if (v->modules[0] && all_go(m, p, d->pci.driver))
			plan_unload(m, v, list);
		else
			(void)steps_add(list, STEP_DETACH, d->pci.addr, d->pci.driver, NULL);
	}
	for (size_t i = 0; i < p->n_devices; i++)
		if (!p->devices[i].managed)
			(void)steps_add(list, STEP_BIND, p->devices[i].pci.addr, NULL, NULL);
}

int plan_look_again(struct machine *m, struct plan *p)
{
	int hard = 0, n = holders_scan(m, &p->nodes, p->init, p->dm, p->holders, HOLDERS_MAX);

	p->n_holders = n > 0 ? (size_t)n : 0;
	for (size_t i = 0; i < p->n_holders; i++)
		hard += !p->holders[i].soft;
	return n < 0 ? n : hard;
}

/* What a holder belongs to, as the step that stops that; false if it belongs to nothing. */
static bool step_of_owner(const struct plan *p, const struct holder *h, struct step *ret)
{
	*ret = (struct step){ 0 };
	if (h->kind == HOLDER_GRAPHICAL && p->dm[0]) {
		ret->kind = STEP_SERVICE;
		(void)snprintf(ret->subject, STEP_WORD_SIZE, "%s", p->dm);
		(void)snprintf(ret->a, STEP_WORD_SIZE, "%s", init_name(p->init));
		(void)snprintf(ret->b, STEP_WORD_SIZE, "dm");
	} else if (h->kind == HOLDER_SERVICE) {
		ret->kind = STEP_SERVICE;
		(void)snprintf(ret->subject, STEP_WORD_SIZE, "%s", h->unit);
		(void)snprintf(ret->a, STEP_WORD_SIZE, "%s", init_name(p->init));
	} else if (h->kind == HOLDER_USER_UNIT) {
		ret->kind = STEP_USER_UNIT;
		(void)snprintf(ret->subject, STEP_WORD_SIZE, "%s", h->unit);
		(void)snprintf(ret->a, STEP_WORD_SIZE, "%u", (unsigned int)h->uid);
		(void)snprintf(ret->b, STEP_WORD_SIZE, "%s", h->comes_back ? "again" : "");
	} else if (h->kind == HOLDER_LOGIN) {
		ret->kind = STEP_SESSION;
		(void)snprintf(ret->subject, STEP_WORD_SIZE, "%s", h->session);
		(void)snprintf(ret->a, STEP_WORD_SIZE, "%u", (unsigned int)h->uid);
	} else {
		return false;
	}
	return true;
}

static void step_of_process(const struct holder *h, const struct options *o, struct step *ret)
{
	*ret = (struct step){ .kind = STEP_PROCESS };
	(void)snprintf(ret->subject, STEP_WORD_SIZE, "%d", (int)h->pid);
	(void)snprintf(ret->a, STEP_WORD_SIZE, "%llu", (unsigned long long)h->start);
	(void)snprintf(
		ret->b, STEP_WORD_SIZE, "%s%s", o->holders == OPTIONS_KILL ? "kill " : "", h->comm);
}

bool plan_is_screen(const struct holder *h)
{
	return !h->soft && h->draws &&
	       (h->kind == HOLDER_GRAPHICAL || h->kind == HOLDER_LOGIN ||
		       h->kind == HOLDER_USER_UNIT);
}

bool plan_step_for(const struct plan *p, const struct holder *h, const struct options *o,
	const struct steps *done, struct step *ret)
{
	bool sessions = h->kind == HOLDER_GRAPHICAL || h->kind == HOLDER_LOGIN;

	if (h->soft || h->kind == HOLDER_PROTECTED || (o->keep && plan_is_screen(h)))
		return false;
	/* to keep the session, of all that is in it what renders on the card alone is ended */
	if (!(o->keep && sessions) && step_of_owner(p, h, ret) &&
		!steps_have(done, ret->kind, ret->subject))
		return true;
	/* what it belongs to was stopped, or is nothing */
	if (o->holders == OPTIONS_REFUSE)
		return false;
	step_of_process(h, o, ret);
	return !steps_have(done, ret->kind, ret->subject);
}

/* Users' units first, since they outlive the display manager; then services, sessions, the rest. */
static void plan_holders(struct plan *p, const struct options *o)
{
	static const enum holder_kind order[] = { HOLDER_USER_UNIT, HOLDER_GRAPHICAL,
		HOLDER_SERVICE, HOLDER_LOGIN, HOLDER_PROCESS };
	char text[160];
	struct step s;

	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		for (size_t i = 0; i < p->n_holders; i++) {
			const struct holder *h = &p->holders[i];
			bool owned = h->kind == order[k] && step_of_owner(p, h, &s);

			/* several processes of one owner are one step */
			if (h->kind == order[k] &&
				!(owned && steps_have(&p->steps, s.kind, s.subject)) &&
				plan_step_for(p, h, o, &p->steps, &s))
				(void)steps_add(&p->steps, s.kind, s.subject, s.a, s.b);
		}
	for (size_t i = 0; i < p->n_holders; i++) {
		const struct holder *h = &p->holders[i];
		bool screen = h->kind == HOLDER_GRAPHICAL || h->kind == HOLDER_LOGIN;

		p->ends_sessions = p->ends_sessions || (screen && !h->soft && !o->keep);
		holder_describe(h, text, sizeof(text));
		if (h->soft)
			plan_note(p, "%s lets go by itself", text);
		else if (o->keep && plan_is_screen(h))
			plan_note(p, "%s has to let go of the card, or the start fails", text);
		else if (o->keep)
			plan_note(p, "%s ends, or loses what it does on the card", text);
		else if (h->kind == HOLDER_LOGIN)
			plan_note(p, "%s was started by hand; nothing starts it again", text);
	}
	if (geteuid() != 0)
		plan_note(p,
			"only your own processes are seen; say it as root to see all that hold "
			"the card");
	if (p->ends_sessions)
		plan_note(p, "all programs of the graphical session end; save what is open");
}

static int plan_processes(struct machine *m, const struct options *o, struct plan *p)
{
	int r;

	for (size_t i = 0; i < p->n_devices; i++)
		if (p->devices[i].pci.class == 0x0c03)
			plan_note(p,
				"%s is a USB controller of the card: what is plugged into it "
				"goes along",
				p->devices[i].pci.addr);
	p->init = init_detect(m);
	for (size_t i = 0; i < p->n_devices; i++)
		nodes_add_device(m, &p->devices[i].pci, &p->nodes);
	r = init_display_manager(m, p->init, p->dm);
	if (r >= 0 && o->dm[0]) {
		(void)snprintf(p->dm, sizeof(p->dm), "%s", o->dm);
		r = init_is_active(m, p->init, p->dm);
	}
	if (r < 0)
		return r;
	if (r == 0)
		p->dm[0] = '\0';
	r = plan_look_again(m, p);
	if (r >= 0)
		plan_holders(p, o);
	return r < 0 ? r : 0;
}

/* Whether the session can go on without these cards; adds what it is told then. */
static int plan_keep(struct machine *m, struct plan *p)
{
	bool screen = false;

	for (size_t i = 0; i < p->n_holders; i++)
		screen = screen || plan_is_screen(&p->holders[i]);
	for (size_t i = 0; screen && i < p->n_devices; i++) {
		const struct plan_device *d = &p->devices[i];

		if (!d->gpu)
			continue;
		if (!host_keeps_one(m, p))
			return machine_fail(m, -EPERM,
				"%s is the last card of the host, so its session cannot stay "
				"(keep-session = no in " OPTIONS_FILE " lets it end)",
				d->pci.addr);
		if (d->boots)
			return machine_fail(m, -EPERM,
				"the machine booted on %s, so that its session draws with that "
				"card and cannot stay without it (choose another one in the "
				"firmware, or keep-session = no in " OPTIONS_FILE ")",
				d->pci.addr);
		(void)steps_add(&p->steps, STEP_LEAVE, d->pci.addr, NULL, NULL);
	}
	return 0;
}

int plan_make(
	struct machine *m, const struct claim *claim, const struct options *o, struct plan *ret)
{
	struct pci_device gpus[PLAN_DEVICES_MAX];
	size_t n_gpus = 0;
	int r;

	*ret = (struct plan){ 0 };
	r = choose_devices(m, claim, ret);
	if (r < 0 || ret->n_devices == 0)
		return r;
	for (size_t i = 0; r == 0 && i < ret->n_devices; i++) {
		r = check_group(m, claim, &ret->devices[i].pci);
		if (r == 0 && ret->devices[i].gpu) {
			gpus[n_gpus++] = ret->devices[i].pci;
			r = check_driver(m, ret, &ret->devices[i], o);
		}
	}
	if (r == 0)
		r = plan_processes(m, o, ret);
	if (r < 0)
		return r;
	r = o->keep ? plan_keep(m, ret) : 0;
	if (r < 0)
		return r;
	console_plan(m, gpus, n_gpus, &ret->steps);
	for (size_t i = 0; i < n_gpus; i++)
		if (connector_is_lit(m, gpus[i].addr))
			(void)steps_add(&ret->steps, STEP_PICTURE, gpus[i].addr, NULL, NULL);
	plan_drivers(m, ret);
	if (ret->steps.n >= STEPS_MAX - 16)
		return machine_fail(
			m, -E2BIG, "too much holds these devices (%zu steps)", ret->steps.n);
	return 0;
}
