// SPDX-License-Identifier: GPL-2.0-or-later
/* A reply as text for people or as JSON lines. */
#ifndef VA_DDC_PRINT_H
#define VA_DDC_PRINT_H

#include "common/base/exitcode.h"
#include "common/ddc/ipc.h"

#include <stdio.h>

void print_text(FILE *out, const struct ddc_request *request, const struct ddc_reply *reply);
void print_json(FILE *out, const struct ddc_request *request, const struct ddc_reply *reply);

enum exit_code print_exit_code(uint32_t status);

#endif
