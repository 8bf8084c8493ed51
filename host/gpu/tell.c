// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling va-hostd; see tell.h. */
#include "host/gpu/tell.h"

#include "common/base/log.h"
#include "common/control/client.h"

#include <stdio.h>
#include <string.h>

void tell_daemon(struct machine *m, const char *guest)
{
	struct control_request r = { .op = CONTROL_SWITCH, .flags = CONTROL_FLAG_FORCE };
	char path[ATTR_PATH_SIZE];
	json_object *result = NULL;
	enum exit_code code;

	if (!name_is_valid(guest) || machine_path(m, path, "/run/virt-aid/control.sock") < 0)
		return; /* a name that va-hostd cannot have in its configuration */
	memcpy(r.name, guest, strlen(guest) + 1);
	code = control_ask(path, &r, m->limit.daemon, NULL, NULL, &result);
	if (code != EXIT_CODE_OK && code != EXIT_CODE_NOT_CONNECTED)
		log_info(
			"%s: va-hostd did not move the monitors (%s)", guest, exit_code_name(code));
	if (result)
		json_object_put(result);
}
