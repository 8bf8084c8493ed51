// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-guestd: the guest's agent.
 *
 * Theory of operation: one thread, one sd-event loop, no root. The channel brings the host's
 * requests (executor.c), the control socket those of this machine's users (local.c); a va-ddc is
 * started when a monitor is to be touched. Without a host the daemon sleeps until the port says
 * something. This file reads the command line and the configuration, joins the parts, and says
 * what goes wrong.
 */
#include "common/base/log.h"
#include "guest/daemon/config.h"
#include "guest/daemon/executor.h"
#include "guest/daemon/footprint.h"
#include "guest/daemon/hotkey.h"
#include "guest/daemon/local.h"
#include "guest/daemon/words.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

struct guestd {
	struct config config;
	char sysfs[CONFIG_PATH];
	sd_event *event;
	struct pairing *pairing;
	struct channel *channel;
	struct ddc *ddc;
	struct poweroff *poweroff;
	struct judge *judge;
	struct executor *executor;
	struct local *local;
	struct hotkey *hotkey; /* NULL: off */
	enum port_state told_port;
	enum link_state told_link;
	bool told;
};

/* --- what happens --------------------------------------------------------------------------- */

static void on_event(const struct link_event *ev, void *userdata)
{
	struct guestd *g = userdata;
	const char *hint;
	int r;

	switch (ev->kind) {
	case LINK_EV_REQUEST: executor_take_request(g->executor, ev); return;
	case LINK_EV_DOWN: executor_forget(g->executor); break;
	case LINK_EV_HINT:
		hint = words_hint(ev->hint);
		if (hint)
			log_warn("%s", hint);
		break;
	case LINK_EV_PAIRED:
		log_info("paired with the host; both sides show the words %s", ev->words);
		break;
	default: break;
	}
	r = pairing_take_event(g->pairing, ev);
	if (r < 0)
		log_error("writing the key record in %s failed: %s; make room or correct its "
			  "owner, then pair again",
			g->config.state_dir, strerror(-r));
	local_take_event(g->local, ev);
	hotkey_take_event(g->hotkey, ev);
}

/* The service manager's status line, and one log line, for each real change. */
static void on_change(void *userdata)
{
	struct guestd *g = userdata;
	enum port_state port = channel_port_state(g->channel);
	enum link_state state = link_get_state(channel_link(g->channel));
	const char *text;

	if (g->told && port == g->told_port && state == g->told_link)
		return;
	g->told = true;
	g->told_port = port;
	g->told_link = state;
	if (words_unready(port, state, LINK_HINT_NONE, &text) == EXIT_CODE_OK)
		text = "connected to the host";
	else if (state == LINK_WAITING)
		text = "waiting for the host to answer";
	sd_notifyf(0, "STATUS=%s", text);
	log_info("%s", text);
}

static void on_jump(void *userdata)
{
	struct guestd *g = userdata;

	executor_forget(g->executor);
	log_warn("the clock jumped: this machine was paused, restored or set; shaking hands "
		 "with the host anew");
}

static void on_trouble(int error, const char *path, void *userdata)
{
	(void)userdata;
	if (error == ENOENT)
		log_info("waiting for the port %s to appear", path);
	else if (error == EBUSY)
		log_error("opening %s failed: another process has it open; is a second agent "
			  "running?",
			path);
	else if (error == EACCES || error == EPERM)
		log_error("opening %s failed: not ours to open; is virt-aid's udev rule "
			  "installed?",
			path);
	else
		log_error("opening %s failed: %s; trying again", path, strerror(error));
}

static void reload(void *userdata)
{
	struct guestd *g = userdata;

	judge_load(g->judge);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void)s;
	(void)si;
	reload(userdata);
	return 0;
}

/* --- building and taking down --------------------------------------------------------------- */

