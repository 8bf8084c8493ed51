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
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define LINK_USER "virt-aid-link"
#define GROUP	  "virt-aid"

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

uint64_t hostd_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool hostd_path(char *out, size_t size, const char *dir, const char *sub, const char *name,
	const char *suffix)
{
	int n = sub ? snprintf(out, size, "%s/%s/%s%s", dir, sub, name, suffix) :
		      snprintf(out, size, "%s/%s%s", dir, name, suffix);

	return n > 0 && (size_t)n < size;
}

/* --- the world ---------------------------------------------------------------------------------------- */

void hostd_world_changed(struct hostd *h)
{
	h->world_stale = true;
}

static void add_machine(struct hostd *h, const struct guest *g)
{
	struct world_machine *m = &h->machines[g->slot];

	*m = (struct world_machine){
		.known = true,
		.state = guest_is_running(g) ? WORLD_RUNNING : WORLD_OFF,
		.agent = g->paired && guest_has_channel(g),
		.session = g->state == LINK_UP,
		.n_gpus = g->n_gpus,
	};
	memcpy(m->name, g->name, sizeof(m->name));
	memcpy(m->gpus, g->gpus, sizeof(m->gpus));
	h->world.n_machines = g->slot + 1;
}

/* Until a switch said who holds the seat, what is shown does. */
static void derive_holder(struct hostd *h)
{
	struct world *w = &h->world;

	w->holder = WORLD_HOST;
	if (w->n_monitors > 0 && w->monitors[0].shown >= 0)
		w->holder = world_gpu_owner(w, w->monitors[0].inputs[w->monitors[0].shown].gpu);
}

const struct world *hostd_world(struct hostd *h)
{
	struct world *w = &h->world;

	if (!h->world_stale)
		return w;
	h->world_stale = false;
	w->machines = h->machines;
	h->machines[WORLD_HOST] =
		(struct world_machine){ .known = true, .state = WORLD_RUNNING, .session = true };
	snprintf(h->machines[WORLD_HOST].name, sizeof(h->machines[WORLD_HOST].name), "host");
	w->n_machines = 1;
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++) {
		h->machines[i].known = false;
		if (h->guests[i])
			add_machine(h, h->guests[i]);
	}
	w->n_monitors = h->config->n_monitors;
	memcpy(w->monitors, h->config->monitors, sizeof(w->monitors));
	for (int i = 0; i < w->n_monitors; i++) {
		struct world_monitor *m = &w->monitors[i];

		m->shown = h->shown[i] < m->n_inputs ? h->shown[i] : -1;
		for (int k = 0; k < m->n_inputs; k++) /* the user's word counts more */
			if (m->sources[k].read == INPUT_NOT_READ)
				m->sources[k].read = h->learned[i][k];
	}
	if (!h->holder_moved)
		derive_holder(h);
	return w;
}

/* --- configuration ---------------------------------------------------------------------------------------- */

static bool load_policy(struct hostd *h)
{
	struct conf_report report = { 0 };
	struct policy *fresh = NULL;
	int r = policy_load_dir(&fresh, POLICY_ON_HOST, h->config->policy_dir, &report);

	h->policy_error[0] = '\0';
	if (r < 0) {
		while (report.len > 0 && report.text[report.len - 1] == '\n')
			report.text[--report.len] = '\0';
		snprintf(h->policy_error, sizeof(h->policy_error), "%s",
			report.len ? report.text : strerror(-r));
		log_error("policy: %s. Every request of a guest is denied until that is mended",
			h->policy_error);
	}
	if (!fresh)
		fresh = policy_new(POLICY_ON_HOST); /* without a rule: denies, too */
	policy_free(h->policy);
	h->policy = fresh;
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			requests_policy_changed(h->guests[i]);
	return r >= 0 && h->policy;
}

/* Guests named in guests.d are known without libvirt, too. */
static void add_configured_guests(struct hostd *h)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			h->guests[i]->conf = config_find_guest(h->config, h->guests[i]->name);
	for (int i = 0; i < h->config->n_guests; i++)
		guest_get(h, h->config->guests[i].name);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++) {
		struct guest *g = h->guests[i];

		if (g && !g->conf && !g->uuid[0])
			guest_remove(g);
		else if (g)
			guest_update(g);
	}
	hostd_world_changed(h);
}

void hostd_reload(struct hostd *h, char error[CONFIG_ERROR_SIZE])
{
	struct config *fresh = NULL, *old = h->config;

	if (config_load(h->config_dir, &fresh, error) < 0) {
		log_error("%s. The old configuration stays in force", error);
		return;
	}
	error[0] = '\0';
	h->config = fresh;
	if (seat_is_busy(h))
		log_info("a switch is under way; it ends as it was planned");
	monitors_forget(h);
	load_policy(h);
	if (strcmp(old->libvirt, fresh->libvirt)) {
		virt_stop(h);
		virt_start(h);
	}
	add_configured_guests(h);
	config_free(old);
	if (fresh->ddc && !h->ddc)
		monitors_start(h);
	else if (!fresh->ddc)
		monitors_stop(h);
	else
		monitors_detect(h);
	log_info("configuration and policy are read again");
}

/* --- start and end ----------------------------------------------------------------------------------------- */

static int on_terminate(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	struct hostd *h = userdata;

	(void)s;
	log_info("leaving on signal %u", si->ssi_signo);
	return sd_event_exit(h->event, 0);
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
	char error[CONFIG_ERROR_SIZE];

	(void)s;
	(void)si;
	sd_notify(0, "RELOADING=1");
	hostd_reload(userdata, error);
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

static int open_control(struct hostd *h)
{
	char path[PATH_MAX];
	const struct group *g = getgrnam(GROUP);
	int r, n = sd_listen_fds(0);

	if (!hostd_path(path, sizeof(path), h->run_dir, NULL, "control", ".sock"))
		return -ENAMETOOLONG;
	r = control_server_new(&h->control, h->event, path, g ? g->gr_gid : (gid_t)-1,
		n == 1 ? SD_LISTEN_FDS_START : -1, commands_handle, commands_gone, h);
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
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return r;
	}
	raise_limits();
	find_link_user(h);
	load_policy(h);
	if (!h->policy)
		return -ENOMEM;
	monitors_forget(h);
	if (make_dirs(h) < 0 || open_control(h) < 0)
		return -EIO;
	r = monitors_start(h);
	if (r < 0)
		log_error("cannot start va-ddc: %s; the host switches no monitor", strerror(-r));
	r = virt_start(h);
	if (r < 0)
		log_error("cannot start va-virt: %s; libvirt's guests are not known", strerror(-r));
	add_configured_guests(h);
	sd_event_set_watchdog(h->event, true);
	sd_notifyf(0, "READY=1\nSTATUS=%d guests configured", h->config->n_guests);
	return 0;
}

static void stop(struct hostd *h)
{
	sd_notify(0, "STOPPING=1");
	h->stopping = true;
	seat_free(h);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			guest_remove(h->guests[i]);
	virt_stop(h);
	monitors_stop(h);
	control_server_free(TAKE(h->control));
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
	const char *libexec = getenv("VIRT_AID_LIBEXEC");
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
	h.world_stale = true;
	if (config_load(o.config_dir, &h.config, error) < 0) {
		log_error("%s", error);
		return EXIT_CODE_FAILED;
	}
	if (o.check) {
		r = load_policy(&h) ? EXIT_CODE_OK : EXIT_CODE_FAILED;
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
