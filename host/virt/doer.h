// SPDX-License-Identifier: GPL-2.0-or-later
/* The doer: "va-virt do URI", one request that may block, one answer, and gone. */
#ifndef VA_VIRT_DOER_H
#define VA_VIRT_DOER_H

/* Its exit status: 0 if an answer was sent, whatever it was. */
int doer_main(const char *uri);

#endif
