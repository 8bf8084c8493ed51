// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Those who follow what changes: the real events.c and control socket, and clients that read,
 * that leave and that do not read; and the board on which "status --watch" keeps it.
 */
#include "common/control/board.h"
#include "host/daemon/commands.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define LIMIT 20

/* --- the rig
 * ---------------------------------------------------------------------------------------- */

static struct hostd h;
static struct config config;
static struct guest guests[60];
static struct control_client *last_client;
static char dir[64], path[100];
static int n_gone;

static void on_request(struct control_client *c, const struct control_request *r, void *userdata)
{
	last_client = c;
	command_events(userdata, NULL, c, r);
}

static void on_gone(struct control_client *c, void *userdata)
{
	n_gone++;
	events_gone(userdata, c);
}

static void add_guest(int slot)
{
	struct guest *g = &guests[slot];

	*g = (struct guest){ .h = &h, .slot = slot };
	snprintf(g->name, sizeof(g->name), "guest%d", slot);
	h.guests[slot] = g;
	hostd_world_changed(&h);
}

static void rig_up(void)
{
	memset(&h, 0, sizeof(h));
	memset(&config, 0, sizeof(config));
	n_gone = 0;
	last_client = NULL;
	h.config = &config;
	h.world_stale = true;
	h.policy = policy_new(POLICY_ON_HOST);
	sd_event_new(&h.event);
	snprintf(dir, sizeof(dir), "/tmp/va-events-XXXXXX");
	if (!mkdtemp(dir))
		perror(dir);
	snprintf(path, sizeof(path), "%s/sock", dir);
	h.power = NULL;
	if (power_init(&h) < 0 || events_start(&h) < 0 ||
		control_server_new(
			&h.control, h.event, path, (gid_t)-1, -1, on_request, on_gone, &h) < 0)
		perror("rig");
	add_guest(1);
}

static void rig_down(void)
{
	control_server_free(TAKE(h.control));
	events_stop(&h);
	power_free(&h);
	policy_free(TAKE(h.policy));
	h.event = sd_event_unref(h.event);
	rmdir(dir);
}

static int follow(void)
{
	struct control_request r = { .magic = CONTROL_MAGIC, .op = CONTROL_EVENTS };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		send(fd, &r, sizeof(r), 0) != (ssize_t)sizeof(r))
		perror("follow");
	return fd;
}

/* What came until the next sync, as "type name;" or "type name state;" ... NULL: nothing in time.
 */
static const char *read_moment(int fd)
{
	static char tale[40000];
	static char packet[CONTROL_JSON_MAX + 1];
	uint64_t end = hostd_now_ms() + LIMIT * 1000;
	size_t at = 0;

	tale[0] = '\0';
	while (hostd_now_ms() < end) {
		ssize_t n = recv(fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);
		json_object *o, *type = NULL, *name = NULL, *state = NULL;

		if (n <= 0) {
			sd_event_run(h.event, 10000);
			continue;
		}
		packet[n] = '\0';
		o = json_tokener_parse(packet);
		json_object_object_get_ex(o, "type", &type);
		json_object_object_get_ex(o, "name", &name);
		json_object_object_get_ex(o, "state", &state);
		if (!strcmp(json_object_get_string(type), "sync")) {
			json_object_put(o);
			return tale;
		}
		at += (size_t)snprintf(tale + at, sizeof(tale) - at, "%s%s%s%s%s;",
			json_object_get_string(type), name ? " " : "",
			name ? json_object_get_string(name) : "", state ? " " : "",
			state ? json_object_get_string(state) : "");
		json_object_put(o);
	}
	return "nothing";
}

static bool quiet(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 10; i++)
		sd_event_run(h.event, 10000);
	return poll(&p, 1, 0) == 0;
}

/* --- the cases
 * -------------------------------------------------------------------------------------- */

