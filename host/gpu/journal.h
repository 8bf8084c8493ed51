// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was begun for a guest, on disk before it is begun: /run/virt-aid/gpu/GUEST.journal. Lines
 * are only ever added, each flushed; room for them is reserved when the file is made, so that a
 * full /run stops a hand-over before it starts and not in its middle. A line without its newline
 * was never acted on. The file is gone when all is back.
 */
#ifndef VA_GPU_JOURNAL_H
#define VA_GPU_JOURNAL_H

#include "host/gpu/step.h"

#define JOURNAL_DIR       "/run/virt-aid/gpu"
#define JOURNAL_NAME_SIZE 256 /* of a guest, as libvirt has it, terminated */
#define JOURNAL_FILES_MAX 64

enum journal_state {
	JOURNAL_TAKING,    /* begun, and perhaps died */
	JOURNAL_TAKEN,     /* the guest may have the devices */
	JOURNAL_RETURNING, /* on the way back, and perhaps stuck */
};

struct journal {
	int fd;
	char path[ATTR_PATH_SIZE];
	char guest[JOURNAL_NAME_SIZE];
	enum journal_state state;
	bool stale; /* of an earlier boot: the machine it speaks of is gone */
	struct steps steps;
};

/* Only one va-gpu acts at a time. The lock's descriptor, or negative errno: -EBUSY in the end. */
int journal_lock(struct machine *m);

/* A new, empty journal; -EEXIST, -ENOSPC, ... with m->why. */
int journal_create(struct machine *m, const char *guest, struct journal *ret);
/* -ENOENT (without m->why): nothing was taken for this guest. -EBADMSG: not a journal. */
int journal_open(struct machine *m, const char *guest, struct journal *ret);
/* The same to look only; journal_close() it. */
int journal_read(struct machine *m, const char *guest, struct journal *ret);
/* The guests that have one, up to max, sorted. Their number or negative errno. */
int journal_list(struct machine *m, char (*ret)[JOURNAL_NAME_SIZE], size_t max);

/* Records that s begins, and adds it to j->steps. */
int journal_begin(struct machine *m, struct journal *j, const struct step *s);
int journal_undone(struct machine *m, struct journal *j, size_t index);
int journal_set_state(struct machine *m, struct journal *j, enum journal_state state);
/* All is back: the file goes. */
int journal_remove(struct machine *m, struct journal *j);
void journal_close(struct journal *j);

/*
 * Exposed for tests and the fuzzer: reads text[len], up to the first NUL, into *j; what follows
 * *ret_used is a torn line. -ENODATA: not even the first line is whole; -EBADMSG.
 */
int journal_parse(const char *text, size_t len, struct journal *j, char boot[64], size_t *ret_used);
/* A word of a line: printable ASCII without blanks and '%', else %XX; "" is "-". */
int journal_encode(const char *word, char *ret, size_t size);
int journal_decode(const char *text, size_t len, char *ret, size_t size);

#endif
