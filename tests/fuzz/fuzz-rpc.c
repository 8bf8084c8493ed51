// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rpc_decode() on any bytes: what it takes is a valid message and the message's one encoding;
 * what it refuses leaves nothing behind, neither in the result nor in the arena.
 */
#include "common/link/rpc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool cond)
{
	if (!cond)
		abort();
}

static bool all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rpc_arena arena;
	struct message m, again;
	uint8_t out[RPC_MAX];
	size_t n = 0;
	enum va_err r;

	memset(&m, 0x55, sizeof(m));
	r = rpc_decode(&arena, data, size, &m);
	must(all_zero(arena.memory, sizeof(arena.memory)));
	if (r != VA_OK) {
		must(r == VA_E_MALFORMED || r == VA_E_LIMIT);
		must(all_zero(&m, sizeof(m)));
		return 0;
	}
	must(message_is_valid(&m));
	must(rpc_encode(&m, out, sizeof(out), &n) == VA_OK);
	must(n == size && memcmp(out, data, n) == 0);
	must(rpc_decode(&arena, out, n, &again) == VA_OK);
	must(memcmp(&m, &again, sizeof(m)) == 0);
	return 0;
}
