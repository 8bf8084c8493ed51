// SPDX-License-Identifier: GPL-2.0-or-later
/* A worker that does what it is told; see scripted.h. */
#include "tests/support/scripted.h"

#include "common/worker/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct scene {
	_Alignas(max_align_t) unsigned char msg[WORKER_MSG_MAX];
	size_t size; /* of the request */
	int fd;      /* that came with it */
	int send_fd; /* to go with the next message */
	bool two;
};

static struct worker_head *head_of(struct scene *s)
{
	return (struct worker_head *)(void *)s->msg;
}

static void scene_wait(int ms)
{
	poll(NULL, 0, ms);
}

/* What the library would not do: several descriptors in one message. */
static void send_two(struct scene *s, size_t size)
{
	union {
		char buf[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { s->msg, size };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	int fds[2] = { s->send_fd, s->send_fd };

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	sendmsg(WORKER_FD, &mh, MSG_NOSIGNAL);
}

static void scene_send(struct scene *s, size_t size)
{
	if (s->two)
		send_two(s, size);
	else if (child_send(s->msg, size, s->send_fd) < 0)
		_exit(0);
	cleanup_closep(&s->send_fd);
	s->send_fd = -1;
	s->two = false;
}

static void act_echo(struct scene *s, const char *arg)
{
	size_t size = arg ? strtoul(arg, NULL, 0) : s->size;

	if (size > s->size)
		memset(s->msg + s->size, 0, size - s->size);
	scene_send(s, size);
}

static void act_hex(struct scene *s, const char *arg)
{
	size_t n = sizeof(struct worker_head);

	for (; arg && arg[0] && arg[1] && n < sizeof(s->msg); arg += 2, n++) {
		char pair[3] = { arg[0], arg[1], 0 };

		s->msg[n] = (unsigned char)strtoul(pair, NULL, 16);
	}
	scene_send(s, n);
}

static void act_event(struct scene *s, const char *arg)
{
	char *rest = NULL;
	unsigned long n = arg ? strtoul(arg, &rest, 0) : 1;
	size_t size = rest && *rest == ':' ? strtoul(rest + 1, NULL, 0) : 12;
	struct scene event = { .send_fd = s->send_fd, .two = s->two };

	s->send_fd = -1;
	s->two = false;
	*head_of(&event) = (struct worker_head){ .op = SCRIPTED_EVENT_OP };
	for (uint32_t i = 0; n == 0 || i < n; i++) {
		memcpy(event.msg + sizeof(struct worker_head), &i, sizeof(i));
		scene_send(&event, size);
	}
}

static void act_flood(struct scene *s, const char *arg)
{
	(void)arg;
	act_event(s, "0:64");
}

static void act_ms(struct scene *s, const char *arg)
{
	(void)s;
	scene_wait(arg ? atoi(arg) : 0);
}

static void act_id(struct scene *s, const char *arg)
{
	head_of(s)->id = (uint32_t)strtoul(arg ? arg : "0", NULL, 0);
}

static void act_op(struct scene *s, const char *arg)
{
	head_of(s)->op = (uint32_t)strtoul(arg ? arg : "0", NULL, 0);
}

static void act_fd(struct scene *s, const char *arg)
{
	int p[2];

	(void)arg;
	if (pipe(p) < 0 || write(p[1], "hello", 5) != 5)
		_exit(120);
	close(p[1]);
	s->send_fd = p[0];
}

static void act_fds(struct scene *s, const char *arg)
{
	act_fd(s, arg);
	s->two = true;
}

static void act_readfd(struct scene *s, const char *arg)
{
	unsigned char c = 0;
	uint32_t word = UINT32_MAX;

	(void)arg;
	if (s->fd >= 0 && read(s->fd, &c, 1) == 1)
		word = c;
	memcpy(s->msg + sizeof(struct worker_head), &word, sizeof(word));
}

static void act_die(struct scene *s, const char *arg)
{
	(void)s;
	_exit(arg ? atoi(arg) : 0);
}

static void act_kill(struct scene *s, const char *arg)
{
	(void)s;
	(void)arg;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void act_close(struct scene *s, const char *arg)
{
	(void)s;
	(void)arg;
	close(WORKER_FD);
	for (;;)
		pause();
}

static void act_hang(struct scene *s, const char *arg)
{
	(void)s;
	(void)arg;
	for (;;)
		pause();
}

static void act_stubborn(struct scene *s, const char *arg)
{
	(void)s;
	(void)arg;
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
}

static void act_child(struct scene *s, const char *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		for (;;)
			pause();
	memcpy(s->msg + sizeof(struct worker_head), &pid, sizeof(pid));
}

static void act_facts(struct scene *s, const char *arg)
{
	struct scripted_facts f = { 0 };
	struct stat null = { 0 }, in = { 0 }, out = { 0 };
	struct sigaction term = { 0 }, sigpipe = { 0 };
	char cwd[8] = "";
	sigset_t mask;
	int sig = 0;

	(void)arg;
	for (int fd = 0; fd < 32; fd++)
		f.open_fds |= fcntl(fd, F_GETFD) >= 0 ? 1u << fd : 0;
	f.uid = geteuid();
	f.gid = getegid();
	f.n_groups = (uint32_t)getgroups(0, NULL);
	prctl(PR_GET_PDEATHSIG, &sig);
	f.death_signal = (uint32_t)sig;
	while (environ[f.n_env])
		f.n_env++;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	sigaction(SIGTERM, NULL, &term);
	sigaction(SIGPIPE, NULL, &sigpipe);
	f.blocked = sigismember(&mask, SIGTERM) || term.sa_handler == SIG_IGN ||
		    sigpipe.sa_handler == SIG_IGN;
	stat("/dev/null", &null);
	fstat(0, &in);
	fstat(1, &out);
	f.null_io = in.st_rdev == null.st_rdev && out.st_rdev == null.st_rdev;
	f.cwd_is_root = getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/");
	f.regained = f.uid != 0 && (setuid(0) == 0 || setgid(0) == 0);
	memcpy(s->msg + sizeof(struct worker_head), &f, sizeof(f));
	scene_send(s, sizeof(struct worker_head) + sizeof(f));
}

static const struct {
	const char *name;
	void (*act)(struct scene *s, const char *arg);
} actions[] = {
	{ "echo", act_echo },
	{ "hex", act_hex },
	{ "event", act_event },
	{ "flood", act_flood },
	{ "ms", act_ms },
	{ "id", act_id },
	{ "op", act_op },
	{ "fd", act_fd },
	{ "fds", act_fds },
	{ "readfd", act_readfd },
	{ "die", act_die },
	{ "kill", act_kill },
	{ "close", act_close },
	{ "hang", act_hang },
	{ "stubborn", act_stubborn },
	{ "child", act_child },
	{ "facts", act_facts },
};

static void act(struct scene *s, char *word)
{
	char *arg = strchr(word, ':');

	if (arg)
		*arg++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strcmp(actions[i].name, word)) {
			actions[i].act(s, arg);
			return;
		}
	fprintf(stderr, "scripted-worker: no action \"%s\"\n", word);
	_exit(121);
}

/* Plays the rule of that name; false if there is none. */
static bool play(struct scene *s, int argc, char **argv, const char *name)
{
	size_t len = strlen(name);

	for (int i = 1; i < argc; i++) {
		char *copy, *rest, *word;

		if (strncmp(argv[i], name, len) || argv[i][len] != '=')
			continue;
		copy = rest = strdup(argv[i] + len + 1);
		while ((word = strsep(&rest, ",")))
			act(s, word);
		free(copy);
		return true;
	}
	return false;
}

int scripted_worker_main(int argc, char **argv)
{
	struct scene s = { .fd = -1, .send_fd = -1 };
	char name[16];

	if (!child_is_worker()) {
		fprintf(stderr, "scripted-worker: is started by a program, not by hand\n");
		return 2;
	}
	play(&s, argc, argv, "start");
	for (;;) {
		ssize_t n = child_receive(s.msg, sizeof(s.msg), &s.fd, false);

		if (n <= 0)
			return n < 0;
		s.size = (size_t)n;
		snprintf(name, sizeof(name), "%u", head_of(&s)->op);
		if (!play(&s, argc, argv, name) && !play(&s, argc, argv, "any"))
			act_echo(&s, NULL);
		cleanup_closep(&s.fd);
		s.fd = -1;
	}
}
