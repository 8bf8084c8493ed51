// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What taking a guest's GPUs would do, worked out by looking alone. A plan without steps means
 * that there is nothing to free: the guest gets no card that the host is using.
 */
#ifndef VA_GPU_PLAN_H
#define VA_GPU_PLAN_H

#include "host/gpu/holders.h"
#include "host/gpu/options.h"
#include "host/gpu/step.h"

#define PLAN_DEVICES_MAX 32
#define PLAN_NOTES_MAX   12
#define PLAN_NOTE_SIZE   256

/* What the guest's definition claims. */
struct claim {
	size_t n;
	struct claimed {
		char addr[PCI_ADDR_SIZE];
		bool managed; /* libvirt gives it to vfio-pci itself */
	} d[PLAN_DEVICES_MAX];
};

struct plan_device {
	struct pci_device pci;
	bool managed;
	bool gpu;
	bool boots;                     /* the host's first picture was on it */
	char override[PCI_DRIVER_SIZE]; /* driver_override before */
};

struct plan {
	enum init_kind init;
	char dm[INIT_SERVICE_SIZE]; /* the display manager that runs, or "" */
	bool ends_sessions;         /* somebody's screen goes dark */
	size_t n_devices;
	struct plan_device devices[PLAN_DEVICES_MAX]; /* to be freed; other functions first */
	struct nodes nodes;
	size_t n_holders;
	struct holder holders[HOLDERS_MAX];
	struct steps steps;
	size_t n_notes;
	char notes[PLAN_NOTES_MAX][PLAN_NOTE_SIZE];
};

/* 0, or a refusal: negative errno, and m->why names what is in the way. Changes nothing. */
int plan_make(
	struct machine *m, const struct claim *claim, const struct options *o, struct plan *ret);

/* Looks again at who holds the cards. Their number without the soft ones, or negative errno. */
int plan_look_again(struct machine *m, struct plan *p);

/*
 * The step that makes a holder let go: what it belongs to is stopped, or, where that has been
 * done and did not help, the process is ended. False: there is none, or it is in done already.
 */
bool plan_step_for(const struct plan *p, const struct holder *h, const struct options *o,
	const struct steps *done, struct step *ret);

/* It shows people something through the card: its session ends, or it has to let go. */
bool plan_is_screen(const struct holder *h);

void plan_note(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
