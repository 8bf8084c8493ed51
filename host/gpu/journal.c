// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal's file; see journal.h. Its text is in journal-text.c. */
#include "host/gpu/journal.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RESERVED  (32 << 10) /* bytes; STEPS_MAX steps, each begun and undone, and then some */
#define SUFFIX    ".journal"
#define MAX_BYTES (256 << 10)

static int make_folder(struct machine *m)
{
	static const char *const folders[] = { "/run", "/run/virt-aid", JOURNAL_DIR };
	char path[ATTR_PATH_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (machine_path(m, path, "%s", folders[i]) < 0)
			return machine_fail(m, -ENAMETOOLONG, "a path is too long");
		if (mkdir(path, i == 2 ? 0700 : 0755) < 0 && errno != EEXIST)
			return machine_fail(m, -errno, "%s cannot be made: %s", folders[i],
				strerrordesc_np(errno));
	}
	return 0;
}

int journal_lock(struct machine *m)
{
	uint64_t end = machine_now_ms() + m->limit.lock;
	char path[ATTR_PATH_SIZE];
	CLEANUP_FD int fd = -1;
	int r = make_folder(m);

	if (r < 0)
		return r;
	if (machine_path(m, path, JOURNAL_DIR "/lock") < 0)
		return machine_fail(m, -ENAMETOOLONG, "a path is too long");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return machine_fail(m, -errno, JOURNAL_DIR "/lock cannot be opened: %s",
			strerrordesc_np(errno));
	while (flock(fd, LOCK_EX | LOCK_NB) < 0)
		if (!machine_wait(m, end))
			return machine_fail(m, -EBUSY,
				"another va-gpu has been at work for %u s; see \"va-gpu status\"",
				m->limit.lock / 1000);
	return TAKE_FD(fd);
}

static int path_of(struct machine *m, const char *guest, char ret[ATTR_PATH_SIZE])
{
	char name[256 - sizeof(SUFFIX)];

	if (!guest[0] || journal_encode(guest, name, sizeof(name)) < 0)
		return machine_fail(
			m, -EINVAL, "\"%s\" cannot be the name of a guest", escape(guest));
	if (machine_path(m, ret, JOURNAL_DIR "/%s" SUFFIX, name) < 0)
		return machine_fail(m, -ENAMETOOLONG, "a path is too long");
	return 0;
}

static void boot_id(const struct machine *m, char ret[64])
{
	(void)machine_read(m, ret, 64, "/proc/sys/kernel/random/boot_id");
}

static int append(struct machine *m, struct journal *j, const char *line)
{
	size_t len = strlen(line), done = 0;

	while (done < len) {
		ssize_t n = write(j->fd, line + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done < len || fsync(j->fd) < 0)
		return machine_fail(m, errno ? -errno : -EIO,
			"%s cannot be written: %s; is /run full?", j->path + strlen(m->root),
			strerrordesc_np(errno ? errno : EIO));
	return 0;
}

static int reserve(struct machine *m, struct journal *j)
{
	if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, 0, RESERVED) < 0 && errno != EOPNOTSUPP)
		return machine_fail(
			m, -errno, "no room in " JOURNAL_DIR ": %s", strerrordesc_np(errno));
	return 0;
}

