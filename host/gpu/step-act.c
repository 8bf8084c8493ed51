// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Doing and undoing steps; see step.h. What a step says comes out of the journal, a file of
 * root's; it is checked all the same before it becomes an argument or part of a path.
 */
#include "host/gpu/console.h"
#include "host/gpu/device.h"
#include "host/gpu/holders.h"
#include "host/gpu/init.h"
#include "host/gpu/step.h"

#include "common/base/cleanup.h"
#include "common/base/conf.h"
#include "common/base/escape.h"

#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#define MODULES_MAX 8

static int number(struct machine *m, const char *text, uint64_t max, uint64_t *ret)
{
	const char *rest;

	if (conf_scan_number(text, false, max, ret, &rest) && *rest == '\0')
		return 0;
	return machine_fail(m, -EBADMSG, "\"%s\" is not a number", escape(text));
}

static int user_unit(struct machine *m, const struct step *s, const char *verb)
{
	const char *argv[] = { "systemctl", "--user", verb, s->subject, NULL };
	uint64_t uid;
	int r = number(m, s->a, UINT32_MAX - 1, &uid);

	if (r == 0 && !init_service_is_valid(s->subject))
		r = machine_fail(m, -EINVAL, "%s is no unit", escape(s->subject));
	return r < 0 ? r : machine_must_run(m, m->limit.service, (uid_t)uid, argv);
}

/* The user may have logged out meanwhile, and his systemd with him. */
static int restart_user_unit(struct machine *m, const struct step *s)
{
	if (!s->b[0] || !machine_exists(m, "/run/user/%s", s->a))
		return 0;
	return user_unit(m, s, "start");
}

static int end_session(struct machine *m, const struct step *s)
{
	const char *argv[] = { "loginctl", "terminate-session", s->subject, NULL };

	if (!init_service_is_valid(s->subject))
		return machine_fail(m, -EINVAL, "%s is no session", escape(s->subject));
	return machine_must_run(m, m->limit.service, MACHINE_SELF, argv);
}

