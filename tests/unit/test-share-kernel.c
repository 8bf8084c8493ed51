// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sharing on a real kernel: a keyboard made with uinput, the real va-input in its jail, a guest's
 * virtual device, and two who listen: the host's desktop at the keyboard, QEMU at the virtual
 * device. Skipped without /dev/uinput; rig_b_share.py runs it in a machine that has it.
 */
#include "common/worker/worker.h"
#include "host/daemon/uinput.h"
#include "common/input/ipc.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIMIT_MS 10000

static struct {
	sd_event *event;
	struct worker *worker;
	int keyboard;          /* uinput: fingers */
	int desktop, qemu;     /* evdev: who listens at the keyboard, and at the sink */
	int sink;              /* uinput: the guest's virtual device */
	int answer;            /* of the last route; 1: none yet */
	uint32_t heard, ended; /* hotkey; times that va-input ended */
} rig;

static bool is_missing(void)
{
	int fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return true;
	close(fd);
	return false;
}

/* The node of a uinput device, opened; udev or devtmpfs may need a moment. */
static int open_node(int uinput)
{
	char name[64] = "", path[128];
	int fd = -1;

	if (ioctl(uinput, UI_GET_SYSNAME(sizeof(name)), name) < 0)
		return -1;
	for (int i = 0; i < LIMIT_MS / 10 && fd < 0; i++) {
		DIR *d;

		snprintf(path, sizeof(path), "/sys/class/input/%s", name);
		d = opendir(path);
		for (struct dirent *e; d && fd < 0 && (e = readdir(d));)
			if (!strncmp(e->d_name, "event", 5)) {
				snprintf(path, sizeof(path), "/dev/input/%.20s", e->d_name);
				fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
			}
		if (d)
			closedir(d);
		if (fd < 0)
			poll(NULL, 0, 10);
	}
	return fd;
}

static int make_keyboard(void)
{
	struct uinput_setup setup = { .id = { .bustype = BUS_USB, .vendor = 0x46d } };
	int fd = open("/dev/uinput", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	snprintf(setup.name, sizeof(setup.name), "a keyboard");
	ioctl(fd, UI_SET_EVBIT, EV_KEY);
	for (int code = KEY_ESC; code < KEY_MICMUTE; code++)
		ioctl(fd, UI_SET_KEYBIT, code);
	ioctl(fd, UI_SET_EVBIT, EV_REL);
	ioctl(fd, UI_SET_RELBIT, REL_X);
	if (ioctl(fd, UI_DEV_SETUP, &setup) < 0 || ioctl(fd, UI_DEV_CREATE) < 0)
		perror("keyboard");
	return fd;
}

static void on_event(struct worker *w, const void *msg, size_t size, int fd, void *userdata)
{
	const struct evdev_event *e = msg;

	(void)w;
	(void)size;
	(void)fd;
	(void)userdata;
	if (e->head.op == EVDEV_EV_CHORD)
		rig.heard = e->action;
}

static void on_exit_of(struct worker *w, int status, uint64_t restart, void *userdata)
{
	(void)w;
	(void)status;
	(void)restart;
	(void)userdata;
	rig.ended++;
}

static void hand_over(struct worker *w, void *userdata)
{
	struct evdev_chords chords = { .head.op = EVDEV_CHORDS, .n = 1 };
	struct evdev_node sink = { .head.op = EVDEV_SINK, .node = 2 };
	struct evdev_node node = { .head.op = EVDEV_NODE, .node = 7 };
	int fd = open_node(rig.keyboard);

	(void)userdata;
	chord_parse("leftctrl+rightctrl", &chords.chords[0]);
	chords.chords[0].action = CHORD_HOST;
	worker_send(w, &chords, sizeof(chords), -1);
	worker_send(w, &sink, sizeof(sink), rig.sink);
	worker_send(w, &node, sizeof(node), fd);
	close(fd);
}

static void rig_up(void)
{
	static char path[4096];
	static const char *argv[] = { path, NULL };
	struct worker_spec spec = { .name = "va-input",
		.argv = argv,
		.min_size = sizeof(struct evdev_event),
		.max_size = sizeof(struct evdev_event),
		.on_event = on_event,
		.on_exit = on_exit_of,
		.on_started = hand_over };
	const char *libexec = getenv("VIRT_AID_LIBEXEC");

	snprintf(path, sizeof(path), "%s/va-input", libexec ? libexec : "build");
	memset(&rig, 0, sizeof(rig));
	sd_event_new(&rig.event);
	rig.keyboard = make_keyboard();
	rig.desktop = open_node(rig.keyboard);
	rig.sink = uinput_make("/dev", "test");
	rig.qemu = open_node(rig.sink);
	CHECK(rig.desktop >= 0 && rig.sink >= 0 && rig.qemu >= 0);
	CHECK_EQ(worker_new(&rig.worker, rig.event, &spec), 0);
}

static void rig_down(void)
{
	worker_free(rig.worker);
	close(rig.desktop);
	close(rig.qemu);
	close(rig.keyboard);
	close(rig.sink);
	sd_event_unref(rig.event);
}

static void key(uint16_t code, int32_t value)
{
	const struct input_event e[2] = { { .type = EV_KEY, .code = code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT } };

	if (write(rig.keyboard, e, sizeof(e)) != (ssize_t)sizeof(e))
		perror("key");
}

/* The keys that fd has heard of, as "30=1 30=0 "; waits for the last one to be wanted's. */
static const char *keys_at(int fd, const char *wanted)
{
	static char text[400];
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < LIMIT_MS / 10 && strcmp(text, wanted); i++) {
		struct input_event e;

		while (read(fd, &e, sizeof(e)) == (ssize_t)sizeof(e))
			if (e.type == EV_KEY && e.value != 2 && n < sizeof(text) - 20)
				n += (size_t)snprintf(
					text + n, sizeof(text) - n, "%u=%d ", e.code, e.value);
		sd_event_run(rig.event, 10000);
	}
	return text;
}

