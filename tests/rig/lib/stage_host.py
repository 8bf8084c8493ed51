# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's side of the stage: va-hostd in folders of its own, its GPU made up.

Nothing of this machine is used: configuration, keys and the control socket are in a scratch
folder, libvirt is off unless asked for, and the host's va-ddc is started inside a Box, so that
the only GPU it finds is the one whose wire ends at the simulated monitor.
"""
import collections
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time

from . import base
from .box import FAKEBOX, Box

POLICY = """\
# operation     guest  target  uid  verdict  options
guest.list      *      -       *    allow
ddc.read        *      *       *    allow
switch          *      *       *    allow    when=focused
host.shutdown   *      -       *    ask      timeout=20s delay=2s
*               *      *       *    deny
"""


class Answer(collections.namedtuple("Answer", "rc objects result err")):
    """What a command with --json said: exit status, its objects, the last of them, stderr."""

    @property
    def text(self):
        return self.result.get("text", "") or self.err.strip()

    def all(self, kind):
        return [o for o in self.objects if o.get("type") == kind]

    def one(self, kind, **wanted):
        """The first object of that type with these values; RigError if there is none."""
        for each in self.all(kind):
            if all(each.get(k) == v for k, v in wanted.items()):
                return each
        raise base.RigError(f"no {kind} {wanted or ''} in {self.objects}")


def parse_answer(rc, out, err=""):
    """Answer from a command's output; a line that is no JSON counts as an error message."""
    objects = []
    for line in out.splitlines():
        try:
            objects.append(json.loads(line))
        except ValueError:
            err += line + "\n"
    result = next((o for o in reversed(objects) if o.get("type") == "result"), {})
    if result and result.get("exit") != rc:
        raise base.RigError(f"exit status {rc}, but the result says {result}")
    return Answer(rc, objects, result, err)


class Asking:
    """A command of va-host that runs; its objects are there as soon as they are printed."""

    def __init__(self, argv, env):
        self.process = base.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.out = ""
        base.keep(self)

    def objects(self, kind=None):
        more = self.process.stdout.read()
        self.out += more.decode(errors="replace") if more else ""
        whole = self.out[:self.out.rfind("\n") + 1]
        return [o for o in parse_answer(None, "\n".join(
            line for line in whole.splitlines() if '"type":"result"' not in line
            and '"type": "result"' not in line)).objects if kind in (None, o.get("type"))]

    def wait_for(self, kind, limit=10):
        """The first object of that type."""
        return base.wait_for(lambda: self.objects(kind) or self._runs(), limit,
                             f"an answer of type {kind}")[0]

    def _runs(self):
        if self.process.poll() is not None and not self.objects():
            raise base.RigError(f"the command ended: {self.finish()}")

    @property
    def running(self):
        return self.process.poll() is None

    def finish(self, limit=130):
        """The whole Answer."""
        end = time.monotonic() + limit * base.PATIENCE
        while self.running:
            self.objects()
            if time.monotonic() > end:
                raise base.RigError(f"{self.process.args}: still running after {limit} s")
            time.sleep(0.01)
        self.objects()
        base.forget(self)
        err = self.process.stderr.read().decode(errors="replace")
        return parse_answer(self.process.returncode, self.out, err)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def close(self):
        base.end(self.process)


