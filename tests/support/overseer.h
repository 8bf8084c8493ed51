// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A daemon for tests of workers: it starts the scripted worker (this very program, by
 * OVERSEER_MAIN), asks it, and counts what is called back.
 */
#ifndef VA_TEST_OVERSEER_H
#define VA_TEST_OVERSEER_H

#include "tests/support/scripted.h"

#define MSEC   1000ull
#define SEC    1000000ull
#define NOBODY 65534

struct msg {
	struct worker_head head;
	uint32_t word;
	uint32_t more[13];
};

/* What was called back, how often, and the last of each. */
struct seen {
	sd_event *event;
	struct worker *w;
	unsigned int replies, late, died, stopped, events, exits, started;
	uint32_t word, last_event;
	struct scripted_facts facts;
	int fd, status;
	uint64_t will_restart;
	bool free_in_reply, free_in_event, free_in_exit, call_on_start;
};

void seen_done(struct seen *s);
#define CLEANUP_SEEN __attribute__((cleanup(seen_done)))

/* Starts the scripted worker, one-shot or as spec says, with up to two rules. */
int seen_begin(struct seen *s, const char *a, const char *b);
int seen_begin_spec(struct seen *s, struct worker_spec *spec, const char *a, const char *b);
/* Sends a struct msg with the word 7; its answer is counted by seen_on_reply(). */
int seen_ask(struct seen *s, uint32_t op, uint64_t limit_usec);
worker_reply_fn seen_on_reply;
/* Runs the loop until *counter reaches n; false: it took ten seconds. */
bool seen_until(struct seen *s, const unsigned int *counter, unsigned int n);
void seen_stop(struct seen *s);
bool seen_no_child(void);
/* Waits for a process, which need not be a child, to be gone or a zombie. */
bool seen_is_gone(pid_t pid);
uint64_t seen_now_ms(void);

#define OVERSEER_MAIN(...)                                                             \
	int main(int argc, char **argv)                                                \
	{                                                                              \
		static const struct test_case cases[] = { __VA_ARGS__ };               \
		if (argc > 1 && !strcmp(argv[1], "--worker"))                          \
			return scripted_worker_main(argc - 1, argv + 1);               \
		return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0])); \
	}                                                                              \
	struct test_case

#endif
