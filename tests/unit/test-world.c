// SPDX-License-Identifier: GPL-2.0-or-later
/* Questions put to the world: who owns a GPU, where a machine can be seen, where the seat can go.
 */
#include "host/daemon/world.h"
#include "tests/unit/test.h"

static struct world_machine machines[3];
static struct world world;

/* host dp1; alpha hdmi; beta dp2, in that order of inputs or another */
static void make(const char *gpus)
{
	memset(machines, 0, sizeof(machines));
	memset(&world, 0, sizeof(world));
	world.machines = machines;
	world.n_machines = 3;
	world.n_monitors = 1;
	for (int i = 0; i < 3; i++) {
		machines[i].known = true;
		machines[i].state = WORLD_RUNNING;
		snprintf(machines[i].name, sizeof(machines[i].name), "%s",
			i == 0   ? "host"
			: i == 1 ? "alpha"
				 : "beta");
		snprintf(machines[i].gpus[0], WORLD_PCI_SIZE, "%c", "HAB"[i]);
		machines[i].n_gpus = i > 0;
	}
	for (const char *p = gpus; *p; p++)
		snprintf(world.monitors[0].inputs[world.monitors[0].n_inputs++].gpu, WORLD_PCI_SIZE,
			"%c", *p);
}

static void finds_by_name(void)
{
	make("HAB");
	CHECK_EQ(world_find(&world, "host"), WORLD_HOST);
	CHECK_EQ(world_find(&world, "beta"), 2);
	CHECK_EQ(world_find(&world, "gamma"), WORLD_NOBODY);
	CHECK_EQ(world_find(&world, ""), WORLD_NOBODY);
	machines[2].known = false;
	CHECK_EQ(world_find(&world, "beta"), WORLD_NOBODY);
}

static void owner_runs_or_is_paused(void)
{
	make("HAB");
	CHECK_EQ(world_gpu_owner(&world, "A"), 1);
	CHECK_EQ(world_gpu_owner(&world, "H"), WORLD_HOST);
	machines[1].state = WORLD_OFF;
	CHECK_EQ(world_gpu_owner(&world, "A"), WORLD_HOST);
	machines[1].state = WORLD_PAUSED;
	CHECK_EQ(world_gpu_owner(&world, "A"), 1);
	machines[1].known = false;
	CHECK_EQ(world_gpu_owner(&world, "A"), WORLD_HOST);
}

static void one_gpu_in_two_definitions(void)
{
	make("HAB");
	machines[2].gpus[0][0] = 'A';
	CHECK_EQ(world_gpu_owner(&world, "A"), 1);
	machines[1].state = WORLD_OFF;
	CHECK_EQ(world_gpu_owner(&world, "A"), 2);
}

static void host_is_seen_at_its_own_gpu(void)
{
	make("ABH");
	CHECK_EQ(world_input_of(&world, &world.monitors[0], WORLD_HOST), 2);
	machines[1].state = machines[2].state = WORLD_OFF;
	CHECK_EQ(world_input_of(&world, &world.monitors[0], WORLD_HOST), 2);
	/* with one GPU for all, that one */
	make("AB");
	machines[1].state = WORLD_OFF;
	CHECK_EQ(world_input_of(&world, &world.monitors[0], WORLD_HOST), 0);
	machines[1].state = WORLD_RUNNING;
	CHECK_EQ(world_input_of(&world, &world.monitors[0], WORLD_HOST), -1);
	machines[2].state = WORLD_PAUSED;
	CHECK_EQ(world_input_of(&world, &world.monitors[0], WORLD_HOST), -1);
}

static void guest_is_seen_at_its_own(void)
{
	make("HAB");
	CHECK_EQ(world_input_of(&world, &world.monitors[0], 1), 1);
	CHECK_EQ(world_input_of(&world, &world.monitors[0], 2), 2);
	make("HA");
	CHECK_EQ(world_input_of(&world, &world.monitors[0], 2), -1);
}

static void where_the_seat_can_go(void)
{
	const char *why;

	make("HA");
	CHECK(world_is_target(&world, WORLD_HOST, &why) && !why);
	CHECK(world_is_target(&world, 1, &why) && !why);
	CHECK(!world_is_target(&world, 2, &why));
	CHECK(strstr(why, "none of its GPUs"));
	machines[1].state = WORLD_OFF;
	CHECK(!world_is_target(&world, 1, &why));
	CHECK(strstr(why, "not running"));
	machines[1].state = WORLD_PAUSED;
	CHECK(!world_is_target(&world, 1, &why));
	make("A");
	CHECK(!world_is_target(&world, WORLD_HOST, &why));
	CHECK(strstr(why, "own every GPU"));
	/* without monitors keyboards and mice still move, to whoever has a GPU */
	world.n_monitors = 0;
	machines[1].state = WORLD_RUNNING;
	CHECK(world_is_target(&world, 1, &why) && world_is_target(&world, WORLD_HOST, &why));
	machines[1].n_gpus = 0;
	CHECK(!world_is_target(&world, 1, &why));
	CHECK(strstr(why, "no GPU"));
}

static void a_guest_that_is_off_can_be_started(void)
{
	const char *why;

	make("HA");
	machines[1].state = WORLD_OFF;
	machines[1].startable = true;
	CHECK(world_is_target(&world, 1, &why) && !why);
	for (enum world_state s = WORLD_STARTING; s <= WORLD_STOPPING; s++) {
		machines[1].state = s;
		CHECK(world_is_target(&world, 1, &why) == (s == WORLD_RUNNING));
	}
}

static void the_host_needs_its_primary_gpu(void)
{
	const char *why;

	make("HA");
	snprintf(world.primary_gpu, sizeof(world.primary_gpu), "A");
	CHECK(!world_is_target(&world, WORLD_HOST, &why));
	CHECK(strstr(why, "primary"));
	machines[1].state = WORLD_OFF;
	CHECK(world_is_target(&world, WORLD_HOST, &why));
}

static void devices_in_common(void)
{
	const char *pci;

	make("HAB");
	CHECK(!world_conflicts(&machines[1], &machines[2], &pci));
	snprintf(machines[1].hostdevs[machines[1].n_hostdevs++], WORLD_PCI_SIZE, "U");
	snprintf(machines[2].hostdevs[machines[2].n_hostdevs++], WORLD_PCI_SIZE, "V");
	CHECK(!world_conflicts(&machines[1], &machines[2], &pci));
	snprintf(machines[2].hostdevs[machines[2].n_hostdevs++], WORLD_PCI_SIZE, "U");
	CHECK(world_conflicts(&machines[1], &machines[2], &pci));
	CHECK_STR(pci, "U");
}

TEST_MAIN({ "finds_by_name", finds_by_name },
	{ "owner_runs_or_is_paused", owner_runs_or_is_paused },
	{ "one_gpu_in_two_definitions", one_gpu_in_two_definitions },
	{ "host_is_seen_at_its_own_gpu", host_is_seen_at_its_own_gpu },
	{ "guest_is_seen_at_its_own", guest_is_seen_at_its_own },
	{ "where_the_seat_can_go", where_the_seat_can_go },
	{ "a_guest_that_is_off_can_be_started", a_guest_that_is_off_can_be_started },
	{ "the_host_needs_its_primary_gpu", the_host_needs_its_primary_gpu },
	{ "devices_in_common", devices_in_common });