/* a: its start time, so that no other process that got its number is ended; b: "kill" as well. */
static int end_process(struct machine *m, const struct step *s)
{
	CLEANUP_FD int fd = -1;
	uint64_t pid, start;
	bool forced = !strncmp(s->b, "kill ", 5);
	int r = number(m, s->subject, INT32_MAX, &pid);

	if (r == 0)
		r = number(m, s->a, UINT64_MAX / 2, &start);
	if (r < 0)
		return r;
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0 || holder_start_time(m, (pid_t)pid) != start)
		return 0; /* it has gone by itself */
	if (pidfd_send_signal(fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return machine_fail(m, -errno, "process %s cannot be ended: %s", s->subject,
			strerrordesc_np(errno));
	r = machine_wait_pidfd(fd, m->limit.term);
	if (r == 0 && forced) {
		(void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
		r = machine_wait_pidfd(fd, m->limit.term);
	}
	if (r > 0)
		return 0;
	return machine_fail(m, -EBUSY, "process %s (%s) does not end%s", s->subject, escape(s->b),
		forced ? ", not even when killed" : "; end it, or set holders = kill");
}

/* Splits "a,b,c" into words; those of modules only. */
static int split(struct machine *m, const char *list, char *copy, const char **ret)
{
	char *save = NULL;
	size_t n = 0;

	memcpy(copy, list, strlen(list) + 1);
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (n == MODULES_MAX || !init_service_is_valid(w))
			return machine_fail(m, -EINVAL, "%s are no modules", escape(list));
		ret[n++] = w;
	}
	return (int)n;
}

/* One call for all of them: its exit code means something then. Only what is loaded still. */
static int unload(struct machine *m, const char *list)
{
	const char *argv[MODULES_MAX + 3] = { "modprobe", "-r" }, *names[MODULES_MAX];
	char copy[STEP_WORD_SIZE];
	int n = split(m, list, copy, names), k = 2, r;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (machine_exists(m, "/sys/module/%s", names[i]))
			argv[k++] = names[i];
	r = k > 2 ? machine_must_run(m, m->limit.module, MACHINE_SELF, argv) : 0;
	for (int i = 0; r == 0 && i < n; i++)
		if (machine_exists(m, "/sys/module/%s", names[i]))
			return machine_fail(m, -EBUSY, "%s is still loaded", names[i]);
	return r;
}

static int load(struct machine *m, const char *list)
{
	const char *argv[] = { "modprobe", NULL, NULL }, *names[MODULES_MAX];
	char copy[STEP_WORD_SIZE];
	int n = split(m, list, copy, names), r = n < 0 ? n : 0;

	while (r == 0 && n-- > 0) {
		argv[1] = names[n];
		if (!machine_exists(m, "/sys/module/%s", names[n]))
			r = machine_must_run(m, m->limit.module, MACHINE_SELF, argv);
	}
	return r;
}

/* The override is cleared last, when nothing else can get hold of the device any more. */
static int give_back(struct machine *m, const struct step *s)
{
	char override[PCI_DRIVER_SIZE] = "";
	int r = device_bring_home(m, s->subject, s->a);

	if (r == 0)
		r = device_read_override(m, s->subject, override);
	if (r < 0 || !strcmp(override, s->b))
		return r;
	return device_write_override(m, s->subject, s->b);
}

/*
 * By an event of the kernel's kind, for a device that is still there: who follows udev lets go
 * of it (KWin, wlroots, mutter, Xorg), and so does logind. What is gone already needs no word.
 */
static int say_of_cards(struct machine *m, const char *addr, const char *event)
{
	char path[ATTR_PATH_SIZE];
	struct dirent *e;
	int r = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/drm", addr);
	dir = machine_opendir(m, path);
	while (dir && r == 0 && (e = readdir(dir)))
		if (!strncmp(e->d_name, "card", 4))
			r = machine_write(m, event, "%s/%.20s/uevent", path, e->d_name);
	if (dir)
		closedir(dir);
	return r;
}

static int check_address(struct machine *m, const char *addr)
{
	char plain[PCI_ADDR_SIZE];

	if (pci_address_parse(addr, plain) == 0 && !strcmp(addr, plain))
		return 0;
	return machine_fail(m, -EINVAL, "%s is no PCI address", escape(addr));
}

static int start_service(struct machine *m, const struct step *s)
{
	if (s->b[0] && !device_any_gpu(m))
		return machine_fail(m, -ENODEV,
			"no graphics card has a driver, so %s is not started; log in on a text "
			"console or by network and reboot",
			escape(s->subject));
	return init_start(m, init_by_name(s->a), s->subject);
}

static int check(struct machine *m, const struct step *s)
{
	switch (s->kind) {
	case STEP_LEAVE:
	case STEP_PICTURE:
	case STEP_OVERRIDE:
	case STEP_PAUSE:
	case STEP_DETACH:
	case STEP_BIND: return check_address(m, s->subject);
	case STEP_VTCON:
	case STEP_BOOTFB:
		if (strchr(s->subject, '/') || strchr(s->a, '/'))
			return machine_fail(m, -EINVAL, "%s is no device", escape(s->subject));
		return 0;
	default: return 0;
	}
}

int step_do(struct machine *m, const struct step *s)
{
	int r = check(m, s);

	if (r < 0)
		return r;
	switch (s->kind) {
	case STEP_USER_UNIT: return user_unit(m, s, "stop");
	case STEP_SERVICE: return init_stop(m, init_by_name(s->a), s->subject);
	case STEP_SESSION: return end_session(m, s);
	case STEP_PROCESS: return end_process(m, s);
	case STEP_LEAVE: return say_of_cards(m, s->subject, "remove");
	case STEP_VTCON: return console_release(m, s->subject);
	case STEP_BOOTFB: return bootfb_release(m, s->subject, s->a);
	case STEP_OVERRIDE: return device_write_override(m, s->subject, "vfio-pci");
	case STEP_UNLOAD: return unload(m, s->subject);
	case STEP_PAUSE:
	case STEP_DETACH: return device_detach(m, s->subject, s->a);
	case STEP_BIND: return device_bind_stub(m, s->subject);
	default: return 0;
	}
}

int step_undo(struct machine *m, const struct step *s)
{
	int r = check(m, s);

	if (r < 0)
		return r;
	switch (s->kind) {
	case STEP_USER_UNIT: return restart_user_unit(m, s);
	case STEP_SERVICE: return start_service(m, s);
	case STEP_LEAVE: return say_of_cards(m, s->subject, "add");
	case STEP_VTCON: return console_restore(m, s->subject);
	case STEP_BOOTFB: return bootfb_restore(m, s->subject, s->a);
	case STEP_PICTURE: return connector_wait(m, s->subject);
	case STEP_OVERRIDE:
	case STEP_PAUSE: return give_back(m, s);
	case STEP_UNLOAD: return load(m, s->subject);
	default: return 0; /* what it did comes back with another step, or with the user */
	}
}
