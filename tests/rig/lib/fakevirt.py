# SPDX-License-Identifier: GPL-2.0-or-later
"""A va-virt without libvirt: machines are files, and do what a test says.

Machines(desk, alpha=[...PCI devices], ...) puts this program into va-hostd's libexec and keeps
the guests of a Joined desk in step: one that is started gets its pipe and its agent, one that
goes off loses both. A guest whose agent was told to power off goes off, unless it is stubborn.

    machines.state("alpha")                 "off" or "running"
    machines.set("alpha", "running")        as if somebody else had started it
    machines.habit("beta", "start", "fail") of start, shutdown, destroy, attach, detach: fail,
                                            hang, ignore, slow (a moment before it is done, and
                                            one after, when the log has "did ..."), or wait (for
                                            another habit); "" ends it
    machines.undefine("beta")               libvirt has it no more
    machines.crash("alpha")                 its QEMU is killed: it is off, what it had is free
    machines.refuse(True)                   libvirt's daemon has ended: connections are lost, what
                                            is under way fails whether it was done or not, until
                                            refuse(False)
    machines.usb("alpha")                   {(bus, device), ...} it has
    machines.log()                          ["start beta", "attach alpha 1/5", ...]
"""
import ctypes
import os
import pathlib
import select
import signal
import socket
import sys
import threading
import time

STATES = {"off": 0, "running": 1, "paused": 2, "stopping": 3}
CHANNEL, PERSISTENT = 1, 0x20
CONNECTION, DOMAIN, GONE, SYNCED = 1, 2, 3, 4
START, SHUTDOWN, DESTROY, ATTACH, DETACH = 30, 31, 32, 34, 35
NAMES = {START: "start", SHUTDOWN: "shutdown", DESTROY: "destroy", ATTACH: "attach",
         DETACH: "detach"}
ENOENT, EIO, EBUSY, ENOTCONN, ETIMEDOUT = 2, 5, 16, 107, 110
MOMENT = 0.15  # seconds


class Head(ctypes.Structure):
    _fields_ = [("op", ctypes.c_uint32), ("id", ctypes.c_uint32)]


class Usb(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint16) for n in ("bus", "device", "vendor", "product")]


