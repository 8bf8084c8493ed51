// SPDX-License-Identifier: GPL-2.0-or-later
/* Key files: which are refused, and that a write leaves the old or the new one, never a part. */
#include "common/base/keyfile.h"

#include "common/base/cleanup.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

struct place {
	char dir[32], path[64];
};

static bool place_open(struct place *p)
{
	strcpy(p->dir, "/tmp/va-key-XXXXXX");
	if (!mkdtemp(p->dir))
		return false;
	snprintf(p->path, sizeof(p->path), "%s/link.key", p->dir);
	return true;
}

/* The number of entries in the folder, which are removed if wanted. */
static int entries(const char *dir, bool remove)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		n++;
		if (remove)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	return n;
}

static void place_done(struct place *p)
{
	if (!p->dir[0])
		return;
	entries(p->dir, true);
	rmdir(p->dir);
}
#define CLEANUP_PLACE __attribute__((cleanup(place_done)))

static void written_and_read(void)
{
	CLEANUP_PLACE struct place p = { 0 };
	char buf[64];
	struct stat st;
	size_t len;

	CHECK(place_open(&p));
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), -ENOENT);
	umask(0);
	CHECK_EQ(keyfile_write(p.path, "secret", 6), 0);
	umask(022);
	CHECK_EQ(stat(p.path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), 0);
	CHECK_EQ(len, 6);
	CHECK_STR(buf, "secret");
	CHECK_EQ(keyfile_write(p.path, "other", 5), 0);
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), 0);
	CHECK_STR(buf, "other");
	CHECK_EQ(entries(p.dir, false), 1);
	/* exactly what fits with its terminator */
	CHECK_EQ(keyfile_read(p.path, buf, 6, &len), 0);
	CHECK_EQ(keyfile_read(p.path, buf, 5, &len), SAFEFILE_E_TOO_BIG);
	CHECK_EQ(keyfile_remove(p.path), 0);
	CHECK_EQ(keyfile_remove(p.path), -ENOENT);
	CHECK_EQ(entries(p.dir, false), 0);
}

static void folders_are_made(void)
{
	CLEANUP_PLACE struct place p = { 0 };
	char path[96], sub[64];
	struct stat st;

	CHECK(place_open(&p));
	snprintf(path, sizeof(path), "%s/guests/zorg/link.key", p.dir);
	umask(0);
	CHECK_EQ(keyfile_write(path, "x", 1), 0);
	umask(022);
	snprintf(sub, sizeof(sub), "%s/guests", p.dir);
	CHECK_EQ(stat(sub, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0700);
	CHECK_EQ(keyfile_remove(path), 0);
	snprintf(path, sizeof(path), "%s/guests/zorg", p.dir);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0700);
	CHECK_EQ(rmdir(path), 0);
	CHECK_EQ(rmdir(sub), 0);
	CHECK_EQ(keyfile_write("relative/link.key", "x", 1), -EINVAL);
	CHECK_EQ(keyfile_write("/tmp/", "x", 1), -EINVAL);
}

static void each_fault_has_its_name(void)
{
	CLEANUP_PLACE struct place p = { 0 };
	char buf[64], link[80];
	size_t len;

	CHECK(place_open(&p));
	CHECK_EQ(keyfile_write(p.path, "secret", 6), 0);
	for (mode_t bit = 1; bit <= 040; bit <<= 1) {
		CHECK_EQ(chmod(p.path, 0600 | bit), 0);
		CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), SAFEFILE_E_MODE);
	}
	CHECK(strstr(keyfile_error(SAFEFILE_E_MODE), "readable or writable by other users"));
	CHECK_EQ(chmod(p.path, 0600), 0);
	snprintf(link, sizeof(link), "%s/l.key", p.dir);
	CHECK_EQ(symlink("link.key", link), 0);
	CHECK_EQ(keyfile_read(link, buf, sizeof(buf), &len), SAFEFILE_E_LINK);
	CHECK(strstr(keyfile_error(SAFEFILE_E_LINK), "symbolic link"));
	CHECK_EQ(keyfile_read(p.dir, buf, sizeof(buf), &len), SAFEFILE_E_TYPE);
	CHECK(strstr(keyfile_error(SAFEFILE_E_TYPE), "not a regular file"));
	CHECK_EQ(truncate(p.path, 0), 0);
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), -ENODATA);
	CHECK(strstr(keyfile_error(-ENODATA), "empty"));
	if (geteuid() == 0) {
		CHECK_EQ(chown(p.path, NOBODY, NOBODY), 0);
		CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), SAFEFILE_E_OWNER);
		CHECK(strstr(keyfile_error(SAFEFILE_E_OWNER), "belongs to another user"));
	}
	CHECK(strstr(keyfile_error(-EACCES), "may not be read"));
	CHECK(strlen(keyfile_error(-EIO)) > 3 && strlen(keyfile_error(-99999)) > 3);
	unlink(p.path);
	CHECK_EQ(mkfifo(p.path, 0600), 0);
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), SAFEFILE_E_TYPE);
}

