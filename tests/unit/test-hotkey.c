// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hotkeys from a keyboard to the seat: the real va-input and the real hotkey.c; keyboards are
 * pipes that carry what a keyboard's node does.
 */
#include "host/daemon/inputs-internal.h"
#include "tests/support/usbtree.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/input.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define LIMIT   10
#define LETTERS "402000007 ff803078f800d001 feffffdfffefffff fffffffffffffffe\n"

/* --- what the daemon has
 * ---------------------------------------------------------------------------- */

static char asked[400];

uint64_t hostd_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool hostd_path(char *out, size_t size, const char *dir, const char *sub, const char *name,
	const char *suffix)
{
	(void)sub;
	return snprintf(out, size, "%s/%s%s", dir, name, suffix) < (int)size;
}

void seat_switch(
	struct hostd *h, const struct intent *i, const char *who, const struct seat_request *r)
{
	size_t n = strlen(asked);

	(void)h;
	(void)who;
	snprintf(asked + n, sizeof(asked) - n, "%s;", i->target);
	r->done(r->userdata, EXIT_CODE_OK, "");
}

void seat_rescue(struct hostd *h, bool force, const struct seat_request *r)
{
	size_t n = strlen(asked);

	(void)h;
	snprintf(asked + n, sizeof(asked) - n, "rescue%s;", force ? " by force" : "");
	r->done(r->userdata, EXIT_CODE_OK, "");
}

/* nobody shares: test-inputs.c has that */
bool inputs_anybody_shares(const struct hostd *h)
{
	(void)h;
	return false;
}

void inputs_share_hand_over(struct hostd *h, struct worker *w)
{
	(void)h;
	(void)w;
}

void inputs_share_lost(struct hostd *h)
{
	(void)h;
}

/* --- the rig
 * ------------------------------------------------------------------------------------------ */

static struct hostd h;
static struct config config;
static struct usbtree tree;
static char libexec[PATH_MAX], dev[100];

static void add_chord(uint32_t action, const char *text)
{
	struct chord *c = &config.hotkeys.list[config.hotkeys.n++];

	chord_parse(text, c);
	c->action = action;
}

static void node_path(int number, char out[150])
{
	snprintf(out, 150, "%s/dev/input/event%d", tree.root, number);
}

