// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Monitors that nobody configured: which graphics card is on which of their inputs is found by
 * looking (learned.h), kept below the state directory, and used like a configured one.
 *
 * Theory of operation: one look is a round. The host's DDC worker detects first, then each guest
 * is asked what it sees; each answer is put beside the others. What was read while a side
 * answered stays true of its cable, whatever is shown a second later. Where all that the host
 * sees is configured, guests are asked only for somebody who wants to see it, and now and then:
 * it may contradict the configuration.
 */
#include "host/daemon/cables-internal.h"

#include "common/base/log.h"

#include <stdio.h>
#include <string.h>

#define DETECT_MS     30000u
#define LOOK_AGAIN_MS 30000u /* where there is nothing to find out, but what may have changed */

struct world_monitor *cables_monitor(const struct hostd *h, const char *key)
{
	struct config *c = h->config;

	for (int i = 0; i < c->n_monitors; i++)
		if (!strcmp(c->monitors[i].key, key))
			return &c->monitors[i];
	return NULL;
}

/* --- what is seen
 * ---------------------------------------------------------------------------------------- */

/* Of the host and of guests; those of guests from round on. */
static int sights_since(struct hostd *h, uint64_t round, struct learned_sight ret[CABLES_SIGHTS])
{
	const struct world *w = hostd_world(h);
	const struct cables *c = h->cables;
	int n = 0;

	for (int i = 0; i < c->n_seen; i++) {
		const struct guest *g = h->guests[c->seen[i].sight.machine];

		if (c->seen[i].round >= round && g && g->session == c->seen[i].session)
			ret[n++] = c->seen[i].sight;
	}
	for (int i = 0; i < h->n_displays; i++) {
		const struct ddc_display *d = &h->displays[i];
		struct learned_sight *s = &ret[n];

		if (!d->pci[0] || world_gpu_owner(w, d->pci) != WORLD_HOST)
			continue;
		*s = (struct learned_sight){
			.answers = d->answers, .twin = d->twin, .input = d->input
		};
		memcpy(s->key, d->key, sizeof(s->key));
		escape_str(d->pci, s->gpu, sizeof(s->gpu)); /* an address is the same */
		n++;
	}
	return n;
}

int cables_sights(struct hostd *h, struct learned_sight ret[CABLES_SIGHTS])
{
	return sights_since(h, 0, ret);
}

int cables_clashes(struct hostd *h, int monitor, struct learned_clash ret[LEARNED_MAX_CLASHES])
{
	struct learned_sight s[CABLES_SIGHTS];
	const struct world *w = hostd_world(h);

	/* until libvirt has told of all, nobody knows what is lent */
	if (!h->cables || (h->config->libvirt[0] && !h->virt_synced))
		return 0;
	return learned_clashes(
		&h->cables->learned, w, &w->monitors[monitor], s, cables_sights(h, s), ret);
}

/* In the log, once. */
static void say_clashes(struct hostd *h)
{
	struct cables *c = h->cables;

	for (int m = 0; m < h->config->n_monitors; m++) {
		struct learned_clash now[LEARNED_MAX_CLASHES] = { 0 };
		int n = cables_clashes(h, m, now);

		for (int i = 0; i < n; i++) {
			bool told = false;

			for (int k = 0; k < LEARNED_MAX_CLASHES; k++)
				told = told || !strcmp(c->told[m][k].text, now[i].text);
			if (!told)
				log_warn("monitor %s: %s; its line would be: %s",
					h->config->monitors[m].name, now[i].text, now[i].line);
		}
		memcpy(c->told[m], now, sizeof(now));
	}
	events_poke(h);
}

bool cables_is_new(const struct hostd *h, const char *key)
{
	const struct world_monitor *m = cables_monitor(h, key);

	return !m || m->found;
}

/* There is something to find out. */
static bool is_wanted(struct hostd *h)
{
	struct learned_clash clashes[LEARNED_MAX_CLASHES];
	const struct cables *c = h->cables;

	if (!c)
		return false;
	for (int i = 0; i < h->n_displays; i++)
		if (cables_is_new(h, h->displays[i].key))
			return true;
	for (int i = 0; i < c->n_seen; i++) /* perhaps by guests only */
		if (cables_is_new(h, c->seen[i].sight.key))
			return true;
	for (int m = 0; m < h->config->n_monitors; m++)
		if (cables_clashes(h, m, clashes) > 0)
			return true;
	return false;
}

static void keep(struct hostd *h, const struct learned_sight *s)
{
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
	r = learned_write(&h->cables->learned, h->state_dir);
	if (r < 0)
		log_warn("monitors: what was seen cannot be kept in %s: %s", h->state_dir,
			strerror(-r));
}

