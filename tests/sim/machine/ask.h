// SPDX-License-Identifier: GPL-2.0-or-later
/* One question to the model's server, over a connection of its own. */
#ifndef VA_SIM_MACHINE_ASK_H
#define VA_SIM_MACHINE_ASK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/cleanup.h"

/*
 * Sends len bytes to root's model and returns the number that its answer starts with; what
 * follows the line goes to out. 255 if there is no model. It may take for ever.
 */
static int model_ask(const char *root, const char *question, size_t len, FILE *out)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[4096], *rest;
	size_t n = 0;
	ssize_t r;
	int code;

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/model.sock", root) >=
			(int)sizeof(addr.sun_path) ||
		fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		send(fd, question, len, MSG_NOSIGNAL) != (ssize_t)len)
		return 255;
	shutdown(fd, SHUT_WR);
	while (n < sizeof(answer) - 1 && (r = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0)
		n += (size_t)r;
	answer[n] = '\0';
	if (n == 0)
		return 255;
	code = (int)strtol(answer, &rest, 10);
	if (*rest == '\n')
		rest++;
	if (out && *rest)
		(void)fputs(rest, out);
	return code;
}

#endif
