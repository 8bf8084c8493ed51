// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The frame of va-host and va-guest; see command.h.
 *
 * Theory of operation: options, then the command line against the table, then one question to
 * the daemon whose answers are rendered as they come. Where no result comes, one is made here,
 * so that scripts that read JSON always find one; and every error says what to do next.
 */
#include "common/control/command.h"

#include "common/base/cleanup.h"
#include "common/control/board.h"
#include "common/control/client.h"
#include "common/control/render.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_MAX_S 86400u
/* the daemon keeps the limit itself; this long for the rest of the way, or the way back */
#define SWITCH_GRACE_S 60u

struct options {
	const char *socket;
	unsigned int given; /* COMMAND_* */
	uint32_t count, delay;
	unsigned int limit_s; /* 0: the command's own */
	bool json, help;
};

/* Where the objects of an answer go: shown as they come, or kept and drawn anew. */
struct view {
	struct renderer *renderer;
	struct board *board; /* NULL: not with --watch */
};

enum {
	OPT_SOCKET = 256,
	OPT_JSON,
	OPT_TIMEOUT,
	OPT_VERSION,
	OPT_DRY_RUN,
	OPT_FORCE,
	OPT_DELAY,
	OPT_WATCH,
	OPT_WAIT,
	OPT_NO_START,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "count", required_argument, NULL, 'c' },
	{ "delay", required_argument, NULL, OPT_DELAY },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ "wait", no_argument, NULL, OPT_WAIT },
	{ "no-start", no_argument, NULL, OPT_NO_START },
	{ NULL, 0, NULL, 0 },
};

/* --- help ----------------------------------------------------------------------------------- */

