// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A daemon's answer on the screen of a person: objects of one kind in a row become a table that
 * fits the terminal, or one block each where it does not; progress goes to stderr. With json,
 * every object is printed as it came, one a line. Whatever text a daemon passes on is made
 * printable here.
 */
#ifndef VA_CONTROL_RENDER_H
#define VA_CONTROL_RENDER_H

#include "common/base/cleanup.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

struct renderer;

/*
 * out: where to; notes: for progress. width: columns of the terminal, 0: find out (COLUMNS, the
 * terminal of out, 80). NULL: no memory.
 */
struct renderer *renderer_new(FILE *out, FILE *notes, bool json, unsigned int width);
void renderer_free(struct renderer *r);
DEFINE_CLEANUP(renderer, renderer_free);

/* One object before the result; borrowed. */
void renderer_object(struct renderer *r, const char *type, json_object *o);
/* The result: prints what is still held back, then, without json, nothing more. */
void renderer_result(struct renderer *r, json_object *result);

#endif
