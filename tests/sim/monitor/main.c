// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * simmon: a simulated monitor. Theory of operation: options give its inputs, the sockets that
 * are their I2C wires, its identity and first habits; then the server runs until SIGTERM,
 * SIGINT, "quit" on the control socket or, with --die-with-parent, the end of who started it.
 * "ready" on stdout says that every socket listens.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

#include "common/base/cleanup.h"
#include "tests/sim/monitor/control.h"
#include "tests/sim/monitor/log.h"
#include "tests/sim/monitor/server.h"

static const char usage[] =
	"usage: simmon [OPTION]...\n"
	"  --plain INPUT:PATH      an input whose wire takes plain framed I2C messages\n"
	"  --vhost INPUT:PATH      an input whose wire is a vhost-user virtio-i2c back end\n"
	"  --input INPUT           an input with nothing behind it\n"
	"  --control PATH          where commands are taken\n"
	"  --shown INPUT           the input shown first (default: the first)\n"
	"  --set COMMAND           a control command carried out at the start\n"
	"  --log FILE              append each DDC/CI message and change of picture, JSON lines\n"
	"  --maker ABC  --product CODE  --serial N  --serial-string TEXT  --name TEXT\n"
	"                          identity; serial 0 and empty texts mean none\n"
	"  --product-at INPUT:CODE another product code in this connector's EDID\n"
	"  --edid INPUT            write that input's EDID to stdout and end\n"
	"  --die-with-parent       end when the parent process ends\n"
	"INPUT is the value of VCP feature 0x60 that selects the input, e.g. 0x0f.\n";

enum option_id {
	OPT_PLAIN = 256,
	OPT_VHOST,
	OPT_INPUT,
	OPT_CONTROL,
	OPT_SHOWN,
	OPT_SET,
	OPT_LOG,
	OPT_MAKER,
	OPT_PRODUCT,
	OPT_SERIAL,
	OPT_SERIAL_STRING,
	OPT_NAME,
	OPT_PRODUCT_AT,
	OPT_EDID,
	OPT_DIE,
	OPT_HELP
};

