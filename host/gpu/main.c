// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 *
 * va-gpu frees a guest's GPU from the host before the guest starts, and gives it back after it
 * has stopped. libvirt's hook runs it ("hook"), people run the other commands. It is a plain
 * program that blocks within limits and ends. It needs no daemon, and it never calls libvirt:
 * libvirt waits for the hook while it holds what such a call would wait for. On stdout there is
 * only what a command was asked for; the hook prints nothing there, since libvirt reads it.
 */
#include "host/gpu/flow.h"
#include "host/gpu/intake.h"
#include "host/gpu/look.h"
#include "host/gpu/show.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"
#include "common/base/exitcode.h"
#include "common/base/log.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

struct arguments {
	const char *root, *xml;
	unsigned int percent;
	bool json;
	size_t n_devices;
	const char *devices[PLAN_DEVICES_MAX];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

static void usage(FILE *to)
{
	(void)fputs(
		"usage: va-gpu list [--json]\n"
		"       va-gpu show [--json] ADDRESS | [--xml FILE]\n"
		"       va-gpu plan [--json] [--xml FILE | --device ADDRESS...]\n"
		"       va-gpu take GUEST [--xml FILE | --device ADDRESS...]\n"
		"       va-gpu return GUEST\n"
		"       va-gpu recover\n"
		"       va-gpu status [--json]\n"
		"       va-gpu hook GUEST OPERATION SUBOPERATION EXTRA\n"
		"       va-gpu --help | --version\n"
		"\n"
		"Frees the graphics card that a guest is to get, and gives it back. The guest's\n"
		"definition is read from stdin (virsh dumpxml GUEST | va-gpu plan).\n",
		to);
}

/* Ours is the reason and the exit status; the reason has been put together where it arose. */
static enum exit_code failed(const struct machine *m, const char *what, int error)
{
	log_error("%s: %s", what, m->why);
	switch (error) {
	case -EPERM:
	case -EOPNOTSUPP:
	case -EEXIST: return EXIT_CODE_REFUSED;
	case -EINVAL:
	case -EBADMSG:
	case -ENODEV: return EXIT_CODE_USAGE;
	case -EBUSY: return EXIT_CODE_BUSY;
	default: return EXIT_CODE_FAILED;
	}
}

/* guest: the name in the definition; "" where devices are named. */
static int read_claim(
	struct machine *m, const struct arguments *a, struct claim *ret, char guest[256])
{
	CLEANUP(free) char *xml = NULL;
	CLEANUP_FD int fd = -1;
	size_t len;
	int r = 0;

