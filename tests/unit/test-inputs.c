// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices on their way between the host and guests: the real inputs*.c, a made-up USB bus, and
 * this program once more as "va-virt do", which writes down what it is asked for.
 */
#include "common/worker/child.h"
#include "host/daemon/inputs-internal.h"
#include "tests/support/usbtree.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define KEYBOARD "03/01/01"
#define MOUSE    "03/01/02"
#define ZORG     "6695eb01-f6a4-8304-79aa-97f2502e1933"
#define LULU     "6695eb01-f6a4-8304-79aa-97f2502e1934"
#define LIMIT    10

/* --- what main.c has
 * ------------------------------------------------------------------------------ */

static struct hostd h;
static int holder;

uint64_t hostd_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void hostd_world_changed(struct hostd *daemon)
{
	daemon->world_stale = true;
}

const struct world *hostd_world(struct hostd *daemon)
{
	daemon->world.holder = holder;
	inputs_world(daemon, &daemon->world);
	return &daemon->world;
}

bool hostd_path(char *out, size_t size, const char *dir, const char *sub, const char *name,
	const char *suffix)
{
	(void)sub;
	return snprintf(out, size, "%s/%s%s", dir, name, suffix) < (int)size;
}

int hostd_reload(struct hostd *daemon, char error[CONFIG_ERROR_SIZE])
{
	(void)daemon;
	error[0] = '\0';
	return 0;
}

void hostd_reload_later(struct hostd *daemon)
{
	(void)daemon;
}

/* --- va-virt do
 * ------------------------------------------------------------------------------------- */

/* dir/answer: the error to answer with, or "hang". dir/log: what was asked. */
static int doer(const char *dir)
{
	char path[200], answer[32] = "0";
	struct virt_request r;
	struct virt_reply reply = { .error = 0 };
	FILE *f;

	if (child_receive(&r, sizeof(r), NULL, false) != (ssize_t)sizeof(r))
		return 1;
	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "ae");
	if (f) {
		fprintf(f, "%s %s %u/%u %04x:%04x;", r.head.op == VIRT_ATTACH_USB ? "+" : "-",
			strcmp(r.uuid, ZORG) ? "lulu" : "zorg", r.usb.bus, r.usb.device,
			r.usb.vendor, r.usb.product);
		fclose(f);
	}
	snprintf(path, sizeof(path), "%s/answer", dir);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(answer, sizeof(answer), f))
			answer[0] = '\0';
		fclose(f);
	}
	if (!strcmp(answer, "die"))
		return 1;
	if (!strcmp(answer, "hang"))
		pause();
	if (!strcmp(answer, "gate")) { /* until somebody opens its other end */
		snprintf(path, sizeof(path), "%s/gate", dir);
		close(open(path, O_RDONLY | O_CLOEXEC));
	}
	reply.head = r.head;
	reply.error = atoi(answer);
	snprintf(reply.detail, sizeof(reply.detail), "%s", reply.error ? "no" : "");
	return child_send(&reply, sizeof(reply), -1) < 0;
}

/* --- the rig
 * ---------------------------------------------------------------------------------------- */

static struct usbtree tree;
static struct config config;
static struct guest zorg, lulu;
static char libexec[64];
static int n_done, last_error;
static char last_detail[200];

static void on_done(void *userdata, int error, const char *detail)
{
	(void)userdata;
	n_done++;
	last_error = error;
	snprintf(last_detail, sizeof(last_detail), "%s", detail);
}

static void answer(const char *text)
{
	usbtree_put(&tree, "answer", text, strlen(text));
}

static const char *log_text(void)
{
	static char text[2000];
	char path[200];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", tree.root);
	f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static void plug(const char *path, unsigned int device, const char *id, const char *interfaces)
{
	const struct usbtree_device d = { path, device, id, NULL, NULL, interfaces, NULL };

	usbtree_plug(&tree, &d);
}

static void add_guest(struct guest *g, int slot, const char *name, const char *uuid)
{
	*g = (struct guest){
		.h = &h, .slot = slot, .virt_state = VIRT_STATE_RUNNING, .state = LINK_UP
	};
	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->uuid, sizeof(g->uuid), "%s", uuid);
	h.guests[slot] = g;
}

static void add_input(const char *name, const char *port, unsigned int vendor, unsigned int product)
{
	struct config_input *in = &config.inputs.list[config.inputs.n++];

	*in = (struct config_input){
		.has_id = vendor != 0, .vendor = (uint16_t)vendor, .product = (uint16_t)product
	};
	snprintf(in->name, sizeof(in->name), "%s", name);
	snprintf(in->port, sizeof(in->port), "%s", port);
}

