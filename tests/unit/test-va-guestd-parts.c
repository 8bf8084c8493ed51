// SPDX-License-Identifier: GPL-2.0-or-later
/* The parts of va-guestd alone: clock, configuration, words, and the port as a device file. */
#include "common/base/cleanup.h"
#include "common/ddc/quirks.h"
#include "common/link/message.h"
#include "guest/daemon/clock.h"
#include "guest/daemon/config.h"
#include "guest/daemon/port.h"
#include "guest/daemon/poweroff.h"
#include "guest/daemon/words.h"
#include "tests/support/programs.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>

/* --- clock ---------------------------------------------------------------------------------- */

static void a_jump_is_noticed_and_a_slew_is_not(void)
{
	struct clock_watch w = { 0 };
	int64_t real = 1700000000000, boot = 5000;

	CHECK(!clock_watch_jumped(&w, real, boot));
	for (int i = 0; i < 1000; i++) { /* 500 ppm for hours, looked at every 10 s */
		real += 10005;
		boot += 10000;
		CHECK(!clock_watch_jumped(&w, real, boot));
	}
	CHECK(!clock_watch_jumped(&w, real + 5000, boot));
	CHECK(clock_watch_jumped(&w, real + 10001, boot));
	CHECK(!clock_watch_jumped(&w, real + 10001, boot));
	CHECK(clock_watch_jumped(&w, real, boot)); /* back, as after a restored snapshot */
	CHECK(!clock_watch_jumped(&w, real + 3600000, boot + 3600000)); /* a long sleep */
	CHECK(!clock_watch_look(&(struct clock_watch){ 0 }));
}

/* --- configuration -------------------------------------------------------------------------- */

static int read_config(const char *text, struct config *c, struct conf_report *report)
{
	CLEANUP_FD int fd = -1;

	memset(report, 0, sizeof(*report));
	config_init(c);
	if (!program_folder())
		return -EIO;
	fd = open(program_file("guest.conf"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -EIO;
	return config_read(c, program_file("guest.conf"), report);
}

static void configuration(void)
{
	static struct conf_report report;
	struct config c;

	CHECK_EQ(read_config("", &c, &report), 0);
	CHECK_STR(c.port, "/dev/virtio-ports/org.virtaid.0");
	CHECK(c.ddc);
	CHECK_EQ(read_config("[channel]\nport = unix:/tmp/x\n[ddc]\nenabled = no\n"
			     "[power]\ncommand = /sbin/poweroff\n[paths]\nstate = /s\n"
			     "run = /r\npolicy = /p\n",
			 &c, &report),
		0);
	CHECK_STR(c.port, "unix:/tmp/x");
	CHECK(!c.ddc);
	CHECK_STR(c.poweroff, "/sbin/poweroff");
	CHECK_STR(c.state_dir, "/s");
	CHECK_EQ(read_config("[channel]\nport = relative\n", &c, &report), -EINVAL);
	CHECK(strstr(report.text, "guest.conf:2: "));
	CHECK_EQ(read_config("[chanel]\n", &c, &report), -EINVAL);
	CHECK_EQ(read_config("[ddc]\nenabled = perhaps\n", &c, &report), -EINVAL);
	CHECK_EQ(read_config("[ddc]\nenable = yes\n", &c, &report), -EINVAL);
	/* what may be written: two ways by default, others where they are named */
	CHECK_EQ(c.ways, quirk_via_bit(MSG_VIA_STANDARD) | quirk_via_bit(MSG_VIA_LG));
	CHECK_EQ(read_config("[ddc]\nways = signal 0xe2\n", &c, &report), 0);
	CHECK_EQ(c.ways, quirk_via_bit(MSG_VIA_SIGNAL) | quirk_via_bit(0xe2));
	CHECK_EQ(read_config("[ddc]\nways = standard 0xd6\n", &c, &report), -EINVAL);
	CHECK(strstr(report.text, "guest.conf:2: \"0xd6\" is none of"));
	unlink(program_file("guest.conf"));
	CHECK_EQ(config_read(&c, program_file("guest.conf"), &report), -ENOENT);
}

/* --- words ---------------------------------------------------------------------------------- */

static void every_state_has_words(void)
{
	const char *text;

	for (int hint = LINK_HINT_NONE + 1; hint <= LINK_HINT_FOREIGN_KEY; hint++)
		CHECK(words_hint((enum link_hint)hint));
	for (int port = PORT_ABSENT; port <= PORT_OPEN; port++)
		for (int state = LINK_NO_PEER; state <= LINK_UP; state++) {
			enum exit_code code = words_unready((enum port_state)port,
				(enum link_state)state, LINK_HINT_NONE, &text);

			CHECK((code == EXIT_CODE_OK) == (state == LINK_UP));
			CHECK((*text == '\0') == (state == LINK_UP));
		}
	CHECK_EQ(words_unready(PORT_OPEN, LINK_WAITING, LINK_HINT_UNPAIRED, &text),
		EXIT_CODE_NOT_PAIRED);
	CHECK_EQ(words_unready(PORT_OPEN, LINK_WAITING, LINK_HINT_BUSY, &text),
		EXIT_CODE_NOT_CONNECTED);
	for (uint32_t o = MSG_OUT_OK; o <= MSG_OUT_NOT_PAIRED; o++)
		CHECK(*words_outcome(o));
	CHECK_EQ(words_exit_code(MSG_OUT_UNKNOWN), EXIT_CODE_UNKNOWN);
	CHECK_EQ(words_exit_code(MSG_OUT_DENIED), EXIT_CODE_REFUSED);
	CHECK_EQ(words_exit_code(MSG_OUT_NOT_FOUND), EXIT_CODE_REFUSED);
	CHECK_EQ(words_exit_code(MSG_OUT_SCHEDULED), EXIT_CODE_OK);
	CHECK_EQ(words_exit_code(MSG_OUT_EXPIRED), EXIT_CODE_FAILED);
}

/* --- the port, as a device ------------------------------------------------------------------ */

static struct {
	enum port_state state;
	char data[64];
	size_t n;
	unsigned int readies, troubles;
	int error;
} seen;

static void on_state(enum port_state state, void *userdata)
{
	(void)userdata;
	seen.state = state;
}
static void on_data(const uint8_t *bytes, size_t n, void *userdata)
{
	(void)userdata;
	for (size_t i = 0; i < n && seen.n < sizeof(seen.data) - 1; i++)
		seen.data[seen.n++] = (char)bytes[i];
}
static void on_ready(void *userdata)
{
	(void)userdata;
	seen.readies++;
}
static void on_trouble(int error, const char *path, void *userdata)
{
	(void)path;
	(void)userdata;
	seen.troubles++;
	seen.error = error;
}

/* Runs the loop until the condition holds; false after ten seconds. */
#define LOOP_UNTIL(event, cond)                                       \
	({                                                            \
		uint64_t end_ = program_now_ms() + 10000;             \
		bool holds_;                                          \
		while (!(holds_ = (cond)) && program_now_ms() < end_) \
			sd_event_run((event), 20000);                 \
		holds_;                                               \
	})

static int open_terminal(char path[64])
{
	struct termios raw;
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, path, 64) != 0)
		return -1;
	tcgetattr(fd, &raw);
	cfmakeraw(&raw);
	tcsetattr(fd, TCSANOW, &raw);
	return fd;
}

