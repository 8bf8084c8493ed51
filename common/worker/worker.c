// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon's side of a worker; see worker.h.
 *
 * A worker is WAITING (for its restart, or for good), RUNNING or DYING (killed, or asked to
 * leave, and not yet reaped). There is one way down for all ends: it becomes DYING, and
 * worker_ended() is called when its pidfd says so. A process that cannot die (stuck in the kernel
 * on a dead bus) is left to a reaper after DYING_USEC, so that neither requests nor the next
 * process wait for it.
 */
#include "common/worker/worker.h"

#include "common/worker/internal.h"
#include "common/worker/spawn.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#define USEC_PER_SEC     1000000ull
#define DYING_USEC       (1 * USEC_PER_SEC)
#define BACKOFF_MAX_USEC (30 * USEC_PER_SEC)
#define TIMER_SLACK_USEC 2000u
#define FREE_WAIT_MS     50
#define LAST_WORDS       4096u /* messages; its children might still be writing */

static void worker_ended(struct worker *w, int status);

uint64_t worker_now_usec(void)
{
	struct timespec ts;

	/* not sd_event_now(): a callback before this one may have taken its time */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

void worker_hold(struct worker *w)
{
	w->holders++;
}

static void strv_free(char *const *v)
{
	if (!v)
		return;
	for (size_t i = 0; v[i]; i++)
		free(v[i]);
	free((void *)(uintptr_t)v);
}

static void worker_destroy(struct worker *w)
{
	sd_event_source_disable_unref(w->on_sock);
	sd_event_source_disable_unref(w->on_pidfd);
	sd_event_source_disable_unref(w->deadlines);
	sd_event_source_disable_unref(w->clock);
	cleanup_closep(&w->sock);
	cleanup_closep(&w->pidfd);
	sd_event_unref(w->event);
	strv_free((char *const *)(uintptr_t)w->spec.argv);
	strv_free((char *const *)(uintptr_t)w->spec.env);
	free((void *)(uintptr_t)w->spec.keep_fds);
	free((void *)(uintptr_t)w->spec.name);
	free(w);
}

/* False: the callbacks in between freed it; w must not be touched. */
bool worker_release(struct worker *w)
{
	bool freed = w->freed;

	if (--w->holders == 0 && freed)
		worker_destroy(w);
	return !freed;
}

/* --- processes -------------------------------------------------------------------------------- */

static int on_reapable(sd_event_source *s, int pidfd, uint32_t events, void *userdata)
{
	siginfo_t info;

	(void)events;
	(void)userdata;
	(void)!waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
	sd_event_source_set_enabled(s, SD_EVENT_OFF);
	/* a floating source has one reference, its loop's, and this gives that up */
	sd_event_source_set_floating(s, false);
	return 0;
}

/* Nobody waits for this process any more; the loop reaps it whenever it ends. Takes the pidfd. */
static void worker_abandon(struct worker *w)
{
	sd_event_source *s = NULL;
	int pidfd = TAKE_FD(w->pidfd);

	w->pid = 0;
	if (pidfd < 0)
		return;
	if (sd_event_add_io(w->event, &s, pidfd, EPOLLIN, on_reapable, NULL) < 0 ||
		sd_event_source_set_io_fd_own(s, true) < 0) {
		sd_event_source_disable_unref(s);
		close(pidfd);
		return;
	}
	sd_event_source_set_floating(s, true);
	sd_event_source_unref(s);
}

/* Its status if it has ended, as of waitpid(). */
static bool worker_reap(struct worker *w, int *ret_status)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return false;
	*ret_status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0)
						 : W_EXITCODE(0, info.si_status);
	return true;
}

static void worker_set_clock(struct worker *w, uint64_t in_usec)
{
	sd_event_source_set_time(w->clock, worker_now_usec() + in_usec);
	sd_event_source_set_enabled(w->clock, SD_EVENT_ONESHOT);
}

/* It leads a process group. Only before it is reaped: then the number may become another's. */
static void worker_kill_children(const struct worker *w)
{
	if (w->pid > 1)
		kill(-w->pid, SIGKILL);
}

static void worker_no_more(struct worker *w, bool asked)
{
	w->state = DYING;
	w->asked = asked;
	sd_event_source_set_enabled(w->on_sock, SD_EVENT_OFF);
	worker_set_clock(w, DYING_USEC);
}

void worker_kill(struct worker *w)
{
	if (w->state == WAITING || (w->state == DYING && !w->asked))
		return;
	worker_no_more(w, false);
	pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
	worker_kill_children(w);
}

/* It reads what it was sent, then the end. */
static void worker_ask_to_leave(struct worker *w)
{
	worker_no_more(w, true);
	shutdown(w->sock, SHUT_WR);
}