static void rig_up(void)
{
	char self[PATH_MAX] = "", link[100];

	memset(&h, 0, sizeof(h));
	memset(&config, 0, sizeof(config));
	n_done = last_error = 0;
	holder = WORLD_HOST;
	usbtree_make(&tree);
	snprintf(libexec, sizeof(libexec), "/tmp/va-inputs-XXXXXX");
	if (!mkdtemp(libexec) || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		perror("rig");
	snprintf(link, sizeof(link), "%s/va-virt", libexec);
	if (symlink(self, link) < 0)
		perror(link);
	h.config = &config;
	h.libexec = libexec;
	h.sysfs = tree.root;
	snprintf(config.libvirt, sizeof(config.libvirt), "%s", tree.root);
	sd_event_new(&h.event);
	add_guest(&zorg, 1, "zorg", ZORG);
	add_guest(&lulu, 2, "lulu", LULU);
	plug("1-1", 5, "046d:c31c", KEYBOARD);
	plug("1-2", 6, "046d:c077", MOUSE);
	add_input("keys", "1-1", 0x046d, 0xc31c);
	add_input("mouse", "", 0x046d, 0xc077);
}

static void rig_down(void)
{
	char link[100];

	inputs_stop(&h);
	h.event = sd_event_unref(h.event);
	snprintf(link, sizeof(link), "%s/va-virt", libexec);
	unlink(link);
	rmdir(libexec);
	usbtree_remove(&tree);
}

static bool wait_for(int done)
{
	uint64_t end = hostd_now_ms() + LIMIT * 1000;

	while (n_done < done && hostd_now_ms() < end)
		sd_event_run(h.event, 50000);
	return n_done == done;
}

static bool wait_log(const char *text)
{
	uint64_t end = hostd_now_ms() + LIMIT * 1000;

	while (strcmp(log_text(), text) && hostd_now_ms() < end)
		sd_event_run(h.event, 20000);
	if (strcmp(log_text(), text))
		printf("# log: %s\n", log_text());
	return !strcmp(log_text(), text);
}

/* Runs the loop until nothing has happened for a while. */
static void settle(void)
{
	while (sd_event_run(h.event, 100000) > 0)
		;
}

static int holder_of(int device)
{
	return hostd_world(&h)->devices[device].holder;
}

/* --- the cases
 * -------------------------------------------------------------------------------------- */

static void there_and_back(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	CHECK_EQ(hostd_world(&h)->n_devices, 2);
	CHECK_STR(h.world.devices[0].name, "keys");
	CHECK(h.world.devices[0].keyboard && !h.world.devices[0].pointer);
	CHECK(!h.world.devices[1].keyboard && h.world.devices[1].pointer);
	CHECK(!h.world.fixed_keyboard);
	CHECK_EQ(holder_of(0), WORLD_HOST);
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK_EQ(n_done, 0); /* never before it returns */
	CHECK(wait_for(1));
	CHECK_EQ(last_error, 0);
	CHECK_EQ(holder_of(0), 1);
	CHECK_EQ(holder_of(1), WORLD_HOST);
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0); /* once more: nothing to do */
	CHECK(wait_for(2));
	CHECK_STR(last_detail, "it has the device already");
	CHECK_EQ(inputs_detach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(3));
	CHECK_EQ(holder_of(0), WORLD_HOST);
	CHECK_STR(log_text(), "+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;");
	rig_down();
}

static void from_guest_to_guest(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	zorg.usb[0] = (struct virt_usb){ 1, 6, 0, 0 };
	zorg.n_usb = 1;
	CHECK_EQ(holder_of(1), 1);
	CHECK_EQ(inputs_attach(&h, 1, 2, 5000, on_done, NULL), 0);
	CHECK(wait_for(1));
	CHECK_EQ(last_error, 0);
	CHECK_EQ(holder_of(1), 2);
	CHECK_STR(log_text(), "- zorg 1/6 046d:c077;+ lulu 1/6 046d:c077;");
	rig_down();
}

