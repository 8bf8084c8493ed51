// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Scope-bound release of what a function owns.
 *
 *	CLEANUP(free) char *s = strdup(x);	calls free(s) at the end of the scope
 *	CLEANUP_FD int fd = open(...);		closes it if it is not negative
 *	CLEANUP_FN(thing) struct thing *t;	calls thing_free(t), declared by DEFINE_CLEANUP
 *	return TAKE(s);				hands s to the caller and forgets it here
 */
#ifndef VA_BASE_CLEANUP_H
#define VA_BASE_CLEANUP_H

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

/* Closes *fd if it is open; errno stays as it was. */
static inline void cleanup_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

/* Declares cleanup_<type>p() for CLEANUP_FN(type); calls <type>_free(), which takes NULL. */
#define DEFINE_CLEANUP(type, freefn)                          \
	static inline void cleanup_##type##p(struct type **p) \
	{                                                     \
		freefn(*p);                                   \
	}                                                     \
	struct type

#define CLEANUP(fn)    __attribute__((cleanup(cleanup_##fn##p)))
#define CLEANUP_FN(fn) __attribute__((cleanup(cleanup_##fn##p)))
#define CLEANUP_FD     __attribute__((cleanup(cleanup_closep)))

#define TAKE(p)                             \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define TAKE_FD(fd)                \
	({                         \
		int taken_ = (fd); \
		(fd) = -1;         \
		taken_;            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
