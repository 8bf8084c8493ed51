// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The messages of message.h to protobuf and back: the body of a record of kind RPC
 * (PROTOCOL.md 7.1). Only what came out of an authenticated record is ever given to rpc_decode().
 *
 * A message has exactly one encoding: fields in the order of their numbers, each at most once,
 * zeros and empty strings left out, shortest varints. The decoder takes nothing else, so that no
 * two readers of one record can see different things in it.
 */
#ifndef VA_LINK_RPC_H
#define VA_LINK_RPC_H

#include "common/link/err.h"
#include "common/link/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_MAX        4093  /* bytes of the longest encoding that a record takes */
#define RPC_ARENA_SIZE 65536 /* bytes that unpacking one message may use, all told */

/* Working memory of rpc_decode(), the caller's; one serves any number of messages in turn. */
struct rpc_arena {
	_Alignas(16) uint8_t memory[RPC_ARENA_SIZE];
	size_t used;
	bool refused; /* an allocation did not fit during the last call */
};

/*
 * Writes m into out[size], *ret_len bytes of it; allocates nothing. RPC_MAX bytes are always
 * enough. VA_E_RANGE where m does not pass message_is_valid(), VA_E_SPACE where size is too small;
 * out and *ret_len are then as they were.
 */
enum va_err rpc_encode(const struct message *m, uint8_t *out, size_t size, size_t *ret_len);

/*
 * Reads one message. What it leaves in *ret has passed message_is_valid(); *ret is all zeros where
 * it fails: VA_E_MALFORMED for anything but the one encoding of a valid message, VA_E_LIMIT where
 * it is longer than RPC_MAX or does not fit the arena. The arena is wiped before this returns.
 */
enum va_err rpc_decode(
	struct rpc_arena *a, const uint8_t *untrusted, size_t len, struct message *ret);

#endif
