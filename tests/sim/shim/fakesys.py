# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up /sys and /dev, as plain folders, and the mount namespace in which they are real.

Theory of operation: Tree builds folders of ordinary files and links that have the shape of
sysfs (PCI functions, IOMMU groups, DRM connectors, I2C adapters) and of /dev. enter() puts the
calling process where they are /sys and /dev; nothing changes for any other process. Because the
folders are ordinary, a test can pull a device out from under a running program (Tree.remove).
"""
import ctypes
import errno
import os
import pathlib
import shutil
import socket
import struct

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
REAL_NODES = ("null", "zero", "full", "random", "urandom", "tty", "pts")
IDS = {  # driver: vendor, device, what its I2C adapters are called
    "amdgpu": (0x1002, 0x73BF, "AMDGPU DM i2c hw bus {bus}"),
    "i915": (0x8086, 0x3E98, "i915 gmbus dpb"),
    "nouveau": (0x10DE, 0x2204, "nvkm-0000:01:00.0-bus-000{bus}"),
    "nvidia": (0x10DE, 0x2204, "NVIDIA i2c adapter {bus} at 1:00.0"),
}
KEYS = {"pci", "bridge", "driver", "class", "vendor", "device", "boot_vga", "group",
        "bus", "conn", "socket", "edid", "name", "nak", "ddc"}


def parse_spec(text):
    """"bus=4,pci=0000:03:00.0,conn=card0-DP-1,driver=amdgpu,socket=/x" as a dict."""
    spec = dict(part.partition("=")[::2] for part in text.split(",") if part)
    unknown = set(spec) - KEYS
    if unknown or "pci" not in spec:
        raise ValueError(f"{text}: " + (f"unknown {', '.join(unknown)}" if unknown else "no pci="))
    return spec


def read_edid(path):
    """The EDID that a wire answers with, b"" if nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(2)
            wire.connect(str(path))
            wire.sendall(bytes([0x50, 0, 1, 0, 0]))
            if wire.recv(1) != b"\0":
                return b""
            wire.sendall(bytes([0x50, 1, 128, 0]))
            if wire.recv(1) != b"\0":
                return b""
            return wire.recv(128, socket.MSG_WAITALL)
    except OSError:
        return b""


