// SPDX-License-Identifier: GPL-2.0-or-later
/* See board.h. The objects are rendered by render.c, kind by kind, in the order of a status. */
#include "common/control/board.h"

#include "common/control/render.h"

#include <string.h>

#define CLEAR      "\033[H\033[2J\033[3J"
#define KEY_SIZE   160
#define LAST_STEPS 4

struct board {
	json_object *objects; /* "type name" -> object */
	int64_t n_steps;      /* the highest number shown */
};

/* what is shown, in this order */
static const char *const order[] = { "host", "guest", "monitor", "input", "question", "step" };

struct board *board_new(void)
{
	struct board *b = calloc(1, sizeof(*b));

	if (b)
		b->objects = json_object_new_object();
	return b;
}

void board_free(struct board *b)
{
	if (!b)
		return;
	json_object_put(b->objects);
	free(b);
}

static const char *text(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static bool is_of(const char *key, const char *type)
{
	size_t n = strlen(type);

	return !strncmp(key, type, n) && key[n] == ' ';
}

/* The steps of the switch before make room for those of this one. */
static void forget_steps(struct board *b)
{
	char key[KEY_SIZE];

	for (int64_t i = 0; i <= b->n_steps && i < 1000; i++) {
		snprintf(key, sizeof(key), "step %lld", (long long)i);
		json_object_object_del(b->objects, key);
	}
	b->n_steps = 0;
}

static void take_step(struct board *b, json_object *o)
{
	json_object *v = NULL;
	int64_t n = json_object_object_get_ex(o, "n", &v) ? json_object_get_int64(v) : 0;
	char key[KEY_SIZE];

	if (n <= b->n_steps && strcmp(text(o, "state"), "undone") != 0)
		forget_steps(b);
	b->n_steps = n > b->n_steps ? n : b->n_steps;
	snprintf(key, sizeof(key), "step %lld", (long long)n);
	json_object_object_add(b->objects, key, json_object_get(o));
}

bool board_take(struct board *b, const char *type, json_object *o)
{
	const char *name = text(o, "name");
	char key[KEY_SIZE];

	if (!strcmp(type, "sync"))
		return true;
	if (!strcmp(type, "request")) /* has been, and is no state */
		return false;
	if (!*name) /* a guest has one question at most */
		name = text(o, "guest");
	if (!strcmp(type, "step")) {
		take_step(b, o);
		return true;
	}
	if (!strcmp(type, "gone")) {
		snprintf(key, sizeof(key), "%s %s", text(o, "kind"), name);
		json_object_object_del(b->objects, key);
		return false;
	}
	snprintf(key, sizeof(key), "%s %s", type, name);
	json_object_object_add(b->objects, key, json_object_get(o));
	return false;
}

/* Of a switch only its last steps, and not those that were not needed: one screen is enough. */
static bool is_drawn(const struct board *b, const char *type, json_object *o)
{
	json_object *n = NULL;

	return strcmp(type, "step") != 0 ||
	       (strcmp(text(o, "state"), "skipped") != 0 && json_object_object_get_ex(o, "n", &n) &&
		       json_object_get_int64(n) > b->n_steps - LAST_STEPS);
}

static void draw_kind(const struct board *b, struct renderer *r, const char *type)
{
	json_object_object_foreach(b->objects, key, o) if (is_of(key, type) && is_drawn(b, type, o))
		renderer_object(r, type, o);
}

void board_draw(const struct board *b, FILE *out)
{
	CLEANUP_FN(renderer) struct renderer *r = renderer_new(out, out, false, 0);

	if (!r)
		return;
	fputs(isatty(fileno(out)) ? CLEAR : "\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		draw_kind(b, r, order[i]);
	renderer_result(r, NULL);
}
