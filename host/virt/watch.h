// SPDX-License-Identifier: GPL-2.0-or-later
/* The watcher: "va-virt watch URI", the worker that tells va-hostd about domains. */
#ifndef VA_VIRT_WATCH_H
#define VA_VIRT_WATCH_H

/* Runs until the daemon at descriptor 3 leaves. Its exit status. */
int watch_main(const char *uri);

#endif