/* --- its life --------------------------------------------------------------------------------- */

static int on_socket(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
	(void)s;
	(void)fd;
	(void)events;
	calls_read(userdata, CALLS_READ_BUDGET);
	return 0;
}

static int on_process_end(sd_event_source *s, int fd, uint32_t events, void *userdata)
{
	struct worker *w = userdata;
	int status;

	(void)s;
	(void)fd;
	(void)events;
	worker_kill_children(w);
	if (!worker_reap(w, &status))
		return 0;
	/* its last words first: a one-shot answers and leaves */
	worker_hold(w);
	calls_read(w, LAST_WORDS);
	if (worker_release(w))
		worker_ended(w, status);
	return 0;
}

static int worker_start(struct worker *w)
{
	struct spawn s = {
		.argv = (char *const *)(uintptr_t)w->spec.argv,
		.env = (char *const *)(uintptr_t)w->spec.env,
		.keep_fds = w->spec.keep_fds,
		.n_keep_fds = w->spec.n_keep_fds,
		.drop = w->spec.drop && geteuid() == 0,
		.uid = w->spec.uid,
		.gid = w->spec.gid,
	};
	int r = spawn_worker(&s, &w->pid, &w->pidfd, &w->sock);

	if (r < 0)
		return r;
	w->state = RUNNING;
	w->started_usec = worker_now_usec();
	sd_event_source_set_enabled(w->clock, SD_EVENT_OFF);
	r = sd_event_add_io(w->event, &w->on_sock, w->sock, EPOLLIN, on_socket, w);
	if (r >= 0)
		r = sd_event_add_io(w->event, &w->on_pidfd, w->pidfd, EPOLLIN, on_process_end, w);
	if (r < 0) {
		pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
		w->on_sock = sd_event_source_disable_unref(w->on_sock);
		worker_abandon(w);
		cleanup_closep(&w->sock);
		w->sock = -1;
		w->state = WAITING;
		return r;
	}
	return 0;
}

/* Says how long until the restart, and moves on to the next step: 0, 1, 2, 4 ... 30 s. */
static uint64_t worker_next_backoff(struct worker *w)
{
	uint64_t wait = w->backoff_usec;

	if (w->replacing) {
		w->replacing = false;
		return 0;
	}
	if (w->spec.one_shot)
		return UINT64_MAX;
	/* it had been well for long enough: this is a new trouble */
	if (w->started_usec != 0 && worker_now_usec() - w->started_usec >= BACKOFF_MAX_USEC)
		wait = 0;
	w->backoff_usec = wait == 0 ? USEC_PER_SEC : wait * 2;
	if (w->backoff_usec > BACKOFF_MAX_USEC)
		w->backoff_usec = BACKOFF_MAX_USEC;
	return wait;
}

static void worker_restart(struct worker *w)
{
	int r;

	w->restarts++;
	r = worker_start(w);
	if (r < 0) {
		/* say, its program is being upgraded: the same as one that leaves at once */
		w->started_usec = 0;
		worker_ended(w, W_EXITCODE(SPAWN_EXIT_EXEC, 0));
		return;
	}
	if (w->spec.on_started)
		w->spec.on_started(w, w->spec.userdata);
}

/* The process is reaped, or abandoned, or could not be started. May free w. */
static void worker_ended(struct worker *w, int status)
{
	uint64_t wait;

	w->on_sock = sd_event_source_disable_unref(w->on_sock);
	w->on_pidfd = sd_event_source_disable_unref(w->on_pidfd);
	cleanup_closep(&w->sock);
	cleanup_closep(&w->pidfd);
	w->sock = w->pidfd = -1;
	w->pid = 0;
	w->state = WAITING;
	sd_event_source_set_enabled(w->clock, SD_EVENT_OFF);
	wait = worker_next_backoff(w);
	if (wait != UINT64_MAX)
		worker_set_clock(w, wait);
	worker_hold(w);
	calls_end(w, WORKER_DIED);
	if (!w->freed && w->spec.on_exit)
		w->spec.on_exit(w, status, wait, w->spec.userdata);
	worker_release(w);
}

/* DYING: it did not leave, or die, in time. WAITING: the restart is due. */
static int on_clock(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct worker *w = userdata;

	(void)s;
	(void)usec;
	if (w->state == DYING && w->asked) {
		worker_kill(w);
	} else if (w->state == DYING) {
		w->on_pidfd = sd_event_source_disable_unref(w->on_pidfd);
		worker_abandon(w);
		worker_ended(w, W_EXITCODE(0, SIGKILL));
	} else if (w->state == WAITING) {
		worker_restart(w);
	}
	return 0;
}

