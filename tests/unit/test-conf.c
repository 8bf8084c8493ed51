// SPDX-License-Identifier: GPL-2.0-or-later
/* Configuration files: what is taken, and that each error names its file, line and remedy. */
#include "common/base/conf.h"

#include "common/base/cleanup.h"
#include "common/base/safefile.h"
#include "tests/unit/test.h"

#include <sys/stat.h>

struct config {
	struct conf_report report;
	char log[1024]; /* what the callback saw: "section|key|value;" */
	bool on;
	unsigned int delay, limit;
	uint16_t input;
	char name[NAME_MAX_LEN + 1];
	char path[32];
	unsigned int word;
};

static enum conf_verdict on_entry(const struct conf_at *at, const char *value, void *userdata)
{
	static const char *const words[] = { "auto", "never" };
	struct config *c = userdata;
	size_t len = strlen(c->log);

	snprintf(c->log + len, sizeof(c->log) - len, "%s|%s|%s;", at->section,
		at->key ? at->key : "-", value ? value : "-");
	if (conf_section_name(at->section, "guest"))
		return at->key || name_is_valid(conf_section_name(at->section, "guest"))
			       ? CONF_OK
			       : conf_name(at, conf_section_name(at->section, "guest"), c->name);
	if (strcmp(at->section, "host") && strcmp(at->section, ""))
		return CONF_UNKNOWN_SECTION;
	if (!at->key)
		return CONF_OK;
	if (!strcmp(at->key, "on"))
		return conf_bool(at, value, &c->on);
	if (!strcmp(at->key, "delay"))
		return conf_seconds(at, value, 1, 86400, &c->delay);
	if (!strcmp(at->key, "limit"))
		return conf_uint(at, value, 2, 10, &c->limit);
	if (!strcmp(at->key, "input"))
		return conf_u16(at, value, &c->input);
	if (!strcmp(at->key, "name"))
		return conf_name(at, value, c->name);
	if (!strcmp(at->key, "path"))
		return conf_path(at, value, c->path, sizeof(c->path));
	if (!strcmp(at->key, "word"))
		return conf_word(at, value, words, 2, &c->word);
	if (!strcmp(at->key, "free"))
		return CONF_OK;
	return CONF_UNKNOWN_KEY;
}

static int parse(struct config *c, const char *text)
{
	memset(c, 0, sizeof(*c));
	return conf_parse("f.conf", text, strlen(text), on_entry, c, &c->report);
}

static void what_is_taken(void)
{
	struct config c;

	CHECK_EQ(parse(&c, "\xef\xbb\xbf# comment \xc3\xa4\n"
			   "free=1\r\n"
			   "  [host]   # remark\n"
			   "\ton\t=  yes  ; really\n"
			   "free = a = b # c\n"
			   "free =\n"
			   "\n"
			   "; more\n"
			   "[guest zorg]\n"
			   "[guest  debby-2.x]\n"
			   "cpu = 3"),
		0);
	CHECK_STR(c.report.text, "");
	CHECK_STR(c.log, "|free|1;host|-|-;host|on|yes;host|free|a = b # c;host|free|;"
			 "guest zorg|-|-;guest  debby-2.x|-|-;guest  debby-2.x|cpu|3;");
	CHECK(c.on);
	CHECK_EQ(parse(&c, ""), 0);
}

static void long_names_are_whole(void)
{
	struct config c;

	/* inih would cut a section after 49 bytes */
	CHECK_EQ(parse(&c,
			 "[guest a123456789b123456789c123456789d123456789e123456789f123456789012]\n"
			 "x = y"),
		0);
	CHECK_STR(c.log,
		"guest a123456789b123456789c123456789d123456789e123456789f123456789012|-|-;"
		"guest a123456789b123456789c123456789d123456789e123456789f123456789012|x|y;");
}

