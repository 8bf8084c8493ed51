// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * va-hostd: start, signals, reload, end. What it does is described in hostd.h and ARCHITECTURE.md.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define LINK_USER "virt-aid-link"
#define GROUP     "virt-aid"

struct options {
	const char *config_dir, *state_dir, *run_dir, *libexec;
	bool debug, check;
};

static const char usage[] =
	"Usage: va-hostd [OPTION]...\n"
	"The host's daemon of virt-aid: decides who has the monitors, and talks to the guests.\n"
	"\n"
	"      --config DIR   configuration (default /etc/virt-aid)\n"
	"      --state DIR    keys and pairing tokens (default /var/lib/virt-aid)\n"
	"      --run DIR      control socket (default /run/virt-aid)\n"
	"      --check        read configuration and policy, say what is wrong, and leave\n"
	"      --debug        say more\n"
	"      --help, --version\n"
	"\n"
	"See va-hostd(8), va-host.conf(5) and va-policy(5).\n";

/* --- start and end
 * ----------------------------------------------------------------------------------------- */

static int on_terminate(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	log_info("leaving on signal %u", si->ssi_signo);
	return sd_event_exit(h->event, 0);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	(void)s;
	(void)si;
	sd_notify(0, "RELOADING=1");
	hostd_reload_later(userdata);
	sd_notify(0, "READY=1");
	return 0;
}

static int set_up_signals(struct hostd *h)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	r = sd_event_add_signal(h->event, NULL, SIGTERM, on_terminate, h);
	if (r >= 0)
		r = sd_event_add_signal(h->event, NULL, SIGINT, on_terminate, h);
	if (r >= 0)
		r = sd_event_add_signal(h->event, NULL, SIGHUP, on_hangup, h);
	return r;
}

/* Two descriptors a guest, and a few of our own. */
static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			log_warn("cannot raise the limit of open files: %s", strerror(errno));
	}
	prctl(PR_SET_DUMPABLE, 0); /* key records pass through */
}

static void find_link_user(struct hostd *h)
{
	const struct passwd *p;

	if (geteuid() != 0)
		return;
	p = getpwnam(LINK_USER);
	if (!p) {
		log_warn("user %s does not exist (systemd-sysusers makes it): the va-links run as "
			 "nobody",
			LINK_USER);
		p = getpwnam("nobody");
	}
	h->link_uid = p ? p->pw_uid : 65534;
	h->link_gid = p ? p->pw_gid : 65534;
}

static int make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		log_error("cannot make %s: %s", path, strerror(errno));
		return -errno;
	}
	return 0;
}

/* QEMU's user must reach its token below pair/, and nothing else. */
static int make_dirs(const struct hostd *h)
{
	char pair[PATH_MAX];
	int r = make_dir(h->run_dir, 0755);

	if (r >= 0)
		r = make_dir(h->state_dir, 0711);
	if (r >= 0 && hostd_path(pair, sizeof(pair), h->state_dir, NULL, "pair", ""))
		r = make_dir(pair, 0711);
	return r;
}

/* What systemd has kept for us: a control socket (-1: none), virtual keyboards. */
static int take_kept(struct hostd *h)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), control = -1;

	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (control < 0 && sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1) > 0)
			control = fd;
		else
			inputs_share_keep(h, names[i], fd);
		free(names[i]);
	}
	free(names);
	return control;
}

static int open_control(struct hostd *h)
{
	char path[PATH_MAX];
	const struct group *g = getgrnam(GROUP);
	int r;

	if (!hostd_path(path, sizeof(path), h->run_dir, NULL, "control", ".sock"))
		return -ENAMETOOLONG;
	r = control_server_new(&h->control, h->event, path, g ? g->gr_gid : (gid_t)-1, take_kept(h),
		commands_handle, commands_gone, h);
	if (r < 0)
		log_error("cannot listen on %s: %s", path, strerror(-r));
	return r;
}

