// SPDX-License-Identifier: GPL-2.0-or-later
/* Devices and drivers; see device.h. */
#include "host/gpu/device.h"

#include "host/gpu/holders.h"
#include "host/gpu/vendor.h"

#include "common/base/escape.h"

#include <stdio.h>
#include <string.h>

#define DEVICES "/sys/bus/pci/devices"
#define DRIVERS "/sys/bus/pci/drivers"

int device_read_override(struct machine *m, const char *addr, char ret[PCI_DRIVER_SIZE])
{
	char text[64];
	ssize_t n = machine_read(m, text, sizeof(text), DEVICES "/%s/driver_override", addr);

	ret[0] = '\0';
	if (n < 0)
		return machine_fail(m, (int)n, "driver_override of %s cannot be read: %s", addr,
			strerrordesc_np((int)-n));
	if (strcmp(text, "(null)") != 0 && strlen(text) < PCI_DRIVER_SIZE)
		memcpy(ret, text, strlen(text) + 1);
	return 0;
}

int device_write_override(struct machine *m, const char *addr, const char *driver)
{
	return machine_write(m, driver[0] ? driver : "\n", DEVICES "/%s/driver_override", addr);
}

/* "" for none; -ENODEV. */
static int driver_of(struct machine *m, const char *addr, char ret[PCI_DRIVER_SIZE])
{
	struct pci_device dev;
	int r = pci_read_device(m->sys, addr, &dev);

	if (r < 0)
		return machine_fail(m, r, "%s is not there any more", addr);
	memcpy(ret, dev.driver, PCI_DRIVER_SIZE);
	return 0;
}

int device_detach(struct machine *m, const char *addr, const char *driver)
{
	char now[PCI_DRIVER_SIZE];
	int r = driver_of(m, addr, now);

	if (r < 0 || strcmp(now, driver) != 0)
		return r; /* gone from it already */
	r = machine_write(m, addr, DRIVERS "/%s/unbind", driver);
	if (r == 0)
		r = driver_of(m, addr, now);
	if (r == 0 && now[0])
		return machine_fail(m, -EBUSY, "%s is still on %s after its unbind", addr, now);
	return r;
}

/* Probing may go on after the write has returned. */
static int wait_for_driver(struct machine *m, const char *addr, const char *wanted)
{
	uint64_t end = machine_now_ms() + m->limit.write;
	char now[PCI_DRIVER_SIZE];
	int r;

	do {
		r = driver_of(m, addr, now);
		if (r == 0 && !strcmp(now, wanted))
			return 0;
	} while (machine_wait(m, end));
	return r < 0 ? r
		     : machine_fail(m, -EIO, "%s did not take %s (it is on %s)", wanted, addr,
			       now[0] ? now : "no driver");
}

int device_bind_stub(struct machine *m, const char *addr)
{
	char now[PCI_DRIVER_SIZE];
	int r = driver_of(m, addr, now);

	if (r < 0 || !strcmp(now, "vfio-pci"))
		return r;
	r = machine_write(m, addr, "/sys/bus/pci/drivers_probe");
	return r < 0 ? r : wait_for_driver(m, addr, "vfio-pci");
}

static int rescan(struct machine *m, const char *addr)
{
	uint64_t end = machine_now_ms() + m->limit.write;
	int r = machine_write(m, "1", "/sys/bus/pci/rescan");

	if (r < 0)
		return r;
	while (!machine_exists(m, DEVICES "/%s", addr))
		if (!machine_wait(m, end))
			return machine_fail(
				m, -ENODEV, "%s is not found again by a scan of the bus", addr);
	return 0;
}

int device_bring_home(struct machine *m, const char *addr, const char *home)
{
	char now[PCI_DRIVER_SIZE] = "", override[PCI_DRIVER_SIZE] = "", comm[32];
	pid_t pid;
	int r = machine_exists(m, DEVICES "/%s", addr) ? 0 : rescan(m, addr);

	if (r == 0)
		r = driver_of(m, addr, now);
	if (r < 0 || !strcmp(now, home))
		return r;
	if (now[0] && !vendor_is_stub(now))
		return machine_fail(m, -EBUSY,
			"%s is on %s, which is neither %s nor a stub; "
			"somebody else has moved it",
			addr, now, home[0] ? home : "nothing");
	r = device_read_override(m, addr, override);
	if (r == 0 && strcmp(override, home) != 0)
		r = device_write_override(m, addr, home);
	if (r == 0 && now[0]) {
		/* it would wait for that process, and not be killed */
		if (device_user(m, addr, &pid, comm) > 0)
			return machine_fail(m, -EBUSY, "%s is in use by %s (pid %d)", addr,
				escape(comm), (int)pid);
		r = device_detach(m, addr, now);
	}
	if (r < 0 || !home[0])
		return r;
	r = machine_write(m, addr, "/sys/bus/pci/drivers_probe");
	return r < 0 ? r : wait_for_driver(m, addr, home);
}

int device_find_again(struct machine *m, const char *addr, const char *home)
{
	char comm[32];
	pid_t pid;
	int r = 0;

	if (device_user(m, addr, &pid, comm) > 0)
		return machine_fail(
			m, -EBUSY, "%s is in use by %s (pid %d)", addr, escape(comm), (int)pid);
	if (machine_exists(m, DEVICES "/%s/remove", addr))
		r = machine_write(m, "1", DEVICES "/%s/remove", addr);
	return r < 0 ? r : device_bring_home(m, addr, home);
}

int device_user(struct machine *m, const char *addr, pid_t *ret_pid, char ret_comm[32])
{
	struct pci_device dev;
	struct nodes nodes = { 0 };
	struct holder h;
	int r = pci_read_device(m->sys, addr, &dev);

	if (r < 0 || dev.group < 0)
		return 0;
	nodes_add_path(m, &nodes, false, "/dev/vfio/%d", dev.group);
	r = holders_scan(m, &nodes, INIT_NONE, "", &h, 1);
	if (r <= 0)
		return r;
	*ret_pid = h.pid;
	memcpy(ret_comm, h.comm, sizeof(h.comm));
	return 1;
}

bool device_any_gpu(const struct machine *m)
{
	struct pci_device gpus[PCI_MAX_DEVICES];
	int n = pci_list_gpus(m->sys, gpus, PCI_MAX_DEVICES);

	for (int i = 0; i < n; i++)
		if (gpus[i].driver[0] && !vendor_is_stub(gpus[i].driver))
			return true;
	return false;
}
