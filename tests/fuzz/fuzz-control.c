// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client that sends anything to the control socket. The input is packets, each behind a byte
 * that says how long it is (in units of the request's sixteenth; 255: a whole valid request as
 * it begins) and how the daemon answers. Only valid requests arrive, one a connection; whoever
 * asked and got no result is reported gone, once; nothing is kept.
 */
#include "common/control/server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	sd_event *event;
	struct control_server *server;
	struct sockaddr_un address;
	socklen_t address_len;
	unsigned int asked, finished, gone;
} daemon_side;

static void must(bool cond)
{
	if (!cond)
		abort();
}

static void on_request(struct control_client *c, const struct control_request *r, void *userdata)
{
	(void)userdata;
	must(control_request_is_valid(r, sizeof(*r)));
	must(r->name[0] == '\0' || name_is_valid(r->name));
	must(strlen(r->arg) < sizeof(r->arg) && r->op <= CONTROL_OP_MAX);
	daemon_side.asked++;
	for (uint32_t i = 0; i < (r->value & 31); i++)
		control_progress(c, "%s %u", r->arg, i);
	if (r->value & 32)
		return;
	control_finish(c, EXIT_CODE_OK, NULL, "%s", r->name);
	daemon_side.finished++;
}

static void on_gone(struct control_client *c, void *userdata)
{
	(void)userdata;
	control_send(c, "step", NULL);
	daemon_side.gone++;
}

static void start(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un any = { .sun_family = AF_UNIX };

	/* an address of the kernel's choice, outside of the file system */
	must(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) == 0);
	must(listen(fd, 4) == 0);
	daemon_side.address_len = sizeof(daemon_side.address);
	must(getsockname(fd, (struct sockaddr *)&daemon_side.address, &daemon_side.address_len) ==
		0);
	must(sd_event_new(&daemon_side.event) >= 0);
	must(control_server_new(&daemon_side.server, daemon_side.event, NULL, (gid_t)-1, fd,
		     on_request, on_gone, NULL) == 0);
}

static void settle(void)
{
	while (sd_event_run(daemon_side.event, 0) > 0)
		;
}

/* The next packet of the input, into r. Its length, 0: no more. */
static size_t next_packet(const uint8_t **data, size_t *size, unsigned char r[2048])
{
	struct control_request valid = { .magic = CONTROL_MAGIC, .op = CONTROL_SWITCH };
	size_t len, have;

	if (*size == 0)
		return 0;
	len = (size_t) * *data * sizeof(valid) / 16;
	memset(r, 0, 2048);
	if (**data == 255) {
		memcpy(r, &valid, sizeof(valid));
		len = sizeof(valid);
	}
	len = len > 2048 ? 2048 : len < 1 ? 1 : len;
	++*data, --*size;
	have = *size < len ? *size : len;
	if (have > 0 && len == sizeof(valid) && r[0] != 0 && have > sizeof(valid) - 4)
		memcpy(r + 4, *data, sizeof(valid) - 4); /* keep the magic, mutate the rest */
	else if (have > 0 && r[0] == 0)
		memcpy(r, *data, have);
	*data += have;
	*size -= have;
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char packet[2048];
	size_t len;
	int fd;

	if (!daemon_side.event)
		start();
	daemon_side.asked = daemon_side.finished = daemon_side.gone = 0;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(fd >= 0 &&
		connect(fd, (struct sockaddr *)&daemon_side.address, daemon_side.address_len) == 0);
	while ((len = next_packet(&data, &size, packet)) > 0) {
		if (send(fd, packet, len, MSG_NOSIGNAL) < 0)
			break;
		if (len & 1)
			settle();
	}
	settle();
	close(fd);
	settle();
	must(daemon_side.asked <= 1);
	must(daemon_side.asked == daemon_side.finished + daemon_side.gone);
	return 0;
}
