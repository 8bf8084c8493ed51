// SPDX-License-Identifier: GPL-2.0-or-later
/* Cards for people and programs; see show.h. With --json: one object a line, the result last. */
#include "host/gpu/show.h"

#include "host/gpu/vendor.h"

#include "common/base/cleanup.h"
#include "common/base/escape.h"

#include <json-c/json.h>
#include <string.h>

static void put(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static void put_number(json_object *o, const char *key, uint16_t value)
{
	char text[8];

	(void)snprintf(text, sizeof(text), "%04x", value);
	put(o, key, text);
}

static void put_lines(json_object *o, const char *key, const char *lines, size_t n, size_t size)
{
	json_object *a = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(a, json_object_new_string(lines + i * size));
	json_object_object_add(o, key, a);
}

static void put_signs(json_object *o, unsigned int signs)
{
	json_object *a = json_object_new_array();

	if (signs & PCI_BOOT_VGA)
		json_object_array_add(a, json_object_new_string("boot_vga"));
	if (signs & PCI_BOOT_DISPLAY)
		json_object_array_add(a, json_object_new_string("boot_display"));
	if (signs & PCI_BOOT_FRAMEBUFFER)
		json_object_array_add(a, json_object_new_string("framebuffer"));
	json_object_object_add(o, "boot_signs", a);
}

static void print(json_object *o, FILE *to)
{
	(void)fprintf(to, "%s\n",
		json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void card_as_json(const struct card *c, FILE *to)
{
	json_object *o = json_object_new_object(), *members = json_object_new_array();
	char text[300];

	put(o, "type", "gpu");
	put(o, "address", c->pci.addr);
	put(o, "name", c->name);
	put_number(o, "class", c->pci.class);
	put_number(o, "vendor", c->pci.vendor);
	put_number(o, "device", c->pci.device);
	put(o, "driver", c->pci.driver[0] ? escape(c->pci.driver) : NULL);
	json_object_object_add(
		o, "iommu_group", c->pci.group < 0 ? NULL : json_object_new_int(c->pci.group));
	for (int i = 0; i < c->n_members; i++)
		json_object_array_add(members, json_object_new_string(c->members[i].addr));
	json_object_object_add(o, "group_members", members);
	json_object_object_add(o, "boot", json_object_new_boolean(c->boots));
	put_signs(o, c->boot_signs);
	put(o, "reset_methods", c->reset_known < 0 ? NULL : escape_str(c->reset, text, 300));
	put_lines(o, "troubles", c->troubles[0], c->n_troubles, TROUBLE_SIZE);
	put(o, "taken_by", c->taken_by[0] ? escape_str(c->taken_by, text, sizeof(text)) : NULL);
	print(o, to);
}

static void print_where(const struct card *c, FILE *to)
{
	char text[300];

	if (c->taken_by[0])
		(void)fprintf(to, "taken for %s", escape_str(c->taken_by, text, sizeof(text)));
	else if (vendor_is_stub(c->pci.driver))
		(void)fputs("free for guests", to);
	else
		(void)fputs(c->pci.driver[0] ? "the host's" : "nobody's", to);
}

void show_card_line(const struct card *c, bool json, FILE *to)
{
	if (json) {
		card_as_json(c, to);
		return;
	}
	(void)fprintf(to, "%s  %s\n    on %s, ", c->pci.addr, c->name,
		c->pci.driver[0] ? escape(c->pci.driver) : "no driver");
	if (c->pci.group < 0)
		(void)fputs("no IOMMU group, ", to);
	else
		(void)fprintf(to, "IOMMU group %d, ", c->pci.group);
	print_where(c, to);
	(void)fprintf(to, "%s\n", c->boots ? "; the host booted on it" : "");
	for (size_t i = 0; i < c->n_troubles; i++)
		(void)fprintf(to, "    known trouble: %s\n", c->troubles[i]);
}

static const char *class_name(uint16_t class)
{
	return class == 0x0300 ? "VGA" : class == 0x0302 ? "3D, no monitor" : "display";
}

void show_card(const struct card *c, bool json, FILE *to)
{
	if (json) {
		card_as_json(c, to);
		return;
	}
	show_card_line(c, false, to);
	(void)fprintf(to, "    class %04x (%s), %04x:%04x\n", c->pci.class,
		class_name(c->pci.class), c->pci.vendor, c->pci.device);
	if (c->boot_signs)
		(void)fprintf(to, "    signs of a boot GPU:%s%s%s\n",
			c->boot_signs & PCI_BOOT_VGA ? " boot_vga" : "",
			c->boot_signs & PCI_BOOT_DISPLAY ? " boot_display" : "",
			c->boot_signs & PCI_BOOT_FRAMEBUFFER ? " framebuffer" : "");
	for (int i = 0; i < c->n_members; i++)
		(void)fprintf(to, "    in its group: %s (%s)\n", c->members[i].addr,
			c->members[i].driver[0] ? escape(c->members[i].driver) : "no driver");
	(void)fprintf(to, "    reset: %s\n",
		c->reset_known < 0 ? "this kernel does not say how"
		: c->reset[0]      ? escape(c->reset)
				   : "none");
}

void show_ways(const char (*ways)[WAY_SIZE], size_t n, bool json, FILE *to)
{
	if (json) {
		json_object *o = json_object_new_object();

		put(o, "type", "ways-back");
		put_lines(o, "ways", ways[0], n, WAY_SIZE);
		print(o, to);
		return;
	}
	for (size_t i = 0; i < n; i++)
		(void)fprintf(to, "way back: %s\n", ways[i]);
	if (n == 0)
		(void)fputs("way back: NONE; if the card does not come back, only the power button "
			    "helps. Set up ssh first\n",
			to);
}

void show_hooks(const char (*notes)[HOOKS_NOTE_SIZE], size_t n, bool json, FILE *to)
{
	if (json) {
		json_object *o = json_object_new_object();

		put(o, "type", "hooks");
		put_lines(o, "notes", notes[0], n, HOOKS_NOTE_SIZE);
		print(o, to);
		return;
	}
	for (size_t i = 0; i < n; i++)
		(void)fprintf(to, "hook: %s\n", notes[i]);
}

void show_refusal(const char *why, FILE *to)
{
	json_object *o = json_object_new_object();

	put(o, "type", "refusal");
	put(o, "text", why);
	print(o, to);
}

void show_result(enum exit_code code, const char *text, FILE *to)
{
	json_object *o = json_object_new_object();

	put(o, "type", "result");
	put(o, "result", exit_code_name(code));
	json_object_object_add(o, "exit", json_object_new_int((int)code));
	put(o, "text", text);
	print(o, to);
}
