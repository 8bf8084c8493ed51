// SPDX-License-Identifier: GPL-2.0-or-later
/* 'va-host policy check FILE': works without the daemon, before a file is put in its place. */
#ifndef VA_HOST_CLI_POLICY_H
#define VA_HOST_CLI_POLICY_H

#include "common/control/command.h"

/* args[0]: the file. Prints what is wrong, or how many rules it has. */
enum exit_code policy_check(const char *const args[COMMAND_ARGS], bool json);

#endif
