// SPDX-License-Identifier: GPL-2.0-or-later
/* va-ddc by hand; see cli.h. */
#include "common/ddc/cli.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"
#include "common/base/log.h"
#include "common/ddc/ddc-lib.h"
#include "common/ddc/input.h"
#include "common/ddc/print.h"
#include "common/ddc/quirks.h"
#include "common/ddc/serve.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"usage: va-ddc detect [--json]\n"
	"       va-ddc get KEY\n"
	"       va-ddc set KEY VALUE [--via WAY]\n"
	"       va-ddc caps KEY\n"
	"\n"
	"Looks for monitors on this machine's own GPUs; reads or sets the input source of\n"
	"one. KEY is what detect prints. VALUE is 0 to 0xffff. caps prints the input\n"
	"sources that the monitor declares, which need not be the ones that work.\n"
	"\n"
	"  --connector NAME  where several monitors have one key: the one at DP-1\n"
	"  --pci ADDRESS     the same, by GPU\n"
	"  --via lg          by LG's side channel (0xf4) in place of feature 0x60\n"
	"  --via 0xe2        by that feature of the manufacturer's, 0xe0 to 0xff\n"
	"  --via signal      VALUE 0: send the monitor no picture; 1: send it again\n"
	"  --json            one JSON object a line\n"
	"  --help --version\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 usage, 3 refused. See va-ddc(8).\n";

static const struct option options[] = {
	{ "connector", required_argument, NULL, 'c' },
	{ "pci", required_argument, NULL, 'p' },
	{ "via", required_argument, NULL, 'v' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static const struct {
	const char *name;
	enum ddc_op op;
	int n_words; /* behind the name */
} verbs[] = {
	{ "detect", DDC_DETECT, 0 },
	{ "get", DDC_GET, 1 },
	{ "set", DDC_SET, 2 },
	{ "caps", DDC_CAPS, 1 },
};

static int complain(const char *what, const char *untrusted_word)
{
	log_error("%s: \"%s\"; see va-ddc --help", what, escape(untrusted_word));
	return -1;
}

static int copy_word(char *ret, size_t size, const char *what, const char *word)
{
	if (strlen(word) >= size)
		return complain(what, word);
	memcpy(ret, word, strlen(word) + 1);
	return 0;
}

static int parse_key(const char *word, struct ddc_request *q)
{
	if (strlen(word) != MONITOR_KEY_SIZE - 1 ||
		strspn(word, "0123456789abcdef") != MONITOR_KEY_SIZE - 1)
		return complain("not a monitor's key (16 hex digits, as detect prints)", word);
	return copy_word(q->key, sizeof(q->key), "key too long", word);
}

static int parse_value(const char *word, struct ddc_request *q)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(word, &end, 0);
	if (errno || *end || *word < '0' || *word > '9' || value > UINT32_MAX ||
		!input_value_is_valid((uint32_t)value))
		return complain("not an input source (0 to 0xffff)", word);
	q->value = (uint32_t)value;
	return 0;
}

static int parse_words(int n, char **words, struct ddc_request *q)
{
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(words[0], verbs[i].name) != 0)
			continue;
		q->head.op = verbs[i].op;
		if (n - 1 != verbs[i].n_words)
			return complain("wrong number of words after", words[0]);
		if (n > 1 && parse_key(words[1], q) < 0)
			return -1;
		return n > 2 ? parse_value(words[2], q) : 0;
	}
	if (n == 0) {
		log_error("what is to be done? detect, get, set, caps; see va-ddc --help");
		return -1;
	}
	return complain("no such command", words[0]);
}

static int parse_via(const char *word, struct ddc_request *q)
{
	int via = quirk_via_by_name(word);

	if (via < 0)
		return complain("not a way to set the input source (standard, lg, signal, "
				"0xe0 to 0xff)",
			word);
	q->via = (uint32_t)via;
	return 0;
}

/* 1: go on; 0: printed what was asked for; -1: complained. */
static int parse_options(int argc, char **argv, FILE *out, struct ddc_request *q, bool *ret_json)
{
	int c, r = 1;

	while (r == 1 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			r = copy_word(q->connector, sizeof(q->connector), "connector", optarg);
			break;
		case 'p': r = copy_word(q->pci, sizeof(q->pci), "PCI address", optarg); break;
		case 'v': r = parse_via(optarg, q); break;
		case 'j': *ret_json = true; break;
		case 'h': fputs(usage, out); return 0;
		case 'V':
			fprintf(out, "va-ddc %s, libddcutil %s\n", VA_VERSION, ddc_lib_version());
			return 0;
		default: return -1;
		}
		if (r == 0)
			r = 1;
	}
	return r;
}

static void advise(const struct ddc_reply *reply)
{
	static const char *const advice[] = {
		[DDC_NO_MONITOR] = "see va-ddc detect",
		[DDC_AMBIGUOUS] = "add --connector or --pci; see va-ddc detect",
		[DDC_NO_ANSWER] = "is DDC/CI on in its menu, and is it awake?",
		[DDC_REFUSED] = "is DDC/CI on in its menu? Try from the machine that is shown",
		[DDC_NO_ACCESS] = "modprobe i2c-dev; be root or in group i2c",
		[DDC_FORBIDDEN] = "see va-ddc --help",
		[DDC_BROKEN] = "see whether ddcutil detect works",
		[DDC_NO_RIGHT] = "be root; in a service, see --via signal in va-ddc(8)",
	};

	if (reply->status != DDC_OK)
		log_error("%s: %s; %s", ddc_status_name(reply->status), reply->detail,
			advice[reply->status]);
}

int cli_main(int argc, char **argv, FILE *out)
{
	struct ddc_request request = { 0 };
	struct roster roster = { 0 };
	struct ddc_reply reply;
	bool json = false;
	int r = parse_options(argc, argv, out, &request, &json);

	if (r == 0)
		return EXIT_CODE_OK;
	if (r < 0 || parse_words(argc - optind, argv + optind, &request) < 0)
		return EXIT_CODE_USAGE;
	serve_request(&roster, &request, &reply);
	if (json)
		print_json(out, &request, &reply);
	else
		print_text(out, &request, &reply);
	if (!json)
		advise(&reply);
	if (!json && reply.status == DDC_OK && request.head.op == DDC_DETECT && !reply.n_displays)
		log_info("no monitor found on an I2C bus of this machine");
	return (int)print_exit_code(reply.status);
}
