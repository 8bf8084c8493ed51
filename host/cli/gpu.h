// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 'va-host gpu ...': va-gpu does it, for root, and no daemon is asked: it has to work when
 * va-hostd is down. Where a guest is named and nothing is piped in, its definition is asked of
 * libvirt by virsh; that is this command's business and never the hook's.
 */
#ifndef VA_HOST_CLI_GPU_H
#define VA_HOST_CLI_GPU_H

#include "common/control/command.h"

/* args[0]: a PCI address, or the name of a guest. */
enum exit_code gpu_list(const char *const args[COMMAND_ARGS], bool json);
enum exit_code gpu_show(const char *const args[COMMAND_ARGS], bool json);
enum exit_code gpu_take(const char *const args[COMMAND_ARGS], bool json);
enum exit_code gpu_return(const char *const args[COMMAND_ARGS], bool json);
enum exit_code gpu_recover(const char *const args[COMMAND_ARGS], bool json);

#endif