/* A terminal stands in for the device: it appears, carries bytes both ways, and falls silent. */
static void a_port_that_comes_late(void)
{
	static const struct port_ops ops = { on_state, on_data, on_ready, on_trouble };
	CLEANUP_FN(port) struct port *p = NULL;
	char dir[PROGRAMS_PATH], path[PROGRAMS_PATH], device[64], got[8] = "";
	sd_event *event = NULL;
	int far;

	memset(&seen, 0, sizeof(seen));
	seen.state = (enum port_state) - 1;
	CHECK(program_folder() && sd_event_new(&event) >= 0);
	snprintf(dir, sizeof(dir), "%s", program_file("dev"));
	snprintf(path, sizeof(path), "%s", program_file("dev/org.virtaid.0"));
	far = open_terminal(device);
	CHECK(far >= 0);
	CHECK_EQ(port_new(&p, event, path, &ops, NULL), 0);
	CHECK(LOOP_UNTIL(event, seen.troubles == 1));
	CHECK_EQ(seen.error, ENOENT);
	CHECK(mkdir(dir, 0700) == 0);
	sd_event_run(event, 0);
	CHECK(symlink(device, path) == 0);
	CHECK(LOOP_UNTIL(event, seen.state == PORT_OPEN));
	CHECK(write(far, "hello", 5) == 5);
	CHECK(LOOP_UNTIL(event, seen.n == 5));
	CHECK_STR(seen.data, "hello");
	CHECK_EQ(port_write(p, (const uint8_t *)"world", 5), 5);
	CHECK(LOOP_UNTIL(event, read(far, got, 5) == 5));
	CHECK_STR(got, "world");
	/* a terminal without its far end reads as 0, like a port without a host */
	close(far);
	CHECK(LOOP_UNTIL(event, seen.state == PORT_CLOSED));
	CHECK(port_write(p, (const uint8_t *)"world", 5) <= 0);
	port_free(TAKE(p));
	sd_event_unref(event);
}

/* --- power-off without a system bus ------------------------------------------------------------
 */

static struct {
	unsigned int calls;
	int error;
	char detail[128];
} off;

static void on_off(int error, const char *detail, void *userdata)
{
	(void)userdata;
	off.calls++;
	off.error = error;
	snprintf(off.detail, sizeof(off.detail), "%s", detail);
}

static int power_off_by(const char *command)
{
	CLEANUP_FN(poweroff) struct poweroff *p = NULL;
	sd_event *event = NULL;
	bool ended = false;

	memset(&off, 0, sizeof(off));
	if (sd_event_new(&event) >= 0 && poweroff_new(&p, event, command) == 0 &&
		poweroff_ask(p, on_off, NULL) == 0)
		ended = LOOP_UNTIL(event, off.calls > 0);
	poweroff_free(TAKE(p));
	sd_event_unref(event);
	return ended && off.calls == 1 ? off.error : -ETIME;
}

static void power_off_falls_back(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	CHECK_EQ(power_off_by("/bin/true"), 0);
	CHECK_EQ(power_off_by("/bin/false"), -EIO);
	CHECK_EQ(power_off_by("/nonexistent/poweroff"), -ENOENT);
	CHECK_EQ(power_off_by(""), -EACCES);
	CHECK(strstr(off.detail, "no system bus"));
}

TEST_MAIN({ "a_jump_is_noticed_and_a_slew_is_not", a_jump_is_noticed_and_a_slew_is_not },
	{ "configuration", configuration }, { "every_state_has_words", every_state_has_words },
	{ "a_port_that_comes_late", a_port_that_comes_late },
	{ "power_off_falls_back", power_off_falls_back });
