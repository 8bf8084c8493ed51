// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The unit tests' few lines of frame: a program has a table of cases, runs those named on its
 * command line (all of them by default), prints one line a case, "ok NAME" or "FAIL NAME: where:
 * what" or "skip NAME: why", and ends with non-zero when any failed. Plain C, so that the
 * portable core's tests also run as a .exe.
 */
#ifndef VA_TEST_H
#define VA_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

static const char *test_name;
static int test_failed, test_skipped;

#define CHECK(cond)                                                                           \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			printf("FAIL %s: %s:%d: %s\n", test_name, __FILE__, __LINE__, #cond); \
			test_failed = 1;                                                      \
			return;                                                               \
		}                                                                             \
	} while (0)

#define CHECK_EQ(a, b)                                                                        \
	do {                                                                                  \
		long long a_ = (long long)(a), b_ = (long long)(b);                           \
		if (a_ != b_) {                                                               \
			printf("FAIL %s: %s:%d: %s = %lld, %s = %lld\n", test_name, __FILE__, \
				__LINE__, #a, a_, #b, b_);                                    \
			test_failed = 1;                                                      \
			return;                                                               \
		}                                                                             \
	} while (0)

#define CHECK_STR(a, b)                                                                       \
	do {                                                                                  \
		const char *a_ = (a), *b_ = (b);                                              \
		if (strcmp(a_, b_)) {                                                         \
			printf("FAIL %s: %s:%d: \"%s\" is not \"%s\"\n", test_name, __FILE__, \
				__LINE__, a_, b_);                                            \
			test_failed = 1;                                                      \
			return;                                                               \
		}                                                                             \
	} while (0)

#define CHECK_MEM(a, b, n) CHECK(memcmp((a), (b), (n)) == 0)

#define SKIP(why)                                        \
	do {                                             \
		printf("skip %s: %s\n", test_name, why); \
		test_skipped = 1;                        \
		return;                                  \
	} while (0)

static inline int test_main(int argc, char **argv, const struct test_case *cases, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		bool wanted = argc < 2;

		for (int k = 1; k < argc; k++)
			wanted = wanted || !strcmp(argv[k], cases[i].name);
		if (!wanted)
			continue;
		test_name = cases[i].name;
		test_failed = test_skipped = 0;
		cases[i].run();
		if (!test_failed && !test_skipped)
			printf("ok %s\n", test_name);
		failed += test_failed;
		fflush(stdout);
	}
	return failed ? 1 : 0;
}

#define TEST_MAIN(...)                                                                 \
	int main(int argc, char **argv)                                                \
	{                                                                              \
		static const struct test_case cases[] = { __VA_ARGS__ };               \
		return test_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0])); \
	}                                                                              \
	struct test_case

#endif
