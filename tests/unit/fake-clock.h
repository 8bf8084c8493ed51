// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A clock that goes by itself to when something is due, and a loop of one timer, for a test that
 * walks many plans: they stand in the program in place of libsystemd's and libc's functions. The
 * walk has one timer at a time; test-execute.c has the real ones.
 */
#ifndef VA_TEST_FAKE_CLOCK_H
#define VA_TEST_FAKE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include <time.h>

static struct fake_clock {
	uint64_t now_usec, due_usec;
	bool armed, twice; /* twice: a second timer was asked for */
	sd_event_time_handler_t handler;
	void *userdata;
} fake_clock;

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	(void)clock;
	ret->tv_sec = (time_t)(fake_clock.now_usec / 1000000);
	ret->tv_nsec = (long)(fake_clock.now_usec % 1000000) * 1000;
	return 0;
}

sd_event *sd_event_ref(sd_event *e)
{
	return e;
}

sd_event *sd_event_unref(sd_event *e)
{
	(void)e;
	return NULL;
}

int sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec,
	uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
	(void)e;
	(void)clock;
	(void)accuracy;
	fake_clock.twice = fake_clock.twice || fake_clock.armed;
	fake_clock.armed = true;
	fake_clock.due_usec = fake_clock.now_usec + usec;
	fake_clock.handler = handler;
	fake_clock.userdata = userdata;
	*ret = (sd_event_source *)&fake_clock;
	return 0;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *s)
{
	if (s)
		fake_clock.armed = false;
	return NULL;
}

/* Lets pass what time there is to the next thing due; false: there is none. */
static inline bool fake_clock_run(void)
{
	if (!fake_clock.armed || fake_clock.twice)
		return false;
	fake_clock.armed = false;
	fake_clock.now_usec = fake_clock.due_usec;
	return fake_clock.handler(NULL, fake_clock.now_usec, fake_clock.userdata) >= 0;
}

#endif
