// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Port, link and clock joined; see channel.h.
 *
 * Theory of operation: every wake-up goes the same way: look at the clock, feed the link, then
 * pump: hand out events until there are none, write until nothing is left or the pipe is full,
 * set one timer. There is a timer only while a host is there; without one nothing wakes us but
 * the port.
 */
#include "guest/daemon/channel.h"

#include "guest/daemon/clock.h"

#include <sodium.h>

#define WRITE_MAX           32768u /* the driver takes no more in one write() */
#define TIMER_ACCURACY_USEC 20000u
#define TIMER_LAG_MS        1000u /* that much earlier than needed it may go off */

struct channel {
	struct port *port;
	struct link *link; /* sodium_malloc() */
	struct clock_watch clock;
	sd_event_source *timer;
	uint64_t timer_ms; /* when the timer goes off; LINK_NEVER: it is off */
	struct channel_ops ops;
	void *userdata;
	bool pumping, again;
};

static void look_at_clock(struct channel *c)
{
	if (!clock_watch_look(&c->clock))
		return;
	link_reset(c->link, clock_now_ms());
	c->ops.on_jump(c->userdata);
}

static void write_all(struct channel *c)
{
	const uint8_t *p;
	size_t n;

	if (port_get_state(c->port) != PORT_OPEN)
		return;
	for (link_output(c->link, &p, &n); n > 0; link_output(c->link, &p, &n)) {
		ssize_t w = port_write(c->port, p, n < WRITE_MAX ? n : WRITE_MAX);

		/* an error here is the device going: the next read says so */
		if (w <= 0)
			return;
		link_sent(c->link, (size_t)w);
	}
}

/*
 * Each record puts the deadlines off. In busy times the timer stays where it is then, which saves
 * a system call for each record, and looks again when it goes off; one record in a silence moves
 * it, so that keepalives wake nobody twice.
 */
static void set_timer(struct channel *c)
{
	uint64_t deadline = link_deadline(c->link);

	if (port_get_state(c->port) != PORT_OPEN)
		deadline = LINK_NEVER;
	if (deadline == LINK_NEVER && c->timer_ms != LINK_NEVER)
		sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
	if (deadline != LINK_NEVER && deadline >= c->timer_ms &&
		deadline - c->timer_ms < TIMER_LAG_MS)
		return;
	c->timer_ms = deadline;
	if (deadline == LINK_NEVER)
		return;
	sd_event_source_set_time(c->timer, deadline * 1000u);
	sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

void channel_pump(struct channel *c)
{
	struct link_event ev;

	c->again = true;
	if (c->pumping)
		return; /* the one that is at it below goes round once more */
	c->pumping = true;
	while (c->again) {
		c->again = false;
		while (link_next(c->link, &ev))
			c->ops.on_event(&ev, c->userdata);
		write_all(c);
	}
	c->pumping = false;
	set_timer(c);
	c->ops.on_change(c->userdata);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct channel *c = userdata;

	(void)s;
	(void)usec;
	c->timer_ms = LINK_NEVER;
	look_at_clock(c);
	link_tick(c->link, clock_now_ms());
	channel_pump(c);
	return 0;
}

static void on_port_state(enum port_state state, void *userdata)
{
	struct channel *c = userdata;

	if (state == PORT_OPEN)
		link_connected(c->link, clock_now_ms());
	else
		link_disconnected(c->link, clock_now_ms());
	channel_pump(c);
}

static void on_port_data(const uint8_t *bytes, size_t n, void *userdata)
{
	struct channel *c = userdata;

	look_at_clock(c);
	link_input(c->link, bytes, n, clock_now_ms());
	channel_pump(c);
}

static void on_port_ready(void *userdata)
{
	channel_pump(userdata);
}

static void on_port_trouble(int error, const char *path, void *userdata)
{
	struct channel *c = userdata;

	c->ops.on_trouble(error, path, c->userdata);
}

static int make_link(struct channel *c, const struct keyrec *record)
{
	struct link_config config = { .role = LINK_GUEST, .record = record };

	if (sodium_init() < 0)
		return -ENOSYS;
	c->link = sodium_malloc(link_size());
	if (!c->link)
		return -ENOMEM;
	return link_init(c->link, &config, clock_now_ms()) < 0 ? -EINVAL : 0;
}

int channel_new(struct channel **ret, sd_event *event, const char *port_path,
	const struct keyrec *record, const struct channel_ops *ops, void *userdata)
{
	static const struct port_ops port_ops = { on_port_state, on_port_data, on_port_ready,
		on_port_trouble };
	CLEANUP_FN(channel) struct channel *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->ops = *ops;
	c->userdata = userdata;
	c->timer_ms = LINK_NEVER;
	clock_watch_look(&c->clock);
	r = make_link(c, record);
	if (r < 0)
		return r;
	r = sd_event_add_time(
		event, &c->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_timer, c);
	if (r < 0)
		return r;
	sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
	r = port_new(&c->port, event, port_path, &port_ops, c);
	if (r < 0)
		return r;
	*ret = TAKE(c);
	return 0;
}

void channel_free(struct channel *c)
{
	if (!c)
		return;
	port_free(c->port);
	sd_event_source_disable_unref(c->timer);
	if (c->link) {
		link_wipe(c->link);
		sodium_free(c->link);
	}
	free(c);
}

struct link *channel_link(struct channel *c)
{
	return c->link;
}

enum port_state channel_port_state(const struct channel *c)
{
	return port_get_state(c->port);
}
