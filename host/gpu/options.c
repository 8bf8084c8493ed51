// SPDX-License-Identifier: GPL-2.0-or-later
/* /etc/virt-aid/gpu.conf; see options.h. */
#include "host/gpu/options.h"

#include "common/base/cleanup.h"

#include <stdio.h>
#include <string.h>

static enum conf_verdict entry(const struct conf_at *at, const char *value, void *userdata)
{
	static const char *const policies[] = { "refuse", "term", "kill" };
	struct options *o = userdata;
	enum conf_verdict v;
	unsigned int word;

	if (strcmp(at->section, "gpu") != 0)
		return CONF_UNKNOWN_SECTION;
	if (!at->key)
		return CONF_OK;
	if (!strcmp(at->key, "holders")) {
		v = conf_word(at, value, policies, ARRAY_SIZE(policies), &word);
		if (v == CONF_OK)
			o->holders = (enum options_holders)word;
		return v;
	}
	if (!strcmp(at->key, "take-apu"))
		return conf_bool(at, value, &o->apu);
	if (!strcmp(at->key, "move-monitors"))
		return conf_bool(at, value, &o->tell);
	if (!strcmp(at->key, "keep-session"))
		return conf_bool(at, value, &o->keep);
	if (strcmp(at->key, "display-manager") != 0)
		return CONF_UNKNOWN_KEY;
	if (!init_service_is_valid(value)) {
		conf_error(at, "\"%s\" is not the name of a service", escape(value));
		return CONF_BAD;
	}
	(void)snprintf(o->dm, sizeof(o->dm), "%s", value);
	return CONF_OK;
}

int options_read(const struct machine *m, struct options *ret, struct conf_report *report)
{
	char path[ATTR_PATH_SIZE];
	int r;

	*ret = (struct options){ .holders = OPTIONS_TERM, .tell = true };
	r = machine_path(m, path, OPTIONS_FILE);
	if (r == 0)
		r = conf_read(path, entry, ret, report);
	return r == -ENOENT ? 0 : r;
}

int options_load(struct machine *m, struct options *ret)
{
	CLEANUP(free) struct conf_report *report = calloc(1, sizeof(*report));

	if (!report)
		return machine_fail(m, -ENOMEM, "out of memory");
	if (options_read(m, ret, report) == 0)
		return 0;
	report->text[strcspn(report->text, "\n")] = '\0';
	return machine_fail(m, -EINVAL, "%s", report->text);
}
