# SPDX-License-Identifier: GPL-2.0-or-later
"""va-hostd and va-guestd, both real, joined by a pipe without any machine.

A Relay stands where QEMU and the kernel's virtio_console would: a socket for the host's va-link,
one for the guest's agent, and bytes between them. As with virtio-serial, either end may come and
go without the other being told, and what is written to nobody is lost.

    with Joined("alpha", "beta") as desk:
        desk.pair("alpha")
        desk.host.ask("ping", "alpha")
        desk.guests["alpha"].ask("switch", "host")

With monitor=True a simulated monitor hangs on a made-up GPU of the host and of each guest, in
boxes of their own.
"""
import collections
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from . import base, suite
from .box import Box
from .monitor import Monitor
from .stage_host import Asking, Host, parse_answer

INPUTS = {"host": 0x0F, "alpha": 0x11, "beta": 0x12}
GPUS = {"host": Host.GPU, "alpha": "0000:02:00.0", "beta": "0000:03:00.0"}
IDENTITY = {"maker": "VAD", "name": "Desk 27", "serial": 4242, "serial_string": "D27-4242"}
GUEST_POLICY = "* * * * allow\n"
HOST_POLICY = """\
guest.list     *  -  *  allow
switch         *  *  *  allow  when=focused
host.shutdown  *  -  *  ask
"""
AT_ONCE = 6
# a shim that is loaded into a program built with sanitizers comes before their library
SANITIZERS = "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"


