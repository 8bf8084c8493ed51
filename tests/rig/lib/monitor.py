# SPDX-License-Identifier: GPL-2.0-or-later
"""A running simmon; its commands are in tests/sim/README.md."""
import json
import pathlib
import socket
import subprocess

from . import base


class Monitor(base.Closing):
    """Monitor(0x0f, 0x11): these inputs, the first one shown. Each has both kinds of wire.

    Identity: maker="ABC", product=, serial=, serial_string=, name=, products={input: code}.
    first: control commands carried out before anybody can connect.
    """

    def __init__(self, *inputs, shown=None, products=None, first=(), **identity):
        self.dir = base.scratch("mon-")
        self.inputs = inputs
        self._control = None
        argv = [base.program("tests/sim/simmon"), "--die-with-parent",
                "--control", self.dir / "ctl", "--log", self.dir / "log"]
        for value in inputs:
            argv += ["--plain", f"{value}:{self.plain(value)}",
                     "--vhost", f"{value}:{self.vhost(value)}"]
        for value, code in (products or {}).items():
            argv += ["--product-at", f"{value}:{code}"]
        for key, value in identity.items():
            argv += ["--" + key.replace("_", "-"), str(value)]
        if shown is not None:
            argv += ["--shown", str(shown)]
        for command in first:
            argv += ["--set", command]
        self.process = base.spawn(argv, stdout=subprocess.PIPE, text=True)
        base.keep(self)
        if self.process.stdout.readline() != "ready\n":
            raise base.RigError("simmon did not start")

    def plain(self, value):
        """The socket of an input for a Box."""
        return self.dir / f"p{value:x}"

    def vhost(self, value):
        """The socket of an input for a Machine."""
        return self.dir / f"v{value:x}"

    def do(self, command, limit=5):
        """Carries out a control command; the lines of its answer, without the last."""
        lines, verdict = self._ask(command, limit)
        if not verdict.startswith("ok"):
            raise base.RigError(f"monitor: {command}: {verdict}")
        return lines

    def _ask(self, command, limit):
        if self._control is None:
            self._control = socket.socket(socket.AF_UNIX)
            self._control.connect(str(self.dir / "ctl"))
            self._answers = self._control.makefile("r", encoding="utf-8", errors="replace")
        self._control.settimeout(limit)
        self._control.sendall(command.encode() + b"\n")
        lines = []
        while True:
            line = self._answers.readline()
            if not line:
                raise base.RigError(f"monitor: {command}: it is gone")
            line = line.rstrip("\n")
            if line.split(" ")[0].rstrip(":") in ("ok", "timeout", "error"):
                return lines, line
            lines.append(line)

    @property
    def shown(self):
        """The value of the input that is shown now."""
        return int(self.state()["shown"], 16)

    def state(self):
        """The first line of "state" as a dict of strings, and the wires under their values."""
        lines = self.do("state")
        fields = [dict(f.partition("=")[::2] for f in line.split(" ")) for line in lines]
        wires = {int(f["input"], 16): f for f in fields[1:]}
        return fields[0] | {"wires": wires}

    def shows_within(self, value, limit):
        """Whether the input is shown before limit seconds are over."""
        return self._ask(f"wait shown {value} {int(limit * 1000)}", limit + 5)[1].startswith("ok")

    def wait_shown(self, value, limit):
        if not self.shows_within(value, limit):
            raise base.RigError(f"monitor shows 0x{self.shown:02x}, not 0x{value:02x}, "
                                f"after {limit} s")

    def events(self, kind=None, after=0.0):
        """The log: dicts with ms, event, and where they apply input, feature, value, source."""
        lines = pathlib.Path(self.dir / "log").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return [e for e in found if kind in (None, e["event"]) and e["ms"] > after]

    def edid(self, value):
        return bytes.fromhex(self.do(f"edid {value}")[0])

    def label(self, value, text):
        self.do(f"label {value} {text}")

    def picture(self):
        """What is to be seen, as a box of text."""
        return "\n".join(self.do("picture text"))

    def picture_png(self, path):
        self.do(f"picture png {path}")

    def close(self):
        if self._control:
            self._control.close()
            self._control = None
        base.end(self.process)
        self.process.stdout.close()
