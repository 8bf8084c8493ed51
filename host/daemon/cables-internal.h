// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the files that look for monitors share: cables.c (what is seen, and what follows from it),
 * cables-show.c (what people are told of it).
 */
#ifndef VA_HOSTD_CABLES_INTERNAL_H
#define VA_HOSTD_CABLES_INTERNAL_H

#include "host/daemon/hostd.h"

#define CABLES_SEEN 64
/* by guests and by the host */
#define CABLES_SIGHTS (CABLES_SEEN + DDC_MAX_DISPLAYS)

/* A guest's sight. */
struct cables_seen {
	struct learned_sight sight;
	uint64_t session, round; /* when */
};

/* What a monitor declares by its capabilities string, asked for once. */
struct cables_hint {
	char key[MONITOR_KEY_SIZE];
	uint16_t inputs[LEARNED_MAX_HINTS];
	int n;
};

struct cables {
	struct learned learned;
	uint64_t round;
	uint64_t asked_ms;   /* when guests were asked last; 0: never */
	uint64_t looking_ms; /* since when the host looks; 0 */
	int n_asked;         /* guests that have not answered */
	bool again;          /* and then, for one that has come meanwhile */
	bool guests_too; /* are asked in the next round, whether there is something to find out */
	struct cables_seen seen[CABLES_SEEN];
	int n_seen;
	struct learned_clash told[WORLD_MAX_MONITORS][LEARNED_MAX_CLASHES]; /* in the log */
	struct cables_hint hints[DDC_MAX_DISPLAYS];
	int n_hints;
};

/* The monitor with this key, configured or found and used like one (found); NULL: none. */
struct world_monitor *cables_monitor(const struct hostd *h, const char *key);
/* Not configured: to be found out about. */
bool cables_is_new(const struct hostd *h, const char *key);
/* All that the host and guests with a session see, as they said last. How many. */
int cables_sights(struct hostd *h, struct learned_sight ret[CABLES_SIGHTS]);

#endif
