// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How each kind of object of the control protocol is shown to people; see control.h for the
 * protocol. One table; what is not in it is still shown, plainly.
 */
#include "common/control/render-internal.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <string.h>

/* --- values --------------------------------------------------------------------------------- */

static json_object *member(json_object *o, const char *key)
{
	json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static const char *text(json_object *o, const char *key)
{
	json_object *v = member(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static void join_array(json_object *array, char *out, size_t size)
{
	size_t n = json_object_array_length(array), at = 0;

	snprintf(out, size, "-");
	for (size_t i = 0; i < n && at < size; i++) {
		char cell[RENDER_CELL];
		int k;

		render_value(json_object_array_get_idx(array, i), cell, sizeof(cell));
		k = snprintf(out + at, size - at, "%s%s", i ? "," : "", cell);
		at += k > 0 ? (size_t)k : 0;
	}
}

void render_value(json_object *value, char *out, size_t size)
{
	switch (json_object_get_type(value)) {
	case json_type_null: snprintf(out, size, "-"); break;
	case json_type_boolean:
		snprintf(out, size, "%s", json_object_get_boolean(value) ? "yes" : "no");
		break;
	case json_type_array: join_array(value, out, size); break;
	case json_type_object:
		if (member(value, "name"))
			render_value(member(value, "name"), out, size);
		else
			escape_str(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
				out, size);
		break;
	default:
		escape_str(json_object_get_string(value), out, size);
		if (out[0] == '\0')
			snprintf(out, size, "-");
		break;
	}
}

static void as_hex(json_object *value, char *out, size_t size)
{
	if (json_object_is_type(value, json_type_int) && json_object_get_int(value) >= 0)
		snprintf(out, size, "0x%02x", (unsigned int)json_object_get_int(value));
	else
		snprintf(out, size, "-");
}

static void as_mark(json_object *value, char *out, size_t size)
{
	snprintf(out, size, "%s", json_object_get_boolean(value) ? "*" : "");
}

static void as_ago(json_object *value, char *out, size_t size)
{
	int64_t ms = json_object_get_int64(value);

	if (!value)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%lld.%lld s ago", (long long)(ms / 1000),
			(long long)(ms % 1000 / 100));
}

static void as_seconds(json_object *value, char *out, size_t size)
{
	if (value)
		snprintf(out, size, "%lld s", (long long)json_object_get_int64(value));
	else
		snprintf(out, size, "-");
}

static void as_libvirt(json_object *value, char *out, size_t size)
{
	char uri[48], detail[80];

	escape_str(text(value, "uri"), uri, sizeof(uri));
	escape_str(text(value, "detail"), detail, sizeof(detail));
	snprintf(out, size, "%s, %s%s%s", uri[0] ? uri : "-",
		json_object_get_boolean(member(value, "up")) ? "connected" : "not connected",
		detail[0] ? ": " : "", detail);
}

static void as_policy(json_object *value, char *out, size_t size)
{
	char words[120];

	escape_str(text(value, "text"), words, sizeof(words));
	snprintf(out, size, "%s%s%s",
		json_object_get_boolean(member(value, "ok")) ? "ok" : "NOT OK, all is denied",
		words[0] ? ": " : "", words);
}

static void as_shutdown(json_object *value, char *out, size_t size)
{
	char by[64];

	if (!value) {
		snprintf(out, size, "none");
		return;
	}
	escape_str(text(value, "by"), by, sizeof(by));
	snprintf(out, size, "in %lld s, asked for by %s ('va-host cancel' stops it)",
		(long long)json_object_get_int64(member(value, "in_s")), by);
}

static void as_inputs(json_object *value, char *out, size_t size)
{
	size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value)
							       : 0,
	       at = 0;

	snprintf(out, size, "-");
	for (size_t i = 0; i < n && at < size; i++) {
		json_object *in = json_object_array_get_idx(value, i);
		char name[32], machine[64], hex[16];
		int k;

		escape_str(text(in, "name"), name, sizeof(name));
		escape_str(text(in, "machine"), machine, sizeof(machine));
		as_hex(member(in, "value"), hex, sizeof(hex));
		k = snprintf(out + at, size - at, "%s%s=%s%s%s", i ? ", " : "", name, hex,
			machine[0] ? ":" : "", machine);
		at += k > 0 ? (size_t)k : 0;
	}
}

/* --- lines ---------------------------------------------------------------------------------- */

static void ping_line(FILE *out, json_object *o)
{
	int64_t usec = json_object_get_int64(member(o, "usec"));

	fprintf(out, "answer %lld: %lld.%03lld ms\n",
		(long long)json_object_get_int64(member(o, "seq")), (long long)(usec / 1000),
		(long long)(usec % 1000));
}

static void code_line(FILE *out, json_object *o)
{
	char code[32], path[128];

	escape_str(text(o, "code"), code, sizeof(code));
	escape_str(text(o, "token_file"), path, sizeof(path));
	fprintf(out, "In the guest, as root, within %lld s:\n\n    va-guest pair %s\n\n",
		(long long)json_object_get_int64(member(o, "expires_s")), code);
	if (json_object_get_boolean(member(o, "token_xml")))
		fputs("Or start the guest anew: it finds a one-time token and pairs by itself.\n",
			out);
	else if (path[0])
		fprintf(out,
			"(A guest whose definition has the fw_cfg item opt/org.virtaid/pair\n"
			"from %s pairs by itself when it starts.)\n",
			path);
}

static void attempt_line(FILE *out, json_object *o)
{
	long long left = (long long)json_object_get_int64(member(o, "left"));

	fprintf(out, "a wrong code was tried; %lld attempt%s left\n", left, left == 1 ? "" : "s");
}

/* Lines for a file: as they are, to be copied. */
static void section_line(FILE *out, json_object *o)
{
	bool complete = json_object_get_boolean(member(o, "complete"));
	const char *line = text(o, "text");
	char part[RENDER_CELL], safe[RENDER_CELL];

	fprintf(out, "\n# %s\n",
		complete ? "found by looking, and used; to name it, put into host.conf:"
			 : "not switched yet: show each machine once by the monitor's own button "
			   "and look again, or put into host.conf:");
	for (size_t n; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		snprintf(part, sizeof(part), "%.*s", (int)n, line);
		escape_str(part, safe, sizeof(safe));
		fprintf(out, "%s\n", safe);
	}
}

/* What host.conf says of a monitor, and looking does not bear out. */
static void contradictions(FILE *out, json_object *o)
{
	json_object *all = member(o, "contradictions");
	size_t n = json_object_is_type(all, json_type_array) ? json_object_array_length(all) : 0;
	char name[64], words[2 * RENDER_CELL], line[RENDER_CELL];

	escape_str(text(o, "name"), name, sizeof(name));
	for (size_t i = 0; i < n; i++) {
		json_object *one = json_object_array_get_idx(all, i);

		escape_str(text(one, "text"), words, sizeof(words));
		escape_str(text(one, "line"), line, sizeof(line));
		fprintf(out, "%s: %s\n    its line would be: %s\n", name, words, line);
	}
}

static void step_line(FILE *out, json_object *o)
{
	char what[RENDER_CELL], actor[64], state[16], detail[RENDER_CELL], undo[RENDER_CELL];
	bool planned = !member(o, "state"), rarely = !strcmp(text(o, "when"), "if-failed");

	escape_str(text(o, "text"), what, sizeof(what));
	escape_str(text(o, "actor"), actor, sizeof(actor));
	escape_str(text(o, "state"), state, sizeof(state));
	escape_str(text(o, "detail"), detail, sizeof(detail));
	escape_str(text(o, "undo"), undo, sizeof(undo));
	fprintf(out, "%3lld. %s: %s", (long long)json_object_get_int64(member(o, "n")), actor,
		what);
	if (planned) {
		fprintf(out, " (at most %lld ms)%s\n",
			(long long)json_object_get_int64(member(o, "limit_ms")),
			rarely ? ", if the step before failed" : "");
		if (undo[0])
			fprintf(out, "     undone by: %s\n", undo);
		return;
	}
	fprintf(out, ": %s", state);
	if (member(o, "ms"))
		fprintf(out, " after %lld ms", (long long)json_object_get_int64(member(o, "ms")));
	fprintf(out, "%s%s\n", detail[0] ? ": " : "", detail);
}

/* --- the kinds ------------------------------------------------------------------------------ */

#define COLUMN(k, t, f, ...)                                   \
	{                                                      \
		.key = k, .title = t, .format = f, __VA_ARGS__ \
	}

static const struct render_column host_columns[] = {
	COLUMN("version", "version", NULL),
	COLUMN("holder", "seat held by", NULL),
	COLUMN("switching", "switching now", NULL, .quiet = true),
	COLUMN("recovering", "finishing an interrupted switch", NULL, .quiet = true),
	COLUMN("libvirt", "libvirt", as_libvirt),
	COLUMN("policy", "policy", as_policy),
	COLUMN("shutdown", "shutdown", as_shutdown, .quiet = true),
};
/* va-hostd's list of guests, and va-guestd's word on itself, which is one block */
static const struct render_column guest_columns[] = {
	COLUMN("name", "GUEST", NULL),
	COLUMN("holder", "SEAT", as_mark),
	COLUMN("state", "STATE", NULL),
	COLUMN("channel", "CHANNEL", NULL, .spare = 3),
	COLUMN("session", "SESSION", NULL),
	COLUMN("paired", "PAIRED", NULL, .spare = 2),
	COLUMN("gpus", "GPUS", NULL, .spare = 1),
};
static const struct render_column self_columns[] = {
	COLUMN("host", "host", NULL),
	COLUMN("port", "port", NULL),
	COLUMN("paired", "paired", NULL),
	COLUMN("holder", "seat held by", NULL),
	COLUMN("heard_ms", "last heard of", as_ago),
	COLUMN("host_shutdown_s", "host shuts down in", as_seconds),
	COLUMN("ddc", "monitor control", NULL),
	COLUMN("screen", "screen", NULL),
};
static const struct render_column machine_columns[] = {
	COLUMN("name", "MACHINE", NULL),
	COLUMN("holder", "SEAT", as_mark),
	COLUMN("running", "RUNNING", NULL),
	COLUMN("session", "SESSION", NULL),
	COLUMN("target", "CAN SWITCH", NULL),
	COLUMN("label", "", NULL),
};
static const struct render_column monitor_columns[] = {
	COLUMN("name", "MONITOR", NULL),
	COLUMN("key", "KEY", NULL, .spare = 2),
	COLUMN("shown", "SHOWN", NULL),
	COLUMN("inputs", "INPUTS", as_inputs, .spare = 1),
};
static const struct render_column display_columns[] = {
	COLUMN("key", "KEY", NULL),
	COLUMN("model", "MODEL", NULL),
	COLUMN("connector", "CONNECTOR", NULL),
	COLUMN("pci", "GPU", NULL),
	COLUMN("input", "INPUT", as_hex),
	COLUMN("answers", "DDC", NULL),
	COLUMN("twin", "TWIN", NULL),
};
static const struct render_column input_columns[] = {
	COLUMN("name", "INPUT", NULL),
	COLUMN("holder", "HELD BY", NULL),
	COLUMN("kind", "KIND", NULL),
	COLUMN("port", "PORT", NULL, .spare = 1),
	COLUMN("id", "ID", NULL, .spare = 2),
};
static const struct render_column usb_columns[] = {
	COLUMN("port", "PORT", NULL),
	COLUMN("id", "ID", NULL),
	COLUMN("serial", "SERIAL", NULL),
	COLUMN("kind", "KIND", NULL),
	COLUMN("holder", "HELD BY", NULL),
	COLUMN("input", "INPUT", NULL),
	COLUMN("label", "NAME", NULL),
};
static const struct render_column sharing_columns[] = {
	COLUMN("name", "SHARED WITH", NULL),
	COLUMN("device", "DEVICE", NULL),
	COLUMN("state", "STATE", NULL),
};
static const struct render_column question_columns[] = {
	COLUMN("id", "N", NULL),
	COLUMN("guest", "GUEST", NULL),
	COLUMN("operation", "WANTS", NULL),
	COLUMN("target", "TARGET", NULL),
	COLUMN("uid", "USER", NULL),
	COLUMN("expires_s", "EXPIRES IN", as_seconds),
};

#define TABLE(t, c) .type = t, .columns = c, .n_columns = ARRAY_SIZE(c)

static const struct render_kind kinds[] = {
	{ TABLE("host", host_columns), .block = true },
	{ TABLE("guest", guest_columns), .note = "hint", .note_of = "name" },
	{ TABLE("self", self_columns), .note = "hint", .block = true },
	{ TABLE("machine", machine_columns) },
	{ TABLE("monitor", monitor_columns), .more = contradictions },
	{ TABLE("display", display_columns) },
	{ TABLE("input", input_columns), .note = "note", .note_of = "name" },
	{ TABLE("usb", usb_columns) },
	{ TABLE("sharing", sharing_columns), .note = "xml", .note_of = "name" },
	{ TABLE("question", question_columns) },
	{ .type = "ping", .line = ping_line },
	{ .type = "code", .line = code_line },
	{ .type = "attempt", .line = attempt_line },
	{ .type = "step", .line = step_line },
	{ .type = "section", .line = section_line },
};

const struct render_kind *render_kind_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].type, type))
			return &kinds[i];
	return NULL;
}