class Domain(ctypes.Structure):
    _fields_ = [("head", Head), ("uuid", ctypes.c_char * 37), ("name", ctypes.c_char * 256),
                ("state", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("n_hostdevs", ctypes.c_uint32), ("hostdevs", (ctypes.c_char * 20) * 32),
                ("n_usb", ctypes.c_uint32), ("usb", Usb * 16)]


class Connection(ctypes.Structure):
    _fields_ = [("head", Head), ("up", ctypes.c_uint32), ("uri", ctypes.c_char * 128),
                ("detail", ctypes.c_char * 160)]


class Request(ctypes.Structure):
    _fields_ = [("head", Head), ("uuid", ctypes.c_char * 37), ("limit_ms", ctypes.c_uint32),
                ("usb", Usb)]


class Reply(ctypes.Structure):
    _fields_ = [("head", Head), ("error", ctypes.c_int32), ("flags", ctypes.c_uint32),
                ("detail", ctypes.c_char * 200)]


def _write(path, text):
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    fresh.write_text(text)
    fresh.rename(path)


class Machines:
    def __init__(self, desk, **devices):
        from .joined import wrapper  # not needed by the program
        self.desk, self.dir = desk, desk.dir / "virt"
        self.dir.mkdir()
        self.stubborn, self.mute = set(), set()
        self._up, self._over, self._lock = set(), threading.Event(), threading.Lock()
        for n, (name, pci) in enumerate(devices.items()):
            (self.dir / f"{name}.pci").write_text(" ".join(pci))
            (self.dir / f"{name}.uuid").write_text(f"00000000-0000-4000-8000-{n + 1:012}")
            self.set(name, "off")
        wrapper(desk.host.libexec / "va-virt", [sys.executable, "-E", "-S", __file__, self.dir])
        for name in devices:
            desk.relays[name].stop()
        self._thread = threading.Thread(target=self._keep_in_step, daemon=True)
        self._thread.start()

    def state(self, name):
        return (self.dir / f"{name}.state").read_text()

    def set(self, name, state):
        _write(self.dir / f"{name}.state", state)

    def habit(self, name, op, what):
        _write(self.dir / f"{name}.{op}", what)

    def undefine(self, name):
        (self.dir / f"{name}.gone").touch()

    def crash(self, name):
        """Whether it ran."""
        ran = self.state(name) != "off"
        self.set(name, "off")
        (self.dir / f"{name}.usb").unlink(missing_ok=True)
        return ran

    def refuse(self, on):
        (self.dir / "refuse").touch() if on else (self.dir / "refuse").unlink()

    def usb(self, name):
        return _usb(self.dir, name)

    def log(self):
        path = self.dir / "log"
        return path.read_text().splitlines() if path.exists() else []

    def close(self):
        self._over.set()
        self._thread.join()

    def _keep_in_step(self):
        names = [p.stem for p in self.dir.glob("*.uuid")]
        while not self._over.wait(0.03):
            for name in names:
                agent = self.desk.guests[name]
                if agent.shut_down.exists():
                    agent.shut_down.unlink()
                    if name not in self.stubborn:
                        self.set(name, "off")
                if self.state(name) == "off":
                    self._down(name)
                elif name not in self._up:
                    self._up.add(name)
                    self.desk.relays[name].start()
                    if name not in self.mute:
                        agent.start()

    def _down(self, name):
        if name in self._up:
            self._up.remove(name)
            if self.desk.guests[name].process:
                self.desk.guests[name].kill()
            self.desk.relays[name].stop()


# --- the program

def _usb(folder, name):
    path = folder / f"{name}.usb"
    return {tuple(map(int, line.split("/"))) for line in path.read_text().split()} \
        if path.exists() else set()


def _move(folder, name, op, usb):
    path, place = folder / f"{name}.usb", (usb.bus, usb.device)
    has = _usb(folder, name)
    now = has | {place} if op == "attach" else has - {place}
    _write(path, " ".join(f"{bus}/{device}" for bus, device in sorted(now)))


def _domain(folder, name):
    op = GONE if (folder / f"{name}.gone").exists() else DOMAIN
    d = Domain(head=Head(op, 0), name=name.encode(),
               uuid=(folder / f"{name}.uuid").read_text().encode(), flags=CHANNEL | PERSISTENT,
               state=STATES[(folder / f"{name}.state").read_text()])
    for pci in (folder / f"{name}.pci").read_text().split():
        d.hostdevs[d.n_hostdevs].value = pci.encode()
        d.n_hostdevs += 1
    for bus, device in sorted(_usb(folder, name)) if d.state else ():
        d.usb[d.n_usb] = Usb(bus, device, 0, 0)
        d.n_usb += 1
    return bytes(d)


def _tell_connection(core, up, detail=b""):
    core.send(bytes(Connection(head=Head(CONNECTION, 0), up=up, uri=b"fake:///", detail=detail)))


def _watch(folder, core):
    names = sorted(p.stem for p in folder.glob("*.uuid"))
    refuse = folder / "refuse"
    told, up = {}, None
    while True:
        there = not refuse.exists()
        if there != up:
            told, up = {}, there
            _tell_connection(core, up, b"" if up else b"libvirt closed the connection")
        for name in names if up else ():
            now = _domain(folder, name)
            if told.get(name) != now:
                told[name] = now
                core.send(now)
        if up and None not in told:
            told[None] = b""
            core.send(bytes(Connection(head=Head(SYNCED, 0), up=1)))
        if select.select([core], [], [], 0.03)[0] and not core.recv(8192):
            return


def _do(folder, core):
    request = Request.from_buffer_copy(core.recv(8192))
    op, uuid = NAMES[request.head.op], request.uuid.decode()
    name = next(p.stem for p in folder.glob("*.uuid") if p.read_text() == uuid)
    with open(folder / "log", "a") as log:
        moves = op in ("attach", "detach")
        log.write(f"{op} {name}" + (f" {request.usb.bus}/{request.usb.device}" if moves else "")
                  + "\n")
    if (folder / f"{name}.gone").exists():
        core.send(bytes(Reply(head=request.head, error=-ENOENT, detail=b"Domain not found")))
        return
    core.send(bytes(Reply(request.head, *_act(folder, name, op, request.usb))))


def _act(folder, name, op, usb):
    """As the machine's habit is: (error, flags, detail)."""
    habit, refuse = folder / f"{name}.{op}", folder / "refuse"
    what = habit.read_text() if habit.exists() else ""
    lost = -ETIMEDOUT, 0, b"libvirt closed the connection"
    if refuse.exists():
        return -ENOTCONN, 0, b"there is no libvirt"
    while what == "wait":
        select.select([], [], [], 0.02)
        what = habit.read_text()
    if what == "hang":
        signal.pause()
    if what == "slow":
        time.sleep(MOMENT)
    if refuse.exists():
        return lost
    if what in ("", "slow") and not _obey(folder, name, op, usb):
        return -EBUSY, 0, b"it does not run"
    if what == "slow":
        with open(folder / "log", "a") as log:
            log.write(f"did {op} {name}\n")
        time.sleep(MOMENT)
    if what == "fail":
        return -EIO, 0, b"it does as the test says"
    return lost if refuse.exists() else (0, 0, b"")


def _obey(folder, name, op, usb):
    if op not in ("attach", "detach"):
        (folder / f"{name}.usb").unlink(missing_ok=True)  # a host device lasts until the end
        _write(folder / f"{name}.state", "running" if op == "start" else "off")
    elif op == "attach" and (folder / f"{name}.state").read_text() == "off":
        return False
    else:
        _move(folder, name, op, usb)
    return True


if __name__ == "__main__":
    _core = socket.socket(fileno=3)
    (_watch if sys.argv[2] == "watch" else _do)(pathlib.Path(sys.argv[1]), _core)
