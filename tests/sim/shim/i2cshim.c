// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD shim: /dev/i2c-N of the calling program is a wire of a simulated monitor.
 *
 * Theory of operation: fakebox gives the program a /dev with empty files i2c-N and a table
 * /dev/i2cshim.conf, one line "N SOCKET ERRNO MS" a bus, so open(), stat(), flock() and
 * /proc/self/fd are the kernel's own. Here ioctl(), read() and write() on such a descriptor go
 * to the socket, each call over a connection of its own: nothing stays open between calls, a
 * fork shares nothing, and a monitor may come and go. A bus without a line, or whose socket
 * nobody serves, does not acknowledge. MS: a message without an answer takes that much longer,
 * because libddcutil 2 asks a deaf monitor again for a second and more where 1.4 gives up at once.
 * Not handled: SMBus ioctls, preadv and friends, and programs that enter the kernel without libc.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/cleanup.h"

enum { MAX_FD = 4096, ADDR_DDC = 0x37, OP_SET = 0x03 };

static const char table_path[] = "/dev/i2cshim.conf";
/* Slave address + 1 that I2C_SLAVE gave a descriptor, 0: not a bus as far as is known. */
static uint16_t slave_of[MAX_FD];

/* The bus behind a descriptor, or -1. */
static int bus_of(int fd)
{
	char link[64], path[PATH_MAX], *end;
	ssize_t n;
	long bus;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 10)
		return -1;
	path[n] = '\0';
	if (strncmp(path, "/dev/i2c-", 9))
		return -1;
	bus = strtol(path + 9, &end, 10);
	return *end ? -1 : (int)bus;
}

/* A connection to the bus's monitor, or the negative errno that a missing answer looks like. */
static int connect_bus(int bus, int *ret_nak, int *ret_silence_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	FILE *table = fopen(table_path, "re");
	CLEANUP_FD int fd = -1;
	bool found = false;
	int n;

	*ret_nak = ENXIO;
	*ret_silence_ms = 0;
	while (table && !found &&
		fscanf(table, "%d %107s %d %d\n", &n, addr.sun_path, ret_nak, ret_silence_ms) == 4)
		found = n == bus;
	if (table)
		fclose(table);
	if (!found)
		return -ENXIO;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -*ret_nak;
	return TAKE_FD(fd);
}

/* One I2C message over a connection; 0 or negative errno, -nak if it was not acknowledged. */
static int message(int fd, int nak, uint16_t addr, bool is_read, uint8_t *buf, uint16_t size)
{
	uint8_t head[4] = { (uint8_t)addr, is_read, (uint8_t)size, (uint8_t)(size >> 8) }, status;

	if (send(fd, head, sizeof(head), MSG_NOSIGNAL) != sizeof(head))
		return -nak;
	if (!is_read && size && send(fd, buf, size, MSG_NOSIGNAL) != size)
		return -nak;
	if (recv(fd, &status, 1, MSG_WAITALL) != 1 || status)
		return -nak;
	if (is_read && size && recv(fd, buf, size, MSG_WAITALL) != size)
		return -nak;
	return 0;
}

/* Not acknowledged, or a null message; both libraries are as quick to give up on a set. */
static bool is_silence(const struct i2c_msg *m, int err)
{
	bool is_read = m->flags & I2C_M_RD, ddc = m->addr == ADDR_DDC;

	if (err)
		return is_read || !ddc || m->len < 3 || m->buf[2] != OP_SET;
	return is_read && ddc && m->len > 1 && m->buf[1] == 0x80;
}

static int transfer(int bus, struct i2c_msg *msgs, unsigned n)
{
	CLEANUP_FD int fd = -1;
	int nak, silence_ms, err = 0;

	fd = connect_bus(bus, &nak, &silence_ms);
	for (unsigned i = 0; i < n && !err; i++) {
		err = fd < 0 ? fd
			     : message(fd, nak, msgs[i].addr, msgs[i].flags & I2C_M_RD, msgs[i].buf,
				       msgs[i].len);
		if (silence_ms && is_silence(&msgs[i], err))
			usleep((useconds_t)silence_ms * 1000);
	}
	return err ? err : (int)n;
}

static int bus_ioctl(int fd, int bus, unsigned long request, void *arg)
{
	struct i2c_rdwr_ioctl_data *data = arg;

	switch (request) {
	case I2C_FUNCS: *(unsigned long *)arg = I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL; return 0;
	case I2C_SLAVE:
	case I2C_SLAVE_FORCE:
		if (fd < MAX_FD)
			slave_of[fd] = (uint16_t)((uintptr_t)arg + 1);
		return 0;
	case I2C_RDWR:
		if (data->nmsgs > I2C_RDWR_IOCTL_MAX_MSGS)
			return -EINVAL;
		return transfer(bus, data->msgs, data->nmsgs);
	default: return -EOPNOTSUPP;
	}
}

static long finish(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	va_list args;
	void *arg;
	int bus = -1;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	if (request == I2C_FUNCS || request == I2C_RDWR || request == I2C_SLAVE ||
		request == I2C_SLAVE_FORCE || request == I2C_SMBUS)
		bus = bus_of(fd);
	if (bus < 0)
		return next(fd, request, arg);
	return (int)finish(bus_ioctl(fd, bus, request, arg));
}

/* read() or write() on a descriptor that I2C_SLAVE made a bus: true and the result, or false. */
static bool plain_io(int fd, bool is_read, void *buf, size_t size, ssize_t *ret)
{
	struct i2c_msg msg = { .flags = is_read ? I2C_M_RD : 0, .buf = buf };
	int bus, err;

	if (fd < 0 || fd >= MAX_FD || !slave_of[fd])
		return false;
	bus = bus_of(fd);
	if (bus < 0) {
		slave_of[fd] = 0; /* the number now means something else */
		return false;
	}
	msg.addr = (uint16_t)(slave_of[fd] - 1);
	msg.len = (uint16_t)(size > 8192 ? 8192 : size); /* the kernel's own limit */
	err = transfer(bus, &msg, 1);
	*ret = finish(err < 0 ? err : msg.len);
	return true;
}

ssize_t read(int fd, void *buf, size_t size)
{
	static ssize_t (*next)(int, void *, size_t);
	ssize_t n;

	if (!next)
		next = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	return plain_io(fd, true, buf, size, &n) ? n : next(fd, buf, size);
}

ssize_t write(int fd, const void *buf, size_t size)
{
	static ssize_t (*next)(int, const void *, size_t);
	ssize_t n;

	if (!next)
		next = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	return plain_io(fd, false, (void *)(uintptr_t)buf, size, &n) ? n : next(fd, buf, size);
}