	*ret = (struct claim){ 0 };
	guest[0] = '\0';
	for (size_t i = 0; r == 0 && i < a->n_devices; i++)
		r = intake_add(m, ret, a->devices[i], true);
	if (r < 0 || a->n_devices)
		return r;
	if (a->xml) {
		fd = open(a->xml, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return machine_fail(
				m, -errno, "%s: %s", escape(a->xml), strerrordesc_np(errno));
	} else if (isatty(STDIN_FILENO)) {
		return machine_fail(m, -EINVAL,
			"no definition on stdin; pipe one in: virsh dumpxml GUEST | va-gpu ...");
	}
	r = intake_read(m, fd >= 0 ? fd : STDIN_FILENO, &xml, &len);
	return r < 0 ? r : intake_xml(m, xml, len, ret, guest);
}

static int make_plan(struct machine *m, const struct claim *c, struct options *o, struct plan **ret)
{
	CLEANUP(free) struct plan *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = options_load(m, o);
	if (r == 0)
		r = plan_make(m, c, o, p);
	if (r == 0)
		*ret = TAKE(p);
	return r;
}

/* What an earlier hand-over of this guest, or one that died, has left is put back first. */
static int clear_away(struct machine *m, const char *guest)
{
	CLEANUP(free) struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = flow_recover(m);
	if (r == 0)
		r = journal_open(m, guest, j);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return flow_return(m, j);
}

static int take(struct machine *m, const char *guest, const struct claim *claim)
{
	CLEANUP(free) struct plan *p = NULL;
	CLEANUP_FD int lock = -1;
	struct options o;
	int r;

	/* without work, without a trace; the refusals come here, too */
	r = make_plan(m, claim, &o, &p);
	if (r < 0 || p->steps.n == 0)
		return r;
	lock = journal_lock(m);
	if (lock < 0)
		return lock;
	free(TAKE(p)); /* the one before us may have changed the machine */
	r = clear_away(m, guest);
	if (r == 0)
		r = make_plan(m, claim, &o, &p);
	if (r < 0 || p->steps.n == 0)
		return r;
	return flow_take(m, guest, p, &o);
}

static int give_back(struct machine *m, const char *guest)
{
	CLEANUP(free) struct journal *j = calloc(1, sizeof(*j));
	CLEANUP_FD int lock = -1;
	int r;

	if (!j)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = journal_read(m, guest, j);
	journal_close(j);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	lock = journal_lock(m);
	if (lock < 0)
		return lock;
	r = journal_open(m, guest, j);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return flow_return(m, j);
}

static int recover(struct machine *m)
{
	CLEANUP_FD int lock = journal_lock(m);

	return lock < 0 ? lock : flow_recover(m);
}

static enum exit_code run_plan(struct machine *m, const struct arguments *a)
{
	CLEANUP(free) struct plan *p = NULL;
	struct options o;
	struct claim c;
	char guest[256];
	int r = read_claim(m, a, &c, guest);

	if (r == 0)
		r = make_plan(m, &c, &o, &p);
	if (r < 0)
		return failed(m, "plan", r);
	show_plan(p, a->json, stdout);
	return EXIT_CODE_OK;
}

static enum exit_code answered(
	struct machine *m, const struct arguments *a, const char *what, int error)
{
	enum exit_code code = error < 0 ? failed(m, what, error) : EXIT_CODE_OK;

	if (a->json)
		show_result(code, error < 0 ? m->why : "", stdout);
	return code;
}

static enum exit_code run_show(struct machine *m, const struct arguments *a, const char *address)
{
	struct claim c = { 0 };
	char guest[256] = "", plain[PCI_ADDR_SIZE];
	int r;

	if (!address)
		r = read_claim(m, a, &c, guest);
	else if (pci_address_parse(address, plain) < 0)
		r = machine_fail(m, -EINVAL, "\"%s\" is no PCI address; one is 0000:01:00.0",
			escape(address));
	else
		r = card_claim(m, plain, &c);
	if (r == 0)
		r = look_show(m, &c, guest, a->json);
	return answered(m, a, "show", r);
}

static enum exit_code run_take(struct machine *m, const struct arguments *a, const char *guest)
{
	struct claim c;
	char name[256];
	int r = read_claim(m, a, &c, name);

	if (r == 0)
		r = take(m, guest, &c);
	return answered(m, a, escape(guest), r);
}

/*
 * Only "prepare" may fail the start, and only when the card could not be freed. Whatever happens,
 * "reconnect" is fine: anything else kills a running guest.
 */
static enum exit_code run_hook(struct machine *m, char **args)
{
	static const struct arguments from_stdin = { 0 };
	CLEANUP(free) char *xml = NULL;
	size_t len;
	int r;

	if (!strcmp(args[1], "prepare") && !strcmp(args[2], "begin"))
		return run_take(m, &from_stdin, args[0]) == EXIT_CODE_OK ? EXIT_CODE_OK
									 : EXIT_CODE_FAILED;
	/* taken off its hands, so that libvirt does not write into a closed pipe */
	(void)intake_read(m, STDIN_FILENO, &xml, &len);
	if (!strcmp(args[1], "release") && !strcmp(args[2], "end")) {
		r = give_back(m, args[0]);
		if (r < 0)
			return failed(m, escape(args[0]), r);
	}
	return EXIT_CODE_OK;
}

static bool has_journal(struct machine *m, const char *guest)
{
	CLEANUP(free) struct journal *j = calloc(1, sizeof(*j));
	int r = j ? journal_read(m, guest, j) : -ENOMEM;

	if (r == 0)
		journal_close(j);
	return r == 0;
}

/* People want to know that it is over; the hook's own ways say nothing. */
static enum exit_code run_take_for_people(
	struct machine *m, const struct arguments *a, const char *guest)
{
	enum exit_code code = run_take(m, a, guest);

