// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A va-link that was taken over: any bytes at all as a struct link_ipc. What passes the check
 * must keep the promises its users rely on: terminated strings, numbers within their ranges.
 */
#include "common/base/escape.h"
#include "host/link/ipc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void check_message(const struct message *m)
{
	need(m->kind > MSG_NONE && m->kind <= MSG_KIND_MAX);
	if (m->kind == MSG_PREPARE)
		need(strnlen(m->prepare.target, MSG_NAME_SIZE) < MSG_NAME_SIZE &&
			m->prepare.operation <= MSG_OP_MAX);
	if (m->kind != MSG_RESULT)
		return;
	need(strnlen(m->result.detail, MSG_DETAIL_SIZE) < MSG_DETAIL_SIZE);
	need(m->result.n_items <= MSG_MAX_ITEMS);
	for (uint32_t i = 0; i < m->result.n_items; i++)
		need(name_is_valid(m->result.items[i].name) &&
			strnlen(m->result.items[i].label, MSG_LABEL_SIZE) < MSG_LABEL_SIZE);
}

static void check_event(const struct link_ipc *m)
{
	switch (m->event) {
	case LINK_EV_REQUEST:
	case LINK_EV_NOTICE:
	case LINK_EV_PENDING:
	case LINK_EV_ANSWER: check_message(&m->message); break;
	case LINK_EV_STORE: need(name_is_valid(m->record.guest) && m->record.cur.epoch > 0); break;
	default: need(m->event <= LINK_EV_RESET_PIPE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct link_ipc m;
	size_t n = size < sizeof(m) ? size : sizeof(m);

	/* short inputs are filled up with zeros, so that the corpus can stay small */
	memset(&m, 0, sizeof(m));
	if (n > 0)
		memcpy(&m, data, n);
	if (!link_ipc_is_valid(&m, sizeof(m)))
		return 0;
	need(m.head.id == 0 && m.state <= LINK_UP);
	need(strnlen(m.words, sizeof(m.words)) < sizeof(m.words));
	if (m.head.op == LINK_OP_EVENT)
		check_event(&m);
	return 0;
}