static void refusals(void)
{
	rig_up();
	add_input("twin", "", 0x1111, 0x2222);
	plug("1-3", 7, "1111:2222", KEYBOARD);
	plug("1-4", 8, "1111:2222", KEYBOARD);
	add_input("away", "1-9", 0, 0);
	add_input("same", "1-1", 0, 0);
	CHECK_EQ(inputs_start(&h), 0);
	CHECK(hostd_world(&h)->fixed_keyboard); /* of the twins neither is taken */
	for (int i = 2; i < 5; i++)
		CHECK_EQ(holder_of(i), WORLD_NOBODY);
	CHECK_EQ(inputs_attach(&h, 2, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(1));
	CHECK_EQ(last_error, -ENOTUNIQ);
	CHECK_STR(last_detail, "several devices fit; add \"port =\" with one of 1-3, 1-4");
	CHECK_EQ(inputs_attach(&h, 3, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(2));
	CHECK_EQ(last_error, -ENODEV);
	CHECK_STR(last_detail, "not plugged in");
	CHECK_EQ(inputs_attach(&h, 4, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(3));
	CHECK_STR(last_detail, "it is the same device as input keys");
	lulu.virt_state = VIRT_STATE_OFF;
	CHECK_EQ(inputs_attach(&h, 0, 2, 5000, on_done, NULL), 0);
	CHECK(wait_for(4));
	CHECK_EQ(last_error, -EBUSY);
	CHECK_STR(last_detail, "lulu does not run");
	CHECK_EQ(inputs_detach(&h, 0, 2, 5000, on_done, NULL), 0);
	CHECK(wait_for(5));
	CHECK_EQ(last_error, 0);
	CHECK_EQ(inputs_attach(&h, 9, 1, 5000, on_done, NULL), -EINVAL);
	CHECK_EQ(inputs_attach(&h, 0, 0, 5000, on_done, NULL), -EINVAL);
	CHECK_EQ(inputs_attach(&h, 0, 3, 5000, on_done, NULL), -ENOTCONN);
	CHECK_STR(log_text(), "");
	answer("-16");
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK_EQ(inputs_detach(&h, 0, 1, 5000, on_done, NULL), 0); /* a rescue: after that */
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), -EBUSY);
	CHECK(wait_for(6));
	CHECK_EQ(last_error, -EBUSY);
	CHECK_STR(last_detail, "no");
	CHECK_EQ(holder_of(0), WORLD_HOST);
	CHECK(wait_for(7));
	CHECK_STR(log_text(), "+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;");
	rig_down();
}

static void hangs_and_ends(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	answer("hang");
	CHECK_EQ(inputs_attach(&h, 0, 1, 100, on_done, NULL), 0);
	CHECK(wait_for(1)); /* the doer hangs: killed, some time after its own limit */
	CHECK_EQ(last_error, -ETIMEDOUT);
	CHECK_EQ(inputs_attach(&h, 0, 1, 60000, on_done, &h), 0);
	CHECK(wait_log("+ zorg 1/5 046d:c31c;+ zorg 1/5 046d:c31c;"));
	inputs_reload(&h); /* the configuration changes meanwhile */
	CHECK_EQ(n_done, 2);
	CHECK_EQ(last_error, -ECANCELED);
	CHECK_EQ(inputs_attach(&h, 0, 1, 60000, on_done, &h), 0);
	inputs_forget(&h, &h);
	inputs_stop(&h);
	CHECK_EQ(n_done, 2);
	rig_down();
}

static void follows_a_replug(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	settle();
	CHECK_STR(log_text(), "");
	holder = 1;
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(1));
	usbtree_pull(&tree, "1-1");
	inputs_refresh(&h);
	/* what is gone is taken out of the guest's definition */
	CHECK(wait_log("+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;"));
	settle();
	CHECK_EQ(holder_of(0), WORLD_NOBODY);
	plug("1-1", 9, "046d:c31c", KEYBOARD);
	inputs_refresh(&h);
	CHECK(wait_log("+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;+ zorg 1/9 046d:c31c;"));
	settle();
	CHECK_EQ(holder_of(0), 1);
	rig_down();
}

/* Pulled and back before anybody looked: only the number has changed. */
static void follows_a_quick_replug(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	holder = 1;
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(1));
	usbtree_pull(&tree, "1-1");
	plug("1-1", 9, "046d:c31c", KEYBOARD);
	inputs_refresh(&h);
	CHECK(wait_log("+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;+ zorg 1/9 046d:c31c;"));
	rig_down();
}

static void stays_where_the_seat_is(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	usbtree_pull(&tree, "1-1");
	inputs_refresh(&h);
	settle();
	plug("1-1", 9, "046d:c31c", KEYBOARD); /* the host has the seat */
	inputs_refresh(&h);
	settle();
	CHECK_STR(log_text(), "");
	usbtree_pull(&tree, "1-1");
	inputs_refresh(&h);
	settle();
	holder = 2; /* a guest has it, and does not answer: its keyboard would be nobody's */
	lulu.state = LINK_WAITING;
	plug("1-1", 10, "046d:c31c", KEYBOARD);
	inputs_refresh(&h);
	settle();
	CHECK_STR(log_text(), "");
	CHECK_EQ(holder_of(0), WORLD_HOST);
	usbtree_pull(&tree, "1-2");
	inputs_refresh(&h);
	settle();
	plug("1-5", 11, "046d:c077", MOUSE); /* a pointer may go; another port is all the same */
	inputs_refresh(&h);
	CHECK(wait_log("+ lulu 1/11 046d:c077;"));
	rig_down();
}

