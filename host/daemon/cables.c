// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Monitors that nobody configured: which graphics card is on which of their inputs is found by
 * looking (learned.h), kept below the state directory, and used like a configured one.
 *
 * Theory of operation: one look is a round. The host's DDC worker detects first, then each guest
 * is asked what it sees; each answer is put beside the others. What was read while a side
 * answered stays true of its cable, whatever is shown a second later. Nobody is asked where all
 * that the host sees is configured.
 */
#include "common/base/log.h"
#include "host/daemon/commands.h"
#include "host/daemon/hostd.h"

#include <stdio.h>
#include <string.h>

#define DETECT_MS 30000u
#define SEEN_MAX  64

struct cables {
	struct learned learned;
	uint64_t round;
	struct learned_sight seen[SEEN_MAX]; /* by guests, in this round */
	int n_seen;
	const struct config *checked; /* compared with what is seen; said once of each */
};

/* Configured, or found and used like one (m->found). */
static struct world_monitor *configured(const struct hostd *h, const char *key)
{
	struct config *c = h->config;

	for (int i = 0; i < c->n_monitors; i++)
		if (!strcmp(c->monitors[i].key, key))
			return &c->monitors[i];
	return NULL;
}

static bool is_wanted(const struct hostd *h)
{
	for (int i = 0; h->cables && i < h->n_displays; i++) {
		const struct world_monitor *m = configured(h, h->displays[i].key);

		if (!m || m->found)
			return true;
	}
	return false;
}

/* --- what is seen
 * ---------------------------------------------------------------------------------------- */

static int all_sights(struct hostd *h, struct learned_sight out[SEEN_MAX + DDC_MAX_DISPLAYS])
{
	const struct world *w = hostd_world(h);
	int n = h->cables->n_seen;

	memcpy(out, h->cables->seen, sizeof(out[0]) * (size_t)n);
	for (int i = 0; i < h->n_displays; i++) {
		const struct ddc_display *d = &h->displays[i];
		struct learned_sight *s = &out[n];

		if (!d->pci[0] || world_gpu_owner(w, d->pci) != WORLD_HOST)
			continue;
		*s = (struct learned_sight){
			.answers = d->answers, .twin = d->twin, .input = d->input
		};
		memcpy(s->key, d->key, sizeof(s->key));
		snprintf(s->gpu, sizeof(s->gpu), "%s", d->pci);
		n++;
	}
	return n;
}

static void say_contradiction(const struct world_monitor *m, const struct learned_cable *c)
{
	for (int i = 0; i < m->n_inputs; i++)
		if (!m->found && !strcmp(m->inputs[i].gpu, c->gpu) &&
			!input_matches(&m->sources[i], c->value))
			log_warn("monitor %s: host.conf says that it shows %s as %s (0x%02x), "
				 "but it reads 0x%02x then; host.conf is followed: add read=0x%02x "
				 "there, or correct the value",
				m->name, c->gpu, m->inputs[i].name, m->sources[i].write, c->value,
				c->value);
}

static void keep(struct hostd *h, const struct learned_sight *s)
{
	const struct world_monitor *m = configured(h, s->key);
	struct learned_cable c = { .value = (uint16_t)s->input };
	enum learned_news news;
	int r;

	memcpy(c.key, s->key, sizeof(c.key));
	memcpy(c.gpu, s->gpu, sizeof(c.gpu));
	news = learned_take(&h->cables->learned, &c);
	if (news == LEARNED_KNOWN)
		return;
	log_info("monitors: %s reads 0x%02x while it shows %s%s", c.key, c.value, c.gpu,
		news == LEARNED_CONTRADICTS ? "; what was known of that cable was wrong" : "");
	if (m)
		say_contradiction(m, &c);
	r = learned_write(&h->cables->learned, h->state_dir);
	if (r < 0)
		log_warn("monitors: what was seen cannot be kept in %s: %s", h->state_dir,
			strerror(-r));
}

/* Used from now on like a configured one. Not amid a switch, whose plan has its indices. */
static void adopt(struct hostd *h, const char *key)
{
	struct config *c = h->config;
	struct world_monitor *m = configured(h, key), fresh;

	if (learned_monitor(&h->cables->learned, key, &fresh) < 2 || seat_is_busy(h))
		return;
	fresh.found = true;
	if (m && (!m->found || !memcmp(m, &fresh, sizeof(fresh))))
		return;
	if (!m && c->n_monitors == WORLD_MAX_MONITORS)
		return;
	if (!m)
		m = &c->monitors[c->n_monitors++];
	*m = fresh;
	monitors_forget_one(h, (int)(m - c->monitors));
	log_info("monitor %s: found by looking, with %d inputs; name it in host.conf as you like "
		 "(va-host monitors)",
		m->name, m->n_inputs);
}

static void put_together(struct hostd *h)
{
	struct learned_sight s[SEEN_MAX + DDC_MAX_DISPLAYS];
	int n = all_sights(h, s);

	for (int i = 0; i < n; i++) {
		bool shown = learned_who_is_shown(s, n, s[i].key) == i && s[i].gpu[0];
		const struct world_monitor *m;

		if (shown)
			keep(h, &s[i]);
		if (!s[i].twin)
			adopt(h, s[i].key);
		m = configured(h, s[i].key);
		if (shown && m && m->found)
			monitors_learn(h, (int)(m - h->config->monitors),
				input_find(m->sources, (size_t)m->n_inputs, s[i].input),
				s[i].input);
	}
}

/* --- guests
 * ---------------------------------------------------------------------------------------------- */

