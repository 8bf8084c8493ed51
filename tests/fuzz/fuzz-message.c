// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A struct message as a helper process that was taken over might send it: any memory at all. The
 * check must not read beyond it, and what passes must survive the way over the wire.
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

static void there_and_back(const struct message *m)
{
	static struct rpc_arena arena;
	struct message back;
	uint8_t out[RPC_MAX], out2[RPC_MAX];
	size_t n = 0, n2 = 0;

	must(rpc_encode(m, out, sizeof(out), &n) == VA_OK);
	must(rpc_decode(&arena, out, n, &back) == VA_OK);
	must(back.id == m->id && back.kind == m->kind);
	must(rpc_encode(&back, out2, sizeof(out2), &n2) == VA_OK);
	must(n2 == n && memcmp(out, out2, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* memory of its own, so that the sanitizer sees a read beyond its end */
	struct message *m = calloc(1, sizeof(*m));

	must(m != NULL);
	memcpy(m, data, size < sizeof(*m) ? size : sizeof(*m));
	if (message_is_valid(m))
		there_and_back(m);
	free(m);
	return 0;
}
