// SPDX-License-Identifier: GPL-2.0-or-later
/* host.conf and guests.d: every key, every default, and every error with its file and line. */
#include "common/base/cleanup.h"
#include "common/link/message.h"
#include "host/daemon/config.h"
#include "tests/unit/test.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MONITOR "[monitor desk]\nkey = 0123456789abcdef\ninput.dp = 0x0f 0000:01:00.0\n"

static char dir[64];
static char error[CONFIG_ERROR_SIZE];
static struct config *config;

static void put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		abort();
	fputs(text, f);
	fclose(f);
	chmod(path, 0644);
}

static void begin(void)
{
	char path[128];

	snprintf(dir, sizeof(dir), "/tmp/test-config-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/guests.d", dir);
	mkdir(path, 0755);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void end(void)
{
	config_free(TAKE(config));
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What is loaded stays in config until the next load. */
static int load(void)
{
	config_free(TAKE(config));
	return config_load(dir, &config, error);
}

/* host.conf with this text is refused, with want in the message. */
static bool refuses(const char *text, const char *want)
{
	char full[1024];

	put("host.conf", text);
	snprintf(full, sizeof(full), "%s/%s", dir, want);
	if (load() == 0 || !strstr(error, full)) {
		printf("# wanted \"%s\", have: %s\n", full, config ? "no error" : error);
		return false;
	}
	return true;
}

static bool refuses_guest(const char *file, const char *text, const char *want)
{
	char path[300], full[600];
	bool fine;

	snprintf(path, sizeof(path), "guests.d/%s", file);
	put(path, text);
	snprintf(full, sizeof(full), "%s/%s", dir, want);
	fine = load() < 0 && strstr(error, full);
	if (!fine)
		printf("# wanted \"%s\", have: %s\n", full, config ? "no error" : error);
	snprintf(path, sizeof(path), "%s/guests.d/%s", dir, file);
	unlink(path);
	return fine;
}

static void defaults(void)
{
	char policy[128];

	begin();
	CHECK_EQ(load(), 0);
	snprintf(policy, sizeof(policy), "%s/policy.d", dir);
	CHECK_STR(config->libvirt, "qemu:///system");
	CHECK_STR(config->policy_dir, policy);
	CHECK_EQ(config->shutdown_delay_s, 15);
	CHECK(config->shutdown_command[0] == NULL && config->ddc);
	CHECK(config->n_monitors == 0 && config->n_guests == 0);
	put("host.conf", "# nothing\n[host]\n");
	CHECK_EQ(load(), 0);
	CHECK_STR(config->libvirt, "qemu:///system");
	end();
}

static void host_keys(void)
{
	begin();
	put("host.conf", "[host]\nlibvirt = qemu:///session\npolicy = /etc/p\nddc = no\n"
			 "shutdown-delay = 2min\nshutdown-command = /sbin/x -h  now\n");
	CHECK_EQ(load(), 0);
	CHECK_STR(config->libvirt, "qemu:///session");
	CHECK_STR(config->policy_dir, "/etc/p");
	CHECK(!config->ddc);
	CHECK_EQ(config->shutdown_delay_s, 120);
	CHECK_STR(config->shutdown_command[0], "/sbin/x");
	CHECK_STR(config->shutdown_command[1], "-h");
	CHECK_STR(config->shutdown_command[2], "now");
	CHECK(config->shutdown_command[3] == NULL);
	put("host.conf",
		"[host]\nlibvirt = none\nshutdown-command = /a b c d\nshutdown-command = /e\n");
	CHECK_EQ(load(), 0);
	CHECK_STR(config->libvirt, "");
	CHECK_STR(config->shutdown_command[0], "/e");
	CHECK(config->shutdown_command[1] == NULL);
	end();
}

static void monitor_keys(void)
{
	const struct world_monitor *m;

	begin();
	put("host.conf",
		"[monitor left]\nmaker = DEL\nname = U2720Q\nserial = ABC\nserial-number = 0x10\n"
		"connector = DP-1\nvia = lg\nreadable = no\n"
		"command = /bin/switch it\nsettle = 2s\nretries = 0\n"
		"input.dp1 = 0x0f 0000:01:00.0\ninput.hdmi = 17 00000:02:1f.7 read=0x0f11\n"
		"[monitor right]\nkey = 0123456789abcdef\ninput.a = 1 0000:01:00.0\n");
	CHECK_EQ(load(), 0);
	CHECK_EQ(config->n_monitors, 2);
	m = &config->monitors[0];
	CHECK_STR(m->name, "left");
	CHECK_EQ(strlen(m->key), MONITOR_KEY_SIZE - 1);
	CHECK_STR(m->connector, "DP-1");
	CHECK_EQ(m->via, MSG_VIA_LG);
	CHECK(m->unreadable && m->shown == -1);
	CHECK_STR(m->command, "/bin/switch it");
	CHECK_EQ(m->settle_ms, 2000);
	CHECK_EQ(m->writes, 1);
	CHECK_EQ(m->n_inputs, 2);
	CHECK_STR(m->inputs[0].name, "dp1");
	CHECK_STR(m->inputs[0].gpu, "0000:01:00.0");
	CHECK_EQ(m->sources[0].write, 0x0f);
	CHECK_EQ(m->sources[0].read, INPUT_NOT_READ);
	CHECK_EQ(m->sources[1].write, 17);
	CHECK_EQ(m->sources[1].read, 0x0f11);
	CHECK_STR(m->inputs[1].gpu, "00000:02:1f.7");
	m = &config->monitors[1];
	CHECK_STR(m->key, "0123456789abcdef");
	CHECK(!m->unreadable && m->via == MSG_VIA_STANDARD && m->writes == 0);
	end();
}

static void identity_makes_the_key(void)
{
	char first[MONITOR_KEY_SIZE];

	begin();
	put("host.conf",
		"[monitor a]\nserial = X\nmaker = DEL\nname = N\ninput.a = 1 0000:01:00.0\n");
	CHECK_EQ(load(), 0);
	memcpy(first, config->monitors[0].key, sizeof(first));
	put("host.conf",
		"[monitor a]\nmaker = DEL\nname = N\nserial = X\ninput.a = 1 0000:01:00.0\n");
	CHECK_EQ(load(), 0);
	CHECK_STR(config->monitors[0].key, first);
	put("host.conf",
		"[monitor a]\nmaker = DEL\nname = N\nserial = Y\ninput.a = 1 0000:01:00.0\n");
	CHECK_EQ(load(), 0);
	CHECK(strcmp(config->monitors[0].key, first) != 0);
	end();
}

static void host_errors(void)
{
	begin();
	CHECK(refuses("[host]\nlibvird = x\n", "host.conf:2: no key \"libvird\""));
	CHECK(refuses("[hosts]\nx = y\n", "host.conf:1: no section [hosts]"));
	CHECK(refuses("libvirt = x\n", "host.conf:1: "));
	CHECK(refuses("[host]\n\nddc = perhaps\n", "host.conf:3: "));
	CHECK(refuses("[host]\npolicy = etc\n", "host.conf:2: "));
	CHECK(refuses("[host]\npolicy = /a/../b\n", "host.conf:2: "));
	CHECK(refuses("[host]\nshutdown-delay = 3601\n", "host.conf:2: "));
	CHECK(refuses("[host]\nshutdown-delay = -1\n", "host.conf:2: "));
	CHECK(refuses("[host]\nshutdown-command = poweroff\n", "host.conf:2: the command must be"));
	CHECK(refuses("[host]\nshutdown-command = /a 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6\n",
		"host.conf:2: at most 16 words"));
	CHECK(refuses("[host]\nlibvirt = "
		      "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
		      "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\n",
		"host.conf:2: more than 127 characters"));
	end();
}

static void monitor_errors(void)
{
	begin();
	CHECK(refuses("[monitor]\n", "host.conf:1: "));
	CHECK(refuses("[monitor A b]\n", "host.conf:1: "));
	CHECK(refuses(MONITOR MONITOR, "host.conf:4: monitor desk is described twice"));
	CHECK(refuses("\n[monitor a]\ninput.a = 1 0000:01:00.0\n",
		"host.conf:2: monitor a has no identity"));
	CHECK(refuses(
		"[monitor a]\nkey = 0123456789abcdef\n", "host.conf:1: monitor a has no inputs"));
	CHECK(refuses("[monitor a]\nkey = 0123456789ABCDEF\n", "host.conf:2: a key is 16"));
	CHECK(refuses("[monitor a]\nkey = 0123\n", "host.conf:2: a key is 16"));
	CHECK(refuses("[monitor a]\nmaker = DELL\n", "host.conf:2: more than 3 characters"));
	CHECK(refuses("[monitor a]\nserial-number = 0x1ffffffff\n", "host.conf:2: not a number"));
	CHECK(refuses("[monitor a]\nvia = usb\n", "host.conf:2: \"usb\" is none of"));
	CHECK(refuses("[monitor a]\nvia = 0xd6\n", "host.conf:2: "));
	CHECK(refuses("[monitor a]\nretries = 10\n", "host.conf:2: "));
	CHECK(refuses("[monitor a]\nreadable = 2\n", "host.conf:2: "));
	CHECK(refuses("[monitor a]\ncommand = switch it\n", "host.conf:2: the command must be"));
	CHECK(refuses("[monitor a]\nsettle = 31s\n", "host.conf:2: "));
	CHECK(refuses("[monitor a]\ncolour = red\n", "host.conf:2: no key \"colour\""));
	/* the same identity twice needs connectors on both */
	CHECK(refuses(MONITOR "[monitor twin]\nkey = 0123456789abcdef\ninput.a = 1 0000:01:00.0\n",
		"host.conf:4: monitor twin is the same one as desk"));
	CHECK(refuses(MONITOR "[monitor twin]\nkey = 0123456789abcdef\nconnector = DP-2\n"
			      "input.a = 1 0000:01:00.0\n",
		"host.conf:4: monitor twin is the same one as desk"));
	put("host.conf", MONITOR "connector = DP-1\n[monitor twin]\nkey = 0123456789abcdef\n"
				 "connector = DP-2\ninput.a = 1 0000:01:00.0\n");
	CHECK_EQ(load(), 0);
	end();
}

static void input_errors(void)
{
	static const char *const bad[] = { "", "0x0f", "0000:01:00.0", "0x0f 0000:01:00.0 0x0f",
		"0x0f 0000:01:00.0 read=", "0x0f 0000:01:00.0 read=0x1ffff",
		"0x0f 0000:01:00.0 read=1 more", "0x10000 0000:01:00.0", "-1 0000:01:00.0",
		"x 0000:01:00.0", "1 01:00.0", "1 0000:01:00.8", "1 0000:01:00", "1 0000:1:00.0",
		"1 000000:01:00.0", "1 0000:01:0G.0", "1 0000:0A:00.0", "1 0000:01:00.0x" };
	char text[256];

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "[monitor a]\nkey = 0123456789abcdef\ninput.a = %s\n",
			bad[i]);
		CHECK(refuses(text, "host.conf:3: "));
	}
	CHECK(refuses(
		MONITOR "input.dp = 2 0000:01:00.0\n", "host.conf:4: input dp is described twice"));
	CHECK(refuses(MONITOR "input.dp2 = 15 0000:02:00.0\n",
		"host.conf:1: monitor desk: inputs dp and dp2 have the same value"));
	CHECK(refuses(MONITOR "input.D P = 2 0000:01:00.0\n", "host.conf:4: "));
	end();
}