static void print_options(FILE *out, const struct command *c)
{
	static const struct {
		unsigned int option;
		const char *text;
	} own[] = {
		{ COMMAND_DRY_RUN, "[--dry-run]" },
		{ COMMAND_FORCE, "[--force]" },
		{ COMMAND_COUNT, "[-c N]" },
		{ COMMAND_DELAY, "[--delay S]" },
		{ COMMAND_WATCH, "[--watch]" },
		{ COMMAND_WAIT, "[--wait]" },
		{ COMMAND_NO_START, "[--no-start]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (c->options & own[i].option)
			fprintf(out, " %s", own[i].text);
}

static void print_command(FILE *out, const struct command *c)
{
	fprintf(out, "  %s", c->line);
	print_options(out, c);
	fprintf(out, "\n        %s\n", c->help);
}

static void print_help(FILE *out, const struct command_program *p)
{
	fprintf(out, "usage: %s COMMAND [--json] [--timeout S] [--socket PATH]\n\n%s\n\n", p->name,
		p->summary);
	for (size_t i = 0; i < p->n_commands; i++)
		print_command(out, &p->commands[i]);
	fprintf(out,
		"\n"
		"  --json         print the daemon's answers as they come, one object a line\n"
		"  --timeout S    wait at most S seconds for the answer\n"
		"  --socket PATH  of %s (%s)\n"
		"  --help, --version\n"
		"\n"
		"Exit status: 0 done, 1 failed, 2 usage, 3 refused, 4 unknown whether done,\n"
		"5 not connected, 6 not paired, 7 done but not confirmed, 8 busy.\n",
		p->daemon, p->socket);
}

/* All commands that begin with the same word. */
static void print_near(FILE *out, const struct command_program *p, const struct command *near)
{
	size_t first = strcspn(near->line, " ");

	for (size_t i = 0; i < p->n_commands; i++) {
		const char *line = p->commands[i].line;

		if (strcspn(line, " ") != first || strncmp(line, near->line, first) != 0)
			continue;
		fprintf(out, "usage: %s %s", p->name, line);
		print_options(out, &p->commands[i]);
		fprintf(out, "\n       %s\n", p->commands[i].help);
	}
}

/* --- options
 * --------------------------------------------------------------------------------------- */

static bool parse_number(const char *typed, uint32_t min, uint32_t max, uint32_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(typed, &end, 10);
	if (typed[0] < '0' || typed[0] > '9' || *end || errno || n < min || n > max)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* False: wrong, and said so. */
static bool take_option(const struct command_program *p, struct options *o, int opt)
{
	bool good = true;

	switch (opt) {
	case OPT_SOCKET: o->socket = optarg; break;
	case OPT_JSON: o->json = true; break;
	case 'h': o->help = true; break;
	case OPT_TIMEOUT: good = parse_number(optarg, 1, LIMIT_MAX_S, &o->limit_s); break;
	case OPT_DRY_RUN: o->given |= COMMAND_DRY_RUN; break;
	case OPT_FORCE: o->given |= COMMAND_FORCE; break;
	case OPT_WATCH: o->given |= COMMAND_WATCH; break;
	case OPT_WAIT: o->given |= COMMAND_WAIT; break;
	case OPT_NO_START: o->given |= COMMAND_NO_START; break;
	case 'c':
		o->given |= COMMAND_COUNT;
		good = parse_number(optarg, 1, 10000, &o->count);
		break;
	case OPT_DELAY:
		o->given |= COMMAND_DELAY;
		good = parse_number(optarg, 0, LIMIT_MAX_S, &o->delay);
		break;
	default: /* getopt has said what is wrong */ return false;
	}
	if (!good)
		fprintf(stderr, "%s: \"%s\" is not a number this option takes; see %s --help\n",
			p->name, escape(optarg), p->name);
	return good;
}

static void apply_options(
	const struct options *o, const struct command *c, struct control_request *r)
{
	if (o->given & COMMAND_DRY_RUN)
		r->flags |= CONTROL_FLAG_DRY_RUN;
	if (o->given & COMMAND_FORCE)
		r->flags |= CONTROL_FLAG_FORCE;
	if (o->given & COMMAND_WATCH)
		r->flags |= CONTROL_FLAG_WATCH;
	if (o->given & COMMAND_WAIT)
		r->flags |= CONTROL_FLAG_WAIT;
	if (o->given & COMMAND_NO_START)
		r->flags |= CONTROL_FLAG_NO_START;
	if (c->options & COMMAND_WAIT)
		r->value = o->limit_s;
	if (c->options & COMMAND_COUNT)
		r->value = o->given & COMMAND_COUNT ? o->count : 4;
	if (c->options & COMMAND_DELAY)
		r->value = o->given & COMMAND_DELAY ? o->delay : COMMAND_DELAY_DEFAULT;
}

/* --- asking
 * ---------------------------------------------------------------------------------------- */

static const char *interrupted; /* what to say at Ctrl-C; NULL: nothing happened that lasts */

static void on_interrupt(int sig)
{
	size_t n = interrupted ? strlen(interrupted) : 0;

	if (n > 0 && write(STDERR_FILENO, interrupted, n) < 0)
		n = 0;
	/* SA_RESETHAND: this time for good, so that a shell sees what ended us */
	raise(sig);
}

static void catch_interrupt(const struct command_program *p, const struct command *c)
{
	struct sigaction act = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	static char words[160];

	if (!c->acts)
		return;
	snprintf(words, sizeof(words), "\n%s: no longer waiting; it may still happen, see '%s'\n",
		p->name, p->look);
	interrupted = words;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

static void on_object(const char *type, json_object *o, void *userdata)
{
	const struct view *v = userdata;

	if (!v->board)
		renderer_object(v->renderer, type, o);
	else if (board_take(v->board, type, o))
		board_draw(v->board, stdout);
}

/* Why no result came, in words for people. */
static void explain(const struct command_program *p, const struct command *c,
	const struct options *o, enum exit_code code, int error, char *out, size_t size)
{
	char path[128];

	escape_str(o->socket, path, sizeof(path));
	if (code == EXIT_CODE_NOT_CONNECTED && (error == EACCES || error == EPERM))
		snprintf(out, size, "you may not use %s: join the group virt-aid, or try with sudo",
			path);
	else if (code == EXIT_CODE_NOT_CONNECTED && (error == ENOENT || error == ECONNREFUSED))
		snprintf(out, size,
			"%s is not running (nobody listens on %s): try "
			"'systemctl start %s'",
			p->daemon, path, p->daemon);
	else if (code == EXIT_CODE_NOT_CONNECTED)
		snprintf(out, size, "%s cannot be reached at %s: %s", p->daemon, path,
			strerror(error));
	else if (error == ETIMEDOUT)
		snprintf(out, size, "no answer within %u s%s; see '%s'",
			o->limit_s ? o->limit_s : c->limit_s,
			c->acts ? ", it may still happen" : "", p->look);
	else
		snprintf(out, size, "%s went away before it had answered; see '%s'", p->daemon,
			p->look);
}

static json_object *make_result(enum exit_code code, const char *text)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string("result"));
	json_object_object_add(o, "result", json_object_new_string(exit_code_name(code)));
	json_object_object_add(o, "exit", json_object_new_int((int)code));
	json_object_object_add(o, "text", json_object_new_string(text));
	return o;
}

static void print_text(const struct command_program *p, enum exit_code code, json_object *result)
{
	char words[512];
	json_object *text = NULL;

	json_object_object_get_ex(result, "text", &text);
	if (!json_object_is_type(text, json_type_string))
		return;
	escape_str(json_object_get_string(text), words, sizeof(words));
	if (words[0] == '\0')
		return;
	if (code == EXIT_CODE_OK)
		printf("%s\n", words);
	else
		fprintf(stderr, "%s: %s\n", p->name, words);
}

static enum exit_code ask(const struct command_program *p, const struct command *c,
	const struct options *o, struct control_request *r)
{
	bool json = o->json || c->stream, watch = o->given & COMMAND_WATCH;
	CLEANUP_FN(renderer) struct renderer *renderer = renderer_new(stdout, stderr, json, 0);
	CLEANUP_FN(board) struct board *board = watch && !json ? board_new() : NULL;
	struct view view = { renderer, board };
	unsigned int limit_s = o->limit_s ? o->limit_s : watch ? 0 : c->limit_s;
	unsigned int grace_s = r->value && c->options & COMMAND_WAIT ? SWITCH_GRACE_S : 0;
	json_object *result = NULL;
	enum exit_code code;

	if (!renderer || (watch && !json && !board))
		return EXIT_CODE_FAILED;
	catch_interrupt(p, c);
	code = control_ask(o->socket, r, (limit_s + grace_s) * 1000, on_object, &view, &result);
	if (!result) {
		char words[384];

		explain(p, c, o, code, errno, words, sizeof(words));
		result = make_result(code, words);
	}
	renderer_result(renderer, result);
	if (!json)
		print_text(p, code, result);
	json_object_put(result);
	return code;
}

/* --- main
 * -------------------------------------------------------------------------------------------- */

static enum exit_code run(
	const struct command_program *p, const struct options *o, char *const *words, size_t n)
{
	const char *args[COMMAND_ARGS], *wrong;
	const struct command *near, *c = command_match(p, words, n, args, &near);
	struct control_request r;

	if (!c && near && !o->help) {
		print_near(stderr, p, near);
		return EXIT_CODE_USAGE;
	}
	if (!c && near) {
		print_near(stdout, p, near);
		return EXIT_CODE_OK;
	}
	if (!c) {
		fprintf(stderr, "%s: there is no command \"%s\"; see %s --help\n", p->name,
			escape(words[0]), p->name);
		return EXIT_CODE_USAGE;
	}
	if (o->help) {
		print_near(stdout, p, c);
		return EXIT_CODE_OK;
	}
	if (o->given & ~c->options) {
		fprintf(stderr, "%s: an option does not go with this command\n", p->name);
		print_near(stderr, p, c);
		return EXIT_CODE_USAGE;
	}
	if (c->local)
		return c->local(args, o->json);
	wrong = command_fill(c, args, &r);
	if (wrong) {
		fprintf(stderr, "%s: %s\n", p->name, wrong);
		return EXIT_CODE_USAGE;
	}
	apply_options(o, c, &r);
	return ask(p, c, o, &r);
}

int command_main(const struct command_program *p, int argc, char **argv)
{
	const char *env = getenv("VIRT_AID_SOCKET");
	struct options o = { .socket = env && *env ? env : p->socket };
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((opt = getopt_long(argc, argv, "hc:", long_options, NULL)) != -1) {
		if (opt == OPT_VERSION) {
			printf("%s " VA_VERSION "\n", p->name);
			return EXIT_CODE_OK;
		}
		if (!take_option(p, &o, opt))
			return EXIT_CODE_USAGE;
	}
	if (optind >= argc) {
		print_help(o.help ? stdout : stderr, p);
		return o.help ? EXIT_CODE_OK : EXIT_CODE_USAGE;
	}
	return (int)run(p, &o, argv + optind, (size_t)(argc - optind));
}
