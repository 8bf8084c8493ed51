// SPDX-License-Identifier: GPL-2.0-or-later
/* Running the programs of this build in a test: started, watched, and always gone at the end. */
#ifndef VA_TESTS_PROGRAMS_H
#define VA_TESTS_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROGRAMS_PATH 256

/* A folder of this test's own, removed by program_clean_up(). NULL: cannot be made. */
const char *program_folder(void);
/* "FOLDER/name", good for the next 31 calls. */
const char *program_file(const char *name);

/*
 * Starts BUILD/name with argv[1...] (argv[0] is filled in). fd3: becomes descriptor 3, or -1.
 * Its output goes to FOLDER/log. It is killed when the test program dies. -1: cannot.
 */
pid_t program_start(const char *name, const char **argv, int fd3, const char *log);
/* The same as another user (needs root). */
pid_t program_start_as(const char *name, const char **argv, const char *log, uid_t uid);
/* Polls for its end: true with *ret_status (as of waitpid). */
bool program_ended(pid_t pid, int *ret_status);
/* SIGTERM, then SIGKILL; reaps. Returns the status. */
int program_stop(pid_t pid);
/* What FOLDER/log holds, terminated, cut to fit; "" if nothing. */
const char *program_log(const char *log);
/* Kills whatever is left and removes the folder. */
void program_clean_up(void);

/* Pss of a process in KiB, and its private dirty part; 0: not to be had. */
unsigned long program_pss_kib(pid_t pid, unsigned long *ret_dirty_kib);
uint64_t program_now_ms(void);

#endif
