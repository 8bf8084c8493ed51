// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-guestd, whole: behind a socket in place of the port, with a real va-link and a small core
 * as the host, and va-guest as the user. A va-ddc is not needed: DDC is off, or missing.
 */
#include "common/base/cleanup.h"
#include "tests/support/core.h"
#include "tests/support/programs.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LIMIT_MS 20000u
#define NOBODY   65534

static struct core core;
static int listener = -1;
static pid_t guestd;

static bool listen_for_guest(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memccpy(addr.sun_path, program_file("port"), '\0', sizeof(addr.sun_path) - 1);
	unlink(addr.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return listener >= 0 && bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
	       listen(listener, 1) == 0;
}

static bool write_text(const char *name, const char *text, mode_t mode)
{
	CLEANUP_FD int fd =
		open(program_file(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool start_guestd(void)
{
	char port[PROGRAMS_PATH + 8];
	const char *argv[] = { NULL, "--config", program_file("guest.conf"), "--state",
		program_file("state"), "--run", program_folder(), "--port", port, NULL };
	char conf[PROGRAMS_PATH + 64];

	snprintf(port, sizeof(port), "unix:%s", program_file("port"));
	snprintf(conf, sizeof(conf), "[ddc]\nenabled = no\n[paths]\npolicy = %s\n",
		program_file("policy.d"));
	mkdir(program_file("state"), 0700);
	unlink(program_file("guest.sock"));
	guestd = write_text("guest.conf", conf, 0600)
			 ? program_start("va-guestd", argv, -1, "va-guestd.log")
			 : -1;
	return guestd > 0;
}

/* The guest's connection goes to va-link, as QEMU's socket would. */
static bool join(void)
{
	CLEANUP_FD int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return fd >= 0 && core_channel(&core, fd);
}

static void stop_all(void);

static bool start_all(const struct keyrec *record)
{
	stop_all(); /* what a case that failed has left */
	if (!record)
		unlink(program_file("state/host.key"));
	return program_folder() && listen_for_guest() && start_guestd() &&
	       core_start(&core, record, "va-link.log") && join();
}

static void stop_all(void)
{
	if (core.pid > 0)
		core_stop(&core);
	if (guestd > 0)
		program_stop(guestd);
	guestd = 0;
	if (listener >= 0)
		close(listener);
	listener = -1;
}

/* --- waiting -------------------------------------------------------------------------------- */
struct command {
	pid_t pid;
	int status;
	bool ended;
};

static bool has_ended(struct core *c, void *userdata)
{
	struct command *cmd = userdata;

	(void)c;
	cmd->ended = cmd->ended || program_ended(cmd->pid, &cmd->status);
	return cmd->ended;
}
static bool is_up(struct core *c, void *userdata)
{
	(void)userdata;
	return c->session != 0;
}
static bool has_code(struct core *c, void *userdata)
{
	(void)userdata;
	return c->code[0] != '\0';
}
static bool was_answered(struct core *c, void *userdata)
{
	return c->answered_tag == *(uint64_t *)userdata;
}
static bool guestd_listens(struct core *c, void *userdata)
{
	(void)c;
	(void)userdata;
	return access(program_file("guest.sock"), F_OK) == 0;
}

/* Starts "va-guest args...", its output in "out". */
static pid_t start_command(const char *a, const char *b, const char *c)
{
	char path[PROGRAMS_PATH];
	const char *argv[] = { NULL, "--socket", path, a, b, c, NULL };

	snprintf(path, sizeof(path), "%s", program_file("guest.sock"));
	unlink(program_file("out"));
	if (guestd > 0)
		core_pump(&core, guestd_listens, NULL, LIMIT_MS);
	return program_start("va-guest", argv, -1, "out");
}

/* The exit status of "va-guest args...", while the host goes on; -1: it did not end. */
static int command(const char *a, const char *b, const char *c)
{
	struct command cmd = { .pid = start_command(a, b, c) };

	if (!core_pump(&core, has_ended, &cmd, LIMIT_MS) || !WIFEXITED(cmd.status))
		return -1;
	return WEXITSTATUS(cmd.status);
}

static bool said(const char *text)
{
	if (strstr(program_log("out"), text))
		return true;
	printf("# instead of \"%s\": %s\n", text, program_log("out"));
	return false;
}

/* --- cases ---------------------------------------------------------------------------------- */

static bool pair_by_code(void)
{
	return core_pair_code(&core, "zorg") && core_pump(&core, has_code, NULL, LIMIT_MS) &&
	       command("pair", core.code, NULL) == 0 && core_pump(&core, is_up, NULL, LIMIT_MS);
}

/* The host has a session a moment before the guest has. */
static bool ping_works(void)
{
	uint64_t end = program_now_ms() + LIMIT_MS;
	int code = -1;

	while (code != 0 && program_now_ms() < end)
		code = command("ping", "-c", "1");
	return code == 0;
}

static void pairs_by_code_and_talks(void)
{
	struct stat st;

	CHECK(start_all(NULL));
	CHECK_EQ(command("status", NULL, NULL), 6);
	CHECK(said("not paired: run 'va-host pair GUEST'"));
	CHECK_EQ(command("switch", "host", NULL), 6);
	CHECK_EQ(command("pair", "K7Q4-2M9", NULL), 2);
	CHECK(pair_by_code());
	CHECK(said(core.words));
	CHECK(stat(program_file("state/host.key"), &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(ping_works());
	CHECK_EQ(command("ping", "-c", "3"), 0);
	CHECK(said("answer 3: ") && said("3 answered, min "));
	CHECK_EQ(command("list", NULL, NULL), 0);
	CHECK(said("zorg") && said("host")); /* two pages */
	CHECK_EQ(command("status", "--json", NULL), 0);
	CHECK(said("\"host\":\"up\"") && said("\"type\":\"machine\"") && said("\"exit\":0"));
	CHECK_EQ(command("switch", "debby", NULL), 0);
	CHECK_EQ(core.committed, 1);
	CHECK_STR(core.prepared.target, "debby");
	CHECK_EQ(core.prepared.claimed_uid, (long long)getuid());
	CHECK_EQ(command("switch", "nowhere", NULL), 3);
	CHECK(said("no such name"));
	CHECK_EQ(core.committed, 1);
	CHECK_EQ(command("shutdown", "host", NULL), 0);
	CHECK(said("15 s"));
	CHECK_EQ(core.prepared.operation, MSG_OP_HOST_SHUTDOWN);
	stop_all();
}

static void survives_restarts_of_both(void)
{
	struct keyrec record;

	CHECK(start_all(NULL) && pair_by_code());
	record = core.record;
	/* the guest's daemon dies in the middle */
	kill(guestd, SIGKILL);
	program_stop(guestd);
	CHECK(start_guestd() && join());
	CHECK(core_pump(&core, is_up, NULL, LIMIT_MS));
	CHECK(ping_works());
	/* then the host's */
	core_stop(&core);
	CHECK(core_start(&core, &record, "va-link.log") && join());
	CHECK(core_pump(&core, is_up, NULL, LIMIT_MS));
	CHECK(ping_works());
	stop_all();
}

static void says_who_is_missing(void)
{
	stop_all();
	CHECK(program_folder() && start_guestd());
	memset(&core, 0, sizeof(core));
	core.sock = -1;
	CHECK_EQ(command("status", NULL, NULL), 5);
	CHECK(said("no port org.virtaid.0"));
	program_stop(guestd);
	guestd = 0;
	CHECK_EQ(command("status", NULL, NULL), 5);
	CHECK(said("systemctl start va-guestd"));
	core.pid = 0;
}

static void host_orders_are_judged(void)
{
	struct msg_prepare p = { .operation = MSG_OP_DDC_WRITE,
		.value = 0x0f,
		.target = "0123456789abcdef",
		.claimed_uid = MSG_UID_NONE };
	struct msg_prepare off = { .operation = MSG_OP_GUEST_SHUTDOWN,
		.claimed_uid = MSG_UID_NONE };
	struct msg_query q = { .question = MSG_Q_DDC_DETECT };
	uint64_t tag = 11;

	mkdir(program_folder() ? program_file("policy.d") : "", 0700);
	CHECK(write_text(
		"policy.d/10-own.policy", "guest.shutdown * * * deny\n* * * * allow\n", 0600));
	CHECK(start_all(NULL) && pair_by_code());
	CHECK(core_call(&core, tag, &p));
	CHECK(core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.outcome, MSG_OUT_UNSUPPORTED); /* DDC is off */
	tag++;
	CHECK(core_call(&core, tag, &off));
	CHECK(core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.outcome, MSG_OUT_DENIED);
	CHECK(strstr(core.answer.detail, "10-own.policy:1"));
	tag++;
	CHECK(core_query(&core, tag, &q));
	CHECK(core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.outcome, MSG_OUT_UNSUPPORTED);
	/* a broken policy denies, and says so */
	CHECK(write_text("policy.d/10-own.policy", "guest.shutdown * * allow\n", 0600));
	CHECK_EQ(command("reload", NULL, NULL), 0);
	CHECK(strstr(program_log("va-guestd.log"), "DENIED"));
	tag++;
	CHECK(core_call(&core, tag, &off));
	CHECK(core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.outcome, MSG_OUT_DENIED);
	stop_all();
	unlink(program_file("policy.d/10-own.policy"));
}

static bool make_link(const char *target, const char *name)
{
	return symlink(target, program_file(name)) == 0 || errno == EEXIST;
}

/* A graphics card with one connector, below the test's own folder. */
static bool make_screen(void)
{
	static const char *const folders[] = { "sys", "sys/class", "sys/class/drm",
		"sys/class/drm/card0", "sys/class/drm/card0/device", "sys/class/drm/card0-DP-1" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdir(program_file(folders[i]), 0755) < 0 && errno != EEXIST)
			return false;
	return make_link("../bus/pci", "sys/class/drm/card0/device/subsystem") &&
	       write_text("sys/class/drm/card0/device/vendor", "0x1002\n", 0644) &&
	       write_text("sys/class/drm/card0-DP-1/status", "connected\n", 0644) &&
	       write_text("sys/class/drm/card0-DP-1/enabled", "disabled\n", 0644);
}

static void the_host_hears_of_the_screen(void)
{
	struct msg_query q = { .question = MSG_Q_STATUS };
	uint64_t tag = 21;

	CHECK(program_folder() && make_screen());
	setenv("VIRT_AID_ROOT", program_folder(), 1);
	CHECK(start_all(NULL) && pair_by_code());
	CHECK(core_query(&core, tag, &q) && core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.outcome, MSG_OUT_OK);
	CHECK_EQ(core.answer.value, MSG_SCREEN_DARK);
	CHECK_EQ(command("status", "--json", NULL), 0);
	CHECK(said("\"screen\":\"dark\""));
	/* looked at anew each time */
	CHECK(write_text("sys/class/drm/card0-DP-1/enabled", "enabled\n", 0644));
	tag++;
	CHECK(core_query(&core, tag, &q) && core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.value, MSG_SCREEN_LIT);
	CHECK(write_text("sys/class/drm/card0-DP-1/status", "disconnected\n", 0644));
	tag++;
	CHECK(core_query(&core, tag, &q) && core_pump(&core, was_answered, &tag, LIMIT_MS));
	CHECK_EQ(core.answer.value, MSG_SCREEN_UNPLUGGED);
	unsetenv("VIRT_AID_ROOT");
	stop_all();
}

static bool was_paired(struct core *c, void *userdata)
{
	(void)userdata;
	return c->paired && c->session;
}

static void pairs_by_token_once(void)
{
	uint8_t token[PAIR_TOKEN_SIZE] = "a token of thirty-two bytes, ok";
	char blob[PROGRAMS_PATH], conf[PROGRAMS_PATH + 64];
	const char *argv[] = { NULL, "--config", program_file("import.conf"), "--run",
		program_folder(), "--import-token", NULL };
	struct command cmd = { 0 };

	CHECK(program_folder());
	snprintf(blob, sizeof(blob), "%s", program_file("blob"));
	snprintf(conf, sizeof(conf), "[channel]\ntoken = %s\n", blob);
	CHECK(write_text("import.conf", conf, 0600) && write_text("blob", (char *)token, 0400));
	CHECK(truncate(blob, PAIR_TOKEN_SIZE) == 0);
	memset(&core, 0, sizeof(core));
	core.sock = -1;
	cmd.pid = program_start("va-guestd", argv, -1, "import.log");
	CHECK(core_pump(&core, has_ended, &cmd, LIMIT_MS));
	CHECK_EQ(cmd.status, 0);
	unlink(program_file("state/host.key"));
	CHECK(start_all(NULL) && core_pair_token(&core, "zorg", token));
	CHECK(core_pump(&core, was_paired, NULL, LIMIT_MS));
	CHECK(ping_works());
	/* started again, with the spent token still there: no second pairing */
	program_stop(guestd);
	core.paired = false;
	core.session = 0;
	CHECK(start_guestd() && join());
	CHECK(core_pump(&core, is_up, NULL, LIMIT_MS));
	CHECK(!strstr(
		strstr(program_log("va-guestd.log"), "one-time token") + 5, "one-time token"));
	CHECK(!core.paired);
	stop_all();
	unlink(program_file("pair.token"));
}

/* One wrong character: the host counts it, the person hears of it, and may try again. */
static void a_wrong_code_is_refused(void)
{
	char code[16];
	int status;

	CHECK(start_all(NULL) && core_pair_code(&core, "zorg"));
	CHECK(core_pump(&core, has_code, NULL, LIMIT_MS));
	memcpy(code, core.code, sizeof(code));
	code[0] = code[0] == '7' ? '8' : '7';
	status = command("pair", code, NULL);
	CHECK(status == 1 || status == 3);
	CHECK(said("code"));
	CHECK(!core.paired && core.session == 0);
	CHECK(core.attempts_left < PAIR_ATTEMPTS);
	stop_all();
}

static int command_as_nobody(const char *a, const char *b)
{
	char path[PROGRAMS_PATH];
	const char *argv[] = { NULL, "--socket", path, a, b, NULL };
	struct command cmd = { 0 };

	snprintf(path, sizeof(path), "%s", program_file("guest.sock"));
	unlink(program_file("out"));
	cmd.pid = program_start_as("va-guest", argv, "out", NOBODY);
	if (!core_pump(&core, has_ended, &cmd, LIMIT_MS) || !WIFEXITED(cmd.status))
		return -1;
	return WEXITSTATUS(cmd.status);
}

static void ordinary_users_ask_but_do_not_pair(void)
{
	int status;

	if (getuid() != 0)
		SKIP("needs root, to be somebody else");
	CHECK(start_all(NULL) && pair_by_code() && ping_works());
	CHECK(chmod(program_folder(), 0755) == 0);
	status = command_as_nobody("switch", "debby");
	if (status == 127) {
		stop_all();
		SKIP("others may not run what is in this build directory");
	}
	CHECK_EQ(status, 0);
	CHECK_EQ(core.prepared.claimed_uid, NOBODY);
	CHECK_EQ(command_as_nobody("pair", "K7Q4-2M9X"), 3);
	CHECK(said("only root may do that"));
	CHECK_EQ(command_as_nobody("reload", NULL), 3);
	stop_all();
}

static void a_torn_record_is_no_other_key(void)
{
	int status = 0;

	CHECK(program_folder());
	mkdir(program_file("state"), 0700);
	CHECK(write_text("state/host.key", "virt-aid-key v1\nguest = host\n", 0600));
	CHECK(start_guestd());
	while (!program_ended(guestd, &status))
		;
	guestd = 0;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	CHECK(strstr(program_log("va-guestd.log"), "state/host.key:"));
	unlink(program_file("state/host.key"));
}

TEST_MAIN({ "pairs_by_code_and_talks", pairs_by_code_and_talks },
	{ "survives_restarts_of_both", survives_restarts_of_both },
	{ "says_who_is_missing", says_who_is_missing },
	{ "host_orders_are_judged", host_orders_are_judged },
	{ "the_host_hears_of_the_screen", the_host_hears_of_the_screen },
	{ "pairs_by_token_once", pairs_by_token_once },
	{ "a_wrong_code_is_refused", a_wrong_code_is_refused },
	{ "ordinary_users_ask_but_do_not_pair", ordinary_users_ask_but_do_not_pair },
	{ "a_torn_record_is_no_other_key", a_torn_record_is_no_other_key });