static int start(struct hostd *h)
{
	int r = sd_event_default(&h->event);

	if (r >= 0)
		r = set_up_signals(h);
	if (r >= 0)
		r = power_init(h);
	if (r >= 0)
		r = events_start(h);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return r;
	}
	raise_limits();
	find_link_user(h);
	gpus_find(h);
	hostd_load_policy(h);
	if (!h->policy)
		return -ENOMEM;
	monitors_forget(h);
	if (make_dirs(h) < 0 || open_control(h) < 0)
		return -EIO;
	if (cables_start(h) < 0)
		return -ENOMEM;
	r = monitors_start(h);
	if (r < 0)
		log_error("cannot start va-ddc: %s; the host switches no monitor", strerror(-r));
	r = virt_start(h);
	if (r < 0)
		log_error("cannot start va-virt: %s; libvirt's guests are not known", strerror(-r));
	inputs_share_take_conf(h);
	r = inputs_start(h);
	if (r < 0)
		log_error("cannot follow keyboards and mice: %s; they stay where they are",
			strerror(-r));
	r = hotkey_start(h);
	if (r < 0)
		log_error("cannot start va-input: %s; hotkeys are not heard", strerror(-r));
	hostd_take_guests(h);
	r = seat_start(h);
	if (r < 0) {
		log_error("cannot watch the seat: %s", strerror(-r));
		return r;
	}
	sd_event_set_watchdog(h->event, true);
	sd_notifyf(0, "READY=1\nSTATUS=%d guests configured", h->config->n_guests);
	return 0;
}

static void stop(struct hostd *h)
{
	sd_notify(0, "STOPPING=1");
	h->stopping = true;
	seat_free(h);
	inputs_stop(h);
	hotkey_stop(h);
	inputs_share_stop(h);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			guest_remove(h->guests[i]);
	virt_stop(h);
	monitors_stop(h);
	cables_stop(h);
	control_server_free(TAKE(h->control));
	events_stop(h);
	power_free(h);
	policy_free(TAKE(h->policy));
	config_free(TAKE(h->config));
	h->event = sd_event_unref(h->event);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'r' },
		{ "check", no_argument, NULL, 'C' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
		switch (c) {
		case 'c': o->config_dir = optarg; break;
		case 's': o->state_dir = optarg; break;
		case 'r': o->run_dir = optarg; break;
		case 'C': o->check = true; break;
		case 'd': o->debug = true; break;
		case 'h': fputs(usage, stdout); return 0;
		case 'V': puts("va-hostd " VA_VERSION); return 0;
		default: fputs("Try \"va-hostd --help\".\n", stderr); return EXIT_CODE_USAGE;
		}
	if (optind < argc) {
		fprintf(stderr, "va-hostd: unexpected \"%s\"\n", escape(argv[optind]));
		return EXIT_CODE_USAGE;
	}
	return -1;
}

int main(int argc, char **argv)
{
	static struct hostd h;
	const char *libexec = getenv("VIRT_AID_LIBEXEC"), *root = getenv("VIRT_AID_ROOT");
	static char sysfs[PATH_MAX], dev[PATH_MAX];
	struct options o = { "/etc/virt-aid", "/var/lib/virt-aid", "/run/virt-aid",
		libexec ? libexec : VA_LIBEXECDIR, false, false };
	char error[CONFIG_ERROR_SIZE];
	int r = parse_options(argc, argv, &o);

	if (r >= 0)
		return r;
	log_init("va-hostd", o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (sodium_init() < 0) {
		log_error("libsodium cannot be initialised");
		return EXIT_CODE_FAILED;
	}
	h.config_dir = o.config_dir;
	h.state_dir = o.state_dir;
	h.run_dir = o.run_dir;
	h.libexec = o.libexec;
	if (root && hostd_path(sysfs, sizeof(sysfs), root, NULL, "sys", "") &&
		hostd_path(dev, sizeof(dev), root, NULL, "dev", "")) {
		h.sysfs = sysfs;
		h.dev = dev;
	}
	h.world_stale = true;
	if (config_load(o.config_dir, &h.config, error) < 0) {
		log_error("%s", error);
		return EXIT_CODE_FAILED;
	}
	if (o.check) {
		r = hostd_load_policy(&h) ? EXIT_CODE_OK : EXIT_CODE_FAILED;
		policy_free(h.policy);
		config_free(h.config);
		return r;
	}
	r = start(&h);
	if (r >= 0)
		r = sd_event_loop(h.event);
	stop(&h);
	return r < 0 ? EXIT_CODE_FAILED : EXIT_CODE_OK;
}