class Host(base.Closing):
    """Host(monitor, value): a va-hostd whose GPU hangs on that input of the monitor.

    config: more lines for the [host] section; monitors: the [monitor] sections. Guests are added
    before start(), or with reload(). drop, environment: whom it runs as, if not as we do (options
    of Popen), and what that user needs to know.
    """

    GPU = "0000:01:00.0"

    def __init__(self, monitor, value, monitors, config="", policy=POLICY, debug=False, drop=None,
                 environment=None):
        self.dir = base.scratch("va-host-")
        self.dir.chmod(0o711)  # the va-links' user must get at its program
        self.config_dir, self.state_dir = self.dir / "etc", self.dir / "state"
        self.run_dir, self.libexec = self.dir / "run", self.dir / "libexec"
        for folder in (self.config_dir / "guests.d", self.config_dir / "policy.d"):
            folder.mkdir(parents=True)
        self.log_path = self.dir / "log"
        self.process = None
        self.debug = debug
        self.drop = drop or {}
        self.env = dict(os.environ, **(environment or {}), VIRT_AID_LIBEXEC=str(self.libexec),
                        VIRT_AID_SOCKET=str(self.run_dir / "control.sock"))
        self.env.pop("NOTIFY_SOCKET", None)
        self.box = Box()
        self.box.display(monitor, value, 4, self.GPU, "card0-DP-1")
        self._make_libexec()
        self.shut_down = self.dir / "shut-down"  # appears when the host would power off
        self._write_stand_in()
        self.set_policy(policy)
        self.set_config(monitors, config)
        base.keep(self)

    # --- files

    def _make_libexec(self):
        """Copies, as the build folder may be out of reach for whom the programs run as."""
        self.libexec.mkdir(mode=0o755)
        for name in ("va-hostd", "va-link", "va-virt", "va-input"):
            self._copy(base.program(name), name)
        tools = [self._copy(path, path.name) for path in (
            FAKEBOX, FAKEBOX.with_name("fakesys.py"), base.program("tests/sim/i2cshim.so"))]
        real = self._copy(base.program("va-ddc"), "va-ddc.real")
        wrapper = self.libexec / "va-ddc"
        command = [tools[0], f"--tree={self.box.root}", f"--shim={tools[2]}", "--", real]
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        wrapper.chmod(0o755)

    def _copy(self, path, name):
        shutil.copyfile(path, self.libexec / name)
        (self.libexec / name).chmod(0o755)
        return self.libexec / name

    def _give_away(self):
        """All that was made here, to whom it runs as."""
        for top in (self.dir, self.box.root):
            for path in (top, *top.rglob("*")):
                os.chown(path, self.drop["user"], self.drop["group"], follow_symlinks=False)

    def _write_stand_in(self):
        self.stand_in = self.dir / "poweroff"
        self.stand_in.write_text(f"#!/bin/sh\necho off >>{self.shut_down}\n")
        self.stand_in.chmod(0o755)

    def set_config(self, monitors, config=""):
        lines = config if "libvirt" in config else "libvirt = none\n" + config
        (self.config_dir / "host.conf").write_text(
            f"[host]\n{lines}\nshutdown-delay = 2\nshutdown-command = {self.stand_in}\n"
            f"\n{monitors}\n")

    def set_policy(self, text):
        (self.config_dir / "policy.d/50-stage.policy").write_text(text)

    def add_guest(self, name, lines):
        (self.config_dir / f"guests.d/{name}.conf").write_text(lines)

    def token(self, name):
        """Where "va-host pair" puts the guest's one-time token."""
        return self.state_dir / "pair" / f"{name}.token"

    def key_file(self, name):
        return self.state_dir / "guests" / name / "link.key"

    # --- life

    def start(self, limit=15):
        if self.drop:
            self._give_away()
        argv = [self.libexec / "va-hostd", "--config", self.config_dir, "--state", self.state_dir,
                "--run", self.run_dir, *(["--debug"] if self.debug else [])]
        with open(self.log_path, "a") as log:
            self.process = base.spawn(argv, stdout=log, stderr=log, env=self.env,
                                      **self.drop)
        base.wait_for(lambda: self._alive() and self.ask("status").rc == 0, limit,
                      "va-hostd's control socket")
        return self

    def _alive(self):
        if self.process.poll() is not None:
            raise base.RigError(f"va-hostd ended with {self.process.returncode}:\n{self.tail()}")
        return True

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, limit=10):
        """TERM; its exit status."""
        code = base.end(self.process, limit)
        self.process = None
        return code

    def kill(self):
        """Until nobody has its socket: a child that is just being started holds it for a moment."""
        self.process.kill()
        self.process.wait()
        self.process = None
        base.wait_for(lambda: not self._is_listened_on(), 10, "the end of va-hostd's socket")

    def _is_listened_on(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            return s.connect_ex(self.env["VIRT_AID_SOCKET"]) == 0

    def reload(self):
        return self.ask("reload")

    def close(self):
        self.stop()

    # --- its log

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])

    def mark(self):
        """A place in the log for wait_log()."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def wait_log(self, text, limit, after=0):
        """Until the log has text behind that mark."""
        def found():
            data = self.log_path.read_bytes()[after:].decode(errors="replace")
            return text in data
        base.wait_for(found, limit, f'"{text}" in va-hostd\'s log\n{self.tail()}\n')

    # --- commands

    def begin(self, *words):
        """A va-host command that runs on its own: an Asking."""
        return Asking([base.program("va-host"), *words, "--json"], self.env)

    def ask(self, *words, limit=130):
        """va-host WORDS --json: an Answer, whatever its exit status."""
        return self.begin(*words).finish(limit)

    def plain(self, *words, limit=130, env=None):
        """va-host WORDS as a person sees it: subprocess.CompletedProcess."""
        return subprocess.run([str(base.program("va-host")), *words], env=self.env | (env or {}),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=limit)

    def guest(self, name):
        """What "va-host list" says of a guest."""
        return self.ask("list").one("guest", name=name)

    def holder(self):
        return self.ask("status").one("host")["holder"]

    def wait_session(self, name, state="up", limit=30):
        """Until the guest's session is in that state; the time it took in seconds."""
        start = time.monotonic()
        seen = {}

        def there():
            self._alive()
            seen.update(self.guest(name))
            return seen["session"] == state
        try:
            base.wait_for(there, limit, f"{name}'s session {state}", step=0.05)
        except base.RigError as why:
            raise base.RigError(f"{why}; last: {seen}\n{self.tail()}") from None
        return time.monotonic() - start

    def wait_monitors(self, limit=15):
        """Until the host has found its monitor and knows what it shows."""
        base.wait_for(lambda: all(m["shown"] for m in self.ask("monitors").all("monitor"))
                      and self.ask("monitors").all("display"), limit,
                      f"the host's monitor\n{self.tail()}\n", step=0.05)
