// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hooks; see hooks.h. Most machines have a dispatcher "qemu" that walks qemu.d/GUEST/OPERATION,
 * where libvirt itself looks at files directly in qemu.d only. Both are looked through, within
 * bounds; a script is judged by the words that do what va-gpu does.
 */
#include "host/gpu/hooks.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OURS      "50-virt-aid"
#define DEPTH_MAX 4
#define FILES_MAX 200
#define FILE_MAX  65536 /* bytes of each that are read */

struct look {
	struct machine *m;
	char (*notes)[HOOKS_NOTE_SIZE];
	size_t n;
	unsigned int files;
	char text[FILE_MAX];
};

static void __attribute__((format(printf, 2, 3))) note(struct look *l, const char *fmt, ...)
{
	va_list ap;

	if (l->n == HOOKS_NOTES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(l->notes[l->n++], HOOKS_NOTE_SIZE, fmt, ap);
	va_end(ap);
}

static const char *word_of_a_master(const char *text)
{
	static const char *const words[] = { "/unbind", "driver_override", "new_id",
		"nodedev-detach", "nodedev-reattach", "vfio-startup", "vfio-teardown",
		"modprobe -r nvidia", "modprobe -r amdgpu", "rmmod nvidia", "display-manager" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return words[i];
	return NULL;
}

static void look_at(struct look *l, const char *path)
{
	const char *word;

	if (l->files++ >= FILES_MAX ||
		machine_read(l->m, l->text, sizeof(l->text), "%s", path) <= 0)
		return;
	word = word_of_a_master(l->text);
	if (word)
		note(l,
			"%s hands cards over as well (\"%s\"): two masters undo each other; "
			"take it away or leave " OURS " out",
			escape(path), word);
}

/* qemu.d/GUEST/OPERATION/SUBOPERATION is as deep as it gets. */
static void look_through(struct look *l, const char *folder, unsigned int depth)
{
	char path[ATTR_PATH_SIZE], full[ATTR_PATH_SIZE];
	DIR *dir = machine_opendir(l->m, folder);
	struct dirent *e;
	struct stat st;

	while (dir && (e = readdir(dir)) && l->files < FILES_MAX) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, OURS) ||
			(size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >=
				sizeof(path) ||
			machine_path(l->m, full, "%s", path) < 0 || lstat(full, &st) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			look_at(l, path);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			look_through(l, path, depth + 1);
	}
	if (dir)
		closedir(dir);
}

static void look_for_ours(struct look *l)
{
	char path[ATTR_PATH_SIZE];
	struct stat st;

	if (machine_path(l->m, path, HOOKS_DIR "/qemu.d/" OURS) < 0)
		return;
	if (stat(path, &st) < 0)
		note(l, "libvirt's hook is not installed, so that nothing is freed when a guest "
			"starts: va-gpu(8), \"LIBVIRT'S HOOK\"");
	else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		note(l, HOOKS_DIR "/qemu.d/" OURS " cannot be run, so that libvirt passes over "
				  "it: chmod 755");
}

size_t hooks_look(struct machine *m, char ret[HOOKS_NOTES_MAX][HOOKS_NOTE_SIZE])
{
	CLEANUP(free) struct look *l = calloc(1, sizeof(*l));

	if (!l)
		return 0;
	l->m = m;
	l->notes = ret;
	look_for_ours(l);
	look_through(l, HOOKS_DIR, 0);
	return l->n;
}