static void errors_name_their_line(void)
{
	static const struct {
		const char *text, *report;
	} cases[] = {
		{ "[host]\ncolour = red\n",
			"f.conf:2: no key \"colour\" is known in [host]; remove it, or look for a "
			"typing error\n" },
		{ "\n[hots]\nx=y\nz=1\n[host]\n",
			"f.conf:2: no section [hots] is known; remove it, or look for a typing "
			"error\n" },
		{ "[host\non = yes\n", "f.conf:1: a section is a line of its own, as in [name]\n" },
		{ "[]\n", "f.conf:1: a section is a line of its own, as in [name]\n" },
		{ "[host] on = yes\n", "f.conf:1: a section is a line of its own, as in [name]\n" },
		{ "on\n", "f.conf:1: is neither a comment nor \"key = value\"\n" },
		{ "on : yes\n", "f.conf:1: is neither a comment nor \"key = value\"\n" },
		{ "on ; = yes\n", "f.conf:1: is neither a comment nor \"key = value\"\n" },
		{ " = yes\n", "f.conf:1: there is no key before the \"=\"\n" },
		{ "on = y\001es\n", "f.conf:1: holds a control character; write plain text\n" },
		{ "on = maybe\n", "f.conf:1: on is \"maybe\"; it wants yes or no\n" },
		{ "on = \033[2J\n", "f.conf:1: holds a control character; write plain text\n" },
		{ "on = \xc3\xa4\n", "f.conf:1: on is \"\\xc3\\xa4\"; it wants yes or no\n" },
		{ "input = 0x10000\n",
			"f.conf:1: input is \"0x10000\"; it wants a number from 0 to "
			"65535, such as 15 or 0x0f\n" },
		{ "limit = 11\n", "f.conf:1: limit is \"11\"; it wants a number from 2 to 10\n" },
		{ "limit = 1\n", "f.conf:1: limit is \"1\"; it wants a number from 2 to 10\n" },
		{ "path = a/b\n", "f.conf:1: path is \"a/b\"; it wants an absolute path without "
				  "\"..\", shorter than 32 bytes\n" },
		{ "word = often\n", "f.conf:1: word is \"often\"; it wants one of: auto, never\n" },
		/* all of them, not only the first */
		{ "on = 2\n\nlimit = x\n", "f.conf:1: on is \"2\"; it wants yes or no\n"
					   "f.conf:3: limit is \"x\"; it wants a number from 2 to "
					   "10\n" },
	};
	struct config c;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(parse(&c, cases[i].text), -EINVAL);
		CHECK_STR(c.report.text, cases[i].report);
	}
}

/* inih takes the mark off the first line that it sees, which would then be a section. */
static void a_byte_order_mark_is_first_or_wrong(void)
{
	struct config c;

	CHECK(parse(&c, "\n\xef\xbb\xbf[f: x = y\n") < 0);
	CHECK_STR(c.report.text, "f.conf:2: begins with a byte order mark; remove it\n");
	CHECK(parse(&c, "\xef\xbb\xbf\xef\xbb\xbf[host]\n") < 0);
}

static void a_line_is_never_continued(void)
{
	struct config c;

	/* inih by itself would take this for a second value of "free" */
	CHECK_EQ(parse(&c, "[host]\nfree = 1\n   on = yes\n   more\n"), -EINVAL);
	CHECK(c.on);
	CHECK_STR(c.report.text, "f.conf:4: is neither a comment nor \"key = value\"\n");
}

static void a_bad_section_ends_at_the_next(void)
{
	struct config c;

	CHECK_EQ(parse(&c, "[hots]\nlimit = 99\n[host]\non = yes\nlimit = 99\n"), -EINVAL);
	CHECK(c.on);
	CHECK_EQ(c.report.n_errors, 2);
	CHECK(strstr(c.report.text, "f.conf:5: limit"));
}

static void long_lines(void)
{
	char text[400] = "free = ";
	struct config c;

	memset(text + 7, 'x', sizeof(text) - 8);
	CHECK_EQ(parse(&c, text), -EINVAL);
	CHECK(strstr(c.report.text, "f.conf:1: is longer than 197 bytes"));
	text[CONF_LINE_MAX] = '\0';
	CHECK_EQ(parse(&c, text), 0);
	CHECK_EQ(strlen(c.log), strlen("|free|;") + CONF_LINE_MAX - 7);
}

static void a_nul_is_no_end(void)
{
	static const char text[] = "on = no\0x\nfree = 1\n";
	struct config c = { 0 };

	CHECK_EQ(conf_parse("f", text, sizeof(text) - 1, on_entry, &c, &c.report), -EINVAL);
	CHECK_STR(c.report.text, "f:1: holds a control character; write plain text\n");
	CHECK_STR(c.log, "|free|1;");
}

static void values(void)
{
	struct config c;

	CHECK_EQ(parse(&c, "input = 0xFf01\ndelay=2min\nlimit=10\npath=/a/b..c\nword=never\n"
			   "name = Zorg_1\n"),
		0);
	CHECK_EQ(c.input, 0xff01);
	CHECK_EQ(c.delay, 120);
	CHECK_EQ(c.limit, 10);
	CHECK_EQ(c.word, 1);
	CHECK_STR(c.path, "/a/b..c");
	CHECK_STR(c.name, "Zorg_1");
	CHECK_EQ(parse(&c, "input = 65535\ndelay = 24 h\n"), 0);
	CHECK_EQ(c.delay, 86400);
	CHECK_EQ(parse(&c, "delay = 25h\n"), -EINVAL);
	CHECK_EQ(parse(&c, "delay = 0\n"), -EINVAL);
	CHECK_EQ(parse(&c, "delay = 1d\n"), -EINVAL);
	CHECK_EQ(parse(&c, "delay = -1\n"), -EINVAL);
	CHECK_EQ(parse(&c, "delay = 4294967297\n"), -EINVAL);
	CHECK_EQ(parse(&c, "delay = 18446744073709551617\n"), -EINVAL);
	CHECK_EQ(parse(&c, "input = 0x\n"), -EINVAL);
	CHECK_EQ(parse(&c, "input = 15h\n"), -EINVAL);
	CHECK_EQ(parse(&c, "input = \n"), -EINVAL);
	CHECK_EQ(parse(&c, "path = /a/../b\n"), -EINVAL);
	CHECK_EQ(parse(&c, "path = /a/..\n"), -EINVAL);
	CHECK_EQ(parse(&c, "name = -rf\n"), -EINVAL);
	CHECK_EQ(parse(&c, "[guest ../x]\n"), -EINVAL);
	CHECK(strstr(c.report.text, "f.conf:1: the section's name is \"../x\""));
}

