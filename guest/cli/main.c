// SPDX-License-Identifier: GPL-2.0-or-later
/* va-guest: what a user of the guest types. A table; the rest is in common/control/command.h. */
#include "common/base/cleanup.h"
#include "common/control/command.h"

/* clang-format off */
static const struct command commands[] = {
	{ "switch TARGET", "Give monitor, keyboard and mouse to another machine, or to \"host\".",
		.op = CONTROL_SWITCH, .limit_s = 125, .acts = true },
	{ "shutdown host", "Ask the host to shut down.",
		.op = CONTROL_SHUTDOWN, .limit_s = 45, .acts = true },
	{ "status", "Show the connection to the host and who holds the seat.",
		.op = CONTROL_STATUS, .limit_s = 10 },
	{ "list", "Show the machines the seat can go to.",
		.op = CONTROL_LIST, .limit_s = 10 },
	{ "pair [CODE]", "Pair with the host, by the code that 'va-host pair' shows there, or\n"
			 "        by the token in this machine's firmware configuration.",
		.op = CONTROL_PAIR, .limit_s = 330 },
	{ "ping", "Measure round trips to the host, encrypted and all.",
		.op = CONTROL_PING, .options = COMMAND_COUNT, .limit_s = 120 },
	{ "ddc detect", "Look for monitors on this machine's GPUs.",
		.op = CONTROL_DDC_DETECT, .limit_s = 45 },
	{ "ddc get MONITOR", "Read a monitor's input source. MONITOR: key, connector or model.",
		.op = CONTROL_DDC_GET, .limit_s = 60 },
	{ "ddc set MONITOR VALUE", "Write a monitor's input source.",
		.op = CONTROL_DDC_SET, .limit_s = 60, .acts = true },
	{ "reload", "Have va-guestd read its policy again.",
		.op = CONTROL_RELOAD, .limit_s = 10 },
};
/* clang-format on */

int main(int argc, char **argv)
{
	static const struct command_program program = {
		.name = "va-guest",
		.summary = "Ask the host of this virtual machine for the seat, or look around.",
		.daemon = "va-guestd",
		.socket = "/run/virt-aid/guest.sock",
		.look = "va-guest status",
		.commands = commands,
		.n_commands = ARRAY_SIZE(commands),
	};

	return command_main(&program, argc, argv);
}
