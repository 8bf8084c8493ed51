// SPDX-License-Identifier: GPL-2.0-or-later
/* A token bucket of one second's depth; see budget.h. Pure. */
#include "host/link/budget.h"

void budget_init(struct budget *b, uint64_t now_ms)
{
	*b = (struct budget){ .bytes = BUDGET_RATE, .at_ms = now_ms };
}

size_t budget_have(struct budget *b, uint64_t now_ms)
{
	uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;

	if (passed >= 1000)
		b->bytes = BUDGET_RATE;
	else
		b->bytes += passed * BUDGET_RATE / 1000; /* 1 ms is more than 262 bytes: no loss */
	if (b->bytes > BUDGET_RATE)
		b->bytes = BUDGET_RATE;
	b->at_ms = now_ms;
	if (b->bytes < BUDGET_LEAST)
		return 0;
	return b->bytes < BUDGET_WAKE ? (size_t)b->bytes : BUDGET_WAKE;
}

void budget_spend(struct budget *b, size_t bytes)
{
	b->bytes = bytes < b->bytes ? b->bytes - bytes : 0;
}

uint64_t budget_wait_ms(const struct budget *b)
{
	if (b->bytes >= BUDGET_LEAST)
		return 0;
	return (BUDGET_LEAST - b->bytes) * 1000 / BUDGET_RATE + 1;
}
