// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steps that free a GPU, each with its undo. A plan is a list of steps, the journal is the
 * list of those begun, and giving back is undoing them from the last to the first; so what is
 * printed, done, recorded and undone is one and the same thing.
 *
 * A step may have been begun and not finished (the machine stopped us); therefore each undo
 * looks at the machine first and may be repeated.
 */
#ifndef VA_GPU_STEP_H
#define VA_GPU_STEP_H

#include "host/gpu/machine.h"

#define STEP_WORD_SIZE 128
#define STEPS_MAX      96

enum step_kind {
	STEP_USER_UNIT, /* subject: unit, a: uid, b: "again" if the return starts it */
	STEP_SERVICE,   /* subject: service, a: init system, b: "dm" if the display manager */
	STEP_SESSION,   /* subject: session of logind, a: its user */
	STEP_PROCESS,   /* subject: pid, a: start time, b: name */
	STEP_LEAVE,     /* subject: GPU that the session is told is gone */
	STEP_VTCON,     /* subject: vtconN */
	STEP_BOOTFB,    /* subject: efi-framebuffer.0, a: its platform driver */
	STEP_PICTURE,   /* subject: GPU that shows a picture; nothing is done, its return is awaited
			 */
	STEP_OVERRIDE,  /* subject: device, a: home driver or "", b: driver_override before */
	STEP_PAUSE,     /* subject: device that holds the GPU's driver, a: its own driver */
	STEP_UNLOAD,    /* subject: modules in the order they go, with commas between */
	STEP_DETACH,    /* subject: device, a: driver */
	STEP_BIND,      /* subject: device; to vfio-pci */
	STEP_KINDS,
};

enum step_state { STEP_PLANNED, STEP_BEGUN, STEP_UNDONE };

struct step {
	enum step_kind kind;
	enum step_state state;
	char subject[STEP_WORD_SIZE];
	char a[STEP_WORD_SIZE], b[STEP_WORD_SIZE];
};

struct steps {
	size_t n;
	struct step s[STEPS_MAX];
};

/* The word for a kind in the journal and in JSON; kind of a word, or -EINVAL. */
const char *step_kind_name(enum step_kind kind);
int step_kind_by_name(const char *name);

/* Adds one; NULL words are empty. The step, or NULL where there is no room for it. */
struct step *steps_add(
	struct steps *list, enum step_kind kind, const char *subject, const char *a, const char *b);
bool steps_have(const struct steps *list, enum step_kind kind, const char *subject);

/* What doing it, and undoing it, means, for people; "" where there is nothing. */
void step_say(const struct step *s, char *ret, size_t size);
void step_say_undo(const struct step *s, char *ret, size_t size);

/* 0, or negative errno with m->why. Neither touches the journal. */
int step_do(struct machine *m, const struct step *s);
int step_undo(struct machine *m, const struct step *s);

#endif
