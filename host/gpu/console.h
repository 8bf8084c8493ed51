// SPDX-License-Identifier: GPL-2.0-or-later
/* What draws on a card without a process: framebuffer consoles and the firmware's framebuffer. */
#ifndef VA_GPU_CONSOLE_H
#define VA_GPU_CONSOLE_H

#include "host/gpu/step.h"

/* Adds a step for each console or boot framebuffer that draws on one of these GPUs now. */
void console_plan(
	const struct machine *m, const struct pci_device *gpus, size_t n, struct steps *ret);

int console_release(struct machine *m, const char *vtcon);
/* Nothing, if no framebuffer is left: the kernel has crashed on consoles without one. */
int console_restore(struct machine *m, const char *vtcon);

int bootfb_release(struct machine *m, const char *name, const char *driver);
/* Nothing, if a driver of the card draws again, which then owns its memory. */
int bootfb_restore(struct machine *m, const char *name, const char *driver);

/* A connector of the GPU with a monitor plugged in: 1; 0. */
bool connector_is_lit(const struct machine *m, const char *addr);
/* Waits for one; asks the driver to look, too. */
int connector_wait(struct machine *m, const char *addr);

#endif
