// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Configuration and policy, read at start and again at reload. An error in the configuration
 * leaves the old one in force; an error in the policy denies everything.
 */
#include "common/base/log.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

bool hostd_load_policy(struct hostd *h)
{
	struct conf_report report = { 0 };
	struct policy *fresh = NULL;
	int r = policy_load_dir(&fresh, POLICY_ON_HOST, h->config->policy_dir, &report);

	h->policy_error[0] = '\0';
	if (r < 0) {
		while (report.len > 0 && report.text[report.len - 1] == '\n')
			report.text[--report.len] = '\0';
		snprintf(h->policy_error, sizeof(h->policy_error), "%s",
			report.len ? report.text : strerror(-r));
		log_error("policy: %s. Every request of a guest is denied until that is mended",
			h->policy_error);
	}
	if (!fresh)
		fresh = policy_new(POLICY_ON_HOST); /* without a rule: denies, too */
	if (fresh) {
		policy_free(h->policy);
		h->policy = fresh;
	} else if (h->policy) {
		policy_break(h->policy, h->config->policy_dir, 0);
	}
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			requests_policy_changed(h->guests[i]);
	return r >= 0 && h->policy;
}

/* The guest's part of the configuration; one that has another channel now starts afresh. */
static void take_conf(struct hostd *h, struct guest *g)
{
	const struct config_guest *fresh = config_find_guest(h->config, g->name);
	const char *before = g->conf ? g->conf->channel : "", *now = fresh ? fresh->channel : "";

	if (g->link && strcmp(before, now))
		guest_link_stop(g);
	g->conf = fresh;
}

void hostd_take_guests(struct hostd *h)
{
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i])
			take_conf(h, h->guests[i]);
	/* guests named in guests.d are known without libvirt, too */
	for (int i = 0; i < h->config->n_guests; i++)
		if (!guest_get(h, h->config->guests[i].name))
			log_error("no room for guest %s", h->config->guests[i].name);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++) {
		struct guest *g = h->guests[i];

		if (g && !g->conf && !g->uuid[0])
			guest_remove(g);
		else if (g)
			guest_update(g);
	}
	hostd_world_changed(h);
}

static bool same_monitor(const struct world_monitor *a, const struct world_monitor *b)
{
	return a->n_inputs == b->n_inputs && !strcmp(a->name, b->name) && !strcmp(a->key, b->key) &&
	       !memcmp(a->inputs, b->inputs, sizeof(a->inputs)) &&
	       !memcmp(a->sources, b->sources, sizeof(a->sources));
}

/* What was learned of the monitors, where their description is the same. */
static void keep_monitors(struct hostd *h, const struct config *old)
{
	int shown[WORLD_MAX_MONITORS];
	enum world_writer worked[WORLD_MAX_MONITORS];
	int32_t learned[WORLD_MAX_MONITORS][WORLD_MAX_INPUTS];

	memcpy(shown, h->shown, sizeof(shown));
	memcpy(worked, h->worked, sizeof(worked));
	memcpy(learned, h->learned, sizeof(learned));
	monitors_forget(h);
	for (int i = 0; i < h->config->n_monitors; i++)
		for (int k = 0; k < old->n_monitors; k++)
			if (same_monitor(&h->config->monitors[i], &old->monitors[k])) {
				h->shown[i] = shown[k];
				h->worked[i] = worked[k];
				memcpy(h->learned[i], learned[k], sizeof(learned[k]));
			}
}

static void restart_workers(struct hostd *h)
{
	int r;

	/* it tells every domain again, under the names that the new configuration gives them */
	virt_stop(h);
	r = virt_start(h);
	if (r < 0)
		log_error("cannot start va-virt: %s; libvirt's guests are not known", strerror(-r));
	if (!h->config->ddc) {
		monitors_stop(h);
	} else if (h->ddc) {
		monitors_detect(h);
	} else {
		r = monitors_start(h);
		if (r < 0)
			log_error("cannot start va-ddc: %s; the host switches no monitor",
				strerror(-r));
	}
}

int hostd_reload(struct hostd *h, char error[CONFIG_ERROR_SIZE])
{
	struct config *fresh = NULL, *old = h->config;
	int r;

	if (seat_is_busy(h)) {
		snprintf(error, CONFIG_ERROR_SIZE, "a switch is under way; try again");
		return -EBUSY;
	}
	r = config_load(h->config_dir, &fresh, error);
	if (r < 0) {
		log_error("%s. The old configuration stays in force", error);
		hostd_load_policy(h);
		return r;
	}
	error[0] = '\0';
	h->config = fresh;
	keep_monitors(h, old);
	gpus_find(h);
	hostd_load_policy(h);
	hostd_take_guests(h);
	inputs_share_take_conf(h);
	inputs_reload(h);
	hotkey_stop(h);
	r = hotkey_start(h);
	if (r < 0)
		log_error("cannot start va-input: %s; hotkeys are not heard", strerror(-r));
	config_free(old);
	restart_workers(h);
	log_info("configuration and policy are read again");
	return 0;
}

void hostd_reload_later(struct hostd *h)
{
	char error[CONFIG_ERROR_SIZE];

	h->reload_after = hostd_reload(h, error) == -EBUSY;
}
