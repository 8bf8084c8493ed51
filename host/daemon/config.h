// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host's configuration: host.conf and guests.d/NAME.conf (va-host.conf(5)). Read as a whole
 * at start and at reload; an error keeps the daemon from starting, and keeps the old
 * configuration at reload, naming file and line. Nothing here touches the machine.
 */
#ifndef VA_HOSTD_CONFIG_H
#define VA_HOSTD_CONFIG_H

#include "common/base/conf.h"
#include "common/input/hotkeys.h"
#include "host/daemon/inputs-config.h"
#include "host/daemon/world.h"

#include <limits.h>

#define CONFIG_MAX_GUESTS 1024
#define CONFIG_MAX_ARGS   16
#define CONFIG_ERROR_SIZE CONF_REPORT_SIZE

enum config_guest_input {
	CONFIG_INPUT_USB = 0, /* it is given the devices themselves */
	CONFIG_INPUT_EVDEV, /* it listens to a virtual device that their events are passed on to */
};

/* guests.d/NAME.conf */
struct config_guest {
	char name[NAME_MAX_LEN + 1];
	char domain[256];     /* libvirt's name of it; "" : the same */
	char channel[108];    /* socket of a plain QEMU's chardev; "" : libvirt's guest */
	char token[PATH_MAX]; /* where the one-time pairing token is put; "" : the usual place */
	char gpus[WORLD_MAX_GPUS][WORLD_PCI_SIZE]; /* what the definition does not show */
	int n_gpus;
	uint32_t input;                       /* enum config_guest_input */
	uint32_t on_conflict;                 /* enum world_conflict */
	uint32_t stop_limit_s, start_limit_s; /* 0: the usual */
};

struct config {
	char libvirt[128]; /* URI; "" : no libvirt */
	char policy_dir[PATH_MAX];
	uint32_t shutdown_delay_s;                   /* 0 to 3600 */
	char *shutdown_command[CONFIG_MAX_ARGS + 1]; /* instead of logind; [0] NULL: logind */
	char primary_gpu[WORLD_PCI_SIZE];            /* "auto", "none", or an address */
	uint32_t confirm_limit_s; /* how long a target has to confirm that it lives; 0: not asked */
	uint32_t silence_limit_s; /* how long a holder may be silent; 0: for ever */
	bool ddc;                 /* false: the host has no DDC worker */
	struct world_monitor monitors[WORLD_MAX_MONITORS];
	int n_monitors;
	struct config_inputs inputs;
	struct config_hotkeys hotkeys;
	struct config_guest *guests;
	int n_guests;
};

/*
 * Reads dir/host.conf and dir/guests.d/?*.conf. A missing host.conf is an empty one. Negative
 * errno with error filled: a line for each error, "FILE:LINE: what is wrong; what to do".
 */
int config_load(const char *dir, struct config **ret, char error[CONFIG_ERROR_SIZE]);
void config_free(struct config *c);

const struct config_guest *config_find_guest(const struct config *c, const char *name);
const struct config_guest *config_find_domain(const struct config *c, const char *domain);

#endif