/* The program beside us when run from a build directory, the installed one else. */
static int find_program(char *out, size_t size, const char *name)
{
	const char *dir = getenv("VIRT_AID_LIBEXEC");
	int n = snprintf(out, size, "%s/%s", dir && *dir == '/' ? dir : VA_LIBEXECDIR, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* This machine's, but for tests. */
static int find_sysfs(char *out, size_t size)
{
	const char *root = getenv("VIRT_AID_ROOT");
	int n = snprintf(out, size, "%s/sys", root && *root == '/' ? root : "");

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int add_signals(struct guestd *g)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_add_signal(g->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(g->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(g->event, NULL, SIGHUP, on_hangup, g);
	return r;
}

static int build_parts(struct guestd *g)
{
	static const struct channel_ops ops = { on_event, on_change, on_jump, on_trouble };
	char program[256];
	int r = judge_new(&g->judge, g->config.policy_dir);

	if (r >= 0)
		r = poweroff_new(&g->poweroff, g->event, g->config.poweroff);
	if (r >= 0)
		r = find_sysfs(g->sysfs, sizeof(g->sysfs));
	if (r >= 0 && g->config.ddc)
		r = find_program(program, sizeof(program), "va-ddc");
	if (r >= 0 && g->config.ddc)
		r = ddc_new(&g->ddc, g->event, program);
	if (r >= 0)
		r = channel_new(
			&g->channel, g->event, g->config.port, pairing_record(g->pairing), &ops, g);
	if (r >= 0)
		r = executor_new(
			&g->executor, &(struct executor_deps){ g->event, g->channel, g->ddc,
					      g->config.ways, g->poweroff, g->judge, g->sysfs });
	if (r >= 0)
		pairing_attach(g->pairing, channel_link(g->channel));
	return r;
}

/* What is wrong with it keeps nothing else from working. */
static void build_hotkey(struct guestd *g)
{
	const char *nodes = getenv("VA_INPUT_NODES");
	char program[256];
	int r = find_program(program, sizeof(program), "va-input");

	if (r >= 0)
		r = hotkey_new(&g->hotkey, g->event, g->channel, &g->config.hotkeys, program,
			nodes ? nodes : "/dev/input");
	if (r < 0)
		log_error("hotkeys: starting %s failed: %s; they are not heard", program,
			strerror(-r));
}

static int build_local(struct guestd *g)
{
	struct local_deps deps = { g->event, g->channel, g->pairing, g->ddc, g->sysfs, reload, g };
	char path[CONFIG_PATH + 16];
	int r;

	snprintf(path, sizeof(path), "%s/guest.sock", g->config.run_dir);
	r = local_new(&g->local, path, &deps);
	if (r == -EADDRINUSE)
		log_error("listening on %s failed: another va-guestd does", path);
	else if (r < 0)
		log_error("listening on %s failed: %s; does the directory exist, and is it ours?",
			path, strerror(-r));
	return r;
}

static int build(struct guestd *g)
{
	char why[512];
	int r = sd_event_default(&g->event);

	if (r >= 0)
		r = add_signals(g);
	if (r < 0) {
		log_error("setting up the event loop failed: %s", strerror(-r));
		return r;
	}
	r = pairing_new(&g->pairing, g->config.state_dir, g->config.run_dir, why, sizeof(why));
	if (r < 0) {
		log_error("reading the key record failed: %s", why);
		return r;
	}
	r = build_parts(g);
	if (r < 0) {
		log_error("starting failed: %s", strerror(-r));
		return r;
	}
	build_hotkey(g);
	return build_local(g);
}

/* Workers first: what they leave unanswered is still told to whoever asked. */
static void take_down(struct guestd *g)
{
	hotkey_free(g->hotkey);
	ddc_free(g->ddc);
	poweroff_free(g->poweroff);
	local_free(g->local);
	executor_free(g->executor);
	channel_free(g->channel);
	pairing_free(g->pairing);
	judge_free(g->judge);
	sd_event_unref(g->event);
}

static int serve(struct guestd *g)
{
	int r = build(g);

	if (r >= 0 && pairing_try_token(g->pairing))
		log_info("this machine was given a one-time token: pairing with the host by it");
	if (r >= 0)
		r = sd_event_set_watchdog(g->event, true);
	if (r >= 0) {
		sd_notify(0, "READY=1");
		footprint_trim();
		r = sd_event_loop(g->event);
		sd_notify(0, "STOPPING=1");
	}
	take_down(g);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- the command line
 * ------------------------------------------------------------------------------ */

static const char usage[] =
	"usage: va-guestd [OPTION...]\n"
	"\n"
	"The agent of a virtual machine: connects it to va-hostd over a virtio port.\n"
	"\n"
	"  --config FILE   read FILE instead of " CONFIG_FILE "\n"
	"  --state DIR     where the keys are (/var/lib/virt-aid)\n"
	"  --run DIR       where the control socket is (/run/virt-aid)\n"
	"  --port PATH     the port's device, or unix:SOCKET\n"
	"  --import-token  copy the host's one-time token to the run directory, and leave\n"
	"  --help, --version\n";

struct arguments {
	const char *config, *state, *run, *port;
	bool import;
};

enum { OPT_CONFIG = 256, OPT_STATE, OPT_RUN, OPT_PORT, OPT_IMPORT, OPT_HELP, OPT_VERSION };

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, OPT_CONFIG },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "run", required_argument, NULL, OPT_RUN },
		{ "port", required_argument, NULL, OPT_PORT },
		{ "import-token", no_argument, NULL, OPT_IMPORT },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (opt) {
		case OPT_CONFIG: a->config = optarg; break;
		case OPT_STATE: a->state = optarg; break;
		case OPT_RUN: a->run = optarg; break;
		case OPT_PORT: a->port = optarg; break;
		case OPT_IMPORT: a->import = true; break;
		case OPT_HELP: fputs(usage, stdout); return EXIT_CODE_OK;
		case OPT_VERSION: puts("va-guestd " VA_VERSION); return EXIT_CODE_OK;
		default: fputs("va-guestd: see va-guestd --help\n", stderr); return EXIT_CODE_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr, "va-guestd: what is \"%s\"? See va-guestd --help\n",
			escape(argv[optind]));
		return EXIT_CODE_USAGE;
	}
	return -1;
}

static int override(char out[CONFIG_PATH], const char *given, const char *option)
{
	if (!given)
		return 0;
	if (strlen(given) >= CONFIG_PATH) {
		log_error("%s: longer than %d bytes", option, CONFIG_PATH - 1);
		return -ENAMETOOLONG;
	}
	memcpy(out, given, strlen(given) + 1);
	return 0;
}

static int configure(struct config *c, const struct arguments *a)
{
	static struct conf_report report;
	const char *file = a->config ? a->config : CONFIG_FILE;
	int r;

	config_init(c);
	r = config_read(c, file, &report);
	if (r == -ENOENT && !a->config)
		r = 0;
	if (r == -ENOENT)
		log_error("reading %s failed: there is no such file", file);
	else if (r < 0)
		log_error("reading the configuration failed:\n%s", report.text);
	if (r == 0)
		r = override(c->state_dir, a->state, "--state");
	if (r == 0)
		r = override(c->run_dir, a->run, "--run");
	if (r == 0)
		r = override(c->port, a->port, "--port");
	return r;
}

static int import(const struct config *c)
{
	int r = pairing_import_token(c->token, c->run_dir);

	if (r < 0)
		log_error("copying the token %s to %s failed: %s", c->token, c->run_dir,
			r == -EBADMSG ? "it is not a token of 32 bytes" : strerror(-r));
	/* a guest without a token, or with a broken one, still has to run */
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct guestd g = { 0 };
	struct arguments a = { 0 };
	int r = parse(argc, argv, &a);

	if (r >= 0)
		return r;
	log_init("va-guestd", LOG_LEVEL_INFO);
	if (configure(&g.config, &a) < 0)
		return EXIT_CODE_USAGE;
	return a.import ? import(&g.config) : serve(&g);
}
