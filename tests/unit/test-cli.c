// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-host and va-guest: command lines to requests, answers to text and JSON, exit codes; the
 * programs themselves against a daemon that only knows its lines.
 */
#include "common/base/cleanup.h"
#include "common/control/command.h"
#include "common/control/render.h"
#include "tests/support/programs.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define LIMIT_MS 20000u

/* --- matching ------------------------------------------------------------------------------- */

static const struct command commands[] = {
	{ "switch TARGET", "", .op = CONTROL_SWITCH, .options = COMMAND_FORCE },
	{ "pair [CODE]", "", .op = CONTROL_PAIR },
	{ "guest GUEST ddc get MONITOR", "", .op = CONTROL_DDC_GET },
	{ "guest GUEST ddc set MONITOR VALUE", "", .op = CONTROL_DDC_SET },
	{ "guest GUEST shutdown", "", .op = CONTROL_GUEST_SHUTDOWN },
	{ "policy explain GUEST OPERATION [TO] [UID]", "", .op = CONTROL_POLICY },
	{ "approve N", "", .op = CONTROL_ANSWER, .flags = CONTROL_FLAG_YES },
};
static const struct command_program program = { .commands = commands,
	.n_commands = ARRAY_SIZE(commands) };
static struct control_request request;
static const char *wrong;

/* Splits line at its blanks, matches and fills. */
static const struct command *parse(const char *line)
{
	static char copy[512];
	const char *args[COMMAND_ARGS];
	const struct command *near, *c;
	char *words[16], *save = NULL;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	c = command_match(&program, words, n, args, &near);
	wrong = c ? command_fill(c, args, &request) : NULL;
	request.magic = CONTROL_MAGIC;
	return c;
}

static void lines_become_requests(void)
{
	CHECK(parse("switch zorg") == &commands[0] && !wrong);
	CHECK_EQ(request.op, CONTROL_SWITCH);
	CHECK_STR(request.name, "zorg");
	CHECK(parse("pair") == &commands[1] && !wrong);
	CHECK_STR(request.arg, "");
	CHECK(parse("pair K7Q4-2M9X") && !wrong);
	CHECK_STR(request.arg, "K7Q4-2M9X");
	CHECK(parse("guest zorg ddc set DP-1 0x0f") == &commands[3] && !wrong);
	CHECK_STR(request.name, "zorg");
	CHECK_STR(request.arg, "DP-1");
	CHECK_EQ(request.value, 15);
	CHECK(control_request_is_valid(&request, sizeof(request)));
	CHECK(parse("guest zorg shutdown") == &commands[4]);
	CHECK(parse("policy explain zorg switch debby 1000") == &commands[5] && !wrong);
	CHECK_STR(request.name, "zorg");
	CHECK_STR(request.arg, "switch debby 1000");
	CHECK(parse("approve 3") && !wrong);
	CHECK_EQ(request.value, 3);
	CHECK_EQ(request.flags, CONTROL_FLAG_YES);
}

