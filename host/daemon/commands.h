// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is shown on the control socket as JSON objects; see common/control/control.h and
 * va-host(1). commands.c answers requests, show.c makes the objects.
 */
#ifndef VA_HOSTD_COMMANDS_H
#define VA_HOSTD_COMMANDS_H

#include "host/daemon/hostd.h"

json_object *show_host(struct hostd *h);
json_object *show_guest(struct hostd *h, const struct guest *g);
json_object *show_monitor(struct hostd *h, int monitor);
json_object *show_input(struct hostd *h, int device);
json_object *show_display(const struct ddc_display *d);
/* A section for host.conf; m NULL: nothing is known of its inputs. */
json_object *show_section(const char *key, const char *connector, const struct world_monitor *m,
	const struct learned_missing *missing);
/* An item of kind MONITOR that a guest told. */
json_object *show_item(const struct msg_item *i);
json_object *show_step(const struct world *w, int n, const struct step *s);
/* One that was taken: with its state, how long it took, and what there is to say of it. */
json_object *show_step_taken(const struct world *w, int n, const struct step *s, const char *state,
	unsigned int ms, const char *detail);
/* Who asks for what. */
json_object *show_request(const struct guest *g, const struct msg_prepare *p);
json_object *show_question(const struct guest *g);

/* commands-guest.c: what is asked of one guest, and answered when it answers. */
void command_ping(struct hostd *h, struct guest *g, struct control_client *c,
	const struct control_request *r);
void command_ddc(struct hostd *h, struct guest *g, struct control_client *c,
	const struct control_request *r);
void command_guest_shutdown(struct hostd *h, struct guest *g, struct control_client *c,
	const struct control_request *r);
/* The client left: what was asked for it may still end, and tells nobody. */
void commands_guest_gone(struct hostd *h, struct control_client *c);

/* events.c: no end but the client's own */
void command_events(struct hostd *h, struct guest *g, struct control_client *c,
	const struct control_request *r);

/* commands-inputs.c */
void command_inputs(struct hostd *h, struct guest *g, struct control_client *c,
	const struct control_request *r);

/* The host's own monitors. */
void command_host_ddc(struct hostd *h, struct control_client *c, const struct control_request *r);
/* Finds a configured monitor by name or by key, and its via; the text itself if it is a key. */
bool command_monitor_key(
	struct hostd *h, const char *text, char key[MONITOR_KEY_SIZE], uint32_t *ret_via);

#endif