static void changes_alone_are_told(void)
{
	int a, b;

	rig_up();
	a = follow();
	CHECK_STR(read_moment(a), "host;guest guest1 unknown;");
	CHECK(quiet(a));
	hostd_world_changed(&h); /* but it has not */
	CHECK(quiet(a));
	add_guest(2);
	CHECK_STR(read_moment(a), "guest guest2 unknown;");
	b = follow();
	CHECK_STR(read_moment(b), "host;guest guest1 unknown;guest guest2 unknown;");
	CHECK(quiet(a)); /* what the other is told is not news here */
	h.guests[1] = NULL;
	hostd_world_changed(&h);
	CHECK_STR(read_moment(a), "gone guest1;");
	CHECK_STR(read_moment(b), "gone guest1;");
	h.virt_up = true;
	events_poke(&h);
	CHECK_STR(read_moment(a), "host;");
	close(a);
	close(b);
	rig_down();
}

static void steps_are_told_as_they_happen(void)
{
	struct step s = { .kind = STEP_SEAT };
	char packet[2000];
	ssize_t n;
	int a;

	rig_up();
	events_step(&h, 0, &s, "done", 5, ""); /* to nobody */
	a = follow();
	read_moment(a);
	events_step(&h, 0, &s, "done", 5, "fine");
	n = recv(a, packet, sizeof(packet) - 1, MSG_DONTWAIT);
	CHECK(n > 0);
	packet[n] = '\0';
	CHECK(strstr(packet, "\"type\":\"step\"") != NULL);
	CHECK(strstr(packet, "\"state\":\"done\"") != NULL);
	CHECK(strstr(packet, "\"detail\":\"fine\"") != NULL);
	close(a);
	rig_down();
}

static void questions_and_requests_are_told(void)
{
	struct msg_prepare p = { .operation = MSG_OP_HOST_SHUTDOWN, .claimed_uid = 1000 };
	char packet[2000];
	ssize_t n;
	int a;

	rig_up();
	events_request(&guests[1], &p, "denied"); /* to nobody */
	a = follow();
	read_moment(a);
	guests[1].question = (struct guest_question){ .number = 3, .prepare = p };
	events_poke(&h);
	CHECK_STR(read_moment(a), "question;");
	guests[1].question.number = 0;
	events_poke(&h);
	CHECK_STR(read_moment(a), "gone guest1;");
	events_request(&guests[1], &p, "denied");
	n = recv(a, packet, sizeof(packet) - 1, MSG_DONTWAIT);
	CHECK(n > 0);
	packet[n] = '\0';
	CHECK(strstr(packet, "\"type\":\"request\"") != NULL);
	CHECK(strstr(packet, "\"outcome\":\"denied\"") != NULL);
	close(a);
	rig_down();
}

static void who_leaves_is_forgotten(void)
{
	rig_up();
	for (int i = 0; i < CONTROL_CLIENTS * 3; i++) {
		int a = follow();

		CHECK_STR(read_moment(a), "host;guest guest1 unknown;");
		close(a);
		for (int k = 0; k < 100 && n_gone <= i; k++)
			sd_event_run(h.event, 10000);
		CHECK_EQ(n_gone, i + 1);
	}
	rig_down();
}

/* It is told the last word, however long it did not read, and costs a bounded queue. */
static void a_slow_reader_misses_the_middle_only(void)
{
	const char *moment = "";
	size_t most = 0;
	int a, moments = 0;

	rig_up();
	for (int i = 2; i < 60; i++)
		add_guest(i);
	a = follow();
	read_moment(a);
	for (int round = 0; round < 60; round++) {
		uint64_t end = hostd_now_ms() + 50; /* the changes of one moment are one */

		for (int i = 1; i < 60; i++)
			guests[i].paired = round % 2;
		if (round == 59)
			h.guests[59] = NULL;
		hostd_world_changed(&h);
		while (hostd_now_ms() < end)
			sd_event_run(h.event, 10000);
		if (control_client_queued(last_client) > most)
			most = control_client_queued(last_client);
	}
	CHECK_EQ(n_gone, 0);
	CHECK(most > 0);
	CHECK(most < 200000);
	/* it begins to read: old moments, then all there is */
	while (strncmp(moment, "host;", 5) && moments++ < 400)
		moment = read_moment(a);
	CHECK(moments < 400);
	CHECK(strstr(moment, "guest guest58 ") != NULL);
	CHECK(strstr(moment, "guest guest59 ") == NULL);
	add_guest(59); /* and is told changes again */
	CHECK_STR(read_moment(a), "guest guest59 unknown;");
	close(a);
	rig_down();
}

