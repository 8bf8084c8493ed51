// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-ddc by hand: one request from the command line, its reply as text or JSON lines. For people
 * who look why a monitor does not switch, and for tests; the daemons never use it.
 */
#ifndef VA_DDC_CLI_H
#define VA_DDC_CLI_H

#include <stdio.h>

/* Returns an exit code of base/exitcode.h. Results go to out, complaints to stderr. */
int cli_main(int argc, char **argv, FILE *out);

#endif
