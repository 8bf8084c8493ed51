// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The layout of answers; see render.h.
 *
 * Theory of operation: objects that make a table are held until one of another kind, or the
 * result, comes; then the widths are known. Columns that no object of the table has are left
 * out. Memory that cannot be had shortens the table, never the exit code.
 */
#include "common/control/render.h"

#include "common/base/escape.h"
#include "common/control/render-internal.h"

#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

#define MAX_COLUMNS 8
#define GAP         2
#define MAX_SPARE   3

struct renderer {
	FILE *out, *notes;
	bool json;
	unsigned int width;
	const struct render_kind *kind; /* of what is held */
	json_object **held;
	size_t n_held;
	bool printed; /* something stands above: leave a line free before the next table */
};

static unsigned int terminal_width(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w = { 0 };
	unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;

	if (n >= 10 && n <= 1000)
		return (unsigned int)n;
	if (ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col >= 10)
		return w.ws_col;
	return 80;
}

struct renderer *renderer_new(FILE *out, FILE *notes, bool json, unsigned int width)
{
	struct renderer *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->out = out;
	r->notes = notes;
	r->json = json;
	r->width = width ? width : terminal_width(out);
	return r;
}

static void drop_held(struct renderer *r)
{
	for (size_t i = 0; i < r->n_held; i++)
		json_object_put(r->held[i]);
	free(r->held);
	r->held = NULL;
	r->n_held = 0;
	r->kind = NULL;
}

void renderer_free(struct renderer *r)
{
	if (!r)
		return;
	drop_held(r);
	free(r);
}

