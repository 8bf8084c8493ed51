// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD shim: pipes that are keyboards, mice and /dev/uinput.
 *
 * Theory of operation: what is read from and written to them goes through the pipes as it is;
 * here are the ioctls of the two that a pipe does not have. All of uinput's succeed, and its
 * device is input77. EVIOCGRAB succeeds as well, unless the file that $EVDEVSHIM_HEARD names is
 * there: then QEMU has the device. The real kernel's answers are in rig_b_share.py.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/uinput.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	const char *heard = getenv("EVDEVSHIM_HEARD");
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) == UINPUT_IOCTL_BASE) {
		if (_IOC_NR(request) == _IOC_NR(UI_GET_SYSNAME(0)))
			snprintf(arg, _IOC_SIZE(request), "input77");
		return 0;
	}
	if (request == EVIOCGRAB) {
		if (!heard || access(heard, F_OK) < 0)
			return 0;
		errno = EBUSY;
		return -1;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	return real(fd, request, arg);
}
