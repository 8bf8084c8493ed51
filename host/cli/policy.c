// SPDX-License-Identifier: GPL-2.0-or-later
/* 'va-host policy check FILE'; see policy.h. The language is common/policy's. */
#include "host/cli/policy.h"

#include "common/policy/policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Unlike the daemon, takes the file as it is: whose it is matters where it will be put. */
static char *read_file(const char *path, size_t *ret_len)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(free) char *text = malloc(CONF_FILE_MAX + 1);
	size_t n = 0;

	if (fd < 0 || !text)
		return NULL;
	while (n <= CONF_FILE_MAX) {
		ssize_t k = read(fd, text + n, CONF_FILE_MAX + 1 - n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return NULL;
		if (k == 0) {
			*ret_len = n;
			return TAKE(text);
		}
		n += (size_t)k;
	}
	errno = EFBIG;
	return NULL;
}

enum exit_code policy_check(const char *const args[COMMAND_ARGS], bool json)
{
	static struct conf_report report;
	CLEANUP_FN(policy) struct policy *p = policy_new(POLICY_ON_HOST);
	size_t len = 0;
	CLEANUP(free) char *text = read_file(args[0], &len);

	(void)json;
	if (!text) {
		fprintf(stderr, "va-host: reading %s failed: %s\n", escape(args[0]),
			strerror(errno));
		return EXIT_CODE_FAILED;
	}
	if (!p)
		return EXIT_CODE_FAILED;
	if (policy_add(p, args[0], text, len, &report) < 0) {
		fputs(report.text, stderr);
		fprintf(stderr, "va-host: with this file in place everything would be denied\n");
		return EXIT_CODE_FAILED;
	}
	printf("%s: %zu rule%s, no error\n", escape(args[0]), policy_n_rules(p),
		policy_n_rules(p) == 1 ? "" : "s");
	return EXIT_CODE_OK;
}
