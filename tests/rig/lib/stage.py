# SPDX-License-Identifier: GPL-2.0-or-later
"""The stage of rig B and of the demo: one desk with everything on it.

    0x0f  DisplayPort  the host: va-hostd, its GPU made up (Box)
    0x11  HDMI 1       alpha: a real guest with va-guestd (Machine)
    0x12  HDMI 2       beta: another one

    with Stage() as stage:
        stage.start()                        # va-hostd, pair by token, boot, sessions up
        stage.host.ask("switch", "alpha")
        stage.monitor.shown                  # 0x11
        stage.guests["alpha"].ask("switch", "host", user="ann")

Everything is in scratch folders, nothing of this machine's own is touched, and all of it ends
with the program.
"""
import time

from . import base
from .kernel import Kernel
from .monitor import Monitor
from .stage_guest import PORT, Guest, make_initramfs
from .stage_host import POLICY, Host

INPUTS = {"host": 0x0F, "alpha": 0x11, "beta": 0x12}
GPUS = {"host": Host.GPU, "alpha": "0000:02:00.0", "beta": "0000:03:00.0"}
IDENTITY = {"maker": "VAD", "name": "Desk 27", "serial": 4242, "serial_string": "D27-4242"}
MONITOR = "desk"


def monitor_section(name=MONITOR, inputs=INPUTS, gpus=GPUS, more=""):
    """host.conf's words for the monitor."""
    lines = [f"[monitor {name}]", f"maker = {IDENTITY['maker']}", f"name = {IDENTITY['name']}",
             f"serial = {IDENTITY['serial_string']}", f"serial-number = {IDENTITY['serial']}"]
    lines += [f"input.{who} = 0x{value:02x} {gpus[who]}" for who, value in inputs.items()]
    return "\n".join(lines + ([more] if more else [])) + "\n"


class Stage(base.Closing):
    """Stage(habits=["deaf ddc"], config="...", policy="...").

    habits: simmon's first commands. config: more lines for host.conf's [host]; monitor_more: for
    its [monitor]. guests: which ones there are. Nothing runs before start(), or the single steps
    it consists of.
    """

    def __init__(self, habits=(), config="", monitor_more="", policy=POLICY,
                 guests=("alpha", "beta"), debug=False, extra_programs=(), ports=None):
        self.monitor = Monitor(*INPUTS.values(), first=habits, **IDENTITY)
        for who, value in INPUTS.items():
            self.monitor.label(value, who)
        self.host = Host(self.monitor, INPUTS["host"], monitor_section(more=monitor_more), config,
                         policy, debug)
        self.dir = base.scratch("va-stage-")
        self.names = guests
        self.guests = {}
        self.extra_programs, self.ports = extra_programs, ports
        self._initramfs = None
        for name in guests:
            self.host.add_guest(name, f"channel = {self.socket(name)}\ngpu = {GPUS[name]}\n")

    def socket(self, name):
        """Where QEMU listens for va-hostd."""
        return self.dir / f"{name}.sock"

    @property
    def initramfs(self):
        if self._initramfs is None:
            self._initramfs = make_initramfs(self.extra_programs)
        return self._initramfs

    # --- steps

    def prepare(self):
        """What is made once and kept in the cache: the kernel, its module, the system."""
        Kernel()
        self.initramfs.write()

    def boot(self, *names, token=True, wait=True, **options):
        """Starts these guests (all, without names); a token's file goes into the firmware."""
        names = names or self.names
        for name in names:
            path = self.host.token(name)
            self.guests[name] = Guest(
                self.initramfs, name, gpus=[self.monitor.vhost(INPUTS[name])],
                token=path if token and path.exists() else None,
                ports={PORT: self.socket(name), **(self.ports or {})}, boot_limit=None, **options)
        if wait:
            self.wait_booted(*names)

    def wait_booted(self, *names, limit=60, on_wait=None):
        """Until they serve the test; on_wait() is called about ten times a second meanwhile."""
        for name in names or self.names:
            guest = self.guests[name]
            end = time.monotonic() + limit
            while guest.boot_seconds is None:
                if time.monotonic() > end:
                    raise base.RigError(f"{name}: not up after {limit} s:\n{guest.tail()}")
                guest.look()
                if on_wait:
                    on_wait()

    def pair_by_token(self, *names):
        """Before they boot."""
        for name in names or self.names:
            answer = self.host.ask("pair", name)
            if answer.rc or not self.host.token(name).exists():
                raise base.RigError(f"va-host pair {name}: {answer}\n{self.host.tail()}")

    def wait_sessions(self, *names, limit=40):
        for name in names or self.names:
            try:
                self.host.wait_session(name, "up", limit)
            except base.RigError as why:
                raise base.RigError(f"{why}\n--- {name}'s agent:\n"
                                    f"{self.guests[name].agent_log()}") from None

    def start(self):
        """All of it: the daemon, both guests paired by token, sessions up."""
        self.host.start()
        self.pair_by_token()
        self.boot()
        self.wait_sessions()
        self.host.wait_monitors()
        return self

    def stop_guest(self, name):
        """Pulls its plug."""
        guest = self.guests.pop(name)
        guest.close()
        base.forget(guest)

    def close(self):
        for guest in self.guests.values():
            guest.close()
            base.forget(guest)
        self.guests = {}
        self.host.close()
        self.monitor.close()

    # --- what is seen

    def shown_name(self):
        """Whose picture the monitor shows: "host", "alpha", "beta"."""
        return {v: k for k, v in INPUTS.items()}[self.monitor.shown]