/* --- from outside ----------------------------------------------------------------------------- */

static char **strv_copy(const char *const *v)
{
	size_t n = 0;
	char **copy;

	while (v[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(v[i]);
		if (!copy[i]) {
			strv_free(copy);
			return NULL;
		}
	}
	return copy;
}

static int spec_copy(struct worker_spec *to, const struct worker_spec *from)
{
	static const char *const plain_env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C",
		NULL };
	int *fds = calloc(from->n_keep_fds + 1, sizeof(*fds));

	*to = *from;
	to->name = strdup(from->name ? from->name : "worker");
	to->argv = (const char *const *)strv_copy(from->argv);
	to->env = (const char *const *)strv_copy(from->env ? from->env : plain_env);
	to->keep_fds = fds;
	if (!fds || !to->name || !to->argv || !to->env)
		return -ENOMEM;
	if (from->n_keep_fds > 0)
		memcpy(fds, from->keep_fds, from->n_keep_fds * sizeof(*fds));
	return 0;
}

static bool spec_is_sane(const struct worker_spec *s)
{
	return s->argv && s->argv[0] && s->argv[0][0] == '/' &&
	       s->min_size >= sizeof(struct worker_head) && s->min_size <= s->max_size &&
	       s->max_size <= WORKER_MSG_MAX && s->n_keep_fds <= SPAWN_KEEP_MAX &&
	       (!s->drop ||
		       (s->uid != 0 && s->uid != (uid_t)-1 && s->gid != 0 && s->gid != (gid_t)-1));
}

static int worker_add_timers(struct worker *w)
{
	int r = sd_event_add_time(w->event, &w->deadlines, CLOCK_MONOTONIC, 0, TIMER_SLACK_USEC,
		calls_on_deadline, w);

	if (r < 0)
		return r;
	w->deadlines_at = UINT64_MAX;
	r = sd_event_add_time(
		w->event, &w->clock, CLOCK_MONOTONIC, 0, TIMER_SLACK_USEC, on_clock, w);
	if (r < 0)
		return r;
	sd_event_source_set_enabled(w->deadlines, SD_EVENT_OFF);
	sd_event_source_set_enabled(w->clock, SD_EVENT_OFF);
	return 0;
}

int worker_new(struct worker **ret, sd_event *event, const struct worker_spec *spec)
{
	struct worker *w;
	int r;

	*ret = NULL;
	if (!spec_is_sane(spec))
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->sock = w->pidfd = -1;
	w->event = sd_event_ref(event);
	r = spec_copy(&w->spec, spec);
	if (r >= 0)
		r = worker_add_timers(w);
	if (r >= 0)
		r = worker_start(w);
	if (r < 0) {
		worker_destroy(w);
		return r;
	}
	*ret = w; /* before the callback, which will want it */
	worker_hold(w);
	if (w->spec.on_started)
		w->spec.on_started(w, w->spec.userdata);
	return worker_release(w) ? 0 : -ECANCELED;
}

void worker_free(struct worker *w)
{
	struct pollfd p;
	int status;

	if (!w || w->freed)
		return;
	worker_hold(w);
	worker_kill(w);
	w->freed = true;
	w->on_sock = sd_event_source_disable_unref(w->on_sock);
	w->on_pidfd = sd_event_source_disable_unref(w->on_pidfd);
	w->deadlines = sd_event_source_disable_unref(w->deadlines);
	w->clock = sd_event_source_disable_unref(w->clock);
	if (w->pidfd >= 0) {
		/* a killed process is gone within a millisecond, unless it never will be */
		p = (struct pollfd){ .fd = w->pidfd, .events = POLLIN };
		if (poll(&p, 1, FREE_WAIT_MS) <= 0 || !worker_reap(w, &status))
			worker_abandon(w);
	}
	w->state = WAITING;
	w->pid = 0;
	calls_end(w, WORKER_STOPPED);
	worker_release(w);
}

void worker_replace(struct worker *w)
{
	switch (w->state) {
	case WAITING: worker_set_clock(w, 0); break;
	case RUNNING: worker_ask_to_leave(w); __attribute__((fallthrough));
	case DYING: w->replacing = true; break;
	}
}

void worker_reject(struct worker *w)
{
	worker_kill(w);
}

pid_t worker_pid(const struct worker *w)
{
	return w && w->state == RUNNING ? w->pid : 0;
}

bool worker_is_running(const struct worker *w)
{
	return w && w->state == RUNNING;
}

unsigned int worker_restarts(const struct worker *w)
{
	return w ? w->restarts : 0;
}