static json_object *member(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static void cell_text(const struct render_column *c, json_object *o, char out[RENDER_CELL])
{
	json_object *v = member(o, c->key);

	if (c->format)
		c->format(v, out, RENDER_CELL);
	else
		render_value(v, out, RENDER_CELL);
}

/* --- tables --------------------------------------------------------------------------------- */

static bool column_is_used(const struct renderer *r, const struct render_column *c)
{
	for (size_t i = 0; i < r->n_held; i++)
		if (json_object_object_get_ex(r->held[i], c->key, NULL))
			return true;
	return false;
}

/* Without the columns that can be spared from that number on. */
static size_t measure(const struct renderer *r, size_t width[MAX_COLUMNS], unsigned int spared)
{
	char cell[RENDER_CELL];
	size_t total = 0;

	for (size_t c = 0; c < r->kind->n_columns && c < MAX_COLUMNS; c++) {
		const struct render_column *col = &r->kind->columns[c];

		width[c] = 0;
		if (!column_is_used(r, col) || (col->spare && col->spare >= spared))
			continue;
		width[c] = strlen(col->title);
		for (size_t i = 0; i < r->n_held; i++) {
			cell_text(col, r->held[i], cell);
			if (strlen(cell) > width[c])
				width[c] = strlen(cell);
		}
		total += width[c] + (total ? GAP : 0);
	}
	return total;
}

/* Without blanks at its end, so that it may fill the terminal to the last column. */
static void print_row(
	FILE *out, const struct renderer *r, json_object *o, const size_t width[MAX_COLUMNS])
{
	size_t owed = 0;

	for (size_t c = 0; c < r->kind->n_columns && c < MAX_COLUMNS; c++) {
		char cell[RENDER_CELL];

		if (width[c] == 0)
			continue;
		if (o)
			cell_text(&r->kind->columns[c], o, cell);
		else
			snprintf(cell, sizeof(cell), "%s", r->kind->columns[c].title);
		if (cell[0])
			fprintf(out, "%*s%s", (int)owed, "", cell);
		owed = cell[0] ? width[c] - strlen(cell) + GAP : owed + width[c] + GAP;
	}
	fputc('\n', out);
}

static void print_table(struct renderer *r, const size_t width[MAX_COLUMNS])
{
	print_row(r->out, r, NULL, width);
	for (size_t i = 0; i < r->n_held; i++)
		print_row(r->out, r, r->held[i], width);
}

static bool is_shown(const struct render_column *c, json_object *o)
{
	json_object *v = NULL;

	return json_object_object_get_ex(o, c->key, &v) &&
	       (!c->quiet || json_object_get_boolean(v));
}

static void print_block(struct renderer *r, json_object *o)
{
	char cell[RENDER_CELL];
	size_t widest = 0;

	for (size_t c = 0; c < r->kind->n_columns; c++)
		if (strlen(r->kind->columns[c].title) > widest && is_shown(&r->kind->columns[c], o))
			widest = strlen(r->kind->columns[c].title);
	for (size_t c = 0; c < r->kind->n_columns; c++) {
		const struct render_column *col = &r->kind->columns[c];

		if (!is_shown(col, o))
			continue;
		cell_text(col, o, cell);
		if (widest + GAP + strlen(cell) <= r->width)
			fprintf(r->out, "%-*s%s\n", (int)(widest + GAP), col->title, cell);
		else
			fprintf(r->out, "%s\n  %s\n", col->title, cell);
	}
}

static bool has_note(const struct renderer *r, size_t i, const char *like)
{
	json_object *note = member(r->held[i], r->kind->note);

	return note && (!like || !strcmp(json_object_get_string(note), like));
}

/* What several have to say in the same words is said once: "alpha, beta: ...". */
static void print_note(struct renderer *r, size_t first)
{
	const char *like = json_object_get_string(member(r->held[first], r->kind->note));
	char note[RENDER_CELL], of[64];
	const char *between = "";

	for (size_t i = 0; i < first; i++)
		if (has_note(r, i, like))
			return;
	for (size_t i = first; r->kind->note_of && i < r->n_held; i++) {
		if (!has_note(r, i, like))
			continue;
		render_value(member(r->held[i], r->kind->note_of), of, sizeof(of));
		fprintf(r->out, "%s%s", between, of);
		between = ", ";
	}
	render_value(member(r->held[first], r->kind->note), note, sizeof(note));
	fprintf(r->out, "%s%s\n", between[0] ? ": " : "", note);
}

static void print_notes(struct renderer *r)
{
	for (size_t i = 0; r->kind->note && i < r->n_held; i++)
		if (has_note(r, i, NULL))
			print_note(r, i);
}

static void flush_held(struct renderer *r)
{
	size_t width[MAX_COLUMNS], total;

	if (r->n_held == 0)
		return;
	if (r->printed)
		fputc('\n', r->out);
	total = measure(r, width, UINT_MAX);
	for (unsigned int spared = MAX_SPARE; total > r->width && spared > 0; spared--)
		total = measure(r, width, spared);
	if (!r->kind->block && total <= r->width)
		print_table(r, width);
	else
		for (size_t i = 0; i < r->n_held; i++) {
			if (i > 0)
				fputc('\n', r->out);
			print_block(r, r->held[i]);
		}
	print_notes(r);
	for (size_t i = 0; r->kind->more && i < r->n_held; i++)
		r->kind->more(r->out, r->held[i]);
	r->printed = true;
	drop_held(r);
}

static void hold(struct renderer *r, const struct render_kind *kind, json_object *o)
{
	json_object **more;

	if (r->kind != kind)
		flush_held(r);
	more = reallocarray(r->held, r->n_held + 1, sizeof(*more));
	if (!more)
		return;
	r->held = more;
	r->held[r->n_held++] = json_object_get(o);
	r->kind = kind;
}

/* --- single lines --------------------------------------------------------------------------- */

static void print_json(struct renderer *r, json_object *o)
{
	fprintf(r->out, "%s\n",
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void print_progress(struct renderer *r, json_object *o)
{
	char words[RENDER_CELL];

	render_value(member(o, "text"), words, sizeof(words));
	fprintf(r->notes, "%s ...\n", words);
}

static void print_unknown(struct renderer *r, const char *type, json_object *o)
{
	char cell[RENDER_CELL];

	fprintf(r->out, "%s:", escape(type));
	json_object_object_foreach(o, key, value)
	{
		if (!strcmp(key, "type"))
			continue;
		render_value(value, cell, sizeof(cell));
		fprintf(r->out, " %s=%s", escape(key), cell);
	}
	fputc('\n', r->out);
}

void renderer_object(struct renderer *r, const char *type, json_object *o)
{
	const struct render_kind *kind = render_kind_find(type);

	/* va-guestd speaks of itself as a guest without a name */
	if (!strcmp(type, "guest") && !member(o, "name"))
		kind = render_kind_find("self");
	if (r->json) {
		print_json(r, o);
	} else if (kind && kind->columns) {
		hold(r, kind, o);
	} else {
		flush_held(r);
		if (kind)
			kind->line(r->out, o);
		else if (!strcmp(type, "progress"))
			print_progress(r, o);
		else
			print_unknown(r, type, o);
		r->printed = strcmp(type, "progress") != 0;
	}
	fflush(r->json || !r->n_held ? r->out : r->notes);
}

void renderer_result(struct renderer *r, json_object *result)
{
	if (r->json)
		print_json(r, result);
	else
		flush_held(r);
	fflush(r->out);
}
