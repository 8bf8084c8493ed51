// SPDX-License-Identifier: GPL-2.0-or-later
/* Lists of steps and the words for them; see step.h. Pure. */
#include "host/gpu/step.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In the descriptions: %s subject, %a and %b the other words. */
static const struct words {
	const char *name, *does, *undoes;
} words[STEP_KINDS] = {
	[STEP_USER_UNIT] = { "user-unit", "stop the unit %s of the user with uid %a", "" },
	[STEP_SERVICE] = { "service", "stop the service %s (%a)", "start the service %s (%a)" },
	[STEP_SESSION] = { "session", "end the session %s of %a, started from a text console", "" },
	[STEP_PROCESS] = { "process", "end the process %s (%b)", "" },
	[STEP_LEAVE] = { "leave", "tell the session that %s is gone",
		"tell the session that %s is there" },
	[STEP_VTCON] = { "vtconsole", "detach the console %s from the framebuffer",
		"attach the console %s to the framebuffer" },
	[STEP_BOOTFB] = { "bootfb", "detach the firmware's framebuffer %s",
		"attach %s, unless a driver draws again" },
	[STEP_PICTURE] = { "picture", "", "wait until %s sees a monitor" },
	[STEP_OVERRIDE] = { "override", "reserve %s for vfio-pci",
		"bring %s back to its driver (%a)" },
	[STEP_PAUSE] = { "pause", "detach %s (%a) for a moment, since it uses the card's driver",
		"bring %s back to %a" },
	[STEP_UNLOAD] = { "unload", "unload %s", "load the same modules" },
	[STEP_DETACH] = { "detach", "detach %s from %a", "" },
	[STEP_BIND] = { "bind", "give %s to vfio-pci", "" },
};

const char *step_kind_name(enum step_kind kind)
{
	return kind < STEP_KINDS ? words[kind].name : "unknown";
}

int step_kind_by_name(const char *name)
{
	for (int k = 0; k < STEP_KINDS; k++)
		if (!strcmp(words[k].name, name))
			return k;
	return -EINVAL;
}

static int copy(char ret[STEP_WORD_SIZE], const char *word)
{
	size_t len = word ? strlen(word) : 0;

	if (len >= STEP_WORD_SIZE)
		return -E2BIG;
	memcpy(ret, word ? word : "", len + 1);
	return 0;
}

struct step *steps_add(
	struct steps *list, enum step_kind kind, const char *subject, const char *a, const char *b)
{
	struct step *s = &list->s[list->n];

	if (list->n == STEPS_MAX)
		return NULL;
	*s = (struct step){ .kind = kind };
	if (copy(s->subject, subject) < 0 || copy(s->a, a) < 0 || copy(s->b, b) < 0)
		return NULL;
	list->n++;
	return s;
}

bool steps_have(const struct steps *list, enum step_kind kind, const char *subject)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->s[i].kind == kind && list->s[i].state != STEP_UNDONE &&
			!strcmp(list->s[i].subject, subject))
			return true;
	return false;
}

static void describe(const struct step *s, const char *format, char *ret, size_t size)
{
	size_t n = 0;

	ret[0] = '\0';
	for (const char *p = format; *p && n + 1 < size; p++) {
		const char *word;

		if (*p != '%') {
			ret[n++] = *p;
			ret[n] = '\0';
			continue;
		}
		p++;
		word = *p == 's' ? s->subject : *p == 'a' ? s->a : s->b;
		if (!word[0])
			word = "none";
		(void)escape_str(word, ret + n, size - n);
		n += strlen(ret + n);
	}
}

void step_say(const struct step *s, char *ret, size_t size)
{
	describe(s, words[s->kind].does, ret, size);
}

void step_say_undo(const struct step *s, char *ret, size_t size)
{
	bool again = s->kind == STEP_USER_UNIT && s->b[0];

	describe(s, again ? "start the unit %s of the user with uid %a" : words[s->kind].undoes,
		ret, size);
}