static void too_many(void)
{
	char text[4096] = "";
	size_t n = 0;

	begin();
	for (int i = 0; i <= WORLD_MAX_MONITORS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"[monitor m%d]\nkey = 012345678901234%d\ninput.a = 1 0000:01:00.0\n", i, i);
	CHECK(refuses(text, "host.conf:25: more than 8 monitors"));
	n = (size_t)snprintf(text, sizeof(text), MONITOR);
	for (int i = 0; i < WORLD_MAX_INPUTS; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "input.i%d = %d 0000:01:00.0\n", i, i);
	CHECK(refuses(text, "host.conf:11: more than 8 inputs"));
	put("host.conf", "");
	n = 0;
	for (int i = 0; i <= WORLD_MAX_GPUS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "gpu = 0000:0%d:00.0\n", i);
	CHECK(refuses_guest("a.conf", text, "guests.d/a.conf:9: more than 8 GPUs"));
	end();
}

static void guest_keys(void)
{
	const struct config_guest *g;

	begin();
	put("guests.d/zorg.conf", "");
	put("guests.d/win10.conf", "[guest]\ndomain = Windows 10 (games)\nchannel = /run/x.sock\n"
				   "token = /run/t\ngpu = 0000:01:00.0\ngpu = 0000:02:00.0\n");
	put("guests.d/notes.txt", "not ours\n");
	put("guests.d/.hidden.conf", "not ours\n");
	put("guests.d/.conf", "not ours\n");
	CHECK_EQ(load(), 0);
	CHECK_EQ(config->n_guests, 2);
	g = config_find_guest(config, "win10");
	CHECK(g != NULL);
	CHECK_STR(g->domain, "Windows 10 (games)");
	CHECK_STR(g->channel, "/run/x.sock");
	CHECK_STR(g->token, "/run/t");
	CHECK_EQ(g->n_gpus, 2);
	CHECK_STR(g->gpus[1], "0000:02:00.0");
	CHECK(config_find_domain(config, "Windows 10 (games)") == g);
	CHECK(!config_find_domain(config, "zorg") && !config_find_guest(config, "nobody"));
	g = config_find_guest(config, "zorg");
	CHECK(g && !g->domain[0] && !g->channel[0] && !g->token[0] && !g->n_gpus);
	end();
}

