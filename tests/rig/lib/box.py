# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up machine for host programs: rig A. See tests/sim/README.md."""
import shutil
import subprocess
import sys

from . import base

sys.path.insert(0, str(base.ROOT / "tests/sim/shim"))
import fakesys  # noqa: E402

FAKEBOX = base.ROOT / "tests/sim/shim/fakebox"


class Box(base.Closing):
    """Box("pci=0000:03:00.0,driver=amdgpu,bus=4,...", ...): functions as fakebox takes them."""

    def __init__(self, *specs, binds=()):
        self.root = base.scratch("box-")
        self.tree = fakesys.Tree(self.root)
        self.binds = list(binds)
        base.keep(self)
        for spec in specs:
            self.add(spec)

    def add(self, spec):
        """Also while programs run in the box: a device that appears."""
        self.tree.add(fakesys.parse_spec(spec))

    def display(self, monitor, value, bus, pci, conn, driver="amdgpu", **more):
        """A connector with one input of a monitor behind it. Its EDID is known even if deaf."""
        edid = self.root / f"edid-{bus}"
        edid.write_bytes(monitor.edid(value))
        spec = {"pci": pci, "driver": driver, "bus": str(bus), "conn": conn,
                "socket": str(monitor.plain(value)), "edid": str(edid)}
        self.tree.add(spec | {k: str(v) for k, v in more.items()})

    def remove(self, bus):
        """The bus vanishes, as when the GPU's driver is unbound."""
        self.tree.remove(bus)

    def command(self, argv):
        """The argv that runs argv in here; it keeps its process id."""
        binds = [f"--bind={source}:{target}" for source, target in self.binds]
        return [str(a) for a in
                [FAKEBOX, f"--tree={self.root}", f"--shim={base.program('tests/sim/i2cshim.so')}",
                 *binds, "--", *argv]]

    def run(self, argv, limit=30, env=None, **options):
        """subprocess.run() in here, output as text. RigError if it takes longer than limit."""
        try:
            return subprocess.run(self.command(argv), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace",
                                  timeout=limit, env=env, **options)
        except subprocess.TimeoutExpired:
            raise base.RigError(f"{argv[0]}: still running after {limit} s") from None

    def spawn(self, argv, **options):
        """A process in here that ends with the test at the latest."""
        return base.keep(_Running(base.spawn(self.command(argv), **options))).process

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)


class _Running:
    def __init__(self, process):
        self.process = process

    def close(self):
        base.end(self.process)
