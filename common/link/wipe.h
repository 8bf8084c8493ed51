// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One word for "this was secret and is no longer needed". Takes an object, never a pointer.
 */
#ifndef VA_LINK_WIPE_H
#define VA_LINK_WIPE_H

#include <sodium.h>

#define WIPE(object) sodium_memzero(&(object), sizeof(object))

#endif
