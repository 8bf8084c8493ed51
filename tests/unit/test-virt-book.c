// SPDX-License-Identifier: GPL-2.0-or-later
/* The book of domains: what the daemon is told, in which order, whatever comes in between. */
#include "host/virt/book.h"
#include "tests/unit/test.h"

#define A "aaaaaaaa-0000-0000-0000-000000000001"
#define B "bbbbbbbb-0000-0000-0000-000000000002"

static char told[2000];

/* "D a running;" for a domain, "S;" for synced, and so on */
static void on_tell(enum virt_op op, const struct virt_domain *d, void *userdata)
{
	static const char letters[] = "?CDGSPR";
	size_t n = strlen(told);

	(void)userdata;
	if (d)
		snprintf(told + n, sizeof(told) - n, "%c %s %s%s;", letters[op], d->name,
			describe_state_name(d->state),
			d->flags & VIRT_FLAG_PORT_OPEN ? " open" : "");
	else
		snprintf(told + n, sizeof(told) - n, "%c;", letters[op]);
}

static const char *tale(void)
{
	static char copy[sizeof(told)];

	memcpy(copy, told, sizeof(copy));
	memset(told, 0, sizeof(told));
	return copy;
}

static struct describe known(const char *uuid, const char *name, uint32_t state)
{
	struct describe d = { 0 };

	snprintf(d.domain.uuid, sizeof(d.domain.uuid), "%s", uuid);
	snprintf(d.domain.name, sizeof(d.domain.name), "%s", name);
	d.domain.state = state;
	if (state != VIRT_STATE_OFF)
		snprintf(d.channel_path, sizeof(d.channel_path), "/run/%s", name);
	snprintf(d.channel_alias, sizeof(d.channel_alias), "channel0");
	d.domain.flags = VIRT_FLAG_CHANNEL;
	return d;
}

static int event(struct book *b, enum events_kind kind, const char *uuid, const char *name)
{
	struct events_event e = { .kind = kind,
		.reset = kind == EVENTS_RESUMED || kind == EVENTS_RESET };

	snprintf(e.uuid, sizeof(e.uuid), "%s", uuid);
	snprintf(e.name, sizeof(e.name), "%s", name);
	return book_event(b, &e);
}

static int port(struct book *b, const char *uuid, const char *alias, bool open)
{
	struct events_event e = { .kind = EVENTS_PORT, .open = open };

	snprintf(e.uuid, sizeof(e.uuid), "%s", uuid);
	snprintf(e.alias, sizeof(e.alias), "%s", alias);
	return book_event(b, &e);
}

static const char *next(struct book *b)
{
	const char *uuid = book_next(b);

	return uuid ? uuid : "-";
}

/* A book that knows A running and B off, synced. */
static struct book *two(void)
{
	struct book *b = book_new(on_tell, NULL);
	struct describe a = known(A, "a", VIRT_STATE_RUNNING), o = known(B, "b", VIRT_STATE_OFF);

	memset(told, 0, sizeof(told));
	book_list_begin(b);
	book_listed(b, &a);
	book_listed(b, &o);
	book_list_end(b);
	book_next(b);
	book_next(b);
	book_answer(b, A, 0, &a);
	book_answer(b, B, 0, &o);
	return b;
}

static void sync_order(void)
{
	CLEANUP_FN(book) struct book *b = book_new(on_tell, NULL);
	struct describe a = known(A, "a", VIRT_STATE_RUNNING), o = known(B, "b", VIRT_STATE_OFF);

	memset(told, 0, sizeof(told));
	book_list_begin(b);
	CHECK_STR(next(b), "-");
	CHECK_EQ(book_listed(b, &a), 0);
	CHECK_STR(next(b), A);
	CHECK_STR(next(b), "-"); /* one question at a time for each */
	book_answer(b, A, 0, &a);
	CHECK_STR(tale(), "D a running;"); /* not synced: the list has not ended */
	CHECK_EQ(book_listed(b, &o), 0);
	book_list_end(b);
	CHECK_STR(tale(), "");
	CHECK_STR(next(b), B);
	book_answer(b, B, 0, &o);
	CHECK_STR(tale(), "D b off;S;");
	CHECK_STR(book_find(b, A)->channel_path, "/run/a");
	CHECK(book_find(b, "x") == NULL);
}