/* In the middle of an attach, and with another one waiting: all ends at the host. */
static void rescue_turns_round(void)
{
	char gate[100];

	rig_up();
	snprintf(gate, sizeof(gate), "%s/gate", tree.root);
	CHECK_EQ(mkfifo(gate, 0600), 0);
	answer("gate");
	CHECK_EQ(inputs_start(&h), 0);
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_log("+ zorg 1/5 046d:c31c;")); /* asked for, and not answered yet */
	CHECK_EQ(n_done, 0);
	CHECK_EQ(inputs_attach(&h, 0, 2, 5000, on_done, NULL), 0);
	inputs_come_home(&h);
	CHECK_EQ(n_done, 1); /* the second one is never tried */
	CHECK_EQ(last_error, -ECANCELED);
	answer("0");
	close(open(gate, O_WRONLY | O_CLOEXEC));
	CHECK(wait_for(2));
	CHECK_EQ(last_error, 0);
	CHECK(wait_log("+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;"));
	settle();
	CHECK_EQ(holder_of(0), WORLD_HOST);
	inputs_come_home(&h); /* nothing under way */
	settle();
	CHECK_STR(log_text(), "+ zorg 1/5 046d:c31c;- zorg 1/5 0000:0000;");
	rig_down();
}

static void tries_again(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	usbtree_pull(&tree, "1-2");
	inputs_refresh(&h);
	settle();
	holder = 1;
	answer("-5");
	plug("1-2", 9, "046d:c077", MOUSE);
	inputs_refresh(&h);
	CHECK(wait_log("+ zorg 1/9 046d:c077;"));
	answer("0");
	CHECK(wait_log("+ zorg 1/9 046d:c077;+ zorg 1/9 046d:c077;"));
	settle();
	CHECK_EQ(holder_of(1), 1);
	rig_down();
}

/* A guest has the receiver: its HID parts are gone from sysfs, what it is stays known. */
static void kinds_are_remembered(void)
{
	rig_up();
	CHECK_EQ(inputs_start(&h), 0);
	CHECK(hostd_world(&h)->devices[0].keyboard);
	usbtree_put(&tree, "devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/bInterfaceClass",
		"ff\n", 3);
	inputs_refresh(&h);
	settle();
	CHECK(hostd_world(&h)->devices[0].keyboard);
	config.inputs.list[0].kind = INPUT_KIND_MOUSE; /* the user knows better */
	inputs_refresh(&h);
	settle();
	CHECK(!hostd_world(&h)->devices[0].keyboard);
	CHECK(h.world.devices[0].pointer);
	rig_down();
}

/*
 * Nobody answered for a detach, which had happened: what the watcher said before is not believed,
 * and giving the device back asks libvirt.
 */
static void unsure_who_has_it(void)
{
	rig_up();
	zorg.usb[0] = (struct virt_usb){ .bus = 1, .device = 5 };
	zorg.n_usb = 1;
	CHECK_EQ(inputs_start(&h), 0);
	answer("die");
	CHECK_EQ(inputs_detach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(1));
	CHECK_EQ(last_error, -ETIMEDOUT);
	answer("0");
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(2));
	CHECK_EQ(last_error, 0);
	CHECK_STR(log_text(), "- zorg 1/5 0000:0000;+ zorg 1/5 046d:c31c;");
	/* now it is known again */
	CHECK_EQ(inputs_attach(&h, 0, 1, 5000, on_done, NULL), 0);
	CHECK(wait_for(3));
	CHECK_STR(log_text(), "- zorg 1/5 0000:0000;+ zorg 1/5 046d:c31c;");
	rig_down();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "unsure_who_has_it", unsure_who_has_it },
		{ "there_and_back", there_and_back },
		{ "from_guest_to_guest", from_guest_to_guest }, { "refusals", refusals },
		{ "hangs_and_ends", hangs_and_ends }, { "follows_a_replug", follows_a_replug },
		{ "follows_a_quick_replug", follows_a_quick_replug },
		{ "stays_where_the_seat_is", stays_where_the_seat_is },
		{ "rescue_turns_round", rescue_turns_round }, { "tries_again", tries_again },
		{ "kinds_are_remembered", kinds_are_remembered } };
	sigset_t set;

	if (argc == 3 && !strcmp(argv[1], "do"))
		return doer(argv[2]);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
