// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which graphics card is on which input of which monitor, as far as it was seen, and the file it
 * is kept in (STATE/monitors). What is seen now counts more than what was seen before, and what
 * is configured more than both. Pure, but for the file.
 */
#ifndef VA_HOSTD_LEARNED_H
#define VA_HOSTD_LEARNED_H

#include "common/base/conf.h"
#include "host/daemon/world.h"

#define LEARNED_MAX          32 /* cables; the oldest gives way */
#define LEARNED_SECTION_SIZE 1024

/* One cable: the monitor reads as value while it shows the graphics card at the other end. */
struct learned_cable {
	char key[MONITOR_KEY_SIZE];
	char gpu[WORLD_PCI_SIZE];
	uint16_t value;
};

struct learned {
	struct learned_cable cables[LEARNED_MAX];
	int n;
	uint32_t version; /* of the file */
};

enum learned_news {
	LEARNED_KNOWN = 0,       /* nothing new */
	LEARNED_NEW = 1,         /* a cable that was not known */
	LEARNED_CONTRADICTS = 2, /* what was known of it, or of another one, was wrong: forgotten */
};

/* What one machine sees of a monitor at its own cable, just now. */
struct learned_sight {
	char key[MONITOR_KEY_SIZE];
	char gpu[WORLD_PCI_SIZE]; /* "": not known */
	bool answers;             /* DDC/CI works there */
	bool twin;                /* something else there says the same of itself */
	int32_t input;            /* what it reads as; negative: nothing */
};

/*
 * The one of sights[n] that shows the monitor with this key: the only one that it answers, where
 * it is silent at another one. A monitor that answers on all its cables, or is seen on one only,
 * does not say which it shows; twins never do. -1: nobody knows.
 */
int learned_who_is_shown(const struct learned_sight *sights, int n, const char *key);

enum learned_news learned_take(struct learned *l, const struct learned_cable *c);

/*
 * The monitor as far as it was seen: inputs named by their values ("in-0f"). Its number of
 * inputs; a switch needs two.
 */
int learned_monitor(const struct learned *l, const char *key, struct world_monitor *ret);

/* A section for host.conf; what is still missing is in it as a comment. NULL m: nothing known. */
void learned_section(const char *key, const char *connector, const struct world_monitor *m,
	char out[LEARNED_SECTION_SIZE]);

/* The file's text: 0; -EINVAL: not ours, another version, or damaged, and *ret is empty. */
int learned_parse(const char *text, size_t size, struct learned *ret);
/* Below dir: 0, also where there is none; negative errno. */
int learned_read(struct learned *ret, const char *dir);
/* Whole or not at all. */
int learned_write(const struct learned *l, const char *dir);

#endif
