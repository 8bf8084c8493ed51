// SPDX-License-Identifier: GPL-2.0-or-later
/* va-input's loop. */
#ifndef VA_INPUT_LISTEN_H
#define VA_INPUT_LISTEN_H

/* Serves descriptor 3 until the daemon has gone: 0, or negative errno. */
int listen_main(void);

#endif