class Relay(base.Closing):
    """A pipe with two ends, host_end and guest_end: sockets that each take one peer at a time."""

    def __init__(self, folder, name):
        self.host_end, self.guest_end = folder / f"{name}.h", folder / f"{name}.g"
        self.process = None
        base.keep(self)
        self.start()

    def start(self):
        self.process = base.spawn([sys.executable, "-B", "-m", "lib.joined", self.host_end,
                                   self.guest_end], cwd=base.ROOT / "tests/rig",
                                  stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise base.RigError("the relay did not start")
        self.process.stdout.close()

    def stop(self):
        """The machine is off: both ends see the end of the pipe, and nobody listens."""
        base.end(self.process)
        self.process = None
        for end in (self.host_end, self.guest_end):
            end.unlink(missing_ok=True)

    def pause(self):
        """The machine is paused: what is sent waits in the pipe."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process:
            self.resume()
            self.stop()


def wrapper(path, argv, environment=""):
    """A program at path that becomes argv."""
    command = shlex.join(str(a) for a in argv)
    path.write_text(f"#!/bin/sh\n{environment} exec {command} \"$@\"\n")
    path.chmod(0o755)


class DeskHost(Host):
    """A Host whose va-ddc may be built with sanitizers, and whose programs can be exchanged."""

    def _make_libexec(self):
        super()._make_libexec()
        wrapper(self.libexec / "va-ddc", self.box.command([base.program("va-ddc")]), SANITIZERS)

    def pids(self, program):
        """Of the daemon's own processes of that program."""
        return children(self.process.pid, program)


def children(pid, program):
    """The processes that pid has started and that run that program."""
    found = []
    for folder in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{folder}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            if parent == pid and \
                    os.path.basename(os.readlink(f"/proc/{folder}/exe")) == program:
                found.append(int(folder))
        except OSError:  # it has ended meanwhile
            continue
    return sorted(found)


class Agent(base.Closing):
    """A va-guestd and its folders. gpu: (monitor, value, pci) of what its va-ddc finds."""

    def __init__(self, name, relay, gpu=None, policy=GUEST_POLICY):
        self.name, self.relay = name, relay
        self.dir = base.scratch(f"va-{name}-")
        self.state_dir, self.run_dir = self.dir / "state", self.dir / "run"
        self.libexec, self.log_path = self.dir / "libexec", self.dir / "log"
        for folder in (self.state_dir, self.run_dir, self.libexec, self.dir / "policy.d"):
            folder.mkdir(mode=0o700)
        self.set_policy(policy)
        self.shut_down = self.dir / "shut-down"
        self.stand_in = self.dir / "poweroff"
        self.stand_in.write_text(f"#!/bin/sh\necho off >>{self.shut_down}\n")
        self.stand_in.chmod(0o755)
        (self.dir / "conf").write_text(
            f"[channel]\ntoken = {self.dir}/fw_cfg\n[paths]\npolicy = {self.dir}/policy.d\n"
            f"[ddc]\nenabled = {'yes' if gpu else 'no'}\n[power]\ncommand = {self.stand_in}\n")
        self.box = None
        if gpu:
            monitor, value, pci = gpu
            self.box = Box()
            self.box.display(monitor, value, 4, pci, "card0-HDMI-A-1")
            wrapper(self.libexec / "va-ddc", self.box.command([base.program("va-ddc")]), SANITIZERS)
        self.drm = self.dir / "root/sys/class/drm"
        self.drm.mkdir(parents=True)
        self.env = dict(os.environ, VIRT_AID_LIBEXEC=str(self.libexec),
                        VIRT_AID_ROOT=str(self.dir / "root"),
                        VIRT_AID_SOCKET=str(self.run_dir / "guest.sock"))
        self.process = None
        base.keep(self)

    def set_policy(self, text):
        (self.dir / "policy.d/50.policy").write_text(text)

    def screen(self, status="connected", enabled="enabled", vendor="0x1002", card=0):
        """What the kernel there says of a card's connector; before, nothing is known."""
        device, connector = self.drm / f"card{card}/device", self.drm / f"card{card}-HDMI-A-1"
        if not device.exists():
            device.mkdir(parents=True)
            connector.mkdir()
            (device / "subsystem").symlink_to("../../../../bus/pci")
            (device / "vendor").write_text(f"{vendor}\n")
        (connector / "enabled").write_text(f"{enabled}\n")
        (connector / "status").write_text(f"{status}\n")

    def start(self, limit=10):
        argv = [base.program("va-guestd"), "--config", self.dir / "conf", "--state",
                self.state_dir, "--run", self.run_dir, "--port", f"unix:{self.relay.guest_end}"]
        with open(self.log_path, "a") as log:
            self.process = base.spawn(argv, stdout=log, stderr=log, env=self.env)
        self.wait_socket(limit)
        return self

    def wait_socket(self, limit=10):
        base.wait_for(lambda: self._alive() and (self.run_dir / "guest.sock").exists(), limit,
                      f"{self.name}'s control socket")

    def _alive(self):
        if self.process and self.process.poll() is not None:
            raise base.RigError(f"va-guestd ended with {self.process.returncode}:\n{self.tail()}")
        return bool(self.process)

    def import_token(self, path):
        """What the host puts into the firmware, as the unit's ExecStartPre does."""
        shutil.copy(path, self.dir / "fw_cfg")
        subprocess.run([str(base.program("va-guestd")), "--config", str(self.dir / "conf"),
                        "--run", str(self.run_dir), "--import-token"], check=True, env=self.env)

    def stop(self):
        code = base.end(self.process)
        self.process = None
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        (self.run_dir / "guest.sock").unlink(missing_ok=True)

    def forget(self):
        """As after a reinstallation: no keys, no traces of a token."""
        shutil.rmtree(self.state_dir)
        self.state_dir.mkdir(mode=0o700)
        shutil.rmtree(self.run_dir)
        self.run_dir.mkdir(mode=0o700)

    def close(self):
        self.stop()

    def tail(self, lines=15):
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def begin(self, *words):
        """A va-guest command that runs on its own: an Asking."""
        return Asking([base.program("va-guest"), *words, "--json"], self.env)

    def ask(self, *words, limit=130):
        """va-guest WORDS --json: an Answer, whatever its exit status."""
        return self.begin(*words).finish(limit)

    def status(self):
        return self.ask("status").one("guest")

    def wait_status(self, limit=10, **wanted):
        base.wait_for(lambda: all(self.status().get(k) == v for k, v in wanted.items()), limit,
                      f"{self.name}'s status {wanted}, last {self.status()}", step=0.05)


class Joined(base.Closing):
    """The whole desk: names of guests. start=False: nothing runs yet."""

    def __init__(self, *names, monitor=False, habits=(), config="", monitors=None,
                 policy=HOST_POLICY, guest_policy=GUEST_POLICY, start=True):
        self.dir = base.scratch("va-pipe-")
        self.monitor = Monitor(*INPUTS.values(), first=habits, **IDENTITY)
        if monitors is None:
            monitors = self.section(names) if monitor else ""
        self.host = DeskHost(self.monitor, INPUTS["host"], monitors,
                             config if monitor else f"ddc = no\n{config}", policy)
        self.relays = {n: Relay(self.dir, n) for n in names}
        self.guests = {}
        for name in names:
            self.guests[name] = Agent(
                name, self.relays[name], (self.monitor, INPUTS[name], GPUS[name])
                if monitor and name in INPUTS else None, guest_policy)
            self.host.add_guest(name, f"channel = {self.relays[name].host_end}\n"
                                + (f"gpu = {GPUS[name]}\n" if name in GPUS else ""))
        base.keep(self)
        if start:
            self.host.start()
            for guest in self.guests.values():
                guest.start()

    @staticmethod
    def section(names):
        lines = ["[monitor desk]", f"maker = {IDENTITY['maker']}", f"name = {IDENTITY['name']}",
                 f"serial = {IDENTITY['serial_string']}", f"serial-number = {IDENTITY['serial']}"]
        return "\n".join(lines + [f"input.{n} = 0x{INPUTS[n]:02x} {GPUS[n]}"
                                  for n in ("host", *names)]) + "\n"

    def wait_connected(self, *names):
        for name in names or self.guests:
            base.wait_for(lambda n=name: self.host.guest(n)["session"] in
                          ("unpaired", "waiting", "up"), 15, f"{name} at its channel", step=0.05)

    def restart(self, name):
        """The machine is switched off and on: its agent, stopped or not, runs afterwards."""
        self.relays[name].stop()
        self.guests[name].stop()
        base.wait_for(lambda: self.host.guest(name)["channel"] == "closed", 5, "a closed channel")
        self.relays[name].start()
        self.guests[name].start()
        self.wait_connected(name)

    def open_window(self, name):
        """va-host pair: the Asking, and the code it shows."""
        self.wait_connected(name)
        asking = self.host.begin("pair", name)
        return asking, asking.wait_for("code")["code"]

    def pair(self, *names):
        """By code; until the sessions are up."""
        for name in names or self.guests:
            asking, code = self.open_window(name)
            self.guests[name].wait_socket()  # fakevirt may be just starting it
            there = self.guests[name].ask("pair", code)
            if there.rc:
                asking.close()  # its window stays open for minutes
            here = asking.finish(20)
            if there.rc or here.rc or not re.fullmatch(r"[a-z]+(-[a-z]+){3}",
                                                       here.result.get("fingerprint", "")):
                raise base.RigError(f"{name} does not pair: {here}; {there}\n{self.host.tail()}\n"
                                    f"{self.guests[name].tail()}")
            self.host.wait_session(name)
        return self

    def close(self):
        for thing in (*self.guests.values(), self.host, *self.relays.values(), self.monitor):
            thing.close()
            base.forget(thing)


def run_cases(*cases, at_once=AT_ONCE):
    """suite.run_cases(), several at a time: they mostly wait for limits to pass."""
    if len(sys.argv) > 1:
        suite.run_cases(*cases)

    def run(case):
        argv = [sys.executable, "-B", os.path.abspath(sys.argv[0]), case.__name__]
        process = base.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines = process.stdout.read().decode(errors="replace").splitlines()
        base.end(process)
        told = [x for x in lines if x.startswith(("ok ", "FAIL ", "skip "))]
        return lines[:-1] if told else [*lines, f"FAIL {case.__name__}: ended without a verdict"]

    counts = collections.Counter()
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        for lines in pool.map(run, cases):
            counts.update(line.split(" ")[0] for line in lines)
            print("\n".join(lines), flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed"
          + (f", {counts['skip']} skipped" if counts["skip"] else ""))
    sys.exit(1 if counts["FAIL"] else 0)


# --- the relay's own process

def _listen(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    os.chmod(path, 0o666)
    s.listen(1)
    return s


def _relay(paths):
    listeners = [_listen(p) for p in paths]
    peers = [None, None]
    print("ready", flush=True)
    while True:
        waiting = [peers[i] or listeners[i] for i in (0, 1)]
        for s in select.select(waiting, [], [])[0]:
            if s in listeners:
                peers[listeners.index(s)] = s.accept()[0]
                continue
            i = peers.index(s)
            try:
                data = s.recv(65536)
            except OSError:
                data = b""
            if not data:
                s.close()
                peers[i] = None
            elif peers[1 - i]:
                try:
                    peers[1 - i].sendall(data)
                except OSError:
                    pass


if __name__ == "__main__":
    _relay(sys.argv[1:3])
