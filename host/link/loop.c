// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop of va-link: two descriptors, one clock, one link.
 *
 * Theory of operation: poll() on va-hostd's socket and on the channel. What the guest writes is
 * read within a budget; without budget the channel is left out of the poll, so that neither its
 * data nor its end can make the loop spin. Nothing here allocates: all it needs stands in struct
 * agent, the link and one static read buffer.
 */
#include "host/link/agent.h"

#include "common/worker/child.h"

#include <limits.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <time.h>

static uint8_t read_buffer[BUDGET_LEAST];

uint64_t agent_now_ms(void)
{
	struct timespec t;

	/* cannot fail with this clock */
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

int agent_write_channel(struct agent *a)
{
	const uint8_t *p;
	size_t n;

	for (link_output(a->link, &p, &n); n > 0; link_output(a->link, &p, &n)) {
		ssize_t w = send(a->channel, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EAGAIN)
			return 1;
		if (w <= 0)
			return 0;
		link_sent(a->link, (size_t)w);
	}
	return 1;
}

/* 1: goes on; 0: va-hostd has left. */
static int take_orders(struct agent *a, const char **ret_what)
{
	for (;;) {
		ssize_t n;
		int fd = -1, r;

		*ret_what = "reading from va-hostd";
		n = child_receive(&a->msg, sizeof(a->msg), &fd, true);
		if (n == -EAGAIN)
			return 1;
		if (n <= 0)
			return (int)n;
		*ret_what = "an order of va-hostd";
		if (!link_ipc_is_valid(&a->msg, (size_t)n)) {
			if (fd >= 0)
				close(fd);
			return -EBADMSG;
		}
		r = agent_obey(a, fd);
		sodium_memzero(&a->msg, sizeof(a->msg));
		if (r < 0)
			return r;
		*ret_what = "reporting to va-hostd";
		/* what it made is on its way before anything else is looked at */
		if (a->channel >= 0 && agent_write_channel(a) == 0)
			agent_close_channel(a, 0);
		if (a->ready)
			r = agent_report(a);
		if (r < 0)
			return r;
	}
}

/* 1: more may come; 0: the pipe has no other end any more. */
static int read_channel(struct agent *a, uint64_t now)
{
	size_t have = budget_have(&a->budget, now), done = 0;

	while (done < have && a->channel >= 0) {
		size_t most = have - done < sizeof(read_buffer) ? have - done : sizeof(read_buffer);
		ssize_t n = recv(a->channel, read_buffer, most, MSG_DONTWAIT);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return 0;
		budget_spend(&a->budget, (size_t)n);
		done += (size_t)n;
		link_input(a->link, read_buffer, (size_t)n, now);
		r = agent_report(a);
		if (r < 0)
			return r;
		if ((size_t)n < most)
			break; /* nothing left; poll() tells of what comes */
	}
	return 1;
}

static int serve_channel(struct agent *a, short revents, uint64_t now)
{
	int r = 1;

	if (revents & (POLLIN | POLLHUP | POLLERR))
		r = read_channel(a, now);
	if (r > 0 && a->channel >= 0)
		r = agent_write_channel(a);
	if (r == 0)
		agent_close_channel(a, 0);
	return r < 0 ? r : 0;
}

/* Fills the channel's part of the poll; returns the time-out in milliseconds. */
static int prepare(struct agent *a, struct pollfd *channel, uint64_t now)
{
	uint64_t wait = LINK_NEVER, deadline = a->ready ? link_deadline(a->link) : LINK_NEVER;
	const uint8_t *p;
	size_t n = 0;

	if (deadline != LINK_NEVER)
		wait = deadline > now ? deadline - now : 0;
	*channel = (struct pollfd){ .fd = a->channel, .events = POLLIN };
	if (a->channel >= 0) {
		link_output(a->link, &p, &n);
		if (n > 0)
			channel->events |= POLLOUT;
		if (budget_have(&a->budget, now) == 0) {
			uint64_t ready = budget_wait_ms(&a->budget);

			channel->fd = -1;
			wait = ready < wait ? ready : wait;
		}
	}
	if (wait == LINK_NEVER)
		return -1;
	return wait < INT_MAX ? (int)wait : INT_MAX;
}

static int run(struct agent *a, const char **ret_what)
{
	struct pollfd fds[2] = { { .fd = WORKER_FD, .events = POLLIN } };
	uint64_t now = agent_now_ms();

	budget_init(&a->budget, now);
	for (;;) {
		int r;

		*ret_what = "poll";
		if (poll(fds, 2, prepare(a, &fds[1], now)) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents) {
			r = take_orders(a, ret_what);
			if (r <= 0)
				return r;
		}
		now = agent_now_ms();
		if (!a->ready)
			continue;
		*ret_what = "reporting to va-hostd";
		link_tick(a->link, now);
		r = agent_report(a);
		/* a channel replaced by an order has no revents of its own yet */
		if (r == 0 && a->channel >= 0)
			r = serve_channel(a, fds[1].fd == a->channel ? fds[1].revents : 0, now);
		if (r == 0)
			r = agent_report(a);
		if (r < 0)
			return r;
		now = agent_now_ms();
	}
}

int agent_run(struct agent *a, const char **ret_what)
{
	int r = run(a, ret_what);

	/* a report that finds nobody is as good as no order any more */
	return r == -EPIPE ? 0 : r;
}
