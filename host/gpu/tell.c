// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling va-hostd; see tell.h. */
#include "host/gpu/tell.h"

#include "common/base/log.h"
#include "common/control/client.h"

#include <stdio.h>
#include <string.h>

/* How it ended; *ret_text: va-hostd's words, "" for none. */
static enum exit_code tell(
	struct machine *m, const char *guest, uint32_t value, char *ret_text, size_t size)
{
	struct control_request r = { .op = CONTROL_HANDOVER, .value = value };
	char path[ATTR_PATH_SIZE];
	json_object *result = NULL, *text = NULL;
	enum exit_code code;

	ret_text[0] = '\0';
	if (strlen(guest) >= sizeof(r.arg) ||
		machine_path(m, path, "/run/virt-aid/control.sock") < 0)
		return EXIT_CODE_NOT_CONNECTED;
	memcpy(r.arg, guest, strlen(guest) + 1);
	code = control_ask(path, &r, m->limit.daemon, NULL, NULL, &result);
	if (json_object_object_get_ex(result, "text", &text))
		(void)escape_str(json_object_get_string(text), ret_text, size);
	json_object_put(result);
	return code;
}

void tell_taking(struct machine *m, const char *guest)
{
	char text[160];
	enum exit_code code = tell(m, guest, CONTROL_HANDOVER_BEGINS, text, sizeof(text));

	/* refused: it does not know that guest */
	if (code != EXIT_CODE_OK && code != EXIT_CODE_UNCONFIRMED &&
		code != EXIT_CODE_NOT_CONNECTED && code != EXIT_CODE_REFUSED)
		log_info("%s: va-hostd did not move the monitors (%s%s%s)", escape(guest),
			exit_code_name(code), text[0] ? ": " : "", text);
}

void tell_returned(struct machine *m, const char *guest)
{
	char text[160];

	(void)tell(m, guest, CONTROL_HANDOVER_ENDS, text, sizeof(text));
}