static void on_routed(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	(void)size;
	(void)fd;
	(void)userdata;
	rig.answer = fate == WORKER_REPLIED ? ((const struct evdev_event *)msg)->error : -ECOMM;
}

static void ask_route(uint32_t sink)
{
	struct evdev_route m = { .head.op = EVDEV_ROUTE, .sink = sink, .n = 1, .nodes = { 7 } };

	rig.answer = 1;
	CHECK_EQ(
		worker_call(rig.worker, &m, sizeof(m), -1, LIMIT_MS * 1000ull, on_routed, NULL), 0);
}

static int answer(void)
{
	for (int i = 0; i < LIMIT_MS / 10 && rig.answer == 1; i++)
		sd_event_run(rig.event, 10000);
	return rig.answer;
}

static int route(uint32_t sink)
{
	ask_route(sink);
	return answer();
}

/* --- the cases -----------------------------------------------------------------------------------
 */

static void there_and_back(void)
{
	rig_up();
	key(KEY_A, 1);
	key(KEY_A, 0);
	CHECK_STR(keys_at(rig.desktop, "30=1 30=0 "), "30=1 30=0 ");
	CHECK_EQ(route(2), 0);
	key(KEY_B, 1);
	key(KEY_B, 0);
	CHECK_STR(keys_at(rig.qemu, "48=1 48=0 "), "48=1 48=0 ");
	CHECK_EQ(route(RELAY_NO_SINK), 0);
	key(KEY_C, 1);
	key(KEY_C, 0);
	CHECK_STR(keys_at(rig.desktop, "46=1 46=0 "), "46=1 46=0 ");
	CHECK_EQ(route(2), 0);
	key(KEY_D, 1);
	key(KEY_D, 0);
	CHECK_STR(keys_at(rig.qemu, "32=1 32=0 "), "32=1 32=0 ");
	rig_down();
}

