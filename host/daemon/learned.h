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
#define LEARNED_SECTION_SIZE 4096
#define LEARNED_MAX_CLASHES  4 /* of one monitor, that are told */
#define LEARNED_MAX_HINTS    16

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
	int machine;              /* who sees it */
	int why;                  /* of gpu "": what learned_find_card() said */
};

/*
 * By what a card is known in every machine, as one number each: PCI vendor << 16 | device, and
 * those of its board (the subsystem). 0: not known.
 */
struct learned_card {
	uint32_t chip, board;
};

/*
 * Which of cards[n], those that a guest has, is the one that it names by seen. Of several, one is
 * believed only where it alone may be it. Index; -ENOTUNIQ: several may, or the guest names none;
 * -ENOENT: none.
 */
int learned_find_card(
	const struct learned_card *cards, int n, const struct learned_card *untrusted_seen);

/* Something that host.conf says and that looking does not bear out; host.conf is followed. */
struct learned_clash {
	char text[256]; /* what is said, and what was seen */
	char line[96];  /* for the monitor's section in host.conf, in place of what is there */
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

/*
 * What contradicts the configured monitor m, where sights[n] are those of now. Their number, at
 * most LEARNED_MAX_CLASHES.
 */
int learned_clashes(const struct learned *l, const struct world *w, const struct world_monitor *m,
	const struct learned_sight *sights, int n, struct learned_clash ret[LEARNED_MAX_CLASHES]);

/* What goes into a section of a monitor that is not known in full. */
struct learned_missing {
	const struct world *w;
	const struct learned_sight *sights; /* those of now */
	int n_sights;
	const uint16_t *declared; /* inputs by its capabilities string: a hint, and no more */
	int n_declared;
};

/*
 * A section for host.conf; what is still missing is in it as comments. NULL m: nothing known of
 * its inputs. connector: "", or escaped.
 */
void learned_section(const char *key, const char *connector, const struct world_monitor *m,
	const struct learned_missing *missing, char out[LEARNED_SECTION_SIZE]);

/* The file's text: 0; -EINVAL: not ours, another version, or damaged, and *ret is empty. */
int learned_parse(const char *text, size_t size, struct learned *ret);
/* Below dir: 0, also where there is none; negative errno. */
int learned_read(struct learned *ret, const char *dir);
/* Whole or not at all. */
int learned_write(const struct learned *l, const char *dir);

#endif
