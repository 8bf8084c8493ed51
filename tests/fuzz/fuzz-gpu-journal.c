// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as a journal: an error, or steps within bounds that are written out again alike. */
#include "host/gpu/journal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
	if (!truth)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct journal j;
	char boot[64] = "", coded[STEP_WORD_SIZE * 3], back[STEP_WORD_SIZE], text[512];
	size_t used = 0;

	memset(&j, 0, sizeof(j));
	if (journal_parse((const char *)data, size, &j, boot, &used) < 0)
		return 0;
	must(used > 0 && used <= size && data[used - 1] == '\n');
	must(j.steps.n <= STEPS_MAX && memchr(j.guest, 0, sizeof(j.guest)));
	for (size_t i = 0; i < j.steps.n; i++) {
		const struct step *s = &j.steps.s[i];

		must(s->kind < STEP_KINDS && s->state != STEP_PLANNED);
		must(journal_encode(s->subject, coded, sizeof(coded)) == 0);
		must(journal_decode(coded, strlen(coded), back, sizeof(back)) == 0);
		must(strcmp(back, s->subject) == 0);
		step_say(s, text, sizeof(text));
		step_say_undo(s, text, sizeof(text));
		must(memchr(text, 0, sizeof(text)) != NULL);
	}
	return 0;
}
