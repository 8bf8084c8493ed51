#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every oddity of monitors, alone and two at a time, through the whole of va-hostd.

From a state that is known, the seat is switched to alpha and back to the host while the monitor is
odd; each time the exit status, the seat's holder and what the monitor shows must fit together (see
Desk.holds()). Then the oddities are taken away, and plain switches must work. Alone, each also
meets a va-hostd that starts while it is there, keyboards and mice, and the timing of libddcutil 2,
which asks a silent monitor for a second and more where 1.4 gives up at once (Tree.set_silence()).

As a rule every twelfth pair is tried, with VA_PAIRS=1 all of them.
"""
import collections
import contextlib
import itertools
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import check, check_eq  # noqa: E402
from lib.fakevirt import Machines  # noqa: E402
from lib.joined import GPUS, IDENTITY, INPUTS, Joined, run_cases  # noqa: E402
from lib.usbdesk import KEYBOARD, MOUSE, UsbDesk  # noqa: E402

HOST, ALPHA = INPUTS["host"], INPUTS["alpha"]
STRIDE = int(os.environ.get("VA_PAIRS", 12))
GROUPS = 12
AT_ONCE = 12  # nearly all of it is waiting
SILENCE_MS = 1200
TAIL = 20

# before each switch; afterwards; one of each kind at a time
Quirk = collections.namedtuple("Quirk", "on off kind", defaults=("",))
QUIRKS = {
    "lg": Quirk(["lg 1"], ["lg 0"]),  # the only one that is configured
    "deaf-read": Quirk(["deaf read"], ["deaf none"], "deaf"),
    "deaf-ddc": Quirk(["deaf ddc"], ["deaf none"], "deaf"),
    "deaf-all": Quirk(["deaf all"], ["deaf none"], "deaf"),
    "lies": Quirk(["lie 0x13"], ["lie off"]),
    "reads-differ": Quirk([f"reads {HOST} 0x0305", f"reads {ALPHA} 0x0406"],
                          [f"reads {HOST} {HOST}", f"reads {ALPHA} {ALPHA}"]),
    "garbage": Quirk(["garbage double"], ["garbage off"]),
    "stale": Quirk(["stale 1"], ["stale 0"]),
    "asker": Quirk(["asker 1"], ["asker 0"]),
    "null": Quirk(["reply null"], ["reply ok"], "reply"),
    "badsum": Quirk(["reply badsum"], ["reply ok"], "reply"),
    "strict": Quirk(["strict 1"], ["strict 0"]),
    "slow-reply": Quirk(["reply_ms 120", "strict 1"], ["reply_ms 40", "strict 0"]),
    "drops-set": Quirk(["drop_sets 1"], ["drop_sets 0"]),
    "slow-switch": Quirk(["switch_ms 1500"], ["switch_ms 0"]),
    "hangs": Quirk(["hang 1500"], ["hang 0"]),
    "asleep": Quirk(["asleep 1"], ["asleep 0"]),  # until a second after the switch began
    "falls-back": Quirk([f"signal {ALPHA} 0", "fallback_ms 150"],
                        ["fallback_ms 0", f"signal {ALPHA} 1"]),
}
PAIRS = [(a, b) for a, b in itertools.combinations(QUIRKS, 2)
         if not QUIRKS[a].kind or QUIRKS[a].kind != QUIRKS[b].kind]
CHOSEN = PAIRS[::STRIDE]
# A monitor that names the wanted input whatever it shows, and did not obey: no reading of the
# target's tells. Success is believed then, wrongly.
FOOLED = {("asker", "drops-set"), ("asker", "falls-back"),
          ("stale", "drops-set"), ("stale", "falls-back")}

LG_SECTION = (f"[monitor desk]\nmaker = {IDENTITY['maker']}\nname = {IDENTITY['name']}\n"
              f"serial = {IDENTITY['serial_string']}\nserial-number = {IDENTITY['serial']}\n"
              f"via = lg\ninput.host = 0xd0 {GPUS['host']} read=0x{HOST:02x}\n"
              f"input.alpha = 0x90 {GPUS['alpha']} read=0x{ALPHA:02x}\n")
INPUT_CONFIG = """libvirt = fake:///
[input keys]
port = 1-1
[input mouse]
port = 1-2
[host]
"""
DEVICES = {(1, 5), (1, 6)}


class Desk:
    """A Joined with alpha, what was done there and what was wrong."""

    def __init__(self, joined, config=""):
        self.d, self.config, self.lg = joined, config, False
        self.machines = None
        self.switches, self.fooled, self.wrong = 0, 0, []

    def configure(self, quirks):
        """For a monitor of LG's, or for any other."""
        if self.lg == ("lg" in quirks):
            return
        self.lg = not self.lg
        self.d.monitor.do(f"lg {int(self.lg)}")
        self.d.host.set_config(LG_SECTION if self.lg else Joined.section(["alpha"]), self.config)
        check_eq(self.d.host.reload().rc, 0, "reload")
        self.d.host.wait_monitors()

    def silence(self, ms):
        for box in (self.d.host.box, self.d.guests["alpha"].box):
            box.tree.set_silence(ms)

    def settled(self):
        self.d.monitor.do("wait settled 5000", 8)
        return self.d.monitor.shown

    def odd(self, quirks):
        for command in (c for q in quirks for c in QUIRKS[q].on):
            self.d.monitor.do(command)

    def good(self, quirks):
        for command in (c for q in quirks if q != "lg" for c in QUIRKS[q].off):
            self.d.monitor.do(command)

    def switch(self, to, quirks, what):
        was = self.d.host.holder()
        self.odd(quirks)
        asking = self.d.host.begin("switch", to)
        end = time.monotonic() + 1
        while "asleep" in quirks and asking.running and time.monotonic() < end:
            time.sleep(0.02)
        if "asleep" in quirks:
            self.d.monitor.do("asleep 0")
        answer = asking.finish(60)
        shown, holder = self.d.monitor.shown, self.d.host.holder()
        self.switches += 1
        if tuple(quirks) in FOOLED and answer.rc == 0 and holder == to:
            self.fooled += shown != INPUTS[to]
        elif not self.holds(answer.rc, was, to, holder, shown):
            self.wrong.append(f"{what}: from {was} to {to}: {answer.rc} ({answer.text}), {holder} "
                              f"has the seat, shown is 0x{shown:02x}\n{self.d.host.tail(TAIL)}")
        return answer.rc

    def holds(self, rc, was, to, holder, shown):
        """Never success where the monitor shows another; never a seat that is elsewhere."""
        if self.machines:
            has = DEVICES if holder == "alpha" else set()
            if self.machines.usb("alpha") != has:
                return False
        if rc == 0:
            return holder == to and shown == INPUTS[to]
        if rc == 1:
            return holder == was and self.settled() == INPUTS[holder]
        return rc == 7 and holder == to

    def is_plain(self, what):
        """The monitor is a good one: the seat goes round and ends at the host."""
        if self.d.host.holder() == "host":
            self.must("alpha", what)
        self.must("host", what)

    def must(self, to, what):
        rc = self.switch(to, [], f"{what}, taken away")
        if rc != 0:
            self.wrong.append(f"{what}, taken away: to {to}: {rc}\n{self.d.host.tail(TAIL)}")

    def cell(self, quirks, restart=False):
        """There and back."""
        what = " and ".join(quirks) + (", from the start" if restart else "")
        self.configure(quirks)
        if restart:
            self.odd(quirks)
            self.d.host.stop()
            self.d.host.start()
            self.d.host.wait_session("alpha")
        self.switch("alpha", quirks, what)
        self.switch("host", quirks, what)
        self.good(quirks)
        self.is_plain(what)