static void numbers(void)
{
	const char *rest;
	uint64_t n = 0;

	CHECK(conf_scan_number("18446744073709551615x", false, UINT64_MAX, &n, &rest));
	CHECK(n == UINT64_MAX && *rest == 'x');
	CHECK(!conf_scan_number("18446744073709551616", false, UINT64_MAX, &n, &rest));
	CHECK(!conf_scan_number("8", false, 7, &n, &rest));
	CHECK(!conf_scan_number("0xf", true, 14, &n, &rest));
	CHECK(conf_scan_number("0xf", false, 14, &n, &rest));
	CHECK(n == 0 && *rest == 'x');
	CHECK(!conf_scan_number("+1", false, 14, &n, &rest));
	CHECK(!conf_scan_number("", false, 14, &n, &rest));
}

/* A report that is full still counts, and ends with a whole line. */
static void many_errors(void)
{
	static char text[20000];
	struct config c;
	size_t len = 0;

	while (len + 4 < sizeof(text)) {
		memcpy(text + len, "no\n", 4);
		len += 3;
	}
	CHECK_EQ(parse(&c, text), -EINVAL);
	CHECK_EQ(c.report.n_errors, len / 3);
	CHECK(c.report.len < sizeof(c.report.text));
	CHECK_EQ(c.report.text[c.report.len - 1], '\n');
	CHECK_EQ(strlen(c.report.text), c.report.len);
}

static void files_that_are_not_obeyed(void)
{
	char dir[] = "/tmp/va-conf-XXXXXX", path[64], link[64];
	static char big[CONF_FILE_MAX + 1];
	struct config c = { 0 };
	FILE *f;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.conf", dir);
	snprintf(link, sizeof(link), "%s/l.conf", dir);
	CHECK_EQ(conf_read(path, on_entry, &c, &c.report), -ENOENT);
	CHECK_EQ(c.report.n_errors, 0);
	f = fopen(path, "we");
	fputs("on = yes\n", f);
	fclose(f);
	chmod(path, 0644);
	CHECK_EQ(conf_read(path, on_entry, &c, &c.report), 0);
	CHECK(c.on);
	CHECK_EQ(symlink("x.conf", link), 0);
	CHECK_EQ(conf_read(link, on_entry, &c, &c.report), -EINVAL);
	CHECK(strstr(c.report.text, "l.conf: is a symbolic link; "));
	chmod(path, 0664);
	c.report = (struct conf_report){ 0 };
	CHECK_EQ(conf_read(path, on_entry, &c, &c.report), -EINVAL);
	CHECK(strstr(c.report.text, "x.conf: is open to other users; "));
	chmod(path, 0644);
	if (geteuid() == 0) {
		c.report = (struct conf_report){ 0 };
		CHECK_EQ(chown(path, 65534, 65534), 0);
		CHECK_EQ(conf_read(path, on_entry, &c, &c.report), -EINVAL);
		CHECK(strstr(c.report.text, "x.conf: belongs to another user; "));
		CHECK_EQ(chown(path, 0, 0), 0);
	}
	memset(big, '\n', sizeof(big));
	f = fopen(path, "we");
	fwrite(big, 1, CONF_FILE_MAX, f);
	fclose(f);
	CHECK_EQ(conf_read(path, on_entry, &c, &c.report), 0);
	f = fopen(path, "we");
	fwrite(big, 1, sizeof(big), f);
	fclose(f);
	c.report = (struct conf_report){ 0 };
	CHECK_EQ(conf_read(path, on_entry, &c, &c.report), -EINVAL);
	CHECK(strstr(c.report.text, "x.conf: is too long"));
	unlink(path);
	CHECK_EQ(mkfifo(path, 0600), 0);
	c.report = (struct conf_report){ 0 };
	CHECK_EQ(conf_read(path, on_entry, &c, &c.report), -EINVAL);
	CHECK(strstr(c.report.text, "x.conf: is not a regular file"));
	unlink(path);
	unlink(link);
	CHECK_EQ(rmdir(dir), 0);
}

TEST_MAIN({ "what_is_taken", what_is_taken }, { "long_names_are_whole", long_names_are_whole },
	{ "errors_name_their_line", errors_name_their_line },
	{ "a_byte_order_mark_is_first_or_wrong", a_byte_order_mark_is_first_or_wrong },
	{ "a_line_is_never_continued", a_line_is_never_continued },
	{ "a_bad_section_ends_at_the_next", a_bad_section_ends_at_the_next },
	{ "long_lines", long_lines }, { "a_nul_is_no_end", a_nul_is_no_end }, { "values", values },
	{ "numbers", numbers }, { "many_errors", many_errors },
	{ "files_that_are_not_obeyed", files_that_are_not_obeyed });
