// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What "status --watch" shows: the last object of each kind and name, drawn anew when the daemon
 * says that all changes of a moment have been told ("sync").
 */
#ifndef VA_CONTROL_BOARD_H
#define VA_CONTROL_BOARD_H

#include "common/base/cleanup.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

struct board;

struct board *board_new(void); /* NULL: no memory */
void board_free(struct board *b);
DEFINE_CLEANUP(board, board_free);

/* Takes note of an object (borrowed). True: it is time to draw. */
bool board_take(struct board *b, const char *type, json_object *o);
/* On a terminal in place of what is there, else below it. */
void board_draw(const struct board *b, FILE *out);

#endif