static void empty_list_is_synced(void)
{
	CLEANUP_FN(book) struct book *b = book_new(on_tell, NULL);

	memset(told, 0, sizeof(told));
	book_list_begin(b);
	book_list_end(b);
	CHECK_STR(tale(), "S;");
	book_list_expire(b);
	CHECK_STR(tale(), "");
}

static void a_hanging_domain_does_not_stop_the_sync(void)
{
	CLEANUP_FN(book) struct book *b = book_new(on_tell, NULL);
	struct describe a = known(A, "a", VIRT_STATE_RUNNING), o = known(B, "b", VIRT_STATE_OFF);

	memset(told, 0, sizeof(told));
	book_list_begin(b);
	book_listed(b, &a);
	book_listed(b, &o);
	book_list_expire(b); /* too early: the list is not complete */
	CHECK_STR(tale(), "");
	book_list_end(b);
	CHECK_STR(next(b), A);
	CHECK_STR(next(b), B);
	book_answer(b, B, 0, &o);
	CHECK_STR(tale(), "D b off;");
	book_list_expire(b);
	CHECK_STR(tale(), "D a running;S;");
	book_answer(b, A, 0, &a); /* at last, with the channel */
	CHECK_STR(tale(), "D a running;");
}

static void answers_without_news_are_not_told(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe a = known(A, "a", VIRT_STATE_RUNNING);

	CHECK_STR(tale(), "D a running;D b off;S;");
	event(b, EVENTS_CHANGED, A, "a");
	CHECK_STR(next(b), A);
	book_answer(b, A, 0, &a);
	CHECK_STR(tale(), "");
	a.domain.n_hostdevs = 1;
	event(b, EVENTS_CHANGED, A, "a");
	CHECK_STR(next(b), A);
	book_answer(b, A, 0, &a);
	CHECK_STR(tale(), "D a running;");
}

static void stop_is_told_at_once_and_a_late_answer_does_not_undo_it(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe a = known(A, "a", VIRT_STATE_RUNNING), off = known(A, "a", VIRT_STATE_OFF);

	tale();
	event(b, EVENTS_CHANGED, A, "a");
	CHECK_STR(next(b), A);
	event(b, EVENTS_STOPPED, A, "a");
	CHECK_STR(tale(), "D a off;");
	CHECK_STR(next(b), "-"); /* only when the first question is answered */
	CHECK_STR(book_find(b, A)->channel_path, "");
	book_answer(b, A, 0, &a); /* asked before it stopped */
	CHECK_STR(tale(), "");
	CHECK_STR(next(b), A);
	book_answer(b, A, 0, &off);
	CHECK_STR(tale(), "");
	CHECK_STR(next(b), "-");
}

static void start_waits_for_its_channel(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe on = known(B, "b", VIRT_STATE_RUNNING);

	tale();
	event(b, EVENTS_RESUMED, B, "b"); /* the order in which QEMU's driver tells it */
	CHECK_STR(tale(), "R b off;");
	event(b, EVENTS_STARTED, B, "b");
	CHECK_STR(tale(), "");
	CHECK_STR(next(b), B);
	book_answer(b, B, 0, &on);
	CHECK_STR(tale(), "D b running;");
	CHECK_STR(book_find(b, B)->channel_path, "/run/b");
}

static void pause_and_resume(void)
{
	CLEANUP_FN(book) struct book *b = two();

	tale();
	event(b, EVENTS_PAUSED, A, "a");
	CHECK_STR(tale(), "D a paused;");
	event(b, EVENTS_RESUMED, A, "a");
	CHECK_STR(tale(), "D a running;R a running;");
	event(b, EVENTS_RESET, A, "a");
	CHECK_STR(tale(), "R a running;");
}

