// SPDX-License-Identifier: GPL-2.0-or-later
/* A daemon that sleeps should not hold what only its start needed. */
#ifndef VA_GUEST_FOOTPRINT_H
#define VA_GUEST_FOOTPRINT_H

/*
 * Lets go of all pages of code and constants, of the program and its libraries: symbol tables,
 * relocations and start-up code, most of a small program's resident memory, are not needed again,
 * and what is comes back by itself from the page cache. To be called once, when set up.
 */
void footprint_trim(void);

#endif
