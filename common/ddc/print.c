// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: replies printed; see print.h. All text in a reply is printable ASCII
 * (edid.h, escape.h), which leaves two characters to escape in JSON: too little to bind every
 * worker process to a JSON library.
 */
#include "common/ddc/print.h"

#include "common/ddc/quirks.h"
#include "common/ddc/serve.h"

#include <inttypes.h>

enum exit_code print_exit_code(uint32_t status)
{
	switch (status) {
	case DDC_OK: return EXIT_CODE_OK;
	case DDC_AMBIGUOUS:
	case DDC_FORBIDDEN: return EXIT_CODE_REFUSED;
	default: return EXIT_CODE_FAILED;
	}
}

static const char *or_dash(const char *s)
{
	return *s ? s : "-";
}

static void text_display(FILE *out, const struct ddc_display *d)
{
	fprintf(out, "%s  %s %s", d->key, d->id.maker, or_dash(d->id.name));
	if (*d->id.serial_str)
		fprintf(out, ", serial %s", d->id.serial_str);
	else if (monitor_has_serial(&d->id))
		fprintf(out, ", serial %" PRIu32, d->id.serial);
	else
		fputs(", no serial", out);
	fprintf(out, "\n    %s on %s, i2c-%d, ", or_dash(d->connector), or_dash(d->pci), d->bus);
	if (d->input >= 0)
		fprintf(out, "input 0x%02x", (unsigned int)d->input);
	else
		fputs(d->answers ? "input not read" : "does not answer", out);
	fputs(d->twin ? ", not the only one of its kind\n" : "\n", out);
	if (quirk_suggests_via(&d->id))
		fprintf(out, "    if setting an input has no effect: --via %s\n",
			quirk_via_name(quirk_suggests_via(&d->id)));
}

void print_text(FILE *out, const struct ddc_request *request, const struct ddc_reply *reply)
{
	if (request->head.op == DDC_DETECT || request->head.op == DDC_LIST) {
		for (uint32_t i = 0; i < reply->n_displays; i++)
			text_display(out, &reply->displays[i]);
	} else if (request->head.op == DDC_GET && reply->status == DDC_OK) {
		fprintf(out, "0x%02x\n", (unsigned int)reply->value);
	} else if (request->head.op == DDC_CAPS) {
		for (uint32_t i = 0; i < reply->n_displays; i++)
			fprintf(out, "0x%02x\n", reply->inputs[i]);
	}
}

static void json_string(FILE *out, const char *name, const char *value)
{
	fprintf(out, "\"%s\":\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		fputc(*value, out);
	}
	fputs("\",", out);
}

static void json_display(FILE *out, const struct ddc_display *d)
{
	fputs("{\"type\":\"display\",", out);
	json_string(out, "key", d->key);
	json_string(out, "maker", d->id.maker);
	json_string(out, "model", d->id.name);
	json_string(out, "serial", d->id.serial_str);
	json_string(out, "connector", d->connector);
	json_string(out, "pci", d->pci);
	fprintf(out, "\"bus\":%d,\"product\":%d,\"binary_serial\":%" PRIu32 ",", d->bus,
		d->id.product, d->id.serial);
	if (d->input >= 0)
		fprintf(out, "\"input\":%d,", d->input);
	else
		fputs("\"input\":null,", out);
	fprintf(out, "\"answers\":%s,\"twin\":%s}\n", d->answers ? "true" : "false",
		d->twin ? "true" : "false");
}

void print_json(FILE *out, const struct ddc_request *request, const struct ddc_reply *reply)
{
	enum exit_code code = print_exit_code(reply->status);

	for (uint32_t i = 0; request->head.op != DDC_CAPS && i < reply->n_displays; i++)
		json_display(out, &reply->displays[i]);
	fputs("{\"type\":\"result\",", out);
	json_string(out, "result", exit_code_name(code));
	json_string(out, "status", ddc_status_name(reply->status));
	json_string(out, "text", reply->detail);
	if (request->head.op == DDC_GET && reply->status == DDC_OK)
		fprintf(out, "\"value\":%d,", reply->value);
	if (request->head.op == DDC_CAPS) {
		fputs("\"inputs\":[", out);
		for (uint32_t i = 0; i < reply->n_displays; i++)
			fprintf(out, "%s%d", i ? "," : "", reply->inputs[i]);
		fputs("],", out);
	}
	fprintf(out, "\"exit\":%d,\"ms\":%" PRIu32 "}\n", (int)code, reply->took_ms);
}
