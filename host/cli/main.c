// SPDX-License-Identifier: GPL-2.0-or-later
/* va-host: what a user of the host types. A table; the rest is in common/control/command.h. */
#include "common/base/cleanup.h"
#include "common/control/command.h"
#include "host/cli/gpu.h"
#include "host/cli/policy.h"

/* clang-format off */
static const struct command commands[] = {
	{ "status",
		"Show the seat, the guests, the monitors and the inputs.",
		.op = CONTROL_STATUS,
		.options = COMMAND_WATCH,
		.limit_s = 10 },
	{ "events",
		"Print what there is, then what changes: JSON, one object a line.",
		.op = CONTROL_EVENTS,
		.stream = true },
	{ "list", "Show the guests.",
		.op = CONTROL_LIST, .limit_s = 10 },
	{ "monitors", "Show the monitors, their inputs and who is on which.",
		.op = CONTROL_MONITORS, .limit_s = 30 },
	{ "inputs", "Show keyboards, mice and what else is on USB, and who has it.",
		.op = CONTROL_INPUTS, .limit_s = 10 },
	{ "switch TARGET", "Give the seat to a guest or to \"host\"; \"next\", \"prev\": of who is there.",
		.op = CONTROL_SWITCH,
		.options = COMMAND_DRY_RUN | COMMAND_FORCE | COMMAND_WAIT | COMMAND_NO_START,
		.limit_s = 600, .acts = true },
	{ "rescue",
		"Bring monitors, inputs and the host's GPU home, even amid a switch.",
		.op = CONTROL_RESCUE,
		.options = COMMAND_FORCE,
		.limit_s = 600,
		.acts = true },
	{ "pair GUEST", "Pair with a guest: shows the code to type there.",
		.op = CONTROL_PAIR, .limit_s = 330 },
	{ "unpair GUEST", "Forget a guest's keys.",
		.op = CONTROL_UNPAIR, .limit_s = 10, .acts = true },
	{ "rekey GUEST", "Exchange fresh keys with a guest.",
		.op = CONTROL_REKEY, .limit_s = 60, .acts = true },
	{ "ping GUEST", "Measure round trips to a guest, encrypted and all.",
		.op = CONTROL_PING, .options = COMMAND_COUNT, .limit_s = 120 },
	{ "ddc detect", "Look for monitors on this machine's GPUs.",
		.op = CONTROL_DDC_DETECT, .limit_s = 45 },
	{ "ddc get MONITOR", "Read a monitor's input source. MONITOR: name or key.",
		.op = CONTROL_DDC_GET, .limit_s = 60 },
	{ "ddc set MONITOR VALUE", "Write a monitor's input source.",
		.op = CONTROL_DDC_SET, .limit_s = 60, .acts = true },
	{ "guest GUEST ddc detect", "Have a guest look for monitors on its GPUs.",
		.op = CONTROL_DDC_DETECT, .limit_s = 45 },
	{ "guest GUEST ddc get MONITOR", "Have a guest read a monitor's input source.",
		.op = CONTROL_DDC_GET, .limit_s = 60 },
	{ "guest GUEST ddc set MONITOR VALUE", "Have a guest write a monitor's input source.",
		.op = CONTROL_DDC_SET, .limit_s = 60, .acts = true },
	{ "guest GUEST shutdown", "Have a guest power itself off.",
		.op = CONTROL_GUEST_SHUTDOWN, .limit_s = 60, .acts = true },
	{ "shutdown", "Shut this machine down, after a delay.",
		.op = CONTROL_SHUTDOWN, .options = COMMAND_DELAY, .limit_s = 30, .acts = true },
	{ "cancel", "Cancel a scheduled shutdown.",
		.op = CONTROL_CANCEL, .limit_s = 10 },
	{ "pending", "Show what guests have asked for and nobody has answered.",
		.op = CONTROL_PENDING, .limit_s = 10 },
	{ "approve N", "Allow pending request N.",
		.op = CONTROL_ANSWER, .flags = CONTROL_FLAG_YES, .limit_s = 10, .acts = true },
	{ "deny N", "Refuse pending request N.",
		.op = CONTROL_ANSWER, .limit_s = 10 },
	{ "policy check FILE", "Read a policy file and say what is wrong with it.",
		.local = policy_check },
	{ "policy explain GUEST OPERATION [TO] [UID]",
		"Say what the policy would answer, and by which line.",
		.op = CONTROL_POLICY, .limit_s = 10 },
	{ "gpu list", "Show the graphics cards, who has them, and what is known to go wrong.",
		.local = gpu_list },
	{ "gpu show GUEST", "Show what giving it its graphics cards stops; or a card, by its address.",
		.local = gpu_show },
	{ "gpu take GUEST", "Free the graphics cards of a guest from this machine.",
		.local = gpu_take },
	{ "gpu return GUEST", "Give this machine the graphics cards back.",
		.local = gpu_return },
	{ "gpu recover", "Undo what a hand-over of a graphics card has left half done.",
		.local = gpu_recover },
	{ "reload", "Have va-hostd read its configuration and policy again.",
		.op = CONTROL_RELOAD, .limit_s = 30 },
};
/* clang-format on */

int main(int argc, char **argv)
{
	static const struct command_program program = {
		.name = "va-host",
		.summary =
			"Switch monitor, keyboard and mouse between this machine and its guests.",
		.daemon = "va-hostd",
		.socket = "/run/virt-aid/control.sock",
		.look = "va-host status",
		.commands = commands,
		.n_commands = ARRAY_SIZE(commands),
	};

	return command_main(&program, argc, argv);
}
