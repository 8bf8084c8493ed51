// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of the exit codes; see exitcode.h. */
#include "common/base/exitcode.h"

const char *exit_code_name(enum exit_code code)
{
	static const char *const names[] = {
		[EXIT_CODE_OK] = "ok",
		[EXIT_CODE_FAILED] = "failed",
		[EXIT_CODE_USAGE] = "usage",
		[EXIT_CODE_REFUSED] = "refused",
		[EXIT_CODE_UNKNOWN] = "unknown",
		[EXIT_CODE_NOT_CONNECTED] = "not-connected",
		[EXIT_CODE_NOT_PAIRED] = "not-paired",
		[EXIT_CODE_UNCONFIRMED] = "unconfirmed",
		[EXIT_CODE_BUSY] = "busy",
	};

	return (unsigned int)code <= EXIT_CODE_MAX ? names[code] : names[EXIT_CODE_FAILED];
}
