// SPDX-License-Identifier: GPL-2.0-or-later
/* What is told of libvirt's errors: the reason has to be in what is left of it. */
#include "host/virt/virterr.h"
#include "tests/unit/test.h"

#define HOOK                                                                     \
	"Hook script execution failed: internal error: Child process (LC_ALL=C " \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root "     \
	"/etc/libvirt/hooks/qemu.d/50-virt-aid alpha prepare begin -) unexpected exit status 1: "

static const char *words(const char *message)
{
	static char text[200];

	virterr_words(message, text, sizeof(text));
	return text;
}

static void a_hooks_words_without_its_command_line(void)
{
	CHECK_STR(words(HOOK "va-gpu: alpha: IOMMU group 11 cannot be given away\n"),
		"va-gpu: alpha: IOMMU group 11 cannot be given away");
	CHECK_STR(words(HOOK "va-gpu: a remark\nva-gpu: the reason\n"), "va-gpu: the reason");
}

static void other_messages_stay(void)
{
	CHECK_STR(words("Domain not found: no domain: x"), "Domain not found: no domain: x");
	CHECK(strncmp(words(HOOK), "Hook script", 11) == 0);
	CHECK(strchr(words("two\nlines\n"), '\n') == NULL);
	CHECK_STR(words(""), "");
}

TEST_MAIN({ "a_hooks_words_without_its_command_line", a_hooks_words_without_its_command_line },
	{ "other_messages_stay", other_messages_stay });
