// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine that va-gpu works on: the one way to its files, its attributes, its commands. All
 * paths go through a root prefix, empty but in tests, so that the same program can be driven
 * against a model of a machine. Every call that can block has a limit.
 *
 * Functions return 0 (or a count), or a negative errno with a reason for people in m->why.
 */
#ifndef VA_GPU_MACHINE_H
#define VA_GPU_MACHINE_H

#include "common/pci/attr.h"
#include "common/pci/pci.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MACHINE_ROOT_SIZE 128
#define MACHINE_WHY_SIZE  400
#define MACHINE_TEXT_SIZE 256
#define MACHINE_ARGS_MAX  24

/* Milliseconds. */
struct machine_limits {
	unsigned int write;     /* one attribute of sysfs, the unbind of a driver among them */
	unsigned int module;    /* one modprobe */
	unsigned int service;   /* one service stopped or started */
	unsigned int holders;   /* until nobody holds the card any more */
	unsigned int term;      /* until a process that was told to end has done so */
	unsigned int connector; /* until a monitor is seen again */
	unsigned int lock;      /* until another va-gpu is done */
	unsigned int daemon;    /* until va-hostd has moved the monitors */
	unsigned int intake;    /* until a definition has been read */
};

struct machine {
	char root[MACHINE_ROOT_SIZE];                 /* "" on a real machine */
	char sys[MACHINE_ROOT_SIZE + sizeof("/sys")]; /* as common/pci wants it */
	struct machine_limits limit;
	const volatile sig_atomic_t *interrupted; /* NULL: cannot be */
	int uevents;                              /* wakes us when devices come and go; -1: none */
	char why[MACHINE_WHY_SIZE];
};

/* root: "" or an absolute path; -EINVAL, -ENAMETOOLONG. percent: scales all limits (tests). */
int machine_init(struct machine *m, const char *root, unsigned int percent);
void machine_done(struct machine *m);

/* Formats m->why and returns error, which is negative. Foreign text goes through escape(). */
int machine_fail(struct machine *m, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The root and what follows; -ENAMETOOLONG. */
int machine_path(const struct machine *m, char ret[ATTR_PATH_SIZE], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool machine_exists(const struct machine *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
DIR *machine_opendir(const struct machine *m, const char *path);
/* The file's beginning, terminated, without its last newline. Its length, or negative errno. */
ssize_t machine_read(const struct machine *m, char *ret, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The last component of a link's target; negative errno. */
int machine_link_name(const struct machine *m, char ret[ATTR_NAME_SIZE], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Writes text to an attribute, in a child of its own: a driver may never come back from an
 * unbind. -ETIMEDOUT: the limit passed and the child is killed, or, as m->why then says, cannot
 * be killed because it is stuck in the kernel.
 */
int machine_write(struct machine *m, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Runs a program of /usr/sbin, /usr/bin, /sbin or /bin, as user uid with its runtime folder
 * (or as we are, for MACHINE_SELF), with argv up to a NULL. Its exit status, or -ENOENT (there
 * is none), -ETIMEDOUT (it was killed) or another errno. What it says first goes to out[outsz].
 */
#define MACHINE_SELF ((uid_t)-1)
int machine_run(struct machine *m, unsigned int limit_ms, uid_t uid, const char *const *argv,
	char *out, size_t outsz);

/* The same; anything but exit status 0 is an error, told in m->why with the program's words. */
int machine_must_run(struct machine *m, unsigned int limit_ms, uid_t uid, const char *const *argv);

/* Monotonic. */
uint64_t machine_now_ms(void);
/*
 * Waits for a device to come or go, or a moment at most, whichever is first; to be called in a
 * loop that looks again. False once deadline_ms has passed, or on an interrupt.
 */
bool machine_wait(struct machine *m, uint64_t deadline_ms);
/* Waits for the end of a process; 1 it ended, 0 the limit passed, or negative errno. */
int machine_wait_pidfd(int pidfd, unsigned int limit_ms);
bool machine_is_interrupted(const struct machine *m);

#endif
