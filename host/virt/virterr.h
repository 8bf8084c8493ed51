// SPDX-License-Identifier: GPL-2.0-or-later
/* libvirt's last error as this project has errors: a negative errno and printable text. */
#ifndef VA_VIRT_VIRTERR_H
#define VA_VIRT_VIRTERR_H

#include <stddef.h>

/* Keeps libvirt from printing errors itself. Once, at start. */
void virterr_init(void);

/*
 * The last error of this thread's libvirt call: -ENOENT (no such domain), -ENOTCONN (no
 * connection to the daemon), -EACCES, -EBUSY (locked, or not possible in this state),
 * -ETIMEDOUT, -EOPNOTSUPP, -ECANCELED (a hook said no), -ENOMEM, else -EIO. Never 0.
 * text (or NULL) gets libvirt's own word, escaped and cut to size.
 */
int virterr_take(char *text, size_t size);

/*
 * libvirt's message, escaped and cut to size. Of one about a hook only the last line of the hook's
 * own words, before which libvirt puts its command line, environment and all: "... Child process
 * (LC_ALL=C PATH=... alpha prepare begin -) unexpected exit status 1: WORDS".
 */
void virterr_words(const char *message, char *text, size_t size);

#endif