static void gone(void)
{
	CLEANUP_FN(book) struct book *b = two();

	tale();
	event(b, EVENTS_STOPPED, A, "a"); /* a transient one */
	CHECK_STR(next(b), A);
	book_answer(b, A, -ENOENT, NULL);
	CHECK_STR(tale(), "D a off;G a off;");
	CHECK(book_find(b, A) == NULL);
	book_answer(b, A, 0, NULL); /* nobody asked */
	CHECK_STR(tale(), "");
}

static void ports(void)
{
	CLEANUP_FN(book) struct book *b = two();

	tale();
	port(b, A, "channel1", true); /* the guest agent's */
	CHECK_STR(tale(), "");
	port(b, A, "channel0", true);
	CHECK_STR(tale(), "P a running open;");
	port(b, A, "", false); /* libvirt's own event: ours by name */
	CHECK_STR(tale(), "P a running;");
	port(b, A, "channel0", true);
	tale();
	event(b, EVENTS_STOPPED, A, "a");
	CHECK_STR(tale(), "D a off;");
}

static void port_of_a_domain_whose_xml_is_not_known_yet(void)
{
	CLEANUP_FN(book) struct book *b = book_new(on_tell, NULL);

	memset(told, 0, sizeof(told));
	port(b, A, "channel0", true);
	CHECK_STR(tale(), "");
	CHECK_STR(next(b), A);
}

static void reconnection_tells_everything_again(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe a = known(A, "a", VIRT_STATE_RUNNING);

	tale();
	event(b, EVENTS_CHANGED, A, "a");
	CHECK_STR(next(b), A);
	book_forget_questions(b); /* the connection is lost */
	CHECK_STR(tale(), "");
	CHECK_STR(book_find(b, A)->channel_path, "/run/a"); /* and still good */
	book_list_begin(b);
	/* known ones are asked about before the list is there */
	CHECK_STR(next(b), B);
	CHECK_STR(next(b), A);
	book_listed(b, &a);
	book_answer(b, A, 0, &a);
	CHECK_STR(tale(), "D a running;");
	book_list_end(b); /* b was undefined meanwhile */
	CHECK_STR(tale(), "G b off;S;");
}

static void defined_after_the_list_was_made(void)
{
	CLEANUP_FN(book) struct book *b = book_new(on_tell, NULL);
	struct describe a = known(A, "a", VIRT_STATE_OFF);

	memset(told, 0, sizeof(told));
	book_list_begin(b);
	event(b, EVENTS_CHANGED, A, "a");
	book_list_end(b);
	CHECK_STR(tale(), "");
	CHECK_STR(next(b), A);
	book_answer(b, A, 0, &a);
	CHECK_STR(tale(), "D a off;S;");
}

static void errors_are_retried(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe a = known(A, "a", VIRT_STATE_RUNNING);

	tale();
	CHECK(!book_retry(b));
	event(b, EVENTS_CHANGED, A, "a");
	CHECK_STR(next(b), A);
	book_answer(b, A, -ETIMEDOUT, NULL);
	CHECK_STR(next(b), "-");
	CHECK(book_retry(b));
	CHECK_STR(next(b), A);
	/* a definition that cannot be read: its state counts all the same */
	a.domain.state = VIRT_STATE_OFF;
	book_answer(b, A, -EINVAL, &a);
	CHECK_STR(tale(), "D a off;");
	CHECK(!book_retry(b));
	book_doubt(b, A);
	CHECK_STR(next(b), A);
}

