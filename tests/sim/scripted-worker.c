// SPDX-License-Identifier: GPL-2.0-or-later
/* The scripted worker as a program of its own; what it understands: tests/support/scripted.h. */
#include "tests/support/scripted.h"

int main(int argc, char **argv)
{
	return scripted_worker_main(argc, argv);
}
