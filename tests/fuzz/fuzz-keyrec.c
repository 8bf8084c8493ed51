// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The key record's parser: a record that is taken has exactly one text, the one that was given;
 * one that is refused leaves nothing behind. Each input is tried as it is, and again with the
 * checksum line that it would need.
 */
#include "common/link/keyrec.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool cond)
{
	if (!cond)
		abort();
}

static void parse(const char *text, size_t len)
{
	char again[KEYREC_TEXT_MAX];
	unsigned int line = 99;
	struct keyrec k;
	enum va_err err;
	size_t n;

	memset(&k, 0x55, sizeof(k));
	err = keyrec_parse(text, len, &k, &line);
	if (err) {
		must(err == VA_E_MALFORMED || err == VA_E_AUTH);
		must(line >= 1 && line <= 14);
		must(sodium_is_zero((const uint8_t *)&k, sizeof(k)));
		return;
	}
	must(line == 0);
	must(keyrec_format(&k, again, sizeof(again), &n) == VA_OK);
	must(n == len && memcmp(again, text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key[] = "check = ";
	char *text;
	uint8_t sum[8];
	size_t n = 0;

	if (size > 2 * KEYREC_TEXT_MAX)
		return 0;
	text = malloc(size + sizeof(key) + 2 * sizeof(sum) + 1);
	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	parse(text, size);
	/* cut a checksum that is there, and put the right one */
	for (n = size; n > 0 && text[n - 1] != '\n'; n--)
		;
	if (n >= 25 && memcmp(text + n - 25, key, sizeof(key) - 1) == 0)
		n -= 25;
	crypto_generichash(sum, sizeof(sum), (const uint8_t *)text, n, NULL, 0);
	memcpy(text + n, key, sizeof(key) - 1);
	n += sizeof(key) - 1;
	sodium_bin2hex(text + n, 2 * sizeof(sum) + 1, sum, sizeof(sum));
	n += 2 * sizeof(sum);
	text[n++] = '\n';
	parse(text, n);
	free(text);
	return 0;
}