/* --- the board
 * -------------------------------------------------------------------------------------- */

static struct board *board;

static bool take(const char *json)
{
	json_object *o = json_tokener_parse(json), *type = NULL;
	bool draw;

	json_object_object_get_ex(o, "type", &type);
	draw = board_take(board, json_object_get_string(type), o);
	json_object_put(o);
	return draw;
}

static const char *draw(void)
{
	static char text[4000];
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (f) {
		board_draw(board, f);
		fclose(f);
	}
	return text;
}

static void the_board_keeps_the_last_word(void)
{
	board = board_new();
	setenv("COLUMNS", "80", 1);
	CHECK(!take("{\"type\":\"monitor\",\"name\":\"desk\",\"shown\":\"dp1\"}"));
	CHECK(!take("{\"type\":\"guest\",\"name\":\"zorg\",\"state\":\"off\"}"));
	CHECK(!take("{\"type\":\"guest\",\"name\":\"lulu\",\"state\":\"off\"}"));
	CHECK(!take("{\"type\":\"host\",\"holder\":\"host\"}"));
	CHECK(!take("{\"type\":\"question\",\"id\":3,\"guest\":\"zorg\"}"));
	CHECK(strstr(draw(), "zorg") != NULL);
	CHECK(!take("{\"type\":\"gone\",\"kind\":\"question\",\"name\":\"zorg\"}"));
	CHECK(!take("{\"type\":\"request\",\"guest\":\"zorg\"}"));
	CHECK(take("{\"type\":\"sync\"}"));
	CHECK_STR(draw(), "\nseat held by  host\n\nGUEST  STATE\nzorg   off\nlulu   off\n\n"
			  "MONITOR  SHOWN\ndesk     dp1\n");
	CHECK(!take("{\"type\":\"guest\",\"name\":\"zorg\",\"state\":\"running\"}"));
	CHECK(!take("{\"type\":\"gone\",\"kind\":\"guest\",\"name\":\"lulu\"}"));
	CHECK(!take("{\"type\":\"gone\",\"kind\":\"monitor\",\"name\":\"desk\"}"));
	CHECK_STR(draw(), "\nseat held by  host\n\nGUEST  STATE\nzorg   running\n");
	board_free(board);
}

static void the_board_shows_one_switch(void)
{
	board = board_new();
	CHECK(take("{\"type\":\"step\",\"n\":1,\"actor\":\"host\",\"text\":\"a\",\"state\":"
		   "\"done\"}"));
	CHECK(take("{\"type\":\"step\",\"n\":2,\"actor\":\"host\",\"text\":\"b\",\"state\":"
		   "\"failed\"}"));
	CHECK(take("{\"type\":\"step\",\"n\":1,\"actor\":\"host\",\"text\":\"a\",\"state\":"
		   "\"undone\"}"));
	CHECK_STR(draw(), "\n  1. host: a: undone\n  2. host: b: failed\n");
	CHECK(take("{\"type\":\"step\",\"n\":1,\"actor\":\"zorg\",\"text\":\"c\",\"state\":"
		   "\"done\"}"));
	CHECK_STR(draw(), "\n  1. zorg: c: done\n");
	board_free(board);
}

TEST_MAIN({ "changes_alone_are_told", changes_alone_are_told },
	{ "steps_are_told_as_they_happen", steps_are_told_as_they_happen },
	{ "questions_and_requests_are_told", questions_and_requests_are_told },
	{ "who_leaves_is_forgotten", who_leaves_is_forgotten },
	{ "a_slow_reader_misses_the_middle_only", a_slow_reader_misses_the_middle_only },
	{ "the_board_keeps_the_last_word", the_board_keeps_the_last_word },
	{ "the_board_shows_one_switch", the_board_shows_one_switch });