static void turns_are_fair(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe a = known(A, "a", VIRT_STATE_RUNNING);

	tale();
	for (int i = 0; i < 3; i++) {
		event(b, EVENTS_CHANGED, A, "a");
		CHECK_STR(next(b), A);
		event(b, EVENTS_CHANGED, B, "b");
		book_answer(b, A, 0, &a);
		event(b, EVENTS_CHANGED, A, "a");
		CHECK_STR(next(b), B);
		book_answer(b, B, -EIO, NULL);
		CHECK_STR(next(b), A);
		book_answer(b, A, 0, &a);
	}
}

static void renamed(void)
{
	CLEANUP_FN(book) struct book *b = two();
	struct describe a = known(A, "zz", VIRT_STATE_RUNNING);

	tale();
	event(b, EVENTS_CHANGED, A, "zz");
	CHECK_STR(next(b), A);
	book_answer(b, A, 0, &a);
	CHECK_STR(tale(), "D zz running;");
	event(b, EVENTS_PAUSED, A, "zz");
	CHECK_STR(tale(), "D zz paused;");
}

static void as_many_as_there_is_room_for(void)
{
	CLEANUP_FN(book) struct book *b = book_new(on_tell, NULL);
	char uuid[VIRT_UUID_SIZE];

	for (int i = 0; i < BOOK_MAX_DOMAINS; i++) {
		snprintf(uuid, sizeof(uuid), "%08x", i);
		CHECK_EQ(event(b, EVENTS_CHANGED, uuid, ""), 0);
	}
	CHECK_EQ(event(b, EVENTS_CHANGED, A, "a"), -ENOSPC);
	CHECK_EQ(event(b, EVENTS_CHANGED, "00000001", ""), 0);
}

static void vserport_details(void)
{
	static const struct {
		const char *text, *alias;
		bool good, open;
	} rows[] = {
		{ "{\"open\":true,\"id\":\"channel0\"}", "channel0", true, true },
		{ "{\"open\": false, \"id\": \"channel1\"}", "channel1", true, false },
		{ "{\"id\":\"channel0\",\"open\":true}", "channel0", true, true },
		{ "{\"open\":true}", "", false, false },
		{ "{\"id\":\"channel0\"}", "", false, false },
		{ "{\"open\":true,\"id\":7}", "", false, false },
		{ "{\"open\":true,\"id\":\"chan", "", false, false },
		{ "{\"open\":maybe,\"id\":\"c\"}", "", false, false },
		{ "{\"open\"", "", false, false },
		{ "", "", false, false },
		{ NULL, "", false, false },
		{ "{\"open\":true,\"id\":\"0123456789abcdef\"}", "", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char alias[16] = "";
		bool open = false;

		CHECK_EQ(events_parse_vserport(rows[i].text, alias, sizeof(alias), &open),
			rows[i].good);
		if (rows[i].good)
			CHECK_STR(alias, rows[i].alias);
		if (rows[i].good)
			CHECK_EQ(open, rows[i].open);
	}
}

TEST_MAIN({ "sync_order", sync_order }, { "empty_list_is_synced", empty_list_is_synced },
	{ "a_hanging_domain_does_not_stop_the_sync", a_hanging_domain_does_not_stop_the_sync },
	{ "answers_without_news_are_not_told", answers_without_news_are_not_told },
	{ "stop_is_told_at_once_and_a_late_answer_does_not_undo_it",
		stop_is_told_at_once_and_a_late_answer_does_not_undo_it },
	{ "start_waits_for_its_channel", start_waits_for_its_channel },
	{ "pause_and_resume", pause_and_resume }, { "gone", gone }, { "ports", ports },
	{ "port_of_a_domain_whose_xml_is_not_known_yet",
		port_of_a_domain_whose_xml_is_not_known_yet },
	{ "reconnection_tells_everything_again", reconnection_tells_everything_again },
	{ "defined_after_the_list_was_made", defined_after_the_list_was_made },
	{ "errors_are_retried", errors_are_retried }, { "turns_are_fair", turns_are_fair },
	{ "renamed", renamed }, { "as_many_as_there_is_room_for", as_many_as_there_is_room_for },
	{ "vserport_details", vserport_details });
