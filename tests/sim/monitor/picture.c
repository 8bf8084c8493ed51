// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: three lines of text are chosen from the monitor's state; the same three
 * make the box of text and, in a small font scaled up, the PNG. One colour per input. libpng
 * does the file format.
 */
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "tests/sim/monitor/font.h"
#include "tests/sim/monitor/picture.h"

enum { WIDTH = 480, HEIGHT = 270, BOX = 42, LINES = 3 };

struct picture {
	char line[LINES][SIM_LABEL_SIZE + 24];
	unsigned scale[LINES];
	uint8_t colour[3];
};

static const uint8_t port_colours[SIM_MAX_PORTS][3] = {
	{ 0x1f, 0x5f, 0xbf },
	{ 0xb0, 0x4a, 0x1e },
	{ 0x2e, 0x7d, 0x32 },
	{ 0x7b, 0x3f, 0x98 },
};

static const char *input_name(uint16_t input)
{
	static const char *const names[] = { [0x01] = "VGA-1",
		[0x02] = "VGA-2",
		[0x03] = "DVI-1",
		[0x04] = "DVI-2",
		[0x0f] = "DP-1",
		[0x10] = "DP-2",
		[0x11] = "HDMI-1",
		[0x12] = "HDMI-2",
		[0x1b] = "USB-C" };

	return input < ARRAY_SIZE(names) && names[input] ? names[input] : "input";
}

static void compose(const struct sim_monitor *m, struct picture *ret)
{
	const struct sim_port *p = &m->ports[m->shown];

	*ret = (struct picture){ .scale = { 2, 6, 3 } };
	snprintf(ret->line[0], sizeof(ret->line[0]), "%s", *m->id.name ? m->id.name : "monitor");
	if (!m->power) {
		snprintf(ret->line[1], sizeof(ret->line[1]), "(no power)");
		return;
	}
	snprintf(ret->line[2], sizeof(ret->line[2]), "%s 0x%02x", input_name(p->input), p->input);
	if (m->pending >= 0) {
		snprintf(ret->line[1], sizeof(ret->line[1]), "(switching)");
		return;
	}
	if (!p->signal) {
		snprintf(ret->line[1], sizeof(ret->line[1]), "(no signal)");
		return;
	}
	snprintf(ret->line[1], sizeof(ret->line[1]), "%s", *p->label ? p->label : "a picture");
	memcpy(ret->colour, port_colours[m->shown], sizeof(ret->colour));
}

void picture_text(const struct sim_monitor *m, char *ret, size_t size)
{
	static const char dashes[] = "------------------------------------------";
	struct picture p;

	compose(m, &p);
	snprintf(ret, size, "+%.*s+\n| %-*.*s |\n|%*s|\n| %*s%-*.*s |\n|%*s|\n| %*s |\n+%.*s+\n",
		BOX, dashes, BOX - 2, BOX - 2, p.line[0], BOX, "",
		(BOX - 2 - (int)strlen(p.line[1])) / 2, "",
		BOX - 2 - (BOX - 2 - (int)strlen(p.line[1])) / 2, BOX - 2, p.line[1], BOX, "",
		BOX - 2, p.line[2], BOX, dashes);
}

static void draw_glyph(uint8_t *pixels, unsigned x, unsigned y, unsigned scale, char c)
{
	const uint8_t *columns = font_glyph(c);

	for (unsigned dx = 0; dx < FONT_WIDTH * scale; dx++)
		for (unsigned dy = 0; dy < FONT_HEIGHT * scale; dy++)
			if (columns[dx / scale] >> dy / scale & 1 && x + dx < WIDTH &&
				y + dy < HEIGHT)
				memset(pixels + 3 * ((size_t)(y + dy) * WIDTH + x + dx), 0xff, 3);
}

static void draw_line(uint8_t *pixels, unsigned y, unsigned scale, const char *text)
{
	unsigned len = (unsigned)strlen(text), advance = (FONT_WIDTH + 1) * scale, x;

	while (scale > 1 && len * advance > WIDTH - 20)
		advance = (FONT_WIDTH + 1) * --scale;
	x = len * advance < WIDTH ? (WIDTH - len * advance) / 2 : 0;
	for (; *text; text++, x += advance)
		draw_glyph(pixels, x, y, scale, *text);
}

static void draw(const struct sim_monitor *m, uint8_t *pixels)
{
	static const unsigned top[LINES] = { 16, 110, 220 };
	struct picture p;

	compose(m, &p);
	for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
		memcpy(pixels + 3 * i, p.colour, 3);
	for (int i = 0; i < LINES; i++)
		draw_line(pixels, top[i], p.scale[i], p.line[i]);
}

int picture_png(const struct sim_monitor *m, const char *path)
{
	png_image image = { .version = PNG_IMAGE_VERSION,
		.width = WIDTH,
		.height = HEIGHT,
		.format = PNG_FORMAT_RGB };
	CLEANUP(free) uint8_t *pixels = malloc(3 * (size_t)WIDTH * HEIGHT);
	CLEANUP(free) char *temporary = NULL;

	if (!pixels || asprintf(&temporary, "%s.new", path) < 0)
		return -ENOMEM;
	draw(m, pixels);
	if (!png_image_write_to_file(&image, temporary, 0, pixels, 0, NULL))
		return -EIO;
	return rename(temporary, path) < 0 ? -errno : 0;
}
