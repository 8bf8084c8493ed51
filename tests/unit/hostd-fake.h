// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The inside of va-hostd without its processes: workers that do nothing but remember what they
 * were told, and say what a test has them say. Include it once in a program; it takes the place
 * of common/worker's daemon side, of the log, and of main.c.
 */
#ifndef VA_TEST_HOSTD_FAKE_H
#define VA_TEST_HOSTD_FAKE_H

#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAKE_ORDERS 64

struct worker {
	struct worker_spec spec;
	bool running;
	unsigned int rejected, replaced;
	struct link_ipc orders[FAKE_ORDERS]; /* the last ones, as a ring */
	unsigned int n_orders;
	worker_reply_fn *reply; /* of the one request under way */
	void *userdata;
	struct ddc_request request;
};

static struct hostd fake_h;
static struct config fake_config;
static char fake_dir[64];
static void (*fake_on_order)(const struct link_ipc *m); /* looks at every order */

/* --- the log: quiet, but the last line ------------------------------------------------------ */
static char fake_log[512];

void log_init(const char *name, enum log_level max)
{
	(void)name;
	(void)max;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(fake_log, sizeof(fake_log), fmt, ap);
	va_end(ap);
}

/* --- workers ---------------------------------------------------------------------------------- */
int worker_new(struct worker **ret, sd_event *event, const struct worker_spec *spec)
{
	struct worker *w = calloc(1, sizeof(*w));

	(void)event;
	if (!w)
		return -ENOMEM;
	w->spec = *spec;
	w->running = true;
	*ret = w;
	if (spec->on_started)
		spec->on_started(w, spec->userdata);
	return 0;
}

void worker_free(struct worker *w)
{
	worker_reply_fn *reply = w ? TAKE(w->reply) : NULL;

	if (reply)
		reply(WORKER_STOPPED, NULL, 0, -1, w->userdata);
	free(w);
}

int worker_send(struct worker *w, void *msg, size_t size, int fd)
{
	struct link_ipc *m = &w->orders[w->n_orders % FAKE_ORDERS];

	(void)fd;
	if (!w->running)
		return -ESRCH;
	memset(m, 0, sizeof(*m));
	memcpy(m, msg, size < sizeof(*m) ? size : sizeof(*m));
	w->n_orders++;
	if (fake_on_order)
		fake_on_order(m);
	return 0;
}

int worker_call(struct worker *w, void *msg, size_t size, int fd, uint64_t limit_usec,
	worker_reply_fn *reply, void *userdata)
{
	(void)fd;
	(void)limit_usec;
	if (!w->running || size != sizeof(w->request))
		return -ESRCH;
	if (w->reply)
		return -EBUSY;
	memcpy(&w->request, msg, size);
	w->reply = reply;
	w->userdata = userdata;
	return 0;
}

/* Dies; a real one is started again a little later: fake_restart(). */
static void fake_die(struct worker *w)
{
	worker_reply_fn *reply = TAKE(w->reply);

	if (!w->running)
		return;
	w->running = false;
	if (reply)
		reply(WORKER_DIED, NULL, 0, -1, w->userdata);
	if (w->spec.on_exit)
		w->spec.on_exit(w, 9, 0, w->spec.userdata);
}

__attribute__((unused)) static void fake_restart(struct worker *w)
{
	if (w->running)
		return;
	w->running = true;
	if (w->spec.on_started)
		w->spec.on_started(w, w->spec.userdata);
}

void worker_replace(struct worker *w)
{
	w->replaced++;
}

void worker_reject(struct worker *w)
{
	w->rejected++;
}

pid_t worker_pid(const struct worker *w)
{
	return w && w->running ? 1 : 0;
}

bool worker_is_running(const struct worker *w)
{
	return w && w->running;
}

unsigned int worker_restarts(const struct worker *w)
{
	return w ? w->replaced + w->rejected : 0;
}

/* --- what they say ------------------------------------------------------------------------------
 */
static void fake_say_bytes(struct worker *w, const void *msg, size_t size)
{
	if (!w->running)
		return;
	w->spec.on_event(w, msg, size, -1, w->spec.userdata);
	/* a process that was ended says nothing more */
	if (w->rejected || w->replaced) {
		w->rejected = w->replaced = 0;
		fake_die(w);
	}
}

__attribute__((unused)) static void fake_say(struct worker *w, struct link_ipc *m)
{
	m->head.op = m->head.op ? m->head.op : LINK_OP_EVENT;
	fake_say_bytes(w, m, sizeof(*m));
}