class Tree:
    """The folders sys/, dev/ and home/ below root, which must exist and be empty."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.sys, self.dev = self.root / "sys", self.root / "dev"
        self.buses, self.silence_ms = {}, 0
        for folder in ("bus/i2c/devices", "bus/pci/devices", "bus/pci/drivers", "class/i2c-dev",
                       "class/i2c-adapter", "class/drm", "devices/pci0000:00", "module/i2c_dev",
                       "kernel/iommu_groups", "fs/cgroup"):
            (self.sys / folder).mkdir(parents=True)
        for folder in (self.dev / "shm", self.root / "home", self.root / "udev"):
            folder.mkdir(parents=True)
        for name in REAL_NODES:
            real = pathlib.Path("/dev", name)
            if real.is_dir():
                (self.dev / name).mkdir()
            elif real.exists():
                (self.dev / name).touch()
        for name, to in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
            (self.dev / name).symlink_to("/proc/self/fd" + to)
        self._write_table()

    # --- building blocks

    def _files(self, folder, files):
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            data = value if isinstance(value, bytes) else f"{value}\n".encode()
            (folder / name).write_bytes(data)

    def _link(self, link, to):
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(to, link.parent))

    def _write_table(self):
        lines = [f"{bus} {path} {nak} {self.silence_ms}\n"
                 for bus, (path, nak) in sorted(self.buses.items())]
        fresh = self.dev / "i2cshim.conf.new"
        fresh.write_text("".join(lines))
        fresh.rename(self.dev / "i2cshim.conf")

    def set_silence(self, ms):
        """What is not answered takes so long, as with a library that asks again and again."""
        self.silence_ms = ms
        self._write_table()

    # --- PCI functions

    def _folder(self, pci, bridge):
        base = self.sys / "devices" / f"pci{pci.split(':')[0]}:00"
        return (base / bridge if bridge else base) / pci

    def add_function(self, pci, driver=None, cls=0x030000, vendor=None, device=None,
                     boot_vga=None, group=None, bridge=None):
        """A PCI function; the first of class 0300 is the boot VGA unless told otherwise."""
        if bridge and not (self.sys / "bus/pci/devices" / bridge).exists():
            self.add_function(bridge, "pcieport", 0x060400, 0x8086, 0x1901, group=group)
        folder = self._folder(pci, bridge)
        if folder.exists() and (folder / "class").exists():
            return folder
        known = IDS.get(driver, (0x10DE, 0x2204, ""))
        vendor, device = vendor or known[0], device or known[1]
        config = struct.pack("<HHHHBBHBBBB", vendor, device, 0x0407, 0x0010, 0xA1, cls & 0xFF,
                             cls >> 8, 0, 0, 1 if cls >> 8 == 0x0604 else 0, 0).ljust(64, b"\0")
        self._files(folder, {
            "class": f"0x{cls:06x}", "vendor": f"0x{vendor:04x}", "device": f"0x{device:04x}",
            "subsystem_vendor": f"0x{vendor:04x}", "subsystem_device": "0x0001",
            "revision": "0xa1", "irq": 0, "enable": 1, "config": config,
            "resource": "0x0000000000000000 0x0000000000000000 0x0000000000000000\n" * 13,
            "uevent": f"DRIVER={driver}\nPCI_CLASS={cls:X}\nPCI_ID={vendor:04X}:{device:04X}\n"
                      f"PCI_SLOT_NAME={pci}" if driver else f"PCI_SLOT_NAME={pci}",
        })
        if cls >> 8 == 0x0300:
            first = not any(self.sys.glob("bus/pci/devices/*/boot_vga"))
            (folder / "boot_vga").write_text(f"{int(first if boot_vga is None else boot_vga)}\n")
        self._link(folder / "subsystem", self.sys / "bus/pci")
        self._link(self.sys / "bus/pci/devices" / pci, folder)
        self.set_driver(pci, driver)
        if group is not None:
            self._link(self.sys / "kernel/iommu_groups" / str(group) / "devices" / pci, folder)
            self._link(folder / "iommu_group", self.sys / "kernel/iommu_groups" / str(group))
        return folder

    def set_driver(self, pci, driver):
        """What a bind or unbind leaves in /sys."""
        folder = (self.sys / "bus/pci/devices" / pci).resolve()
        link = folder / "driver"
        if link.is_symlink():
            link.unlink()
        if driver:
            own = self.sys / "bus/pci/drivers" / driver
            (self.sys / "module" / driver).mkdir(parents=True, exist_ok=True)
            self._link(own / "module", self.sys / "module" / driver)
            self._link(own / pci, folder)
            self._link(link, own)

    # --- connectors and buses

    def add(self, spec):
        """A function and, if it says bus= or conn=, a connector with a wire to a monitor."""
        number = lambda key, default=None: int(spec[key], 0) if key in spec else default
        gpu = self.add_function(spec["pci"], spec.get("driver"), number("class", 0x030000),
                                number("vendor"), number("device"), number("boot_vga"),
                                spec.get("group"), spec.get("bridge"))
        bus, conn = number("bus"), spec.get("conn")
        edid = b""
        if "edid" in spec:
            edid = pathlib.Path(spec["edid"]).read_bytes()
        elif "socket" in spec:
            edid = read_edid(spec["socket"])
        connector = self.add_connector(gpu, conn, edid, bus) if conn else None
        if bus is not None:
            below = connector if conn and "-DP-" in conn else gpu
            adapter = self.add_bus(bus, below, spec.get("name") or self._bus_name(spec, bus))
            if connector and "-DP-" not in conn and spec.get("ddc") != "0":
                self._link(connector / "ddc", adapter)
            nak = getattr(errno, spec.get("nak", "ENXIO"))
            self.buses[bus] = (spec.get("socket", "/nonexistent"), nak)
            self._write_table()

    def _bus_name(self, spec, bus):
        if "-DP-" in spec.get("conn", "") and spec.get("driver") == "amdgpu":
            return f"AMDGPU DM aux hw bus {bus}"
        return IDS.get(spec.get("driver"), IDS["amdgpu"])[2].format(bus=bus)

    def add_connector(self, gpu, conn, edid, number):
        name = conn.partition("-")[0]
        card = gpu / "drm" / name
        if not (card / "uevent").exists():
            minor = int(name.removeprefix("card"))
            self._files(card, {"dev": f"226:{minor}",
                               "uevent": f"MAJOR=226\nMINOR={minor}\nDEVNAME=dri/{name}\n"
                                         "DEVTYPE=drm_minor"})
            self._link(card / "device", gpu)
            self._link(card / "subsystem", self.sys / "class/drm")
            self._link(self.sys / "class/drm" / name, card)
        folder = card / conn
        self._files(folder, {
            "status": "connected" if edid else "disconnected", "dpms": "On" if edid else "Off",
            "enabled": "enabled" if edid else "disabled", "edid": edid,
            "modes": "1920x1080" if edid else b"", "connector_id": 80 + (number or 0),
            "uevent": "DEVTYPE=drm_connector"})
        self._link(folder / "device", card)
        self._link(folder / "subsystem", self.sys / "class/drm")
        self._link(self.sys / "class/drm" / conn, folder)
        if "-DP-" in conn and number is not None:
            self._files(folder / f"drm_dp_aux{number}", {"name": f"AUX {number}"})
        return folder

    def add_bus(self, bus, below, name):
        adapter = below / f"i2c-{bus}"
        node = adapter / "i2c-dev" / f"i2c-{bus}"
        self._files(adapter, {"name": name, "uevent": "DEVTYPE=i2c_adapter"})
        self._files(node, {"name": name, "dev": f"89:{bus}",
                           "uevent": f"MAJOR=89\nMINOR={bus}\nDEVNAME=i2c-{bus}"})
        self._link(adapter / "subsystem", self.sys / "bus/i2c")
        self._link(adapter / "device", below)
        self._link(node / "subsystem", self.sys / "class/i2c-dev")
        self._link(node / "device", adapter)
        self._link(self.sys / "bus/i2c/devices" / f"i2c-{bus}", adapter)
        self._link(self.sys / "class/i2c-dev" / f"i2c-{bus}", node)
        self._link(self.sys / "class/i2c-adapter" / f"i2c-{bus}", adapter)
        (self.dev / f"i2c-{bus}").touch()
        (self.dev / f"i2c-{bus}").chmod(0o666)
        return adapter

    def remove(self, bus):
        """The bus and its node vanish, as when the GPU's driver is unbound."""
        link = self.sys / "bus/i2c/devices" / f"i2c-{bus}"
        adapter = link.resolve()
        for connector in self.sys.glob("class/drm/card*-*"):
            ddc = connector / "ddc"
            if ddc.is_symlink() and ddc.resolve() == adapter:
                ddc.unlink()
        (self.dev / f"i2c-{bus}").unlink(missing_ok=True)
        for gone in (link, self.sys / "class/i2c-dev" / link.name,
                     self.sys / "class/i2c-adapter" / link.name):
            gone.unlink(missing_ok=True)
        shutil.rmtree(adapter)
        self.buses.pop(bus, None)
        self._write_table()