static void guest_errors(void)
{
	begin();
	CHECK(refuses_guest(
		"host.conf", "", "guests.d/host.conf: \"host\" cannot be a guest's name"));
	CHECK(refuses_guest("a b.conf", "", "guests.d/a b.conf: \"a b\" cannot be"));
	CHECK(refuses_guest("0123456789012345678901234567890123456789012345678901234567890123.conf",
		"",
		"guests.d/0123456789012345678901234567890123456789012345678901234567890123.conf: "
		"name too long"));
	CHECK(refuses_guest("a.conf", "chanel = /x\n", "guests.d/a.conf:1: no key \"chanel\""));
	CHECK(refuses_guest("a.conf", "[host]\n", "guests.d/a.conf:1: no section [host]"));
	CHECK(refuses_guest("a.conf", "channel = x\n", "guests.d/a.conf:1: "));
	CHECK(refuses_guest("a.conf", "\ntoken = x\n", "guests.d/a.conf:2: "));
	CHECK(refuses_guest("a.conf", "gpu = 1:00.0\n", "guests.d/a.conf:1: \"1:00.0\" is no PCI"));
	put("guests.d/a.conf", "domain = d\nchannel = /c\n");
	CHECK(refuses_guest(
		"b.conf", "domain = d\n", "guests.d/b.conf: domain \"d\" is guest a already"));
	CHECK(refuses_guest(
		"b.conf", "channel = /c\n", "guests.d/b.conf: channel /c is guest a's"));
	CHECK_EQ(load(), 0);
	end();
}

