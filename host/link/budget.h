// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much of a guest's talk is read: at most BUDGET_WAKE bytes a wake-up and BUDGET_RATE bytes
 * a second. What is not read stays in the pipe and throttles that guest's port only.
 * PROTOCOL.md 9. Pure.
 */
#ifndef VA_HOST_LINK_BUDGET_H
#define VA_HOST_LINK_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#define BUDGET_WAKE  (64u * 1024u)
#define BUDGET_RATE  (256u * 1024u)
#define BUDGET_LEAST 4096u /* not worth a read below */

struct budget {
	uint64_t bytes; /* to be had now, at most one second's worth */
	uint64_t at_ms; /* when that was true */
};

void budget_init(struct budget *b, uint64_t now_ms);
/* Bytes that may be read in this wake-up: 0, or BUDGET_LEAST to BUDGET_WAKE. */
size_t budget_have(struct budget *b, uint64_t now_ms);
void budget_spend(struct budget *b, size_t bytes);
/* Milliseconds from the last budget_have() until there is something again; 0: now. */
uint64_t budget_wait_ms(const struct budget *b);

#endif
