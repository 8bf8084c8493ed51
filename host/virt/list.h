// SPDX-License-Identifier: GPL-2.0-or-later
/* "va-virt list URI": what the watcher would report, as text, for a person. */
#ifndef VA_VIRT_LIST_H
#define VA_VIRT_LIST_H

/* Its exit status (base/exitcode.h). */
int list_main(const char *uri);

#endif
