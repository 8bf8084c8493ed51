// SPDX-License-Identifier: GPL-2.0-or-later
/* /etc/virt-aid/guest.conf, va-guest.conf(5). Without the file the defaults hold. */
#ifndef VA_GUEST_CONFIG_H
#define VA_GUEST_CONFIG_H

#include "common/input/hotkeys.h"

#define CONFIG_FILE  "/etc/virt-aid/guest.conf"
#define CONFIG_TOKEN "/sys/firmware/qemu_fw_cfg/by_name/opt/org.virtaid/pair/raw"
#define CONFIG_PATH  192

struct config {
	char port[CONFIG_PATH];        /* [channel] port */
	char token[CONFIG_PATH];       /* [channel] token */
	bool ddc;                      /* [ddc] enabled */
	uint64_t ways;                 /* [ddc] ways: bits of quirk_via_bit() */
	char poweroff[CONFIG_PATH];    /* [power] command; "": logind only */
	struct config_hotkeys hotkeys; /* [hotkey] next, prev, host; none: off */
	char policy_dir[CONFIG_PATH];  /* [paths] policy */
	char state_dir[CONFIG_PATH];   /* [paths] state */
	char run_dir[CONFIG_PATH];     /* [paths] run */
};

void config_init(struct config *c);
/*
 * Reads path over what is in c. 0; -ENOENT: no such file, fine unless the user named it;
 * -EINVAL: report says what is wrong.
 */
int config_read(struct config *c, const char *path, struct conf_report *report);

#endif