	if (code == EXIT_CODE_OK && !a->json)
		printf(has_journal(m, guest)
				? "taken for %s; \"va-host gpu return\" gives it back\n"
				: "nothing to free: the host uses no graphics card of %s\n",
			escape(guest));
	return code;
}

static enum exit_code run_return(struct machine *m, const struct arguments *a, const char *guest)
{
	bool taken = has_journal(m, guest);
	int r = give_back(m, guest);

	if (r == 0 && !a->json)
		printf(taken ? "all that was taken for %s is back\n" : "nothing is taken for %s\n",
			escape(guest));
	return answered(m, a, escape(guest), r);
}

static enum exit_code run(struct machine *m, const struct arguments *a, int n, char **words)
{
	int r;

	if (n == 1 && !strcmp(words[0], "plan"))
		return run_plan(m, a);
	if (n == 1 && !strcmp(words[0], "list"))
		return answered(m, a, "list", look_list(m, a->json));
	if ((n == 1 || n == 2) && !strcmp(words[0], "show"))
		return run_show(m, a, words[1]);
	if (n == 2 && !strcmp(words[0], "take"))
		return run_take_for_people(m, a, words[1]);
	if (n == 2 && !strcmp(words[0], "return"))
		return run_return(m, a, words[1]);
	if (n >= 4 && !strcmp(words[0], "hook"))
		return run_hook(m, words + 1);
	if (n == 1 && !strcmp(words[0], "recover")) {
		r = recover(m);
	} else if (n == 1 && !strcmp(words[0], "status")) {
		r = show_status(m, a->json, stdout);
		return r < 0 ? failed(m, words[0], r) : EXIT_CODE_OK;
	} else {
		usage(stderr);
		return EXIT_CODE_USAGE;
	}
	return answered(m, a, words[0], r);
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = { { "root", required_argument, NULL, 'r' },
		{ "limits", required_argument, NULL, 'l' }, { "xml", required_argument, NULL, 'x' },
		{ "device", required_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->root = optarg; break;
		case 'l': a->percent = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'x': a->xml = optarg; break;
		case 'j': a->json = true; break;
		case 'd':
			if (a->n_devices == PLAN_DEVICES_MAX)
				return -1;
			a->devices[a->n_devices++] = optarg;
			break;
		case 'h': usage(stdout); exit(EXIT_CODE_OK);
		case 'v': puts("va-gpu " VA_VERSION); exit(EXIT_CODE_OK);
		default: return -1;
		}
	}
	/* a model of a machine is for tests, and for nobody with more rights than his own */
	if ((a->root[0] || a->percent != 100) && (getauxval(AT_SECURE) || !a->root[0]))
		return -1;
	return a->percent >= 1 && a->percent <= 100 ? optind : -1;
}

int main(int argc, char **argv)
{
	struct sigaction stop = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };
	struct arguments a = { .root = "", .percent = 100 };
	struct machine m;
	enum exit_code code;
	int first;

	log_init("va-gpu", LOG_LEVEL_INFO);
	umask(077);
	first = parse(argc, argv, &a);
	if (first < 0 || first == argc) {
		usage(stderr);
		return EXIT_CODE_USAGE;
	}
	if (machine_init(&m, a.root, a.percent) < 0) {
		log_error("--root %s: an absolute path of less than %d bytes", escape(a.root),
			MACHINE_ROOT_SIZE);
		return EXIT_CODE_USAGE;
	}
	/* half a hand-over is the one thing that must not be left behind */
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	m.interrupted = &interrupted;
	code = run(&m, &a, argc - first, argv + first);
	machine_done(&m);
	return (int)code;
}
