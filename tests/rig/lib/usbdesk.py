# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up USB bus and keyboards' nodes, for va-hostd's VIRT_AID_ROOT."""
import os
import shutil
import struct

from . import base

KEYBOARD, MOUSE = (3, 1, 1), (3, 1, 2)
LETTERS = "402000007 ff803078f800d001 feffffdfffefffff fffffffffffffffe\n"
EV_KEY, EV_REL, EVENT = 1, 2, struct.Struct("llHHi")
SCROLLLOCK, LEFTCTRL, RIGHTCTRL = 70, 29, 97


class UsbDesk(base.Closing):
    def __init__(self):
        self.root = base.scratch("usb-")
        self.bus = self.root / "sys/bus/usb/devices"
        self.bus.mkdir(parents=True)
        self.pipes = {}
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

    def _pipe(self, name):
        return self._pipe_at(name, self.root / "dev" / name)

    def _pipe_at(self, name, pipe):
        pipe.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(pipe)
        self.pipes[name] = os.open(pipe, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        return self.pipes[name]

    def node(self, number, path=None, keys=LETTERS):
        """A keyboard's /dev/input/eventN, of the device that was plugged in at path, if that
        matters: call what comes back with a key and 1 or 0, and a type that is not EV_KEY."""
        link = self.root / f"sys/class/input/event{number}"
        link.parent.mkdir(parents=True, exist_ok=True)
        if path:
            node = (self.bus / f"{path}:1.0").resolve() / f"input/input{number}/event{number}"
            node.mkdir(parents=True)
            (node / "device").symlink_to("..")
            link.symlink_to(node)
        (link / "device/capabilities").mkdir(parents=True, exist_ok=True)
        (link / "device/capabilities/key").write_text(keys)
        return self._presses(self._pipe(f"input/event{number}"))

    def pipe_node(self, path):
        """A keyboard's node alone, at that path."""
        return self._presses(self._pipe_at(str(path), path))

    @staticmethod
    def _presses(fd):
        def press(key, down, kind=EV_KEY):
            os.write(fd, EVENT.pack(0, 0, kind, key, down) + EVENT.pack(0, 0, 0, 0, 0))
        return press

    def pull_node(self, number):
        """Whoever has it open reads its end."""
        os.close(self.pipes.pop(f"input/event{number}"))
        (self.root / f"sys/class/input/event{number}").unlink()
        (self.root / f"dev/input/event{number}").unlink()

    def uinput(self):
        """/dev/uinput as evdevshim has it; heard: a file that is there while QEMU listens. Call
        what comes back for [(type, code, value), ...] that was sent there since."""
        (self.root / "sys/class/input/input77/event88").mkdir(parents=True)
        self._pipe("input/event88")
        fd = self._pipe("uinput")
        self.heard = self.root / "heard"
        self.heard.touch()

        return self._sent(fd)

    def other_uinput(self):
        """The same, a device that was made before: /dev/uinput2."""
        return self._sent(self._pipe("uinput2"))

    @staticmethod
    def _sent(fd):
        def sent():
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                return []
            return [e[2:] for e in EVENT.iter_unpack(data)]
        return sent

    def close(self):
        for fd in self.pipes.values():
            os.close(fd)
        shutil.rmtree(self.root, ignore_errors=True)
