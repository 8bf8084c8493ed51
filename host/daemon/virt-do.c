// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One operation of libvirt that may block, in a va-virt of its own; see virt_do() in hostd.h.
 * The doer knows the limit and answers in time, wherever libvirt hangs; a second, later limit is
 * for a doer that hangs itself.
 */
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

#define GRACE_USEC 2000000ull

struct virt_doing {
	struct worker *worker;
	virt_done_fn *done;
	void *userdata;
};

size_t virt_environment(char *env[VIRT_ENV_MAX + 1])
{
	/* a private libvirt (tests, qemu:///session) is found through these */
	static const char *const pass[VIRT_ENV_MAX] = { "PATH", "HOME", "XDG_RUNTIME_DIR",
		"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LIBVIRT_DEFAULT_URI",
		"LIBVIRT_AUTOSTART" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pass); i++) {
		const char *value = getenv(pass[i]);

		if (value && asprintf(&env[n], "%s=%s", pass[i], value) > 0)
			n++;
	}
	env[n] = NULL;
	return n;
}

static void on_reply(enum worker_fate fate, const void *msg, size_t size, int fd, void *userdata)
{
	struct virt_doing *d = userdata;
	struct virt_doing end = *d;
	const struct virt_reply *r = msg;
	char detail[sizeof(r->detail)] = "va-virt did not answer";
	int error = -ETIMEDOUT; /* late or dead: libvirt may have done it */

	cleanup_closep(&fd);
	free(d);
	if (fate == WORKER_REPLIED && size == sizeof(*r) &&
		memchr(r->detail, 0, sizeof(r->detail))) {
		error = r->error > 0 ? -EIO : r->error;
		snprintf(detail, sizeof(detail), "%s", r->detail);
	}
	if (fate == WORKER_STOPPED) /* virt_do_stop() frees it */
		return;
	worker_free(end.worker);
	end.done(end.userdata, error, detail);
}

void virt_do_stop(struct virt_doing *d)
{
	if (d)
		worker_free(d->worker);
}

static int start_doer(struct hostd *h, struct virt_doing *d)
{
	char path[PATH_MAX];
	const char *argv[] = { path, "do", h->config->libvirt, NULL };
	char *env[VIRT_ENV_MAX + 1];
	size_t n;
	struct worker_spec spec = {
		.name = "va-virt do",
		.argv = argv,
		.env = (const char *const *)env,
		.min_size = sizeof(struct virt_reply),
		.max_size = sizeof(struct virt_reply),
		.one_shot = true,
	};
	int r;

	if (!h->config->libvirt[0])
		return -ENOTCONN;
	if (!hostd_path(path, sizeof(path), h->libexec, NULL, "va-virt", ""))
		return -ENAMETOOLONG;
	n = virt_environment(env);
	r = worker_new(&d->worker, h->event, &spec);
	while (n)
		free(env[--n]);
	return r;
}

int virt_do(struct hostd *h, const struct virt_request *request, virt_done_fn *done, void *userdata,
	struct virt_doing **ret)
{
	struct virt_request copy = *request;
	struct virt_doing *d = calloc(1, sizeof(*d));
	int r = d ? start_doer(h, d) : -ENOMEM;

	if (r < 0) {
		free(d);
		return r;
	}
	d->done = done;
	d->userdata = userdata;
	r = worker_call(d->worker, &copy, sizeof(copy), -1, copy.limit_ms * 1000ull + GRACE_USEC,
		on_reply, d);
	if (r < 0) {
		worker_free(d->worker);
		free(d);
		return r;
	}
	if (ret)
		*ret = d;
	return 0;
}