struct asked {
	uint64_t round;
};

static void on_seen(struct guest *g, const struct msg_result *r, void *userdata)
{
	CLEANUP(free) struct asked *a = userdata;
	struct cables *c = g->h->cables;

	if (r->outcome != MSG_OUT_OK || !c || a->round != c->round)
		return;
	for (uint32_t i = 0; i < r->n_items && c->n_seen < SEEN_MAX; i++) {
		const struct msg_item *it = &r->items[i];
		struct learned_sight *s = &c->seen[c->n_seen];

		if (it->kind != MSG_ITEM_MONITOR || strlen(it->name) != MONITOR_KEY_SIZE - 1 ||
			strspn(it->name, "0123456789abcdef") != MONITOR_KEY_SIZE - 1)
			continue;
		*s = (struct learned_sight){
			.answers = !(it->flags & MSG_MONITOR_SILENT),
			.twin = it->flags & MSG_MONITOR_TWIN,
			.input = it->flags & MSG_MONITOR_READABLE ? (int32_t)(it->value & 0xffff)
								  : INPUT_NOT_READ,
		};
		memcpy(s->key, it->name, sizeof(s->key));
		if (g->n_gpus == 1) /* of several, nobody knows which has the cable */
			memcpy(s->gpu, g->gpus[0], sizeof(s->gpu));
		c->n_seen++;
	}
	put_together(g->h);
}

static void ask(struct guest *g)
{
	struct msg_query q = { .question = MSG_Q_DDC_DETECT };
	struct asked *a = calloc(1, sizeof(*a));

	if (!a)
		return;
	a->round = g->h->cables->round;
	if (guest_query(g, &q, DETECT_MS, on_seen, a) < 0)
		free(a);
}

/* Of a configured monitor: the host sees it at a graphics card that no input of it names. */
static void check_display(const struct hostd *h, const struct ddc_display *d)
{
	const struct world_monitor *m = configured(h, d->key);
	bool named = false;

	if (!m || m->found || !d->pci[0] || d->twin)
		return;
	for (int i = 0; i < m->n_inputs; i++)
		named = named || !strcmp(m->inputs[i].gpu, d->pci);
	if (!named)
		log_warn("monitor %s: the host sees it at %s (%s), of which host.conf says "
			 "nothing; if it is to show that, add: input.NAME = VALUE %s",
			m->name, escape(d->pci), escape(d->connector), escape(d->pci));
}

/* Of a configured monitor: an input's graphics card is the host's, which sees it elsewhere only. */
static void check_inputs(const struct hostd *h, const struct world *w, int monitor)
{
	const struct world_monitor *m = &h->config->monitors[monitor];

	for (int i = 0; i < m->n_inputs && !m->found; i++) {
		const char *elsewhere = NULL;

		for (int k = 0; k < h->n_displays; k++) {
			const struct ddc_display *d = &h->displays[k];

			if (strcmp(d->key, m->key) || !d->pci[0])
				continue;
			if (!strcmp(d->pci, m->inputs[i].gpu)) {
				elsewhere = NULL;
				break;
			}
			elsewhere = d->pci;
		}
		if (elsewhere && !world_is_lent(w, m->inputs[i].gpu))
			log_warn("monitor %s: host.conf says that input %s is cabled to %s, but "
				 "the host sees it at %s only; host.conf is followed",
				m->name, m->inputs[i].name, m->inputs[i].gpu, escape(elsewhere));
	}
}

static void compare(struct hostd *h)
{
	const struct world *w = hostd_world(h);

	if (h->cables->checked == h->config || h->n_displays == 0)
		return;
	if (h->config->libvirt[0] && !h->virt_synced)
		return; /* nobody knows yet what is lent; at the next look */
	h->cables->checked = h->config;
	for (int i = 0; i < h->n_displays; i++)
		check_display(h, &h->displays[i]);
	for (int m = 0; m < h->config->n_monitors; m++)
		check_inputs(h, w, m);
}

void cables_host_looked(struct hostd *h)
{
	if (!h->cables)
		return;
	compare(h);
	h->cables->round++;
	h->cables->n_seen = 0;
	if (!is_wanted(h))
		return;
	put_together(h);
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->session)
			ask(h->guests[i]);
}

void cables_look(struct hostd *h)
{
	if (is_wanted(h) && !seat_is_busy(h))
		monitors_detect(h);
}

/* --- for people
 * ------------------------------------------------------------------------------------------ */

void cables_show(struct hostd *h, struct control_client *client)
{
	for (int i = 0; h->cables && i < h->n_displays; i++) {
		const struct ddc_display *d = &h->displays[i];
		const struct world_monitor *known = configured(h, d->key);
		struct world_monitor m;
		bool again = false;

		for (int k = 0; k < i && !d->twin; k++)
			again = again || !strcmp(h->displays[k].key, d->key);
		if (again || (known && !known->found))
			continue;
		learned_monitor(&h->cables->learned, d->key, &m);
		control_send(client, "section",
			show_section(d->key, d->twin ? d->connector : "", d->twin ? NULL : &m));
	}
}

int cables_start(struct hostd *h)
{
	int r;

	h->cables = calloc(1, sizeof(*h->cables));
	if (!h->cables)
		return -ENOMEM;
	r = learned_read(&h->cables->learned, h->state_dir);
	if (r < 0)
		log_warn("monitors: what was seen before cannot be read (%s); it is looked for "
			 "afresh",
			strerror(-r));
	return 0;
}

void cables_stop(struct hostd *h)
{
	free(TAKE(h->cables));
}
