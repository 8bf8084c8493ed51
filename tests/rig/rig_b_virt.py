#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""va-virt against a real libvirtd and emulated guests, in a session of its own.

The libvirtd is started here, without root (as nobody when root runs this), with all of its
folders below a scratch folder: this machine's own libvirt is never spoken to.
"""
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Initramfs, Kernel, RigError, Skip, base, check, check_eq, run_cases, scratch, wait_for

NOBODY = 65534
UP, DOMAIN, GONE, SYNCED, CHANNEL, RESET = range(1, 7)
CONNECT, START, SHUTDOWN, DESTROY, DESCRIBE = 20, 30, 31, 32, 33
OFF, RUNNING, PAUSED, STOPPING = range(4)
HAS_CHANNEL, PORT_OPEN, PERSISTENT = 0x01, 0x02, 0x20
URI = "qemu:///session"
INIT = """#!/bin/sh
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sysfs /sys
while read -r m; do insmod $m; done < /rig/modules
port=
while [ -z "$port" ]; do
	for p in /sys/class/virtio-ports/*; do
		[ "$(cat $p/name 2>/dev/null)" = org.virtaid.0 ] && port=/dev/${p##*/}
	done
	sleep 0.05
done
for d in /sys/class/input/event*; do
	grep -q "Power Button" $d/device/name && exec 4</dev/input/${d##*/}
done
{ head -c 24 <&4 >/dev/null; poweroff -f; } &
exec 3<>$port
echo "guest is up"
while :; do cat <&3 >&3; sleep 0.1; done
"""
DOMAIN_XML = """<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>160</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>{kernel}</kernel><initrd>{initrd}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check</cmdline></os>
  <features><acpi/></features><on_reboot>restart</on_reboot>
  <devices><emulator>{emulator}</emulator>
    <serial type='file'><source path='{console}'/><target port='0'/></serial>
    <controller type='usb' model='none'/><memballoon model='none'/>
    {channel}
  </devices>
</domain>"""
CHANNEL_XML = "<channel type='unix'><target type='virtio' name='org.virtaid.0'/></channel>"


class Libvirt(base.Closing):
    """A libvirtd of our own, and what it takes to run guests under it."""

    def __init__(self):
        if not shutil.which("libvirtd", path="/usr/sbin:/usr/bin") or not shutil.which("virsh"):
            raise Skip("no libvirtd or virsh here (make deps)")
        self.root = scratch("va-v-")
        self.drop = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        self.env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "HOME": str(self.root),
                    "XDG_RUNTIME_DIR": str(self.root / "r"), "XDG_CONFIG_HOME": str(self.root / "c"),
                    "XDG_CACHE_HOME": str(self.root / "h"), "XDG_DATA_HOME": str(self.root / "d"),
                    "LIBVIRT_AUTOSTART": "0"}
        self._prepare()
        self.daemon = None
        self.log = open(self.root / "libvirtd.log", "a")
        base.keep(self)
        self.start()

    def _prepare(self):
        for name in ("r", "c/libvirt", "h", "d"):
            (self.root / name).mkdir(parents=True, mode=0o700)
        (self.root / "c/libvirt/qemu.conf").write_text('stdio_handler = "file"\n')
        kernel = Kernel()
        self.kernel = self.root / "vmlinux"
        shutil.copy(kernel.vmlinux, self.kernel)
        initramfs = Initramfs(modules=("virtio_pci", "virtio_console", "button", "evdev"),
                              gpu=False, kernel=kernel)
        initramfs.add_file("/init", INIT, 0o755)
        self.initrd = self.root / "initrd"
        shutil.copy(initramfs.write(), self.initrd)
        self.program = self.root / "va-virt"
        shutil.copy(base.program("va-virt"), self.program)
        if self.drop:
            for path in [self.root, *self.root.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)

    def run(self, *argv, limit=60, ok=True):
        done = subprocess.run([str(a) for a in argv], env=self.env, cwd="/", text=True, timeout=limit,
                              stdin=subprocess.DEVNULL, capture_output=True, **self.drop)
        if ok and done.returncode:
            raise RigError(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
        return done

    def virsh(self, *argv, **options):
        return self.run("virsh", "-q", "-c", URI, *argv, **options)

    def start(self):
        self.daemon = base.spawn(["/usr/sbin/libvirtd"], env=self.env, cwd="/", stdout=self.log,
                                 stderr=self.log, **self.drop)
        wait_for(lambda: self.virsh("uri", ok=False).returncode == 0, 60, "libvirtd answers")

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()

    def qemu_pids(self):
        return [int(p.read_text()) for p in (self.root / "r/libvirt/qemu/run").glob("*.pid")
                if p.name not in ("driver.pid",)]

    def define(self, name, channel=True):
        number = str(uuid.uuid4())
        path = self.root / f"{name}.xml"
        path.write_text(DOMAIN_XML.format(
            name=name, uuid=number, kernel=self.kernel, initrd=self.initrd,
            emulator=shutil.which("qemu-system-x86_64"),
            console=self.root / f"{name}.console", channel=CHANNEL_XML if channel else ""))
        path.chmod(0o644)
        self.virsh("define", path)
        return number

    def console(self, name):
        path = self.root / f"{name}.console"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        base.end(self.daemon)
        # libvirt lets its guests live on; ours have this folder in their arguments
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.root).encode() in path.read_bytes():
                    os.kill(int(path.parent.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        self.log.close()


class Worker(base.Closing):
    """va-virt as va-hostd has it: descriptor 3, fixed structs."""

    def __init__(self, libvirt, role="watch", uri=URI):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log = open(libvirt.root / f"va-virt-{role}.log", "a")

        def descriptors():
            base._die_with_parent()
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen([str(libvirt.program), role, uri], env=libvirt.env, cwd="/",
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.log, preexec_fn=descriptors, pass_fds=(3,),
                                        **libvirt.drop)
        theirs.close()
        self.socket = ours
        self.events = []      # (op, uuid, state, flags) of domains, (op, up, detail, 0) else
        self.replies = {}
        self.next_id = 1
        base.keep(self)

    def _take(self, limit):
        self.socket.settimeout(max(limit, 0.001))
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 8192, 1)
        except TimeoutError:
            return
        if not data:
            raise RigError("va-virt has gone")
        op, number = struct.unpack_from("II", data)
        if number:
            error, flags = struct.unpack_from("iI", data, 8)
            self.replies[number] = (error, flags, _text(data[16:]), fds[0] if fds else -1)
        elif op in (UP, SYNCED):
            self.events.append((op, struct.unpack_from("I", data, 8)[0], _text(data[140:]), 0))
        else:
            self.events.append((op, _text(data[8:45]), *struct.unpack_from("II", data, 304)))

    def until(self, condition, limit, what):
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() >= end:
                raise RigError(f"{what}: not within {limit} s; heard {self.events[-12:]}")
            self._take(min(0.2, end - time.monotonic()))

    def expect(self, op, number=None, limit=20, **wanted):
        """Waits for such an event after all expected so far, and forgets what came before it."""
        def found():
            for i, event in enumerate(self.events):
                if event[0] == op and (number is None or event[1] == number) and \
                        ("state" not in wanted or event[2] == wanted["state"]) and \
                        event[3] & wanted.get("flags", 0) == wanted.get("flags", 0):
                    del self.events[:i + 1]
                    return True
            return False
        self.until(found, limit, f"event {op} {wanted}")

    def ask(self, op, number, limit=60, limit_ms=50000):
        mine, self.next_id = self.next_id, self.next_id + 1
        self.socket.sendall(struct.pack("II37s3xI8x", op, mine, number.encode(), limit_ms))
        self.until(lambda: mine in self.replies, limit, f"reply to {op}")
        return self.replies.pop(mine)

    def close(self):
        self.socket.close()
        base.end(self.process)
        self.log.close()


def _text(data):
    return data.split(b"\0", 1)[0].decode(errors="replace")


def do(libvirt, op, number, **options):
    """One doer: (error, flags, detail)."""
    with Worker(libvirt, "do") as doer:
        return doer.ask(op, number, **options)[:3]


def echo(fd, text):
    with socket.socket(fileno=fd) as channel:
        channel.settimeout(20)
        channel.sendall(text)
        got = b""
        while len(got) < len(text):
            got += channel.recv(100)
        return got


def the_life_of_a_guest():
    with Libvirt() as libvirt, Worker(libvirt) as watch:
        watch.expect(UP, 1)
        watch.expect(SYNCED)
        zorg = libvirt.define("zorg")
        watch.expect(DOMAIN, zorg, state=OFF, flags=HAS_CHANNEL | PERSISTENT)
        check_eq(watch.ask(CONNECT, zorg)[0], -107, "connecting to one that is off")
        check_eq(do(libvirt, DESCRIBE, zorg)[:2], (0, HAS_CHANNEL | PERSISTENT), "describe")
        check_eq(do(libvirt, START, zorg)[0], 0, "start")
        watch.expect(DOMAIN, zorg, state=RUNNING, flags=HAS_CHANNEL)
        watch.expect(CHANNEL, zorg, limit=60, flags=PORT_OPEN)
        error, flags, detail, fd = watch.ask(CONNECT, zorg)
        check_eq((error, detail), (0, ""), "connect")
        check(flags & PORT_OPEN, "the reply does not say that the port is open")
        check_eq(echo(fd, b"through the channel\n"), b"through the channel\n", "echo")
        check_eq(do(libvirt, START, zorg)[::2], (0, "it runs already"), "start again")

        libvirt.virsh("suspend", "zorg")
        watch.expect(DOMAIN, zorg, state=PAUSED)
        libvirt.virsh("resume", "zorg")
        watch.expect(DOMAIN, zorg, state=RUNNING)
        watch.expect(RESET, zorg)
        libvirt.virsh("reset", "zorg")
        watch.expect(RESET, zorg)
        watch.expect(CHANNEL, zorg, limit=60, flags=PORT_OPEN)
        wait_for(lambda: libvirt.console("zorg").count("guest is up") == 2, 60, "the second boot")

        check_eq(do(libvirt, SHUTDOWN, zorg)[0], 0, "shutdown")
        watch.expect(DOMAIN, zorg, limit=60, state=OFF)
        check_eq(do(libvirt, SHUTDOWN, zorg)[::2], (0, "it does not run"), "shutdown again")
        check_eq(do(libvirt, START, zorg)[0], 0, "start")
        watch.expect(DOMAIN, zorg, state=RUNNING)
        check_eq(do(libvirt, DESTROY, zorg)[0], 0, "destroy")
        watch.expect(DOMAIN, zorg, state=OFF)
        libvirt.virsh("undefine", "zorg")
        watch.expect(GONE, zorg)
        check_eq(watch.ask(CONNECT, zorg)[0], -2, "connecting to one that is gone")
        check_eq(do(libvirt, START, zorg)[0], -2, "starting one that is gone")


def a_channel_of_somebody_else():
    with Libvirt() as libvirt, Worker(libvirt) as watch:
        zorg = libvirt.define("zorg")
        bare = libvirt.define("bare", channel=False)
        do(libvirt, START, zorg)
        do(libvirt, START, bare)
        watch.expect(DOMAIN, zorg, state=RUNNING, flags=HAS_CHANNEL)
        watch.until(lambda: watch.ask(CONNECT, bare)[0] == -92, 20, "no such channel")
        held = []
        while len(held) < 8:
            error, _, detail, fd = watch.ask(CONNECT, zorg)
            if error:
                break
            held.append(fd)
        check_eq((error, detail), (-16, "someone else holds the channel"), "a full queue")
        check(held, "nobody could connect at all")
        for fd in held:
            os.close(fd)
        # hot-plug, as set-up does it
        xml = libvirt.root / "channel.xml"
        xml.write_text(CHANNEL_XML)
        libvirt.virsh("detach-device", "zorg", xml, "--config")
        check_eq(do(libvirt, DESCRIBE, zorg)[1], PERSISTENT, "the next start's definition")


def libvirtd_killed_and_back():
    with Libvirt() as libvirt, Worker(libvirt) as watch:
        stays, dies, off = (libvirt.define(name) for name in ("stays", "dies", "off"))
        do(libvirt, START, stays)
        before = set(libvirt.qemu_pids())
        do(libvirt, START, dies)
        victim = (set(libvirt.qemu_pids()) - before).pop()
        watch.expect(CHANNEL, stays, limit=60, flags=PORT_OPEN)
        watch.until(lambda: watch.ask(CONNECT, dies)[0] == 0, 30, "both run")
        libvirt.kill()
        watch.expect(UP, 0)
        # the guest lives on, and its channel is at hand
        error, _, detail, fd = watch.ask(CONNECT, stays)
        check_eq((error, detail), (0, ""), "connect without libvirtd")
        check_eq(echo(fd, b"no libvirtd\n"), b"no libvirtd\n", "echo")
        os.kill(victim, signal.SIGKILL)
        check_eq(do(libvirt, START, off)[0], -107, "start without libvirtd")
        libvirt.start()
        watch.expect(UP, 1, limit=30)
        seen = watch.events
        watch.until(lambda: any(e[0] == SYNCED for e in watch.events), 60, "synced again")
        told = {e[1]: e for e in seen if e[0] == DOMAIN}
        check_eq({told[n][2] for n in (off, dies)}, {OFF}, "states of the stopped ones")
        check_eq(told[stays][2:], (RUNNING, HAS_CHANNEL | PORT_OPEN | PERSISTENT), "the one that stayed")
        # and events flow again
        watch.events.clear()
        libvirt.virsh("suspend", "stays")
        watch.expect(DOMAIN, stays, state=PAUSED)
        check_eq(do(libvirt, DESTROY, stays)[0], 0, "destroy")
        watch.expect(DOMAIN, stays, state=OFF)


def a_blocked_domain_does_not_stop_the_others():
    with Libvirt() as libvirt, Worker(libvirt) as watch:
        watch.expect(SYNCED)
        stuck = libvirt.define("stuck")
        zorg = libvirt.define("zorg")
        watch.expect(DOMAIN, zorg, state=OFF)
        # libvirtd opens the console's file while it holds the domain's lock, as in a slow hook
        fifo = libvirt.root / "stuck.console"
        os.mkfifo(fifo, 0o666)
        os.chmod(fifo, 0o666)
        with Worker(libvirt, "do") as doer:
            doer.socket.sendall(struct.pack("II37s3xI8x", START, 1, stuck.encode(), 50000))
            wait_for(lambda: blocked(libvirt, stuck), 30, "the domain is locked")
            # an event of its own makes the watcher ask about it, and hang with it
            start = time.monotonic()
            check_eq(do(libvirt, START, zorg)[0], 0, "start another")
            watch.expect(DOMAIN, zorg, state=RUNNING, limit=20)
            watch.until(lambda: watch.ask(CONNECT, zorg)[0] == 0, 20, "connect another")
            with Worker(libvirt) as second:  # a restarted va-hostd lists meanwhile
                second.expect(UP, 1)
                check_eq(second.ask(CONNECT, zorg)[0], -2, "asking it")
                check_eq(do(libvirt, DESTROY, zorg)[0], 0, "destroy another")
                watch.expect(DOMAIN, zorg, state=OFF)
                second.expect(DOMAIN, zorg, state=OFF)
                check(blocked(libvirt, stuck), "the block ended too early to prove anything")
                elapsed = time.monotonic() - start
                unblock = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
                second.expect(SYNCED, limit=60)
            doer.until(lambda: 1 in doer.replies, 60, "the start that hung")
            check_eq(doer.replies[1][0], 0, "the start that hung")
            watch.expect(DOMAIN, stuck, state=RUNNING, limit=60)
            os.close(unblock)
        check(elapsed < 40, f"the others took {elapsed:.0f} s")


def blocked(libvirt, number):
    try:
        libvirt.virsh("domstate", number, limit=0.7, ok=False)
    except subprocess.TimeoutExpired:
        return True
    return False


def listed_for_people():
    with Libvirt() as libvirt:
        done = libvirt.run(libvirt.program, "list", URI)
        check_eq(done.stdout, "no domains\n", "an empty list")
        number = libvirt.define("zorg")
        text = libvirt.run(libvirt.program, "list", URI).stdout
        check(text.startswith(f"zorg\n  {number}  off\n  channel   defined\n"), text)
        libvirt.virsh("start", "zorg")
        wait_for(lambda: "channel   open, " in libvirt.run(libvirt.program, "list", URI).stdout, 60,
                 "an open channel in the list")
        libvirt.kill()
        done = libvirt.run(libvirt.program, "list", URI, ok=False)
        check_eq(done.returncode, 5, "exit status without libvirtd")
        check("is libvirtd running" in done.stderr, done.stderr)


if __name__ == "__main__":
    run_cases(the_life_of_a_guest, a_channel_of_somebody_else, libvirtd_killed_and_back,
              a_blocked_domain_does_not_stop_the_others, listed_for_people)