static const struct option options[] = {
	{ "plain", required_argument, NULL, OPT_PLAIN },
	{ "vhost", required_argument, NULL, OPT_VHOST },
	{ "input", required_argument, NULL, OPT_INPUT },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "shown", required_argument, NULL, OPT_SHOWN },
	{ "set", required_argument, NULL, OPT_SET },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "maker", required_argument, NULL, OPT_MAKER },
	{ "product", required_argument, NULL, OPT_PRODUCT },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "serial-string", required_argument, NULL, OPT_SERIAL_STRING },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "product-at", required_argument, NULL, OPT_PRODUCT_AT },
	{ "edid", required_argument, NULL, OPT_EDID },
	{ "die-with-parent", no_argument, NULL, OPT_DIE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

enum { MAX_FIRST = 32 };

struct setup {
	struct sim_monitor monitor;
	struct server *server;
	long shown, edid; /* -1: not given */
	const char *first[MAX_FIRST];
	int n_first, log_fd;
};

static int complain(const char *what, const char *value, int err)
{
	fprintf(stderr, "simmon: --%s %s: %s\n", what, value, strerror(err < 0 ? -err : err));
	return -1;
}

static long to_number(const char *text, const char **ret_rest)
{
	char *end;
	long value = strtol(text, &end, 0);

	*ret_rest = end;
	return end == text || value < 0 || value > 0xffff ? -1 : value;
}

/* "INPUT[:REST]" to its port, which is made if there is none yet; -1: nonsense. */
static int to_port(struct setup *s, const char *text, const char **ret_rest)
{
	long input = to_number(text, ret_rest);

	if (**ret_rest == ':')
		++*ret_rest;
	return input < 0 ? -1 : monitor_add_port(&s->monitor, (uint16_t)input);
}

static int add_wire(struct setup *s, enum server_kind kind, const char *name, const char *value)
{
	const char *path;
	int port = to_port(s, value, &path), err;

	err = port < 0 || !*path ? -EINVAL : server_listen(s->server, kind, port, path);
	return err < 0 ? complain(name, value, err) : 0;
}

static int identity(struct sim_identity *id, int option, const char *value)
{
	const char *rest;

	switch (option) {
	case OPT_MAKER:
		if (strlen(value) != 3 || strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
			return -EINVAL;
		memcpy(id->maker, value, 4);
		return 0;
	case OPT_PRODUCT:
		id->product = (uint16_t)to_number(value, &rest);
		return *rest ? -EINVAL : 0;
	case OPT_SERIAL: id->serial = (uint32_t)strtoul(value, NULL, 0); return 0;
	case OPT_SERIAL_STRING:
		snprintf(id->serial_str, sizeof(id->serial_str), "%s", value);
		return 0;
	default: snprintf(id->name, sizeof(id->name), "%s", value); return 0;
	}
}

static int apply(struct setup *s, int option, const char *name, const char *value)
{
	const char *rest;
	int port, err;

	switch (option) {
	case OPT_PLAIN: return add_wire(s, SERVER_PLAIN, name, value);
	case OPT_VHOST: return add_wire(s, SERVER_VHOST, name, value);
	case OPT_INPUT: return to_port(s, value, &rest) < 0 ? complain(name, value, EINVAL) : 0;
	case OPT_CONTROL:
		err = server_listen(s->server, SERVER_CONTROL, 0, value);
		return err < 0 ? complain(name, value, err) : 0;
	case OPT_SHOWN: s->shown = to_number(value, &rest); return 0;
	case OPT_EDID: s->edid = to_number(value, &rest); return 0;
	case OPT_SET:
		if (s->n_first == MAX_FIRST)
			return complain(name, value, E2BIG);
		s->first[s->n_first++] = value;
		return 0;
	case OPT_LOG:
		s->log_fd = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		return s->log_fd < 0 ? complain(name, value, errno) : 0;
	case OPT_PRODUCT_AT:
		port = to_port(s, value, &rest);
		if (port < 0)
			return complain(name, value, EINVAL);
		s->monitor.ports[port].product = (uint16_t)to_number(rest, &rest);
		return 0;
	case OPT_DIE: return prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 ? -1 : 0;
	default:
		err = identity(&s->monitor.id, option, value);
		return err < 0 ? complain(name, value, err) : 0;
	}
}

/* 0, 1 for "help was printed", or -1 after a complaint. */
static int parse(struct setup *s, int argc, char **argv)
{
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (option == OPT_HELP)
			return fputs(usage, stdout) < 0 ? -1 : 1;
		if (option == '?') {
			fputs(usage, stderr);
			return -1;
		}
		if (apply(s, option, options[index].name, optarg) < 0)
			return -1;
	}
	return 0;
}

static int write_edid(struct setup *s)
{
	uint8_t edid[SIM_EDID_SIZE];
	int port = monitor_find_port(&s->monitor, (uint16_t)s->edid);
	uint16_t product = port < 0 ? 0 : s->monitor.ports[port].product;

	edid_build(
		&s->monitor.id, product ? product : s->monitor.id.product, (uint16_t)s->edid, edid);
	return fwrite(edid, sizeof(edid), 1, stdout) == 1 && !fflush(stdout) ? 0 : -1;
}

static int first_commands(struct setup *s)
{
	char answer[CONTROL_ANSWER_SIZE];

	if (s->shown >= 0)
		s->monitor.shown = monitor_find_port(&s->monitor, (uint16_t)s->shown);
	if (s->monitor.shown < 0) {
		fprintf(stderr, "simmon: --shown: no such input\n");
		return -1;
	}
	s->monitor.previous = s->monitor.shown;
	for (int i = 0; i < s->n_first; i++) {
		control_command(&s->monitor, server_now(), s->first[i], answer, sizeof(answer));
		if (!strncmp(answer, "error", 5)) {
			fprintf(stderr, "simmon: --set '%s': %s", s->first[i], answer);
			return -1;
		}
	}
	return 0;
}

static int run(struct setup *s)
{
	sigset_t signals;
	CLEANUP_FD int stop_fd = -1;

	if (s->monitor.n_ports == 0) {
		fprintf(stderr, "simmon: no input was given\n%s", usage);
		return -1;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -1;
	stop_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	monitor_start(&s->monitor);
	s->monitor.event = log_event;
	s->monitor.event_ctx = &s->log_fd;
	if (stop_fd < 0 || first_commands(s) < 0)
		return -1;
	puts("ready");
	fflush(stdout);
	return server_run(s->server, stop_fd);
}

int main(int argc, char **argv)
{
	struct setup s = { .shown = -1, .edid = -1, .log_fd = -1 };
	int err;

	monitor_init(&s.monitor);
	s.server = server_new(&s.monitor);
	if (!s.server)
		return 1;
	err = parse(&s, argc, argv);
	if (!err)
		err = s.edid >= 0 ? write_edid(&s) : run(&s);
	server_free(s.server);
	return err < 0 ? 1 : 0;
}
