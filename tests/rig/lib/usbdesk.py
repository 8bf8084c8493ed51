# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up USB bus and keyboards' nodes, for va-hostd's VIRT_AID_ROOT."""
import os
import shutil
import struct

from . import base

KEYBOARD, MOUSE = (3, 1, 1), (3, 1, 2)
LETTERS = "402000007 ff803078f800d001 feffffdfffefffff fffffffffffffffe\n"
SCROLLLOCK, LEFTCTRL, RIGHTCTRL = 70, 29, 97


class UsbDesk(base.Closing):
    def __init__(self):
        self.root = base.scratch("usb-")
        self.bus = self.root / "sys/bus/usb/devices"
        self.bus.mkdir(parents=True)
        self.pipes = []
        base.keep(self)

    def plug(self, path, device, ids, *interfaces, serial=None):
        """path "1-2": bus 1, port 2. As the kernel has it when it is done with the device."""
        below = self.root / "sys/devices/pci0000:00/0000:00:14.0" / f"usb{path[0]}" / path
        (below / "driver").mkdir(parents=True)
        vendor, product = ids.split(":")
        for name, text in (("busnum", path[0]), ("devnum", device), ("idVendor", vendor),
                           ("idProduct", product), ("bDeviceClass", "00"), ("serial", serial)):
            if text is not None:
                (below / name).write_text(f"{text}\n")
        for n, triple in enumerate(interfaces):
            interface = below / f"{path}:1.{n}"
            interface.mkdir()
            for name, value in zip(("Class", "SubClass", "Protocol"), triple):
                (interface / f"bInterface{name}").write_text(f"{value:02x}\n")
            (self.bus / interface.name).symlink_to(interface)
        (self.bus / path).symlink_to(below)

    def pull(self, path):
        for link in self.bus.glob(f"{path}:*"):
            link.unlink()
        shutil.rmtree((self.bus / path).resolve())
        (self.bus / path).unlink()

    def node(self, number):
        """A keyboard's /dev/input/eventN: call what comes back with a key and 1 or 0."""
        keys = self.root / f"sys/class/input/event{number}/device/capabilities/key"
        keys.parent.mkdir(parents=True)
        keys.write_text(LETTERS)
        pipe = self.root / f"dev/input/event{number}"
        pipe.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(pipe)
        fd = os.open(pipe, os.O_RDWR | os.O_CLOEXEC)
        self.pipes.append(fd)

        def press(key, down):
            os.write(fd, struct.pack("llHHi", 0, 0, 1, key, down) +
                     struct.pack("llHHi", 0, 0, 0, 0, 0))
        return press

    def close(self):
        for fd in self.pipes:
            os.close(fd)
        shutil.rmtree(self.root, ignore_errors=True)