/* The answer to the request under way with the host's own va-ddc. */
__attribute__((unused)) static bool fake_ddc_answers(uint32_t status, int32_t value)
{
	struct ddc_reply r = { .status = status, .value = value };
	worker_reply_fn *reply = fake_h.ddc ? TAKE(fake_h.ddc->reply) : NULL;

	if (reply)
		reply(WORKER_REPLIED, &r, sizeof(r), -1, fake_h.ddc->userdata);
	return reply;
}

/* --- the daemon
 * ----------------------------------------------------------------------------------- */

/* The loop, for ms, and until nothing happens any more. */
__attribute__((unused)) static void fake_turn(unsigned int ms)
{
	uint64_t end = hostd_now_ms() + ms;

	while (sd_event_run(fake_h.event, 3000) > 0 || hostd_now_ms() < end)
		;
}

static void fake_policy(const char *text)
{
	struct conf_report report = { 0 };
	struct policy *p = policy_new(POLICY_ON_HOST);

	if (!p || policy_add(p, "test.policy", text, strlen(text), &report) < 0)
		abort();
	policy_free(fake_h.policy);
	fake_h.policy = p;
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (fake_h.guests[i])
			requests_policy_changed(fake_h.guests[i]);
}

/* A guest of a plain QEMU whose machine runs and has GPU n (the host: 0). */
static struct guest *fake_guest(const char *name, int n)
{
	struct guest *g = guest_get(&fake_h, name);

	if (!g || guest_link_start(g) < 0)
		abort();
	g->connected = true;
	g->n_gpus = 1;
	snprintf(g->gpus[0], sizeof(g->gpus[0]), "0000:0%d:00.0", n);
	hostd_world_changed(&fake_h);
	return g;
}

/* One monitor, three inputs: the host's GPU 0 and the guests' 1 and 2. */
static void fake_monitor(void)
{
	static const char *const names[] = { "dp", "hdmi1", "hdmi2" };
	struct world_monitor *m = &fake_config.monitors[0];

	fake_config.n_monitors = 1;
	*m = (struct world_monitor){ .n_inputs = 3, .shown = -1 };
	snprintf(m->name, sizeof(m->name), "desk");
	snprintf(m->key, sizeof(m->key), "0123456789abcdef");
	for (int i = 0; i < 3; i++) {
		snprintf(m->inputs[i].name, sizeof(m->inputs[i].name), "%s", names[i]);
		snprintf(m->inputs[i].gpu, WORLD_PCI_SIZE, "0000:0%d:00.0", i);
		m->sources[i] = (struct input_source){ (uint16_t)(0x0f + i), 0x0f + i };
	}
}

static void fake_begin(void)
{
	struct hostd *h = &fake_h;

	memset(h, 0, sizeof(*h));
	memset(&fake_config, 0, sizeof(fake_config));
	snprintf(fake_dir, sizeof(fake_dir), "/tmp/hostd-fake-XXXXXX");
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	if (sodium_init() < 0 || !mkdtemp(fake_dir) || sd_event_new(&h->event) < 0)
		abort();
	h->config_dir = h->run_dir = h->state_dir = h->libexec = fake_dir;
	h->config = &fake_config;
	h->world_stale = true;
	monitors_forget(h);
	fake_monitor();
	fake_policy("* * * * allow\n");
	if (power_init(h) < 0)
		abort();
}

/* The host has a va-ddc, which has looked and seen its input shown. */
__attribute__((unused)) static void fake_ddc(void)
{
	fake_config.ddc = true;
	if (monitors_start(&fake_h) < 0)
		abort();
	fake_ddc_answers(DDC_OK, 0);
	monitors_learn(&fake_h, 0, 0, 0x0f);
}

static void fake_remove(const char *name, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/guests/%s%s", fake_dir, name, file);
	remove(path);
}

static void fake_end(void)
{
	struct hostd *h = &fake_h;
	char path[PATH_MAX];

	h->stopping = true;
	seat_free(h);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i]) {
			fake_remove(h->guests[i]->name, "/link.key");
			fake_remove(h->guests[i]->name, "/token.key");
			fake_remove(h->guests[i]->name, "");
			guest_remove(h->guests[i]);
		}
	monitors_stop(h);
	power_free(h);
	policy_free(h->policy);
	sd_event_unref(h->event);
	snprintf(path, sizeof(path), "%s/guests", fake_dir);
	remove(path);
	remove(fake_dir);
}

#endif