# --- the namespace ------------------------------------------------------------------------------

def _call(libc, name, *args):
    if getattr(libc, name)(*args) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def enter(root, binds=()):
    """Makes root/sys and root/dev this process's /sys and /dev. binds: (source, target) pairs."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    _call(libc, "unshare", CLONE_NEWNS | (CLONE_NEWUSER if uid else 0))
    if uid:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")

    def mount(source, target, flags):
        _call(libc, "mount", os.fsencode(source), os.fsencode(target), None,
              ctypes.c_ulong(flags), None)

    root = pathlib.Path(root)
    mount("none", "/", MS_REC | MS_PRIVATE)
    for name in REAL_NODES:
        if (root / "dev" / name).exists():
            mount(f"/dev/{name}", root / "dev" / name, MS_BIND | MS_REC)
    for source, target in binds:
        mount(source, target, MS_BIND | MS_REC)
    if os.path.isdir("/run/udev"):
        mount(root / "udev", "/run/udev", MS_BIND)
    mount(root / "sys", "/sys", MS_BIND | MS_REC)
    mount(root / "dev", "/dev", MS_BIND | MS_REC)


def environment(root, shim):
    """What programs in there need besides: the shim, and a libudev that accepts this /sys."""
    env = dict(os.environ)
    env.pop("XDG_CACHE_HOME", None)
    env.update(LD_PRELOAD=str(shim), SYSTEMD_DEVICE_VERIFY_SYSFS="0",
               HOME=str(pathlib.Path(root) / "home"))
    return env
