// SPDX-License-Identifier: GPL-2.0-or-later
/* What was seen of monitors' cables; see learned.h. The file reads as a configuration does. */
#include "host/daemon/learned.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "monitors"
#define VERSION   1
#define LINE_SIZE 96

int learned_who_is_shown(const struct learned_sight *sights, int n, const char *key)
{
	int shown = -1, silent = 0;

	for (int i = 0; i < n; i++) {
		const struct learned_sight *s = &sights[i];

		if (strcmp(s->key, key))
			continue;
		if (s->twin)
			return -1;
		if (!s->answers) {
			silent++;
			continue;
		}
		if (shown >= 0 || s->input < 0)
			return -1;
		shown = i;
	}
	return silent ? shown : -1;
}

static bool may_be(const struct learned_card *a, const struct learned_card *b)
{
	return (!a->chip || !b->chip || a->chip == b->chip) &&
	       (!a->board || !b->board || a->board == b->board);
}

int learned_find_card(
	const struct learned_card *cards, int n, const struct learned_card *untrusted_seen)
{
	int found = -ENOENT;

	for (int i = 0; i < n; i++) {
		if (!may_be(&cards[i], untrusted_seen))
			continue;
		if (found >= 0)
			return -ENOTUNIQ;
		found = i;
	}
	/* what is left over is no proof, where there were others */
	return found >= 0 && n > 1 && !cards[found].chip ? -ENOENT : found;
}

static void forget(struct learned *l, int i)
{
	memmove(&l->cables[i], &l->cables[i + 1], sizeof(l->cables[0]) * (size_t)(l->n - i - 1));
	l->n--;
}

enum learned_news learned_take(struct learned *l, const struct learned_cable *c)
{
	enum learned_news news = LEARNED_NEW;

	for (int i = 0; i < l->n;) {
		const struct learned_cable *k = &l->cables[i];
		bool gpu = !strcmp(k->gpu, c->gpu), value = k->value == c->value;

		if (strcmp(k->key, c->key) || (!gpu && !value)) {
			i++;
			continue;
		}
		if (gpu && value)
			return LEARNED_KNOWN;
		news = LEARNED_CONTRADICTS;
		forget(l, i);
	}
	if (l->n == LEARNED_MAX)
		forget(l, 0);
	l->cables[l->n++] = *c;
	return news;
}

int learned_monitor(const struct learned *l, const char *key, struct world_monitor *ret)
{
	*ret = (struct world_monitor){ .shown = -1 };
	snprintf(ret->key, sizeof(ret->key), "%s", key);
	snprintf(ret->name, sizeof(ret->name), "seen-%.8s", key);
	for (int i = 0; i < l->n && ret->n_inputs < WORLD_MAX_INPUTS; i++) {
		const struct learned_cable *c = &l->cables[i];
		struct world_input *in = &ret->inputs[ret->n_inputs];

		if (strcmp(c->key, key))
			continue;
		snprintf(in->name, sizeof(in->name), "in-%02x", c->value);
		snprintf(in->gpu, sizeof(in->gpu), "%s", c->gpu);
		ret->sources[ret->n_inputs++] =
			(struct input_source){ .write = c->value, .read = c->value };
	}
	return ret->n_inputs;
}

/* --- the file
 * -------------------------------------------------------------------------------------------- */

static bool is_key(const char *s)
{
	return strlen(s) == MONITOR_KEY_SIZE - 1 &&
	       strspn(s, "0123456789abcdef") == MONITOR_KEY_SIZE - 1;
}

static bool is_address(const char *s)
{
	size_t n = strlen(s);

	return n >= 12 && n < WORLD_PCI_SIZE && strspn(s, "0123456789abcdef:.") == n;
}

/* "0x11 0000:01:00.0" */
static enum conf_verdict cable(const struct conf_at *at, const char *value, struct learned *l)
{
	const char *space = strchr(value, ' ');
	const char *key = conf_section_name(at->section, "monitor");
	struct learned_cable c = { 0 };
	char number[16];

	if (!key || !is_key(key) || !space || !is_address(space + 1) ||
		(size_t)(space - value) >= sizeof(number)) {
		conf_error(at, "not a value and a PCI address below a monitor's key");
		return CONF_BAD;
	}
	snprintf(number, sizeof(number), "%.*s", (int)(space - value), value);
	snprintf(c.key, sizeof(c.key), "%s", key);
	snprintf(c.gpu, sizeof(c.gpu), "%s", space + 1);
	if (conf_u16(at, number, &c.value) != CONF_OK)
		return CONF_BAD;
	if (learned_take(l, &c) == LEARNED_NEW)
		return CONF_OK;
	conf_error(at, "said twice");
	return CONF_BAD;
}

static enum conf_verdict entry(const struct conf_at *at, const char *value, void *userdata)
{
	struct learned *l = userdata;
	unsigned int version;

	if (!strcmp(at->section, "learned")) {
		if (!at->key)
			return CONF_OK;
		if (strcmp(at->key, "version"))
			return CONF_UNKNOWN_KEY;
		if (conf_uint(at, value, VERSION, VERSION, &version) != CONF_OK)
			return CONF_BAD;
		l->version = version;
		return CONF_OK;
	}
	if (!l->version)
		return CONF_UNKNOWN_SECTION;
	if (!at->key)
		return CONF_OK;
	return strcmp(at->key, "input") ? CONF_UNKNOWN_KEY : cable(at, value, l);
}

static int judge(int r, struct learned *l)
{
	if (r == 0 && l->version == VERSION)
		return 0;
	*l = (struct learned){ 0 };
	return r < 0 ? r : -EINVAL;
}

int learned_parse(const char *text, size_t size, struct learned *ret)
{
	struct conf_report report = { 0 };

	*ret = (struct learned){ 0 };
	return judge(conf_parse(FILE_NAME, text, size, entry, ret, &report), ret);
}

int learned_read(struct learned *ret, const char *dir)
{
	struct conf_report report = { 0 };
	char path[PATH_MAX];
	int r;

	*ret = (struct learned){ 0 };
	if (snprintf(path, sizeof(path), "%s/" FILE_NAME, dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = conf_read(path, entry, ret, &report);
	return r == -ENOENT ? 0 : judge(r, ret);
}

int learned_write(const struct learned *l, const char *dir)
{
	char path[PATH_MAX], fresh[PATH_MAX], text[(LEARNED_MAX + 1) * LINE_SIZE];
	size_t n = (size_t)snprintf(text, sizeof(text), "[learned]\nversion = %d\n", VERSION);
	CLEANUP_FD int fd = -1;

	for (int i = 0; i < l->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"[monitor %s]\ninput = 0x%02x %s\n", l->cables[i].key, l->cables[i].value,
			l->cables[i].gpu);
	if (snprintf(path, sizeof(path), "%s/" FILE_NAME, dir) >= (int)sizeof(path) ||
		snprintf(fresh, sizeof(fresh), "%s/" FILE_NAME ".new", dir) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) < 0)
		return -EIO;
	return rename(fresh, path) < 0 ? -errno : 0;
}