/* A folder in which others may write is no place for a key; nor is one of somebody else's. */
static void folders_of_others(void)
{
	CLEANUP_PLACE struct place p = { 0 };

	CHECK(place_open(&p));
	CHECK_EQ(chmod(p.dir, 0777), 0);
	CHECK_EQ(keyfile_write(p.path, "x", 1), SAFEFILE_E_MODE);
	CHECK_EQ(chmod(p.dir, 0700), 0);
	if (geteuid() == 0) {
		CHECK_EQ(chown(p.dir, NOBODY, NOBODY), 0);
		CHECK_EQ(keyfile_write(p.path, "x", 1), SAFEFILE_E_OWNER);
		CHECK_EQ(chown(p.dir, 0, 0), 0);
	}
	CHECK_EQ(entries(p.dir, false), 0);
}

/* What a power cut left behind, or somebody put there, is neither followed nor in the way. */
static void leftovers(void)
{
	CLEANUP_PLACE struct place p = { 0 };
	char temp[96], victim[64], buf[64];
	size_t len;
	int fd;

	CHECK(place_open(&p));
	snprintf(temp, sizeof(temp), "%s/.link.key.new", p.dir);
	snprintf(victim, sizeof(victim), "%s/victim", p.dir);
	fd = open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK_EQ(write(fd, "v", 1), 1);
	close(fd);
	CHECK_EQ(symlink("victim", temp), 0);
	CHECK_EQ(keyfile_write(p.path, "secret", 6), 0);
	CHECK_EQ(keyfile_read(victim, buf, sizeof(buf), &len), 0);
	CHECK_STR(buf, "v");
	/* the key itself replaced by a link: the link goes, its target stays */
	unlink(p.path);
	CHECK_EQ(symlink("victim", p.path), 0);
	CHECK_EQ(keyfile_write(p.path, "secret", 6), 0);
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), 0);
	CHECK_STR(buf, "secret");
	CHECK_EQ(keyfile_read(victim, buf, sizeof(buf), &len), 0);
	CHECK_STR(buf, "v");
	CHECK_EQ(entries(p.dir, false), 2);
}

/* A full disk, played by a limit on the size of files: the old key stays as it was. */
static void a_failed_write_changes_nothing(void)
{
	CLEANUP_PLACE struct place p = { 0 };
	static char big[9000];
	char buf[64];
	size_t len;
	int status = 0;
	pid_t pid;

	CHECK(place_open(&p));
	CHECK_EQ(keyfile_write(p.path, "old", 3), 0);
	pid = fork();
	if (pid == 0) {
		struct rlimit small = { 4096, 4096 };

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &small);
		_exit(keyfile_write(p.path, big, sizeof(big)) == -EFBIG ? 0 : 1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_EQ(keyfile_read(p.path, buf, sizeof(buf), &len), 0);
	CHECK_STR(buf, "old");
	CHECK_EQ(entries(p.dir, false), 1);
}

TEST_MAIN({ "written_and_read", written_and_read }, { "folders_are_made", folders_are_made },
	{ "each_fault_has_its_name", each_fault_has_its_name },
	{ "folders_of_others", folders_of_others }, { "leftovers", leftovers },
	{ "a_failed_write_changes_nothing", a_failed_write_changes_nothing });
