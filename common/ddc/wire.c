// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation: one I2C_RDWR transaction on /dev/i2c-N at a time; see wire.h. I2C_SLAVE is
 * not used, so a kernel driver that claimed the address (ddcci) is neither disturbed nor in the
 * way. The pause after a message is slept here, in a process that has nothing else to do.
 */
#include "common/ddc/wire.h"

#include "common/base/cleanup.h"

#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>

#define ADDR_DDC  0x37
#define ADDR_EDID 0x50
#define OP_SET    0x03

#define SETTLE_NSEC 50000000 /* DDC/CI 1.1, 4.4: the next message not before 50 ms */

static void node_path(int bus, char ret[32])
{
	snprintf(ret, 32, "/dev/i2c-%d", bus);
}

int wire_check_access(int bus)
{
	char path[32];

	node_path(bus, path);
	if (access(path, R_OK | W_OK) == 0)
		return 0;
	return errno == ENOENT ? -ENOENT : -EACCES;
}

static int transfer(int bus, struct i2c_msg *msgs, unsigned int n)
{
	struct i2c_rdwr_ioctl_data data = { .msgs = msgs, .nmsgs = n };
	CLEANUP_FD int fd = -1;
	char path[32];
	int r;

	node_path(bus, path);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	do
		r = ioctl(fd, I2C_RDWR, &data);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (unsigned int)r == n ? 0 : -EIO;
}

void wire_pack_set(uint8_t source, uint8_t feature, uint16_t value, uint8_t ret[WIRE_SET_SIZE])
{
	uint8_t sum = ADDR_DDC << 1;

	ret[0] = source;
	ret[1] = 0x80 | 4;
	ret[2] = OP_SET;
	ret[3] = feature;
	ret[4] = (uint8_t)(value >> 8);
	ret[5] = (uint8_t)value;
	for (int i = 0; i < WIRE_SET_SIZE - 1; i++)
		sum ^= ret[i];
	ret[WIRE_SET_SIZE - 1] = sum;
}

int wire_set(int bus, uint8_t source, uint8_t feature, uint16_t value)
{
	uint8_t bytes[WIRE_SET_SIZE];
	struct i2c_msg msg = { .addr = ADDR_DDC, .len = sizeof(bytes), .buf = bytes };
	struct timespec pause = { .tv_nsec = SETTLE_NSEC };
	int r;

	wire_pack_set(source, feature, value, bytes);
	r = transfer(bus, &msg, 1);
	while (r == 0 && nanosleep(&pause, &pause) < 0 && errno == EINTR)
		;
	return r;
}

int wire_read_edid(int bus, uint8_t ret_untrusted[EDID_BLOCK])
{
	uint8_t offset = 0;
	struct i2c_msg msgs[] = {
		{ .addr = ADDR_EDID, .len = 1, .buf = &offset },
		{ .addr = ADDR_EDID, .flags = I2C_M_RD, .len = EDID_BLOCK, .buf = ret_untrusted },
	};

	return transfer(bus, msgs, ARRAY_SIZE(msgs));
}