static void all_errors_at_once(void)
{
	begin();
	put("guests.d/a.conf", "x = 1\n");
	put("guests.d/b.conf", "y = 1\n");
	CHECK(refuses("[host]\nz = 1\nw = 2\n", "host.conf:2: "));
	CHECK(strstr(error, "host.conf:3: ") && strstr(error, "a.conf:1: ") &&
		strstr(error, "b.conf:1: "));
	CHECK(error[strlen(error) - 1] != '\n');
	end();
}

static void foreign_hands(void)
{
	char path[128], other[128];

	begin();
	put("host.conf", "[host]\n");
	snprintf(path, sizeof(path), "%s/host.conf", dir);
	chmod(path, 0664);
	CHECK(load() < 0 && strstr(error, "host.conf: "));
	chmod(path, 0646);
	CHECK(load() < 0 && strstr(error, "host.conf: "));
	chmod(path, 0644);
	CHECK_EQ(load(), 0);
	snprintf(other, sizeof(other), "%s/elsewhere", dir);
	rename(path, other);
	CHECK_EQ(symlink(other, path), 0);
	CHECK(load() < 0 && strstr(error, "link"));
	unlink(path);
	CHECK_EQ(mkdir(path, 0755), 0);
	CHECK(load() < 0 && strstr(error, "host.conf: "));
	rmdir(path);
	CHECK_EQ(load(), 0);
	snprintf(path, sizeof(path), "%s/guests.d", dir);
	rmdir(path);
	CHECK_EQ(load(), 0);
	put("guests.d", "a file\n");
	CHECK(load() < 0 && strstr(error, "guests.d: cannot be read"));
	end();
}

TEST_MAIN({ "defaults", defaults }, { "host_keys", host_keys }, { "monitor_keys", monitor_keys },
	{ "identity_makes_the_key", identity_makes_the_key }, { "host_errors", host_errors },
	{ "monitor_errors", monitor_errors }, { "input_errors", input_errors },
	{ "too_many", too_many }, { "guest_keys", guest_keys }, { "guest_errors", guest_errors },
	{ "all_errors_at_once", all_errors_at_once }, { "foreign_hands", foreign_hands });