/* A keyboard: what sysfs says of it, and its node. The end to press keys at. */
static int plug(int number, const char *keys)
{
	char path[150], rel[100];

	snprintf(rel, sizeof(rel), "class/input/event%d/device/capabilities/key", number);
	usbtree_put(&tree, rel, keys, strlen(keys));
	usbtree_put(&tree, "dev/input/x", "", 0);
	node_path(number, path);
	unlink(path);
	if (mkfifo(path, 0600) < 0)
		perror(path);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void rig_up(void)
{
	ssize_t n = readlink("/proc/self/exe", libexec, sizeof(libexec) - 1);

	memset(&h, 0, sizeof(h));
	memset(&config, 0, sizeof(config));
	asked[0] = '\0';
	/* build/tests/unit/test-x -> build */
	for (int up = 0; up < 3 && n > 0; n--)
		up += libexec[n - 1] == '/';
	libexec[n > 0 ? n : 0] = '\0';
	usbtree_make(&tree);
	snprintf(dev, sizeof(dev), "%s/dev", tree.root);
	h.config = &config;
	h.libexec = libexec;
	h.sysfs = tree.root;
	h.dev = dev;
	sd_event_new(&h.event);
	add_chord(CHORD_NEXT, "scrolllock scrolllock");
	add_chord(CHORD_HOST, "leftctrl+rightctrl");
	add_chord(CHORD_RESCUE, "leftctrl+leftalt+pause");
}

static void rig_down(void)
{
	hotkey_stop(&h);
	h.event = sd_event_unref(h.event);
	usbtree_remove(&tree);
}

static void key(int fd, uint16_t code, int32_t value)
{
	const struct input_event e[3] = { { .type = EV_MSC, .code = MSC_SCAN, .value = code },
		{ .type = EV_KEY, .code = code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT } };

	if (write(fd, e, sizeof(e)) != (ssize_t)sizeof(e))
		perror("key");
}

static void tap(int fd, uint16_t code)
{
	key(fd, code, 1);
	key(fd, code, 0);
}

static bool hears(const char *text)
{
	uint64_t end = hostd_now_ms() + LIMIT * 1000;

	while (strcmp(asked, text) && hostd_now_ms() < end)
		sd_event_run(h.event, 20000);
	if (strcmp(asked, text))
		printf("# asked: %s\n", asked);
	return !strcmp(asked, text);
}

/* --- the cases
 * ---------------------------------------------------------------------------------------- */

static void from_key_to_seat(void)
{
	int a, b, lid;

	rig_up();
	a = plug(3, LETTERS);
	b = plug(17, LETTERS);
	lid = plug(4, "10000000000000 0\n"); /* a power button: not opened */
	CHECK_EQ(hotkey_start(&h), 0);
	tap(a, KEY_SCROLLLOCK);
	tap(a, KEY_SCROLLLOCK);
	CHECK(hears("next;"));
	tap(a, KEY_A);
	tap(lid, KEY_SCROLLLOCK);
	tap(lid, KEY_SCROLLLOCK);
	key(a, KEY_LEFTCTRL, 1); /* one hand on each keyboard */
	CHECK(hears("next;"));
	for (int i = 0; i < 5; i++)
		sd_event_run(h.event, 20000);
	key(b, KEY_RIGHTCTRL, 1);
	CHECK(hears("next;host;"));
	key(a, KEY_LEFTCTRL, 0);
	key(b, KEY_RIGHTCTRL, 0);
	for (int i = 0; i < 5; i++)
		sd_event_run(h.event, 20000);
	key(b, KEY_LEFTCTRL, 1);
	key(b, KEY_LEFTALT, 1);
	key(b, KEY_PAUSE, 1);
	CHECK(hears("next;host;rescue;"));
	close(a), close(b), close(lid);
	rig_down();
}

/* Pulled out with a key down, and back under the same number. */
static void pulled_and_back(void)
{
	int a;

	rig_up();
	a = plug(3, LETTERS);
	CHECK_EQ(hotkey_start(&h), 0);
	tap(a, KEY_SCROLLLOCK);
	tap(a, KEY_SCROLLLOCK);
	CHECK(hears("next;"));
	key(a, KEY_LEFTCTRL, 1);
	close(a);
	a = plug(3, LETTERS);
	tap(a, KEY_SCROLLLOCK);
	tap(a, KEY_SCROLLLOCK);
	CHECK(hears("next;next;"));
	close(a);
	rig_down();
}

static void killed_and_back(void)
{
	char path[60];
	FILE *f;
	long pid = 0;
	int a;

	rig_up();
	a = plug(3, LETTERS);
	CHECK_EQ(hotkey_start(&h), 0);
	tap(a, KEY_SCROLLLOCK);
	tap(a, KEY_SCROLLLOCK);
	CHECK(hears("next;"));
	/* our only child */
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "re");
	CHECK(f != NULL);
	CHECK_EQ(fscanf(f, "%ld", &pid), 1);
	fclose(f);
	CHECK(pid > 1);
	kill((pid_t)pid, SIGKILL);
	for (int i = 0; i < 10; i++)
		sd_event_run(h.event, 20000);
	tap(a, KEY_SCROLLLOCK);
	tap(a, KEY_SCROLLLOCK);
	CHECK(hears("next;next;"));
	close(a);
	rig_down();
}

static void lost_events_end_a_chord(void)
{
	const struct input_event dropped[2] = { { .type = EV_SYN, .code = SYN_DROPPED },
		{ .type = EV_SYN, .code = SYN_REPORT } };
	int a;

	rig_up();
	a = plug(3, LETTERS);
	CHECK_EQ(hotkey_start(&h), 0);
	key(a, KEY_LEFTCTRL, 1);
	if (write(a, dropped, sizeof(dropped)) < 0)
		perror("write");
	key(a, KEY_RIGHTCTRL, 1);
	tap(a, KEY_RIGHTCTRL);
	tap(a, KEY_SCROLLLOCK);
	tap(a, KEY_SCROLLLOCK);
	CHECK(hears("next;"));
	close(a);
	rig_down();
}

static void none_configured(void)
{
	rig_up();
	config.hotkeys.n = 0;
	CHECK_EQ(hotkey_start(&h), 0);
	CHECK(h.hotkey == NULL);
	rig_down();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "from_key_to_seat", from_key_to_seat },
		{ "pulled_and_back", pulled_and_back }, { "killed_and_back", killed_and_back },
		{ "lost_events_end_a_chord", lost_events_end_a_chord },
		{ "none_configured", none_configured } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
