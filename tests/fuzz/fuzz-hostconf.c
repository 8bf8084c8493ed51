// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host.conf, any text at all: it is refused with a line that says why, or what came of it keeps
 * the promises the daemon relies on.
 */
#include "common/link/message.h"
#include "host/daemon/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void must(bool cond)
{
	if (!cond)
		abort();
}

static void clean_up(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/host.conf", dir);
	unlink(path);
	rmdir(dir);
}

static void put(const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "/dev/shm/fuzz-hostconf-XXXXXX");
		must(mkdtemp(dir) != NULL);
		atexit(clean_up);
	}
	snprintf(path, sizeof(path), "%s/host.conf", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static void check_monitor(const struct world_monitor *m)
{
	must(name_is_valid(m->name) && strlen(m->key) == MONITOR_KEY_SIZE - 1);
	must(m->n_inputs >= 1 && m->n_inputs <= WORLD_MAX_INPUTS && m->shown == -1);
	must(strnlen(m->connector, sizeof(m->connector)) < sizeof(m->connector));
	must(msg_via_is_valid(m->via, 0));
	for (int i = 0; i < m->n_inputs; i++) {
		must(name_is_valid(m->inputs[i].name) && strlen(m->inputs[i].gpu) >= 12);
		must(m->sources[i].read >= INPUT_NOT_READ && m->sources[i].read <= 0xffff);
		for (int k = 0; k < i; k++)
			must(strcmp(m->inputs[i].name, m->inputs[k].name) &&
				m->sources[i].write != m->sources[k].write);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char error[CONFIG_ERROR_SIZE];
	struct config *c = NULL;

	put(data, size);
	memset(error, 'x', sizeof(error));
	if (config_load(dir, &c, error) < 0) {
		must(!c && memchr(error, 0, sizeof(error)));
		must(strstr(error, "host.conf:"));
		return 0;
	}
	must(c->shutdown_delay_s <= 3600 && c->policy_dir[0] == '/' && c->n_guests == 0);
	must(c->n_monitors >= 0 && c->n_monitors <= WORLD_MAX_MONITORS);
	must(!c->shutdown_command[0] || c->shutdown_command[0][0] == '/');
	must(!c->shutdown_command[CONFIG_MAX_ARGS]);
	for (int i = 0; i < c->n_monitors; i++)
		check_monitor(&c->monitors[i]);
	config_free(c);
	return 0;
}
