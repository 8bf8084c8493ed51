// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The folder of policy files; see policy.h. Only names that end in ".policy" and do not begin
 * with a dot are looked at, so that what editors and package managers leave beside them is not;
 * one with such a name that cannot be taken is an error, for somebody meant it to count.
 */
#include "common/base/safefile.h"
#include "common/policy/policy.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".policy"

static int is_policy(const struct dirent *e)
{
	size_t len = strlen(e->d_name), end = strlen(SUFFIX);

	return e->d_name[0] != '.' && len > end && !strcmp(e->d_name + len - end, SUFFIX);
}

/* strcmp(), not alphasort(): the order must not depend on anybody's locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_file(struct policy *p, int dirfd, const char *dir, const char *name, char *buf,
	struct conf_report *report)
{
	char path[PATH_MAX];
	size_t len;
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name_is_valid(name) ? name : escape(name));
	if (!name_is_valid(name)) {
		conf_report_add(report, path, 0, "has a name that is not plain; rename it");
		policy_break(p, path, 0);
		return -EINVAL;
	}
	r = safefile_read(dirfd, name, SAFEFILE_CONFIG, buf, CONF_FILE_MAX + 1, &len);
	if (r < 0) {
		conf_report_add(report, path, 0, "%s", safefile_error(r));
		policy_break(p, path, 0);
		return -EINVAL;
	}
	return policy_add(p, path, buf, len, report);
}

static int load_all(struct policy *p, int dirfd, const char *dir, struct conf_report *report)
{
	CLEANUP(free) char *buf = malloc(CONF_FILE_MAX + 1);
	struct dirent **list = NULL;
	int result = 0, n = buf ? scandirat(dirfd, ".", &list, is_policy, by_bytes) : -1;

	if (n < 0)
		return errno ? -errno : -ENOMEM;
	for (int i = 0; i < n; i++) {
		int r = load_file(p, dirfd, dir, list[i]->d_name, buf, report);

		result = result ? result : r;
		free(list[i]);
	}
	free(list);
	return result;
}

int policy_load_dir(
	struct policy **ret, enum policy_side side, const char *dir, struct conf_report *report)
{
	CLEANUP_FN(policy) struct policy *p = policy_new(side);
	unsigned int before = report->n_errors;
	CLEANUP_FD int fd = -1;
	int r;

	*ret = NULL;
	if (!p)
		return -ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : safefile_check_dir(fd);
	if (r == 0)
		r = load_all(p, fd, dir, report);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && report->n_errors == before)
		conf_report_add(report, dir, 0, "%s", safefile_error(r));
	if (r < 0)
		policy_break(p, dir, 0);
	*ret = TAKE(p);
	return r == 0 || r == -ENOENT ? r : -EINVAL;
}
