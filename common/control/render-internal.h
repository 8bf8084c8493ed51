// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kinds of objects look like (render-kinds.c), for the layout (render.c). */
#ifndef VA_CONTROL_RENDER_INTERNAL_H
#define VA_CONTROL_RENDER_INTERNAL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#define RENDER_CELL 160 /* bytes of one printed value, its terminator included */

struct render_column {
	const char *key;
	const char *title;
	void (*format)(json_object *value, char *out, size_t size); /* NULL: by its JSON type */
	/* in a table that is too wide, the highest is left out first; 0: never */
	unsigned int spare;
	bool quiet; /* in a block: not shown while it is false or null */
};

struct render_kind {
	const char *type;
	const struct render_column *columns; /* NULL: every object is printed at once by line */
	size_t n_columns;
	/* member that explains something about the object, printed under the table; or NULL */
	const char *note, *note_of;
	/* one line of its own, at once; NULL with columns */
	void (*line)(FILE *out, json_object *o);
	/* more lines about one object, printed under the table; or NULL */
	void (*more)(FILE *out, json_object *o);
	bool block; /* always as a block of "title  value" lines */
};

/* NULL: unknown; then it is shown as key=value pairs. */
const struct render_kind *render_kind_find(const char *type);
/* A value by its JSON type, printable, cut to size; "-" for what is missing. */
void render_value(json_object *value, char *out, size_t size);

#endif