int journal_create(struct machine *m, const char *guest, struct journal *ret)
{
	char boot[64], word[JOURNAL_NAME_SIZE * 3], line[sizeof(word) + 128];
	int r;

	*ret = (struct journal){ .fd = -1 };
	r = make_folder(m);
	if (r == 0)
		r = path_of(m, guest, ret->path);
	if (r < 0)
		return r;
	(void)snprintf(ret->guest, sizeof(ret->guest), "%s", guest);
	ret->fd = open(ret->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (ret->fd < 0)
		return machine_fail(m, -errno, "%s cannot be made: %s", ret->path + strlen(m->root),
			strerrordesc_np(errno));
	boot_id(m, boot);
	if (!boot[0])
		(void)snprintf(boot, sizeof(boot), "-");
	r = reserve(m, ret);
	if (r == 0 && journal_encode(guest, word, sizeof(word)) < 0)
		r = machine_fail(m, -EINVAL, "the guest's name is too long");
	if (r == 0) {
		(void)snprintf(line, sizeof(line), "virt-aid-gpu 1 %s %s\n", boot, word);
		r = append(m, ret, line);
	}
	if (r < 0) {
		(void)unlink(ret->path);
		journal_close(ret);
	}
	return r;
}

static int load(struct machine *m, const char *guest, bool for_writing, struct journal *ret)
{
	CLEANUP(free) char *text = malloc(MAX_BYTES);
	char boot[64] = "", now[64];
	size_t used = 0;
	ssize_t n;
	int r;

	*ret = (struct journal){ .fd = -1 };
	if (!text)
		return machine_fail(m, -ENOMEM, "out of memory");
	r = path_of(m, guest, ret->path);
	if (r < 0)
		return r;
	ret->fd = open(
		ret->path, (for_writing ? O_RDWR | O_APPEND : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
	if (ret->fd < 0)
		return errno == ENOENT
			       ? -ENOENT
			       : machine_fail(m, -errno, "%s: %s", ret->path + strlen(m->root),
					 strerrordesc_np(errno));
	n = attr_read(ret->path, text, MAX_BYTES);
	r = n < 0 ? (int)n : journal_parse(text, (size_t)n, ret, boot, &used);
	if (r == -ENODATA) { /* killed before the first line: nothing was begun */
		(void)snprintf(ret->guest, sizeof(ret->guest), "%s", guest);
		return 0;
	}
	if (r == 0 && strcmp(ret->guest, guest) != 0)
		r = -EBADMSG;
	/* what is added begins a line */
	if (r == 0 && for_writing && ftruncate(ret->fd, (off_t)used) < 0)
		r = -errno;
	if (r < 0) {
		journal_close(ret);
		return machine_fail(m, r, "%s is not a journal of ours; look at it and remove it",
			ret->path + strlen(m->root));
	}
	boot_id(m, now);
	ret->stale = boot[0] != '-' && now[0] && strcmp(boot, now) != 0;
	return 0;
}

int journal_open(struct machine *m, const char *guest, struct journal *ret)
{
	return load(m, guest, true, ret);
}

int journal_read(struct machine *m, const char *guest, struct journal *ret)
{
	return load(m, guest, false, ret);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int journal_list(struct machine *m, char (*ret)[JOURNAL_NAME_SIZE], size_t max)
{
	DIR *dir = machine_opendir(m, JOURNAL_DIR);
	struct dirent *e;
	size_t n = 0;

	if (!dir)
		return errno == ENOENT ? 0
				       : machine_fail(m, -errno, JOURNAL_DIR ": %s",
						 strerrordesc_np(errno));
	while ((e = readdir(dir)) && n < max) {
		size_t len = strlen(e->d_name), end = sizeof(SUFFIX) - 1;

		if (len > end && !strcmp(e->d_name + len - end, SUFFIX) &&
			journal_decode(e->d_name, len - end, ret[n], JOURNAL_NAME_SIZE) == 0)
			n++;
	}
	closedir(dir);
	qsort(ret, n, JOURNAL_NAME_SIZE, compare);
	return (int)n;
}

int journal_begin(struct machine *m, struct journal *j, const struct step *s)
{
	char subject[STEP_WORD_SIZE * 3], a[STEP_WORD_SIZE * 3], b[STEP_WORD_SIZE * 3];
	char line[sizeof(subject) * 3 + 64];
	struct step *kept = steps_add(&j->steps, s->kind, s->subject, s->a, s->b);
	int r;

	if (!kept || journal_encode(s->subject, subject, sizeof(subject)) < 0 ||
		journal_encode(s->a, a, sizeof(a)) < 0 || journal_encode(s->b, b, sizeof(b)) < 0)
		return machine_fail(m, -E2BIG, "more steps than %d", STEPS_MAX);
	(void)snprintf(line, sizeof(line), "step %zu %s %s %s %s\n", j->steps.n - 1,
		step_kind_name(s->kind), subject, a, b);
	r = append(m, j, line);
	if (r < 0)
		j->steps.n--; /* not begun, so nothing to undo */
	else
		kept->state = STEP_BEGUN;
	return r;
}

int journal_undone(struct machine *m, struct journal *j, size_t index)
{
	char line[32];

	j->steps.s[index].state = STEP_UNDONE;
	(void)snprintf(line, sizeof(line), "undone %zu\n", index);
	return append(m, j, line);
}

int journal_set_state(struct machine *m, struct journal *j, enum journal_state state)
{
	j->state = state;
	return append(m, j, state == JOURNAL_TAKEN ? "taken\n" : "returning\n");
}

int journal_remove(struct machine *m, struct journal *j)
{
	int r = unlink(j->path) < 0 && errno != ENOENT ? -errno : 0;

	journal_close(j);
	if (r < 0)
		return machine_fail(m, r, "%s cannot be removed: %s", j->path + strlen(m->root),
			strerrordesc_np(-r));
	return 0;
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}