/* Used from now on like a configured one. Not amid a switch, whose plan has its indices. */
static void adopt(struct hostd *h, const char *key)
{
	struct config *c = h->config;
	struct world_monitor *m = cables_monitor(h, key), fresh;

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
	struct learned_sight s[CABLES_SIGHTS];
	int n = sights_since(h, h->cables->round, s);

	for (int i = 0; i < n; i++) {
		bool shown = learned_who_is_shown(s, n, s[i].key) == i && s[i].gpu[0];
		const struct world_monitor *m;

		if (shown)
			keep(h, &s[i]);
		if (!s[i].twin)
			adopt(h, s[i].key);
		m = cables_monitor(h, s[i].key);
		if (shown && m && m->found)
			monitors_learn(h, (int)(m - h->config->monitors),
				input_find(m->sources, (size_t)m->n_inputs, s[i].input),
				s[i].input);
	}
	say_clashes(h);
}

/* --- guests
 * ---------------------------------------------------------------------------------------------- */

struct asked {
	uint64_t round;
};

/* The one of its cards, as host.conf and libvirt have them, that the guest names by numbers. */
static void place(
	const struct guest *g, const struct msg_item *untrusted_it, struct learned_sight *s)
{
	const struct learned_card seen = { untrusted_it->gpu, untrusted_it->board };
	struct learned_card cards[WORLD_MAX_GPUS] = { 0 };

	for (int i = 0; i < g->n_gpus; i++)
		for (int k = 0; k < g->h->n_gpus; k++)
			if (!strcmp(g->gpus[i], g->h->gpus[k]))
				cards[i] = g->h->cards[k];
	s->why = learned_find_card(cards, g->n_gpus, &seen);
	if (s->why >= 0)
		memcpy(s->gpu, g->gpus[s->why], sizeof(s->gpu));
}

static void forget_seen(struct cables *c, int machine)
{
	int n = 0;

	for (int i = 0; i < c->n_seen; i++)
		if (c->seen[i].sight.machine != machine)
			c->seen[n++] = c->seen[i];
	c->n_seen = n;
}

static void take_seen(struct guest *g, const struct msg_result *r)
{
	struct cables *c = g->h->cables;

	forget_seen(c, g->slot);
	for (uint32_t i = 0; i < r->n_items && c->n_seen < CABLES_SEEN; i++) {
		const struct msg_item *it = &r->items[i];
		struct cables_seen *seen = &c->seen[c->n_seen];
		struct learned_sight *s = &seen->sight;

		if (it->kind != MSG_ITEM_MONITOR || strlen(it->name) != MONITOR_KEY_SIZE - 1 ||
			strspn(it->name, "0123456789abcdef") != MONITOR_KEY_SIZE - 1)
			continue;
		*seen = (struct cables_seen){ .session = g->session, .round = c->round };
		*s = (struct learned_sight){
			.answers = !(it->flags & MSG_MONITOR_SILENT),
			.twin = it->flags & MSG_MONITOR_TWIN,
			.input = it->flags & MSG_MONITOR_READABLE ? (int32_t)(it->value & 0xffff)
								  : INPUT_NOT_READ,
			.machine = g->slot,
		};
		memcpy(s->key, it->name, sizeof(s->key));
		place(g, it, s);
		c->n_seen++;
	}
	put_together(g->h);
}

static void on_seen(struct guest *g, const struct msg_result *r, void *userdata)
{
	CLEANUP(free) struct asked *a = userdata;
	struct cables *c = g->h->cables;

	if (!c)
		return;
	c->n_asked--;
	if (r->outcome == MSG_OUT_OK && a->round == c->round)
		take_seen(g, r);
	if (c->n_asked == 0 && c->again)
		cables_look(g->h);
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
	else
		g->h->cables->n_asked++;
}

void cables_host_looked(struct hostd *h)
{
	struct cables *c = h->cables;
	bool guests;

	if (!c)
		return;
	c->round++;
	c->looking_ms = 0;
	guests = c->guests_too || is_wanted(h);
	c->guests_too = false;
	if (!guests) {
		say_clashes(h);
		return;
	}
	put_together(h);
	c->asked_ms = hostd_now_ms();
	for (int i = 1; i < HOSTD_MAX_MACHINES; i++)
		if (h->guests[i] && h->guests[i]->session)
			ask(h->guests[i]);
}

/* A look takes its time: whoever looks all the time would leave a guest no room to be asked. */
static bool is_looking(const struct cables *c)
{
	return c->n_asked > 0 ||
	       (c->looking_ms && hostd_now_ms() - c->looking_ms < DDC_LIMIT_DETECT_USEC / 1000);
}

static void look(struct hostd *h)
{
	h->cables->again = false;
	h->cables->looking_ms = hostd_now_ms();
	monitors_detect(h);
}

void cables_look(struct hostd *h)
{
	if (!is_wanted(h) || seat_is_busy(h))
		return;
	if (is_looking(h->cables))
		h->cables->again = true;
	else
		look(h);
}

void cables_look_again(struct hostd *h)
{
	struct cables *c = h->cables;
	uint64_t now = hostd_now_ms();

	if (!c || !worker_is_running(h->ddc) || seat_is_busy(h) || is_looking(c))
		return;
	if (!is_wanted(h) && c->asked_ms && now - c->asked_ms < LOOK_AGAIN_MS)
		return;
	c->guests_too = true;
	look(h);
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