static void who_listens_is_seen(void)
{
	rig_up();
	CHECK_EQ(uinput_is_heard(rig.sink, "/sys", "/dev"), 0);
	CHECK_EQ(ioctl(rig.qemu, EVIOCGRAB, 1), 0);
	CHECK_EQ(uinput_is_heard(rig.sink, "/sys", "/dev"), 1);
	CHECK_EQ(uinput_is_heard(rig.sink, "/sys", "/dev"), 1);
	CHECK_EQ(ioctl(rig.qemu, EVIOCGRAB, 0), 0);
	CHECK_EQ(uinput_is_heard(rig.sink, "/sys", "/dev"), 0);
	rig_down();
}

static void waits_until_keys_are_up(void)
{
	rig_up();
	key(KEY_ENTER, 1);
	CHECK_STR(keys_at(rig.desktop, "28=1 "), "28=1 ");
	ask_route(2);
	for (int i = 0; i < 20; i++)
		sd_event_run(rig.event, 10000);
	CHECK_EQ(rig.answer, 1);
	key(KEY_ENTER, 0);
	CHECK_EQ(answer(), 0);
	CHECK_STR(keys_at(rig.desktop, "28=0 "), "28=0 ");
	key(KEY_A, 1);
	CHECK_STR(keys_at(rig.qemu, "30=1 "), "30=1 ");
	/* taken away while it is down */
	CHECK_EQ(route(RELAY_NO_SINK), 0);
	CHECK_STR(keys_at(rig.qemu, "30=0 "), "30=0 ");
	key(KEY_A, 0);
	rig_down();
}

static void somebody_else_has_it(void)
{
	rig_up();
	CHECK_EQ(ioctl(rig.desktop, EVIOCGRAB, 1), 0);
	CHECK_EQ(route(2), -EBUSY);
	CHECK_EQ(ioctl(rig.desktop, EVIOCGRAB, 0), 0);
	CHECK_EQ(route(2), 0);
	rig_down();
}

static void hotkey_while_shared(void)
{
	rig_up();
	CHECK_EQ(route(2), 0);
	key(KEY_LEFTCTRL, 1);
	key(KEY_RIGHTCTRL, 1);
	CHECK_STR(keys_at(rig.qemu, "29=1 29=0 "), "29=1 29=0 ");
	CHECK_EQ(rig.heard, CHORD_HOST);
	key(KEY_RIGHTCTRL, 0);
	key(KEY_LEFTCTRL, 0);
	key(KEY_A, 1);
	CHECK_STR(keys_at(rig.qemu, "30=1 "), "30=1 ");
	rig_down();
}

static void killed_with_a_key_down(void)
{
	rig_up();
	CHECK_EQ(route(2), 0);
	key(KEY_A, 1);
	CHECK_STR(keys_at(rig.qemu, "30=1 "), "30=1 ");
	kill(worker_pid(rig.worker), SIGKILL);
	for (int i = 0; i < LIMIT_MS / 10 && !rig.ended; i++)
		sd_event_run(rig.event, 10000);
	CHECK_EQ(rig.ended, 1);
	uinput_release_all(rig.sink); /* as va-hostd does */
	CHECK_STR(keys_at(rig.qemu, "30=0 "), "30=0 ");
	key(KEY_A, 0);
	key(KEY_B, 1); /* the kernel gave it back */
	key(KEY_B, 0);
	CHECK_STR(keys_at(rig.desktop, "30=0 48=1 48=0 "), "30=0 48=1 48=0 ");
	CHECK_EQ(route(2), 0); /* and the next va-input takes it again */
	rig_down();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "there_and_back", there_and_back },
		{ "who_listens_is_seen", who_listens_is_seen },
		{ "waits_until_keys_are_up", waits_until_keys_are_up },
		{ "somebody_else_has_it", somebody_else_has_it },
		{ "hotkey_while_shared", hotkey_while_shared },
		{ "killed_with_a_key_down", killed_with_a_key_down } };
	sigset_t set;

	if (is_missing()) {
		puts("skip all: no /dev/uinput");
		return 0;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
