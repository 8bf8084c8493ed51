// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: the only file that includes libddcutil's headers; see ddc-lib.h. What
 * differs between 1.4.x and 2.x in what is used here is initialisation alone: 2.x must be told
 * not to read the user's configuration nor to write to syslog, and detects within that call.
 *
 * Feature 0x60 is read and written with the non-table calls, which do not ask the library's
 * tables: monitors that claim MCCS 3.0 make it a table feature there.
 */
#include "common/ddc/ddc-lib.h"

#include "common/base/escape.h"

#include <ddcutil_c_api.h>
#include <ddcutil_macros.h>
#include <ddcutil_status_codes.h>
#include <stdio.h>
#include <string.h>

/* ddcutil's numbers for displays that it lists without a number of their own */
#define DISPNO_IS_PHANTOM -2 /* the same EDID on a connector with nothing plugged in */
#define DISPNO_IS_REMOVED -3

static bool started;

struct ddc_outcome ddc_outcome(enum ddc_status status, const char *detail)
{
	struct ddc_outcome o = { .status = status };

	escape_str(detail ? detail : "", o.detail, sizeof(o.detail));
	return o;
}

static struct ddc_outcome rc_outcome(enum ddc_status status, DDCA_Status rc)
{
	const char *name = ddca_rc_name(rc), *desc = ddca_rc_desc(rc);
	char text[160];

	snprintf(text, sizeof(text), "%s (%d): %s", name ? name : "error", (int)rc,
		desc ? desc : "-");
	return ddc_outcome(status, text);
}

/* otherwise: what a failure of the wire means for this call. */
static struct ddc_outcome outcome_of(DDCA_Status rc, enum ddc_status otherwise)
{
	switch (rc) {
	case 0: return ddc_outcome(DDC_OK, "");
	case -ENODEV: return rc_outcome(DDC_NO_MONITOR, rc);
	case -ENOENT:
	case -EACCES:
	case -EPERM: return rc_outcome(DDC_NO_ACCESS, rc);
	case -ENOMEM:
	case DDCRC_ARG:
	case DDCRC_INVALID_OPERATION:
	case DDCRC_UNIMPLEMENTED:
	case DDCRC_UNINITIALIZED:
	case DDCRC_INTERNAL_ERROR:
	case DDCRC_LOCKED:
	case DDCRC_ALREADY_OPEN: return rc_outcome(DDC_BROKEN, rc);
	default: return rc_outcome(otherwise, rc);
	}
}

/* The library prints at length about what it cannot find; nobody reads it. */
static int silence(void)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (!nowhere)
		return -errno;
	ddca_set_fout(nowhere);
	ddca_set_ferr(nowhere);
	return 0;
}

/* "": the library's defaults, with its locks between processes; NULL would turn those off. */
static DDCA_Status initialise(void)
{
#if DDCUTIL_VMAJOR >= 2
	return ddca_init("", DDCA_SYSLOG_NEVER, DDCA_INIT_OPTIONS_DISABLE_CONFIG_FILE);
#else
	return 0;
#endif
}

static DDCA_Status start(void)
{
	DDCA_Status rc;

	if (started)
		return ddca_redetect_displays();
	rc = silence();
	if (rc == 0)
		rc = initialise();
	if (rc == 0) {
		ddca_set_output_level(DDCA_OL_TERSE);
		/* ours to do, and 0x60 is never verified anyway; the default differs by release */
		ddca_enable_verify(false);
		started = true;
	}
	return rc;
}

static bool is_wanted(const DDCA_Display_Info *info)
{
	return info->path.io_mode == DDCA_IO_I2C && info->dispno != DISPNO_IS_PHANTOM &&
	       info->dispno != DISPNO_IS_REMOVED;
}

int ddc_lib_detect(struct ddc_lib_display *ret, size_t max, struct ddc_outcome *ret_outcome)
{
	DDCA_Display_Info_List *list = NULL;
	DDCA_Status rc = start();
	size_t n = 0;

	if (rc == 0)
		rc = ddca_get_display_info_list2(true, &list);
	*ret_outcome = outcome_of(rc, DDC_BROKEN);
	if (rc != 0)
		return -1;
	for (int i = 0; list && i < list->ct && n < max; i++) {
		const DDCA_Display_Info *info = &list->info[i];

		if (!is_wanted(info))
			continue;
		memcpy(ret[n].edid, info->edid_bytes, EDID_BLOCK);
		ret[n].bus = info->path.path.i2c_busno;
		ret[n].answers = info->dispno > 0;
		ret[n].ref = info->dref;
		n++;
	}
	if (list)
		ddca_free_display_info_list(list);
	return (int)n;
}

/* wait is false: waiting for a display that another thread holds never ends in 2.0 to 2.2.0. */
static DDCA_Status open_display(void *ref, DDCA_Display_Handle *ret)
{
	return ddca_open_display2(ref, false, ret);
}

struct ddc_outcome ddc_lib_get(void *ref, uint8_t feature, uint16_t *ret_value)
{
	DDCA_Non_Table_Vcp_Value value = { 0 };
	DDCA_Display_Handle handle = NULL;
	DDCA_Status rc = open_display(ref, &handle);

	if (rc != 0)
		return outcome_of(rc, DDC_NO_ANSWER);
	rc = ddca_get_non_table_vcp_value(handle, feature, &value);
	ddca_close_display(handle);
	*ret_value = (uint16_t)(value.sh << 8 | value.sl);
	return outcome_of(rc, DDC_NO_ANSWER);
}

struct ddc_outcome ddc_lib_set(void *ref, uint8_t feature, uint16_t value)
{
	DDCA_Display_Handle handle = NULL;
	DDCA_Status rc = open_display(ref, &handle);

	if (rc != 0)
		return outcome_of(rc, DDC_NO_ANSWER);
	rc = ddca_set_non_table_vcp_value(handle, feature, (uint8_t)(value >> 8), (uint8_t)value);
	ddca_close_display(handle);
	return outcome_of(rc, DDC_REFUSED);
}

struct ddc_outcome ddc_lib_caps(void *ref, char *ret, size_t size)
{
	DDCA_Display_Handle handle = NULL;
	char *text = NULL;
	DDCA_Status rc = open_display(ref, &handle);

	ret[0] = '\0';
	if (rc != 0)
		return outcome_of(rc, DDC_NO_ANSWER);
	rc = ddca_get_capabilities_string(handle, &text);
	ddca_close_display(handle);
	if (rc == 0 && text)
		snprintf(ret, size, "%s", text);
	free(text);
	return outcome_of(rc, DDC_NO_ANSWER);
}

const char *ddc_lib_version(void)
{
	return ddca_ddcutil_version_string();
}