@contextlib.contextmanager
def desk():
    """alpha is paired, runs and has nothing."""
    with Joined("alpha", monitor=True) as d:
        d.pair()
        d.host.wait_monitors()
        yield Desk(d)


@contextlib.contextmanager
def full_desk():
    """The same, with a keyboard and a mouse that go with the seat."""
    with UsbDesk() as usb:
        usb.plug("1-1", 5, "046d:c31c", KEYBOARD)
        usb.plug("1-2", 6, "046d:c077", MOUSE)
        usb.plug("1-3", 7, "046d:c31c", KEYBOARD)  # the host's own
        with Joined("alpha", monitor=True, start=False, config=INPUT_CONFIG) as d:
            d.host.env["VIRT_AID_ROOT"] = str(usb.root)
            made = Desk(d, INPUT_CONFIG)
            made.machines = Machines(d, alpha=[GPUS["alpha"]])
            try:
                d.host.start()
                made.machines.set("alpha", "running")
                d.pair()
                d.host.wait_monitors()
                yield made
            finally:
                made.machines.close()


def verdict(made, what):
    print(f"{what}: {made.switches} switches" +
          (f", fooled {made.fooled} times" if made.fooled else ""))
    check(not made.wrong, f"{len(made.wrong)} wrong\n" + "\n".join(made.wrong))


def alone(names, silence_ms):
    with full_desk() as made:
        made.silence(silence_ms)
        for name in names:
            made.cell([name], restart=True)
            if not silence_ms:
                made.cell([name])
        verdict(made, f"{len(names)} quirks alone, silence {silence_ms} ms")


def in_pairs(pairs):
    with desk() as made:
        for pair in pairs:
            made.cell(pair)
        verdict(made, f"{len(pairs)} pairs")


def cases():
    names = list(QUIRKS)
    for silence_ms, version in ((0, "1"), (SILENCE_MS, "2")):
        for n in range(GROUPS):
            yield (lambda q=names[n::GROUPS], ms=silence_ms: alone(q, ms),
                   f"alone_ddcutil_{version}_{n}")
    for n in range(min(GROUPS, len(CHOSEN))):
        yield lambda p=CHOSEN[n::GROUPS]: in_pairs(p), f"pairs_{n}"


CASES = []
for case, case_name in cases():
    case.__name__ = case_name
    globals()[case_name] = case
    CASES.append(case)

if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(f"{len(QUIRKS)} quirks, {len(CHOSEN)} of {len(PAIRS)} pairs")
    run_cases(*CASES, at_once=AT_ONCE)
