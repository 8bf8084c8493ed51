# SPDX-License-Identifier: GPL-2.0-or-later
"""A thousand guests on one va-hostd: memory, wake-ups when idle, and how soon all are back.

The guests are links without machines around them (manyguests.c), so what is measured is the
host's side alone: va-hostd and its va-links.
"""
import os
import re
import shutil
import statistics
import subprocess
import time

from lib import base, wait_for
from lib.stage_host import Asking

IDLE_S = 20
BIG_ANSWER = 300  # bytes; such a record is padded to 1,024
SETTLE_S = 3  # after the last handshake, before anything is counted


def children(pid):
    """Process ids of the children of a process."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(p) for p in f.read().split()]


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])


def voluntary_switches(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])


class Crowd(base.Closing):
    """COUNT guests and a va-hostd that knows them."""

    def __init__(self, count):
        self.count = count
        self.dir = base.scratch("va-many-")
        self.dir.chmod(0o711)
        for folder in ("etc/guests.d", "etc/policy.d", "state/guests", "run", "libexec"):
            (self.dir / folder).mkdir(parents=True)
        (self.dir / "state").chmod(0o711)
        for name in ("va-link", "va-virt"):
            shutil.copy2(base.program(name), self.dir / "libexec" / name)
        (self.dir / "etc/host.conf").write_text("[host]\nlibvirt = none\nddc = no\n")
        self.env = dict(os.environ, VIRT_AID_LIBEXEC=str(self.dir / "libexec"),
                        VIRT_AID_SOCKET=str(self.dir / "run/control.sock"))
        self.host = None
        self.guests = base.spawn([base.program("tests/bench/manyguests"), self.dir, count],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        base.keep(self)
        if self.guests.stdout.readline() != "ready\n":
            raise base.RigError("manyguests did not start")

    def state(self):
        """(connected, up) of the guests."""
        self.guests.stdin.write("state\n")
        self.guests.stdin.flush()
        return tuple(int(n) for n in re.findall(r"\d+", self.guests.stdout.readline())[:2])

    def answers(self, size):
        """From now on answers to PING have that many bytes of content."""
        self.guests.stdin.write(f"answers {size}\n")
        self.guests.stdin.flush()
        if self.guests.stdout.readline() != "ok\n":
            raise base.RigError("manyguests did not take the size")

    def start(self, limit=120):
        """Starts va-hostd; the seconds until every guest has its session."""
        start = time.monotonic()
        with open(self.dir / "log", "a") as log:
            self.host = base.spawn([base.program("va-hostd"), "--config", self.dir / "etc",
                                    "--state", self.dir / "state", "--run", self.dir / "run"],
                                   stdout=log, stderr=log, env=self.env)
        wait_for(lambda: self._alive() and self.state()[1] == self.count, limit,
                 f"{self.count} sessions (now {self.state()})", 0.05)
        return time.monotonic() - start

    def _alive(self):
        if self.host.poll() is not None:
            raise base.RigError(f"va-hostd ended:\n{(self.dir / 'log').read_text()[-2000:]}")
        return True

    def links(self):
        return children(self.host.pid)

    def wait_links_gone(self, pids):
        wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 20, "the va-links' end")

    def ask(self, *words):
        return Asking([base.program("va-host"), *words, "--json"], self.env).finish()

    def close(self):
        base.end(self.host, 20)
        base.end(self.guests)


def measure(count=1000, say=print):
    found = {}
    with Crowd(count) as crowd:
        first = crowd.start()
        time.sleep(SETTLE_S)
        links = crowd.links()
        sizes = sorted(pss_kib(p) for p in links)
        found["core_pss_kib"] = pss_kib(crowd.host.pid)
        found["link_pss_kib"] = sizes[len(sizes) // 2]
        found["link_pss_max_kib"] = sizes[-1]
        say(f"{len(links)} va-links, first start {first:.1f} s")
        found.update(idle(crowd, links))
        found.update(calls(crowd))
        crowd.host.kill()
        crowd.host.wait()
        crowd.wait_links_gone(links)
        found["first_start_s"] = first
        found["restart_s"] = crowd.start()
    return found


def calls(crowd, blocks=6):
    """A null call, and one with 300 bytes of answer, in turns and without a machine around."""
    def median(size):
        crowd.answers(size)
        return crowd.ask("ping", "g0000", "-c", "500").result["p50_usec"]
    pairs = [(median(0), median(BIG_ANSWER)) for _ in range(blocks)]
    return {"native_rpc_usec": statistics.median(p[0] for p in pairs),
            "native_rpc_300_usec": statistics.median(p[1] for p in pairs),
            "rpc_300_over_rpc": statistics.median(p[1] / p[0] for p in pairs)}


def idle(crowd, links):
    """Wake-ups a second of va-hostd and of all va-links, with nothing to do but keepalives."""
    before = [voluntary_switches(p) for p in [crowd.host.pid, *links]]
    start = time.monotonic()
    time.sleep(IDLE_S)
    took = time.monotonic() - start
    after = [voluntary_switches(p) for p in [crowd.host.pid, *links]]
    return {"core_wakeups_per_s": (after[0] - before[0]) / took,
            "link_wakeups_per_s": (sum(after[1:]) - sum(before[1:])) / took}
