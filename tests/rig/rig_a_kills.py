#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every process, every machine and libvirt's daemon killed at every step of a switch, when the
step has begun, when it has had its effect and when it is over: afterwards the monitor, the
keyboard, the mouse and what va-hostd says agree, and the next switch works.

The matrix is who is killed x switch x step x moment; each of these is a case, with a desk of its
own that is used for all its kills, so that one leaves nothing behind that harms the next. As a
rule every twelfth kill is made; with VA_KILLS=1 all of them.

va-hostd, va-link, va-ddc, va-guestd and the monitor's wires are real; libvirt is not (fakevirt).
A switch is either "over", between two guests that both run, or "hand", where the two have a
device in common, so that one is stopped and the other started.
"""
import contextlib
import os
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import base, check, check_eq, wait_for  # noqa: E402
from lib.fakevirt import Machines  # noqa: E402
from lib.joined import GPUS, INPUTS, Joined, run_cases  # noqa: E402
from lib.usbdesk import KEYBOARD, MOUSE, UsbDesk  # noqa: E402

CONFIG = """libvirt = fake:///
silence-limit = 2
[input keys]
port = 1-1
[input mouse]
port = 1-2
[host]
"""
DEVICES = {(1, 5), (1, 6)}
SHARED = "0000:09:00.0"
TAIL = 25
MOMENTS = ("begun", "acted", "over")
STEPS = {"over": 10, "hand": 14}  # as many as the plan has
STRIDE = int(os.environ.get("VA_KILLS", 12))


@contextlib.contextmanager
def desk(shared):
    """alpha and beta are paired, alpha runs and has everything."""
    with UsbDesk() as usb:
        usb.plug("1-1", 5, "046d:c31c", KEYBOARD)
        usb.plug("1-2", 6, "046d:c077", MOUSE)
        usb.plug("1-3", 7, "046d:c31c", KEYBOARD)  # the host's own
        with Joined("alpha", "beta", monitor=True, habits=["switch_ms 200"], start=False,
                    config=CONFIG) as d:
            d.host.env["VIRT_AID_ROOT"] = str(usb.root)
            d.machines = Machines(d, **{n: [GPUS[n]] + ([SHARED] if shared else [])
                                        for n in ("alpha", "beta")})
            try:
                d.host.start()
                for name in ("alpha", "beta"):
                    d.machines.set(name, "running")
                    d.pair(name)
                    if shared:
                        d.machines.set(name, "off")
                        wait_for(lambda n=name: d.host.guest(n)["state"] == "off", 5, "off")
                for name in ("alpha", "beta"):
                    for op in ("start", "attach", "detach"):
                        d.machines.habit(name, op, "slow")
                yield d
            finally:
                d.machines.close()


# --- when

def step_begun(d):
    try:
        text = (d.host.run_dir / "switch.journal").read_text()
    except FileNotFoundError:
        return 0
    found = re.search(r"^step = (\d+)$", text, re.M)
    return int(found[1]) if found else 0


def effects(d):
    """How many things have happened: what libvirt did, and what the monitor was told or asked."""
    did = [line for line in d.machines.log() if line.startswith("did ")]
    return len(did) + len(d.monitor.events("set")) + len(d.monitor.events("get"))


def wait_moment(d, asking, step, moment):
    """False: the switch was over before. Finding the moment is a race that need not be won: what
    must hold afterwards holds whenever it was."""
    end, before = time.monotonic() + 40, None
    while time.monotonic() < end and asking.running:
        if moment == "over":
            if any(o["n"] >= step for o in asking.objects("step")):
                return True
        elif step_begun(d) >= step:
            before = effects(d) if before is None else before
            if moment == "begun" or effects(d) > before or step_begun(d) > step:
                return True
        time.sleep(0.001)
    check(not asking.running, f"step {step}: {moment}: still waiting")
    return False


# --- whom

def of_guest(d, program, name):
    return [p for p in d.host.pids(program)
            if pathlib.Path(f"/proc/{p}/cmdline").read_bytes().split(b"\0")[1] == name.encode()]


def virt(d, watcher):
    python = os.path.basename(os.path.realpath("/usr/bin/python3"))
    return [p for p in d.host.pids(python)
            if (b"watch" in pathlib.Path(f"/proc/{p}/cmdline").read_bytes()) == watcher]


def kill_all(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_hostd(d):
    d.host.kill()
    d.host.start()  # as its unit would


def kill_guestd(name):
    def kill(d):
        if d.guests[name].process:
            d.guests[name].kill()
            if d.machines.state(name) != "off":
                d.guests[name].start()  # as its unit would
    return kill


def kill_qemu(name):
    """One that does not run, because a "hand" switch stopped it, has no QEMU to kill."""
    return lambda d: d.machines.crash(name)


def kill_libvirtd(d):
    """Its unit needs a moment to start it again."""
    d.machines.refuse(True)
    time.sleep(1)
    d.machines.refuse(False)


PROCESSES = {
    "hostd": kill_hostd,
    "virt": lambda d: kill_all(virt(d, True)),
    "virt_doer": lambda d: kill_all(virt(d, False)),
    "ddc": lambda d: kill_all(d.host.pids("va-ddc.real")),
    "link_alpha": lambda d: kill_all(of_guest(d, "va-link", "alpha")),
    "link_beta": lambda d: kill_all(of_guest(d, "va-link", "beta")),
    "guestd_alpha": kill_guestd("alpha"),
    "guestd_beta": kill_guestd("beta"),
    "qemu_alpha": kill_qemu("alpha"),
    "qemu_beta": kill_qemu("beta"),
    "libvirtd": kill_libvirtd,
}


# --- what must hold

def as_it_is(d):
    """(holder, shown, who has which device), as seen from outside va-hostd where possible."""
    has = {n: d.machines.usb(n) if d.machines.state(n) != "off" else set()
           for n in ("alpha", "beta")}
    status = d.host.ask("status")
    return (status.one("host")["holder"], d.monitor.shown, has,
            {i["name"]: i["holder"] for i in status.all("input")},
            {g["name"]: g["state"] for g in status.all("guest")})


def agrees(d):
    status = d.host.ask("status").one("host")
    if status["switching"] or status.get("recovering"):
        return False
    holder, shown, has, inputs, states = as_it_is(d)
    wanted = {n: DEVICES if n == holder else set() for n in has}
    return shown == INPUTS[holder] and has == wanted and set(inputs.values()) == {holder} and \
        (holder == "host" or states[holder] == "running") and \
        not (d.host.run_dir / "switch.journal").exists()


def converges(d, what):
    try:
        wait_for(lambda: agrees(d), 60, "", step=0.1)
    except base.RigError:
        raise base.RigError(f"{what}: {as_it_is(d)}\n{d.host.tail(TAIL)}") from None


def mended(d, process, switch):
    """What a person, or systemd, would do before the next switch."""
    if process == "libvirtd":  # its watcher finds it by itself
        wait_for(lambda: d.host.ask("status").one("host")["libvirt"]["up"], 15, "libvirt")
    elif process.startswith("qemu_"):
        if switch == "over":  # else the next switch starts it: the two cannot run at once
            d.machines.set(process[len("qemu_"):], "running")
    elif process != "hostd":  # the helpers' back-off begins anew
        d.host.stop()
        d.host.start()


def back_to_alpha(d, what):
    wait_for(lambda: d.host.ask("status").one("host")["libvirt"]["up"] and
             d.host.guest("alpha").get("uuid"), 40, "libvirt")
    for name in ("alpha", "beta"):
        if d.machines.state(name) != "off":
            d.host.wait_session(name)
    answer = d.host.ask("switch", "alpha", "--wait")
    check_eq(answer.rc, 0, f"{what}: afterwards: {answer.text}\n{d.host.tail(TAIL)}")
    converges(d, f"{what}: afterwards")
    check_eq(d.host.holder(), "alpha", what)


def matrix(process):
    cells = [(switch, step, moment) for switch in STEPS
             for step in range(1, STEPS[switch] + 1) for moment in MOMENTS]
    offset = sorted(PROCESSES).index(process)
    # what libvirt's end leaves takes the longest to be put in order
    stride = 2 * STRIDE if process == "libvirtd" and STRIDE > 1 else STRIDE
    return cells[offset % stride::stride]


def killed(process, switch, cells):
    made = 0
    with desk(switch == "hand") as d:
        back_to_alpha(d, "at first")
        for _switch, step, moment in cells:
            what = f"{process} killed at step {step} of {switch}, {moment}"
            asking = d.host.begin("switch", "beta")
            if wait_moment(d, asking, step, moment):
                made += 1
                PROCESSES[process](d)
            if process == "hostd":
                asking.close()
            else:
                asking.finish(60)
            converges(d, what)
            mended(d, process, switch)
            back_to_alpha(d, what)
    return made


def case_of(process):
    def case():
        cells = matrix(process)
        made = sum(killed(process, s, [c for c in cells if c[0] == s]) for s in STEPS)
        print(f"{process}: {made} kills in {len(cells)} switches")
        check(made >= len(cells) // 2, f"{made} kills")
    case.__name__ = f"killed_{process}"
    return case


def libvirtd_is_back_amid_the_way_back():
    """What could not be undone without it is put in order at the end, as nothing else will come."""
    with desk(False) as d:
        back_to_alpha(d, "at first")
        asking, mark = d.host.begin("switch", "beta"), d.host.mark()
        d.host.wait_log("mouse is taken from alpha: done", 20, mark)
        d.machines.refuse(True)
        d.host.wait_log("mouse is taken from alpha: failed", 20, mark)
        d.monitor.do("hang 800")
        d.machines.refuse(False)
        check_eq(asking.finish(60).rc, 1)
        converges(d, "libvirtd is back")
        check_eq(d.host.holder(), "alpha")


CASES = [libvirtd_is_back_amid_the_way_back, *(case_of(p) for p in PROCESSES)]
globals().update({c.__name__: c for c in CASES})

if __name__ == "__main__":
    run_cases(*CASES)