static void other_lines_do_not(void)
{
	static const char *const unknown[] = { "swich zorg", "switch", "switch a b", "guest zorg",
		"guest zorg ddc", "guest zorg ddc set DP-1", "approve", "policy explain zorg",
		"pair a b", "SWITCH zorg" };
	static const char *const bad[] = { "switch -x", "switch ../etc", "approve x", "approve 0x",
		"approve -1", "approve 4294967296", "guest zorg ddc set DP-1 65536",
		"guest a/b shutdown", "pair \x1b[2J" };
	char longer[400] = "pair ";

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		CHECK(!parse(unknown[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(parse(bad[i]) && wrong);
	memset(longer + 5, 'x', 300);
	CHECK(parse(longer) && wrong);
}

/* --- rendering ------------------------------------------------------------------------------ */

static char shown[8192];

static const char *render(bool json, unsigned int width, const char *const *objects)
{
	FILE *out = fmemopen(shown, sizeof(shown), "w");
	struct renderer *r = renderer_new(out, out, json, width);
	json_object *o, *type;

	memset(shown, 0, sizeof(shown));
	for (; *objects; objects++) {
		o = json_tokener_parse(*objects);
		json_object_object_get_ex(o, "type", &type);
		if (!strcmp(json_object_get_string(type), "result"))
			renderer_result(r, o);
		else
			renderer_object(r, json_object_get_string(type), o);
		json_object_put(o);
	}
	renderer_free(r);
	fclose(out);
	return shown;
}

static size_t widest_line(const char *text)
{
	size_t widest = 0;

	while (*text) {
		size_t n = strcspn(text, "\n");

		widest = n > widest ? n : widest;
		text += n + (text[n] == '\n');
	}
	return widest;
}

#define RESULT "{\"type\":\"result\",\"result\":\"ok\",\"exit\":0,\"text\":\"\"}"

static const char *const status[] = {
	"{\"type\":\"host\",\"version\":\"0.1.0\",\"holder\":\"zorg\",\"libvirt\":{\"uri\":"
	"\"qemu:///system\",\"up\":true,\"detail\":\"\"},\"policy\":{\"ok\":false,\"text\":"
	"\"50.policy:3: unknown operation\"},\"shutdown\":null,\"switching\":false}",
	"{\"type\":\"guest\",\"name\":\"zorg\",\"state\":\"running\",\"channel\":\"connected\","
	"\"session\":\"up\",\"holder\":true,\"paired\":true,\"pairing\":false,\"gpus\":"
	"[\"0000:01:00.0\",\"0000:02:00.0\"],\"heard_ms\":312,\"target\":true}",
	"{\"type\":\"guest\",\"name\":\"debby\",\"state\":\"off\",\"channel\":\"none\",\"session\":"
	"\"none\",\"holder\":false,\"paired\":false,\"pairing\":false,\"gpus\":[],\"target\":false,"
	"\"why_not\":\"not running\",\"hint\":\"va-host pair debby\"}",
	"{\"type\":\"display\",\"key\":\"0123456789abcdef\",\"model\":\"DEL U2720Q\",\"connector\":"
	"\"card0-DP-1\",\"pci\":\"0000:01:00.0\",\"input\":15,\"answers\":true,\"twin\":false}",
	RESULT, NULL
};

static void tables_fit_80_columns(void)
{
	const char *text = render(false, 80, status);

	CHECK(widest_line(text) <= 80);
	CHECK(strstr(text, "seat held by  zorg\n"));
	CHECK(strstr(text, "NOT OK, all is denied: 50.policy:3"));
	CHECK(strstr(text, "\nGUEST  SEAT  STATE"));
	CHECK(strstr(text, "0000:01:00.0,0000:02:00.0"));
	CHECK(strstr(text, "debby: va-host pair debby\n"));
	CHECK(strstr(text, "0x0f"));
}

static void narrow_terminals_get_blocks(void)
{
	const char *text = render(false, 20, status);

	/* a single value may be longer, a table never is */
	CHECK(widest_line(text) <=
		strlen("  NOT OK, all is denied: 50.policy:3: unknown operation"));
	CHECK(!strstr(text, "GUEST  SEAT"));
	CHECK(strstr(text, "GUEST    zorg\n"));
}

/* A full desk, as wide as it is: 24 lines of 80 columns with the prompt, and no block. */
static void a_full_desk_fits_one_screen(void)
{
	static const char *const desk[] = {
		"{\"type\":\"host\",\"version\":\"0.1.0\",\"holder\":\"host\",\"switching\":false,"
		"\"recovering\":false,\"libvirt\":{\"uri\":\"qemu:///system\",\"up\":true},"
		"\"policy\":{\"ok\":true,\"text\":\"\"},\"shutdown\":null}",
#define GUEST(name)                                                                    \
	"{\"type\":\"guest\",\"name\":\"" name "\",\"state\":\"running\",\"channel\":" \
	"\"connected\",\"session\":\"up\",\"holder\":false,\"paired\":true,\"gpus\":"  \
	"[\"0000:01:00.0\"],\"hint\":\"its channel's socket is not there: is it running?\"}"
		GUEST("alpha"), GUEST("beta"), GUEST("gamma"), GUEST("delta"), GUEST("epsilon"),
		GUEST("win11-games"),
#define MONITOR(name)                                                                         \
	"{\"type\":\"monitor\",\"name\":\"" name "\",\"key\":\"0123456789abcdef\",\"shown\":" \
	"\"alpha\",\"inputs\":[{\"name\":\"dp1\",\"value\":15,\"machine\":\"host\"},"         \
	"{\"name\":\"hdmi1\",\"value\":17,\"machine\":\"alpha\"},"                            \
	"{\"name\":\"hdmi2\",\"value\":18,\"machine\":\"beta\"}]}"
		MONITOR("left"), MONITOR("right"),
#define INPUT(name)                                                               \
	"{\"type\":\"input\",\"name\":\"" name "\",\"holder\":\"host\",\"kind\":" \
	"\"keyboard\",\"port\":\"1-1\",\"id\":\"046d:c31c\"}"
		INPUT("keyboard"), INPUT("mouse"), RESULT, NULL
	};
	const char *text = render(false, 80, desk);
	size_t lines = 0;

	for (const char *s = text; *s; s += strcspn(s, "\n") + 1) /* a note may take two */
		lines += strcspn(s, "\n") / 81 + 1;
	CHECK(lines <= 23);
	CHECK(strstr(text, "\nMONITOR  SHOWN  INPUTS\n"));
	CHECK(strstr(text, "alpha, beta, gamma, delta, epsilon, win11-games: its channel's"));
	text = render(false, 40, desk); /* tables still, of what matters most */
	CHECK(strstr(text, "\nGUEST        SEAT  STATE    SESSION\n"));
	CHECK(strstr(text, "\nMONITOR  SHOWN\nleft     alpha\n"));
	CHECK(strstr(text, "\nINPUT     HELD BY  KIND      PORT\n"));
}

static void contradictions_stand_below_their_table(void)
{
	static const char *const desk[] = { MONITOR("left"),
		"{\"type\":\"monitor\",\"name\":\"desk\",\"key\":\"0123456789abcdef\",\"shown\":"
		"null,"
		"\"inputs\":[],\"contradictions\":[{\"text\":\"by host.conf \\u001b it is so\","
		"\"line\":\"input.dp = 0x0f 0000:01:00.0\"},{\"text\":3},4]}",
		RESULT, NULL };
	const char *text = render(false, 80, desk);

	CHECK(strstr(text, "\ndesk: by host.conf \\x1b it is so\n"
			   "    its line would be: input.dp = 0x0f 0000:01:00.0\n"));
	CHECK(!strstr(text, "left: "));
}

static void json_passes_through(void)
{
	const char *text = render(true, 40, status);

	CHECK(strncmp(text, "{\"type\":\"host\",\"version\":", 24) == 0);
	CHECK(strstr(text, RESULT "\n"));
}

static void foreign_text_is_escaped(void)
{
	static const char *const hostile[] = { "{\"type\":\"machine\",\"name\":\"a\\u001b[2Jb\","
					       "\"running\":true,\"label\":\"\\u009b1m\"}",
		"{\"type\":\"\\u001bx\",\"k\\u0007\":\"v\\n\\u001b]0;t\"}",
		"{\"type\":\"progress\",\"text\":\"\\u001b[31m\"}",
		"{\"type\":\"step\",\"n\":1,\"actor\":\"\\u001b\",\"text\":\"\\r\",\"state\":"
		"\"done\"}",
		"{\"type\":\"code\",\"code\":\"\\u001b\",\"token_file\":\"\\u001b\"}",
		"{\"type\":\"host\",\"libvirt\":\"\\u001b\",\"policy\":3,\"shutdown\":[\"\\u001b\"]"
		"}",
		"{\"type\":\"monitor\",\"name\":{\"a\":\"\\u001b\"},\"inputs\":\"\\u001b\"}",
		RESULT, NULL };
	const char *text = render(false, 80, hostile);

	CHECK(strstr(text, "a\\x1b[2Jb"));
	for (const char *s = text; *s; s++)
		CHECK(*s == '\n' || (*s >= 0x20 && *s < 0x7f));
}

static void lines_come_at_once(void)
{
	static const char *const steps[] = { "{\"type\":\"step\",\"n\":1,\"actor\":\"zorg\","
					     "\"text\":\"show HDMI-1\",\"limit_ms\":5000,"
					     "\"undo\":\"show DP-1\",\"when\":\"always\"}",
		"{\"type\":\"step\",\"n\":2,\"actor\":\"host\",\"text\":\"take the "
		"keyboard\",\"state\":"
		"\"done\",\"ms\":7,\"detail\":\"\"}",
		"{\"type\":\"ping\",\"seq\":2,\"usec\":1042}",
		"{\"type\":\"new\",\"a\":1,\"b\":null}", RESULT, NULL };
	const char *text = render(false, 80, steps);

	CHECK(strstr(
		text, "  1. zorg: show HDMI-1 (at most 5000 ms)\n     undone by: show DP-1\n"));
	CHECK(strstr(text, "  2. host: take the keyboard: done after 7 ms\n"));
	CHECK(strstr(text, "answer 2: 1.042 ms\n"));
	CHECK(strstr(text, "new: a=1 b=-\n"));
}

/* --- the programs --------------------------------------------------------------------------- */

/* A daemon that answers its first client with these packets, then leaves; the request goes to
 * the file "request". Without packets it waits for its client to leave. */
static pid_t start_daemon(const char *const *packets)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char asked[PROGRAMS_PATH], buf[1024];
	int fd, listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ssize_t n;
	pid_t pid;

	memccpy(addr.sun_path, program_file("daemon.sock"), '\0', sizeof(addr.sun_path) - 1);
	unlink(addr.sun_path);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(listener, 1) < 0)
		return -1;
	snprintf(asked, sizeof(asked), "%s", program_file("request"));
	fflush(stdout);
	pid = fork();
	if (pid != 0) {
		close(listener);
		return pid;
	}
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	n = recv(fd, buf, sizeof(buf), 0);
	listener = open(asked, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (n < 0 || write(listener, buf, (size_t)n) != n)
		_exit(1);
	for (; packets && *packets; packets++)
		if (send(fd, *packets, strlen(*packets), MSG_NOSIGNAL) < 0)
			_exit(1);
	if (!packets)
		recv(fd, buf, sizeof(buf), 0);
	_exit(0);
}

static int run(const char *name, const char *a, const char *b, const char *c, const char *d)
{
	char path[PROGRAMS_PATH];
	const char *argv[] = { NULL, "--socket", path, a, b, c, d, NULL };
	uint64_t end = program_now_ms() + LIMIT_MS;
	int status_word;
	pid_t pid;

	snprintf(path, sizeof(path), "%s", program_file("daemon.sock"));
	unlink(program_file("out"));
	pid = program_start(name, argv, -1, "out");
	while (!program_ended(pid, &status_word))
		if (program_now_ms() > end)
			return -1;
	return WIFEXITED(status_word) ? WEXITSTATUS(status_word) : -WTERMSIG(status_word);
}

static const struct control_request *asked(void)
{
	static struct control_request r;
	CLEANUP_FD int fd = open(program_file("request"), O_RDONLY | O_CLOEXEC);

	memset(&r, 0, sizeof(r));
	if (fd < 0 || read(fd, &r, sizeof(r)) != sizeof(r))
		r.op = CONTROL_NONE;
	return &r;
}

static bool said(const char *text)
{
	if (strstr(program_log("out"), text))
		return true;
	printf("# instead of \"%s\": %s\n", text, program_log("out"));
	return false;
}

static void exit_codes_and_texts(void)
{
	static const char *const refused[] = { "{\"type\":\"result\",\"result\":\"refused\","
					       "\"exit\":3,\"text\":\"the plan says \\u001bno\"}",
		NULL };
	static const char *const gone[] = { "{\"type\":\"progress\",\"text\":\"working\"}", NULL };
	pid_t daemon;

	CHECK(program_folder());
	CHECK_EQ(run("va-host", "status", NULL, NULL, NULL), 5);
	CHECK(said("va-hostd is not running") && said("systemctl start va-hostd"));
	CHECK_EQ(run("va-guest", "--json", "status", NULL, NULL), 5);
	CHECK(said("{\"type\":\"result\",\"result\":\"not-connected\",\"exit\":5,"));
	daemon = start_daemon(refused);
	CHECK_EQ(run("va-host", "switch", "zorg", "--force", NULL), 3);
	CHECK(said("va-host: the plan says \\x1bno\n"));
	CHECK_EQ(asked()->op, CONTROL_SWITCH);
	CHECK_EQ(asked()->flags, CONTROL_FLAG_FORCE);
	CHECK_STR(asked()->name, "zorg");
	waitpid(daemon, NULL, 0);
	daemon = start_daemon(gone);
	CHECK_EQ(run("va-host", "cancel", NULL, NULL, NULL), 4);
	CHECK(said("working ...") && said("went away before it had answered"));
	waitpid(daemon, NULL, 0);
	daemon = start_daemon(NULL);
	CHECK_EQ(run("va-guest", "--timeout", "1", "switch", "host"), 4);
	CHECK(said("no answer within 1 s, it may still happen; see 'va-guest status'"));
	waitpid(daemon, NULL, 0);
}

static void defaults_of_options(void)
{
	static const char *const fine[] = { RESULT, NULL };
	pid_t daemon = start_daemon(fine);

	CHECK_EQ(run("va-host", "ping", "zorg", NULL, NULL), 0);
	CHECK_EQ(asked()->value, 4);
	waitpid(daemon, NULL, 0);
	daemon = start_daemon(fine);
	CHECK_EQ(run("va-host", "ping", "zorg", "-c", "1000"), 0);
	CHECK_EQ(asked()->value, 1000);
	waitpid(daemon, NULL, 0);
	daemon = start_daemon(fine);
	CHECK_EQ(run("va-host", "shutdown", NULL, NULL, NULL), 0);
	CHECK_EQ(asked()->value, COMMAND_DELAY_DEFAULT);
	waitpid(daemon, NULL, 0);
	daemon = start_daemon(fine);
	CHECK_EQ(run("va-host", "deny", "7", NULL, NULL), 0);
	CHECK_EQ(asked()->op, CONTROL_ANSWER);
	CHECK_EQ(asked()->value, 7);
	CHECK_EQ(asked()->flags, 0);
	waitpid(daemon, NULL, 0);
}

static void usage_is_said(void)
{
	CHECK(program_folder());
	CHECK_EQ(run("va-host", "swich", "zorg", NULL, NULL), 2);
	CHECK(said("there is no command \"swich\""));
	CHECK_EQ(run("va-host", "switch", NULL, NULL, NULL), 2);
	CHECK(said("usage: va-host switch TARGET [--dry-run] [--force]"));
	CHECK_EQ(run("va-host", "status", "--force", NULL, NULL), 2);
	CHECK_EQ(run("va-host", "ping", "zorg", "-c", "0"), 2);
	CHECK_EQ(run("va-host", "--nonsense", NULL, NULL, NULL), 2);
	CHECK_EQ(run("va-host", "--version", NULL, NULL, NULL), 0);
	CHECK(said("va-host " VA_VERSION));
	CHECK_EQ(run("va-host", "--help", NULL, NULL, NULL), 0);
	CHECK(widest_line(program_log("out")) <= 80);
	CHECK_EQ(run("va-guest", "--help", NULL, NULL, NULL), 0);
	CHECK(widest_line(program_log("out")) <= 80);
}

static void policy_files_are_checked(void)
{
	CLEANUP_FD int fd = -1;
	static const char good[] = "switch * * * ask\n", bad[] = "switch * * * perhaps\n";

	CHECK(program_folder());
	fd = open(program_file("p"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(write(fd, good, sizeof(good) - 1) > 0);
	CHECK_EQ(run("va-host", "policy", "check", program_file("p"), NULL), 0);
	CHECK(said("1 rule, no error"));
	CHECK(write(fd, bad, sizeof(bad) - 1) > 0);
	CHECK_EQ(run("va-host", "policy", "check", program_file("p"), NULL), 1);
	CHECK(said("p:2: ") && said("everything would be denied"));
	CHECK_EQ(run("va-host", "policy", "check", program_file("none"), NULL), 1);
}

/* Ctrl-C: the wait ends by the signal, so that a shell stops too, and says what is left open. */
static void an_interrupt_is_clean(void)
{
	char path[PROGRAMS_PATH];
	const char *argv[] = { NULL, "--socket", path, "switch", "zorg", NULL };
	uint64_t end = program_now_ms() + LIMIT_MS;
	pid_t daemon = start_daemon(NULL), pid;
	int status_word = 0;

	snprintf(path, sizeof(path), "%s", program_file("daemon.sock"));
	unlink(program_file("request"));
	unlink(program_file("out"));
	pid = program_start("va-host", argv, -1, "out");
	while (asked()->op == CONTROL_NONE && program_now_ms() < end)
		;
	kill(pid, SIGINT);
	while (!program_ended(pid, &status_word) && program_now_ms() < end)
		;
	CHECK(WIFSIGNALED(status_word) && WTERMSIG(status_word) == SIGINT);
	CHECK(said("it may still happen, see 'va-host status'"));
	waitpid(daemon, NULL, 0);
}

TEST_MAIN({ "lines_become_requests", lines_become_requests },
	{ "other_lines_do_not", other_lines_do_not },
	{ "tables_fit_80_columns", tables_fit_80_columns },
	{ "narrow_terminals_get_blocks", narrow_terminals_get_blocks },
	{ "a_full_desk_fits_one_screen", a_full_desk_fits_one_screen },
	{ "contradictions_stand_below_their_table", contradictions_stand_below_their_table },
	{ "json_passes_through", json_passes_through },
	{ "foreign_text_is_escaped", foreign_text_is_escaped },
	{ "lines_come_at_once", lines_come_at_once },
	{ "exit_codes_and_texts", exit_codes_and_texts },
	{ "defaults_of_options", defaults_of_options }, { "usage_is_said", usage_is_said },
	{ "policy_files_are_checked", policy_files_are_checked },
	{ "an_interrupt_is_clean", an_interrupt_is_clean });
