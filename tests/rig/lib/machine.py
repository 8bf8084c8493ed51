# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine under QEMU: rig B. No firmware, no disk, no network; emulated, so it runs anywhere."""
import collections
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time

from . import base
from .initramfs import Initramfs

APPEND = ("console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check nokaslr "
          "random.trust_cpu=on cryptomgr.notests 8250.nr_uarts=1")
# rdrand, so that the guest's random pool is there at once
CPU = "qemu64,+rdrand"

Result = collections.namedtuple("Result", "rc out")


class Machine(base.Closing):
    """Machine(initramfs, gpus=[monitor.vhost(0x11)], ports={"org.virtaid.0": path or None}).

    gpus: one stand-in GPU each, its wire on that socket. ports: virtio-serial ports besides the
    test's own; None makes a socket in the machine's folder (see port()). fw_cfg: {name: bytes}.
    memory in MiB. extra: more arguments for QEMU. It starts at once; `with` ends it.
    """

    def __init__(self, initramfs=None, name="guest", gpus=(), ports=None, fw_cfg=None, memory=256,
                 cpus=1, machine="pc", append="", extra=(), reboots=False, boot_limit=60):
        self.name = name
        self.dir = base.scratch("vm-")
        self.initramfs = initramfs or Initramfs(gpu=bool(gpus))
        self._ports = {port: pathlib.Path(path) if path else self.dir / f"port{n}"
                       for n, (port, path) in enumerate((ports or {}).items())}
        self.exited = {}  # job id: status, of jobs started and ended
        self._results = {}
        self._ids = 0
        self._rest = b""
        self._channel = self._qmp = None
        self.console = self.dir / "console"
        self.started = time.monotonic()
        self.process = base.spawn(
            [*self._base_arguments(machine, memory, cpus, append, reboots),
             *self._gpu_arguments(gpus), *self._port_arguments(),
             *self._fw_cfg_arguments(fw_cfg or {}), *extra],
            stdout=subprocess.DEVNULL, stderr=open(self.dir / "qemu.log", "w"))
        base.keep(self)
        self.boot_seconds = None
        if boot_limit:
            self.wait_up(boot_limit)

    # --- QEMU's arguments

    def _base_arguments(self, machine, memory, cpus, append, reboots):
        if not shutil.which("qemu-system-x86_64"):
            raise base.Skip("no qemu-system-x86_64 here (make deps)")
        return ["qemu-system-x86_64", "-name", self.name, "-nodefaults", "-no-user-config",
                "-display", "none", *([] if reboots else ["-no-reboot"]),
                "-machine", f"{machine},accel=tcg,memory-backend=mem", "-cpu", CPU,
                "-smp", str(cpus), "-m", str(memory),
                "-object", f"memory-backend-memfd,id=mem,size={memory}M,share=on",
                "-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console",
                "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
                "-kernel", self.initramfs.kernel.vmlinux, "-initrd", self.initramfs.write(),
                "-append", f"{APPEND} {append}".strip()]

    def _gpu_arguments(self, gpus):
        arguments = []
        for n, path in enumerate(gpus):
            arguments += ["-device", f"bochs-display,id=gpu{n},addr=0x{4 + n:x},edid=off",
                          "-chardev", f"socket,id=wire{n},path={path}",
                          "-device", f"vhost-user-i2c-pci,chardev=wire{n},id=i2c{n},"
                                     f"addr=0x{10 + n:x}"]
        return arguments

    def _port_arguments(self):
        arguments = ["-device", "virtio-serial-pci,id=serial0,max_ports=16"]
        ports = {"org.virtaid.rig": self.dir / "rig"} | self._ports
        for n, (port, path) in enumerate(ports.items()):
            arguments += ["-chardev", f"socket,id=port{n},path={path},server=on,wait=off",
                          "-device", f"virtserialport,bus=serial0.0,nr={n + 1},chardev=port{n},"
                                     f"id=dev{n},name={port}"]
        return arguments

    def _fw_cfg_arguments(self, fw_cfg):
        arguments = []
        for n, (name, content) in enumerate(fw_cfg.items()):
            path = self.dir / f"fw_cfg{n}"
            path.write_bytes(content)
            arguments += ["-fw_cfg", f"name={name},file={path}"]
        return arguments

    # --- life

    def port(self, name):
        """The socket on this side of a port."""
        return self._ports[name]

    @property
    def running(self):
        return self.process.poll() is None

    def _alive(self):
        if not self.running:
            raise base.RigError(f"{self.name}: QEMU ended: {self.qemu_log()}\n{self.tail()}")
        return True

    def qemu_log(self):
        return (self.dir / "qemu.log").read_text(errors="replace").strip()[-1000:]

    def tail(self, lines=15):
        """The end of the console, for messages."""
        if not self.console.exists():
            return ""
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-lines:])

    def _connect(self):
        """QEMU makes the socket's file a moment before it listens."""
        self._alive()
        channel = socket.socket(socket.AF_UNIX)
        try:
            channel.connect(str(self.dir / "rig"))
        except (FileNotFoundError, ConnectionRefusedError):
            channel.close()
            return None
        return channel

    def wait_up(self, limit=60):
        """Until the guest's system serves the test."""
        self._channel = base.wait_for(self._connect, 10, "QEMU's start")
        end = time.monotonic() + limit
        while self.boot_seconds is None:
            if not self._pump(end):
                raise base.RigError(f"{self.name}: not up after {limit} s:\n{self.tail()}")

    def wait_off(self, limit=30):
        """Until the guest has powered itself off."""
        base.wait_for(lambda: not self.running, limit, f"{self.name}'s power-off")

    def close(self):
        for connection in (self._channel, self._qmp and self._qmp[0]):
            if connection:
                connection.close()
        self._channel = self._qmp = None
        if self.process.poll() is None:
            self.process.kill()  # no disk: there is nothing to save
        self.process.wait()

    # --- commands inside

    def _send(self, operation, payload, number=None):
        if number is None:
            self._ids += 1
            number = self._ids
        body = operation.encode() + struct.pack("<I", number) + payload
        self._channel.settimeout(30)
        self._channel.sendall(struct.pack("<I", len(body)) + body)
        return number

    def _pump(self, end):
        """Takes in what the guest says, waiting until end at the latest; False: time is over."""
        left = end - time.monotonic()
        if left <= 0:
            return False
        self._channel.settimeout(min(left, 1.0))
        try:
            more = self._channel.recv(1 << 20)
        except TimeoutError:
            return self._alive()
        except ConnectionResetError:
            more = b""
        if not more:
            raise base.RigError(f"{self.name}: the rig's port closed: {self.qemu_log()}\n"
                                f"{self.tail()}")
        self._rest += more
        while len(self._rest) >= 4:
            size = struct.unpack_from("<I", self._rest)[0]
            if len(self._rest) < 4 + size:
                break
            self._take(self._rest[4:4 + size])
            self._rest = self._rest[4 + size:]
        return True

    def _take(self, body):
        operation, number, status = struct.unpack_from("<cIi", body)
        if operation == b"H":
            self.boot_seconds = time.monotonic() - self.started
        elif operation == b"X":
            self.exited[number] = status
        else:
            self._results[number] = Result(status, body[9:].decode(errors="replace"))

    def _wait(self, number, limit, what):
        end = time.monotonic() + limit
        while number not in self._results:
            if not self._pump(end):
                self._send("K", b"9", number)
                raise base.RigError(f"{self.name}: {what}: still running after {limit} s")
        return self._results.pop(number)

    @staticmethod
    def _pack(argv):
        return b"".join(os.fsencode(str(a)) + b"\0" for a in argv)

    def run(self, argv, limit=30):
        """Runs a command in the guest: Result(rc, out), out being stdout and stderr together."""
        return self._wait(self._send("R", self._pack(argv)), limit, " ".join(map(str, argv)))

    def sh(self, script, limit=30):
        return self.run(["sh", "-c", script], limit)

    def check(self, argv, limit=30):
        """run(), and RigError unless the command says 0. Its output."""
        rc, out = self.run(argv, limit)
        if rc:
            raise base.RigError(f"{self.name}: {' '.join(map(str, argv))}: {rc}: {out.strip()}")
        return out

    def begin(self, argv):
        """Starts a command whose result finish() fetches; several can run at once."""
        return self._send("R", self._pack(argv))

    def finish(self, job, limit=30):
        return self._wait(job, limit, f"job {job}")

    def start(self, argv, log="/tmp/log"):
        """Starts a program that stays, its output appended to a file: (job, pid)."""
        job = self._send("S", self._pack([log, *argv]))
        pid, why = self._wait(job, 30, argv[0])
        if pid < 0:
            raise base.RigError(f"{self.name}: {argv[0]}: {why}")
        return job, pid

    def ended(self, job, limit=0.0):
        """The exit status of a started job, or None if it still runs after limit seconds."""
        end = time.monotonic() + max(limit, 0.05)
        while job not in self.exited:
            if not self._pump(end):
                return None
        return self.exited[job]

    def signal(self, job, number=15):
        self._send("K", str(number).encode(), job)

    def put(self, path, content, mode=0o644):
        """Writes a file in the guest, its folders included."""
        if isinstance(content, str):
            content = content.encode()
        payload = path.encode() + b"\0" + f"{mode:o}".encode() + b"\0" + content
        rc, _ = self._wait(self._send("W", payload), 30, f"writing {path}")
        if rc:
            raise base.RigError(f"{self.name}: {path}: {os.strerror(-rc)}")

    def read(self, path):
        return self.check(["cat", path])

    # --- QEMU's own control

    def qmp(self, command, limit=10, **arguments):
        """One QMP command; what it returns."""
        if self._qmp is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(limit)
            connection.connect(str(self.dir / "qmp"))
            self._qmp = (connection, connection.makefile("r"))
            self._qmp[1].readline()
            self.qmp("qmp_capabilities")
        connection, answers = self._qmp
        connection.settimeout(limit)
        connection.sendall(json.dumps({"execute": command, "arguments": {
            k.replace("_", "-"): v for k, v in arguments.items()}}).encode())
        for line in answers:
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise base.RigError(f"{self.name}: {command}: {answer['error']['desc']}")
        raise base.RigError(f"{self.name}: {command}: QEMU is gone")
